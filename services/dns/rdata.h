/*
 * rdata.h - types by name, and the data of a record from a zone file into the
 * form of zone.h. Only mf_init uses it. What can't be read ends mf_init (scan.h).
 */
#ifndef SERVICES_DNS_RDATA_H
#define SERVICES_DNS_RDATA_H

#include "build.h"
#include "values.h"

/* A, NS ... or TYPE123 (RFC 3597 5). Ends mf_init for a type that no zone can hold. */
INIT_ONLY uint16_t rdata_type(const struct scan *s, const struct token *t);

/* Reads the rest of the record. Returns the length of its data; with `to` NULL it only
 * measures and checks, else writes to it and makes a node of each name. */
INIT_ONLY size_t rdata_read(
	struct scan *s, uint16_t type, const struct name *origin, struct build *b, uint8_t *to);

#endif
