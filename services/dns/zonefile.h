/*
 * zonefile.h - a zone file as records (RFC 1035 5, RFC 2308 4): owners, TTLs and
 * classes with their defaults, $ORIGIN, $TTL. Only mf_init uses it. What is wrong
 * in the file ends mf_init (scan.h).
 */
#ifndef SERVICES_DNS_ZONEFILE_H
#define SERVICES_DNS_ZONEFILE_H

#include "values.h"

struct zonefile {
	struct scan scan;
	struct name origin;
	struct name owner; /* of the last record */
	bool have_default, have_last;
	uint32_t default_ttl; /* $TTL */
	uint32_t last_ttl;    /* the last one that a record stated */

	/* the record that zonefile_next found; scan stands before its data */
	uint16_t type;
	uint32_t ttl;
	struct token at; /* its owner, or its first word */
	struct token type_token;
};

/* The file's name without ".zone" is the first origin, where it is a name. */
INIT_ONLY void zonefile_begin(struct zonefile *f, struct mf_str file, struct mf_str text);

/* The next record up to its data, which the caller reads; false: the end. */
INIT_ONLY bool zonefile_next(struct zonefile *f);

#endif
