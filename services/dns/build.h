/*
 * build.h - make the index of zone.h. Only mf_init calls this.
 *
 * All memory is init memory and lives as long as the snapshot. What doesn't fit
 * ends mf_init with a message that names the manifest's key.
 */
#ifndef SERVICES_DNS_BUILD_H
#define SERVICES_DNS_BUILD_H

#include "init_only.h"
#include "zone.h"

struct build {
	struct zones z;
	uint8_t *chunk; /* what is left of the last piece of init memory */
	size_t left;
	size_t all; /* the init memory that there was at the start */
	uint32_t last_node, last_zone;
};

/* An empty index for about so many names. */
INIT_ONLY void build_begin(struct build *b, uint32_t names);

/* The node of a name, made if it is new, with its parents. */
INIT_ONLY struct zone_node *build_name(struct build *b, const uint8_t *name);

/* A zone whose apex has this name; NULL if there is one already. */
INIT_ONLY struct zone *build_zone(struct build *b, const uint8_t *apex);

/* A record for `len` bytes of data, that belongs to nothing yet. */
INIT_ONLY struct zone_record *build_record(struct build *b, size_t len);

enum build_result {
	BUILD_ADDED,
	BUILD_DUPLICATE, /* dropped */
	BUILD_OTHER_TTL, /* added; the set has the lowest TTL of its records now */
	BUILD_ELSEWHERE, /* dropped: another of our zones has authority over the name */
	BUILD_OUTSIDE,   /* refused, as all that follow: the name is not in the zone */
	BUILD_NOT_APEX,  /* an SOA elsewhere than at the apex */
	BUILD_SECOND_SOA,
	BUILD_CNAME_ALONE, /* a CNAME beside other records */
	BUILD_SECOND_CNAME,
	BUILD_WILDCARD_NS, /* RFC 4592 4.2: has no meaning */
	BUILD_APEX_DS,     /* belongs into the parent */
	BUILD_TOO_MANY,    /* 65535 of one set */
};

INIT_ONLY enum build_result build_add(struct build *b, struct zone *zone, struct zone_node *owner,
	uint16_t type, uint32_t ttl, struct zone_record *record);

/* When all records are there: zones, cuts and wildcards of all nodes. */
INIT_ONLY void build_finish(struct build *b);

#endif
