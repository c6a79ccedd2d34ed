/*
 * libos/event/record.h - walk over struct mf_record, one after another: attributes
 * and attached state.
 */
#ifndef LIBOS_RECORD_H
#define LIBOS_RECORD_H

#include <stdbool.h>

#include "abi/guest.h"
#include "base/str.h"

struct record {
	struct mf_str name, value;
	uint64_t version;
};

/* Takes the first record off *left. False when there are no more. */
static inline bool record_next(struct mf_str *left, struct record *out)
{
	const struct mf_record *head = (const struct mf_record *)(const void *)left->p;
	const uint8_t *bytes = left->p + sizeof(*head);

	if (left->n < sizeof(*head))
		return false;
	out->name = mf_str_of(bytes, head->name_len);
	out->value = mf_str_of(bytes + head->name_len, head->value_len);
	out->version = head->version;
	*left = mf_str_of(left->p + head->size, left->n - head->size);
	return true;
}

#endif
