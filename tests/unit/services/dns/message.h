/*
 * message.h - a reply read again by the tests, strictly: anything that a client could trip over
 * is an error.
 */
#ifndef TESTS_UNIT_SERVICES_DNS_MESSAGE_H
#define TESTS_UNIT_SERVICES_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dns.h"

#define MESSAGE_RECORDS 256

struct message_record {
	enum dns_section section;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, len; /* where in the message */
	uint8_t name[DNS_NAME_MAX];
};

struct message {
	const uint8_t *bytes;
	size_t n;
	uint16_t id, flags;
	unsigned rcode;               /* with EDNS's bits */
	unsigned count[DNS_SECTIONS]; /* as in the header, OPT included */
	bool opt;
	struct message_record record[MESSAGE_RECORDS]; /* the first ones; OPT is not among them */
	unsigned records;
};

/* NULL, or what is wrong with it. */
const char *message_read(struct message *m, const uint8_t *bytes, size_t n);

/* The same, and is it a right reply to this query? */
const char *message_check(
	struct message *m, const uint8_t *query, size_t query_len, const uint8_t *reply, size_t n);

unsigned message_count(const struct message *m, enum dns_section section, uint16_t type);

#endif
