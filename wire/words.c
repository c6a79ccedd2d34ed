/* wire/words.c - DNS: an answer with the query's header and question, and an error. */
#include "wire/words.h"

#define DNS_HEADER 12u /* RFC 1035, 4.1.1 */
#define DNS_QR     0x80u
#define DNS_KEEP   0x79u /* opcode and RD are the query's */
#define DNS_CD     0x10u
#define SERVFAIL   2u
#define REFUSED    5u

const char *const refusal_names[REFUSALS] = {
	[REFUSED_BUSY] = "busy",
	[REFUSED_DOWN] = "down",
	[REFUSED_STOPPING] = "stopping",
	[REFUSED_TOO_BIG] = "too big",
	[REFUSED_LATE] = "late",
	[REFUSED_FAILED] = "failed",
	[REFUSED_MEMORY] = "memory",
	[REFUSED_DENIED] = "denied",
	[REFUSED_OPEN] = "open",
	[REFUSED_STORE] = "store",
	[REFUSED_FULL] = "full",
	[REFUSED_UNPAID] = "unpaid",
};

static const enum refusal refusals[MFW_RESULTS] = {
	[MFW_OK] = REFUSALS,
	[MFW_ERR_FAILED] = REFUSED_FAILED,
	[MFW_ERR_CRASHED] = REFUSED_FAILED,
	[MFW_ERR_CPU] = REFUSED_LATE,
	[MFW_ERR_MEMORY] = REFUSED_MEMORY,
	[MFW_ERR_EFFECTS] = REFUSED_FAILED,
	[MFW_ERR_EVENT] = REFUSED_TOO_BIG,
	[MFW_ERR_CALL] = REFUSED_DENIED,
	[MFW_ERR_BACKEND] = REFUSED_DOWN,
	[MFW_ERR_IMAGE] = REFUSED_DOWN,
	[MFW_ERR_INIT] = REFUSED_DOWN,
	[MFW_ERR_FULL] = REFUSED_FAILED,
};

enum refusal refusal_of(enum mfw_result result)
{
	return refusals[result];
}

bool refusal_passes(enum refusal why)
{
	return why == REFUSED_BUSY || why == REFUSED_DOWN || why == REFUSED_OPEN ||
		why == REFUSED_STOPPING || why == REFUSED_STORE || why == REFUSED_FULL;
}

enum words words_named(const char *protocol)
{
	return protocol && __builtin_strcmp(protocol, "dns") == 0 ? WORDS_DNS : WORDS_NONE;
}

/* The length of the one question, or 0: there isn't exactly one, whole and plain. */
static size_t question_length(const uint8_t *event, size_t n)
{
	size_t at = DNS_HEADER;

	if (event[4] != 0 || event[5] != 1)
		return 0;
	while (at < n && event[at] != 0) {
		if (event[at] > 63) /* a pointer has no business in a question */
			return 0;
		at += 1u + event[at];
	}
	at += 1 + 4; /* the root, type, class */
	return at <= n && at <= DNS_HEADER + 255 + 4 ? at - DNS_HEADER : 0;
}

static size_t refuse_dns(
	enum refusal why, const uint8_t *event, size_t n, uint8_t to[static WORDS_MOST])
{
	size_t question;

	if (n < DNS_HEADER || (event[2] & DNS_QR)) /* answers are never answered */
		return 0;
	question = question_length(event, n);
	__builtin_memset(to, 0, DNS_HEADER);
	__builtin_memcpy(to, event, 2);
	to[2] = (uint8_t)(DNS_QR | (event[2] & DNS_KEEP));
	to[3] = (uint8_t)((event[3] & DNS_CD) | (why == REFUSED_DENIED ? REFUSED : SERVFAIL));
	to[5] = question > 0;
	__builtin_memcpy(to + DNS_HEADER, event + DNS_HEADER, question);
	return DNS_HEADER + question;
}

size_t words_refuse(enum words words, enum refusal why, const uint8_t *event, size_t n,
	uint8_t to[static WORDS_MOST])
{
	return words == WORDS_DNS ? refuse_dns(why, event, n, to) : 0;
}
