/*
 * values.h - the values that stand in a zone file: names, numbers, times,
 * addresses. Only mf_init uses it. What can't be read ends mf_init (scan.h).
 */
#ifndef SERVICES_DNS_VALUES_H
#define SERVICES_DNS_VALUES_H

#include "scan.h"
#include "wire/dns.h"

struct name {
	uint8_t n; /* 0: there is none */
	uint8_t wire[DNS_NAME_MAX];
};

/* `origin` completes relative names; its n is 0 where none is known. */
INIT_ONLY void value_name(
	const struct scan *s, const struct token *t, const struct name *origin, struct name *name);

/* A decimal number up to max. */
INIT_ONLY uint32_t value_number(const struct scan *s, const struct token *t, uint32_t max);

/* Seconds, or with units: 1w2d3h4m5s. Is it one at all (so that it can stand where a class
 * or type may)? Then *seconds, UINT32_MAX where it is too large. */
INIT_ONLY bool value_is_time(const struct token *t, uint32_t *seconds);
INIT_ONLY uint32_t value_time(const struct scan *s, const struct token *t);

INIT_ONLY void value_ip4(const struct scan *s, const struct token *t, uint8_t out[static 4]);
INIT_ONLY void value_ip6(const struct scan *s, const struct token *t, uint8_t out[static 16]);

/* 0..15, or -1 */
INIT_ONLY int value_hex(uint8_t c);

#endif
