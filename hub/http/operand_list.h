/*
 * hub/http/operand_list.h - the header Mayfly-Operands: of which blobs, and where among them its own body, a request's
 * input is made. docs/blobs.md says what clients write.
 */
#ifndef HUB_HTTP_OPERAND_LIST_H
#define HUB_HTTP_OPERAND_LIST_H

#include <stdint.h>

#include "store/blobs.h"

struct request;

#define OPERANDS_MOST   64u
#define OPERANDS_DETAIL 128u

struct operand_list {
	unsigned count;
	unsigned body;                    /* which is the request's own; `count`: none */
	struct blob *blob[OPERANDS_MOST]; /* pinned; NULL: the body */
};

/* 0: *list is to be freed, and empty if there is no such header. Else the status that refuses the request, and why; nothing
 * is to be freed. `blobs` NULL: there is no disk cache. */
unsigned operand_list_read(struct operand_list *list, struct blobs *blobs,
	const struct request *request, char detail[static OPERANDS_DETAIL]);
void operand_list_free(struct operand_list *list);

/* Of its blobs together; UINT64_MAX is as many or more. */
uint64_t operand_list_bytes(const struct operand_list *list);

#endif
