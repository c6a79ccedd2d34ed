/*
 * hub/coap/message.h - a message of CoAP (RFC 7252) as the hub sees it: what the library parsed, or what
 * it is to send. Texts are the library's, or whoever's made it, and gone when the call returns.
 */
#ifndef HUB_COAP_MESSAGE_H
#define HUB_COAP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum message_type { MESSAGE_CON, MESSAGE_NON, MESSAGE_ACK, MESSAGE_RST }; /* RFC 7252, 3 */

/* "2.05" is MESSAGE_CODE(2, 5). */
#define MESSAGE_CODE(class, detail) ((uint8_t)((class) << 5 | (detail)))
#define MESSAGE_CLASS(code)         ((code) >> 5)

enum message_method {
	METHOD_GET = 1,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_FETCH, /* RFC 8132, this one and the next two */
	METHOD_PATCH,
	METHOD_IPATCH,
	METHODS_END
};

/* Which of the options are there. */
enum message_given {
	HAS_FORMAT = 1u << 0,
	HAS_ACCEPT = 1u << 1,
	HAS_OBSERVE = 1u << 2,
	HAS_MAX_AGE = 1u << 3,
	HAS_BLOCK1 = 1u << 4,
	HAS_BLOCK2 = 1u << 5,
	HAS_SIZE1 = 1u << 6,
	HAS_SIZE2 = 1u << 7,
	HAS_NO_RESPONSE = 1u << 8, /* RFC 7967 */
	HAS_CONDITION = 1u << 9,   /* If-Match, If-None-Match */
};

/* RFC 7959, 2.2 */
struct message_block {
	uint32_t num; /* 20 bits */
	bool more;
	uint8_t szx; /* a block has 16 << szx bytes; 7 is reserved */
};
#define BLOCK_SZX_MOST  6u
#define BLOCK_NUM_MOST  0xfffffu
#define BLOCK_SIZE(szx) ((size_t)16 << (szx))

#define MESSAGE_TOKEN 8
#define MESSAGE_ETAG  8

struct coap_message {
	enum message_type type;
	uint8_t code;
	uint16_t id;
	uint8_t token[MESSAGE_TOKEN], token_n;
	uint8_t etag[MESSAGE_ETAG], etag_n; /* 0: none */
	unsigned given;
	uint32_t format, accept, observe, max_age, size1, size2, no_response;
	struct message_block block1, block2;
	struct mf_str host; /* empty: not said */
	struct mf_str path; /* from '/', what isn't plain as %XX (RFC 7252, 6.5) */
	struct mf_str query;
	struct mf_str payload;
};

#endif
