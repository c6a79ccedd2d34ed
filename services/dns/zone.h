/*
 * zone.h - the zones as every life finds them: a tree of names with a hash table
 * over it, in init memory. Made by build.c in mf_init, only read afterwards.
 *
 * Every name that a zone file mentions, as an owner or in data, is one node, and
 * so is each of its parents; a name is compared and compressed by its node. Links
 * are offsets from `base` (0: none), so the index is half the size of one with
 * pointers.
 */
#ifndef SERVICES_DNS_ZONE_H
#define SERVICES_DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dns.h"

enum zone_node_flag {
	NODE_EXISTS = 1u << 0, /* has records, or a name below it has (RFC 4592 2.2.2) */
	NODE_APEX = 1u << 1,
};

struct zone_node {
	uint32_t chain; /* the next node of its bucket */
	uint32_t hash;
	uint32_t parent;   /* 0: this is the root */
	uint32_t next;     /* in the order of making: parents before children */
	uint32_t sets;     /* struct zone_set */
	uint32_t wildcard; /* the node "*" below, if that exists */
	uint32_t zone;     /* struct zone that it lies in, 0: in none of ours */
	uint32_t cut;      /* the delegation that it lies at or below */
	uint8_t flags;     /* enum zone_node_flag */
	uint8_t len;
	uint8_t name[]; /* spelt as where it was first seen */
};

/* All records of one name and type. */
struct zone_set {
	uint32_t next; /* of another type */
	uint32_t first, last;
	uint32_t ttl;
	uint16_t type;
	uint16_t count;
};

/* Data is as on the wire, but each name in it is the offset of its node, 4 bytes. */
struct zone_record {
	uint32_t next;
	uint16_t len;
	uint8_t data[];
};

struct zone {
	uint32_t next;
	uint32_t apex;
	uint32_t parent; /* the zone of ours that holds this one's parent, or 0 */
	uint32_t soa;    /* struct zone_set */
	uint32_t negative_ttl;
	uint32_t names, records; /* for the log */
};

struct zones {
	const uint8_t *base;
	const uint32_t *bucket;
	uint32_t mask;
	uint32_t root; /* the node of the root name */
	uint32_t first_node, first_zone;
};

/* How the data of a type is laid out: bytes, then names, then bytes. */
struct zone_layout {
	uint8_t before; /* bytes before the first name */
	uint8_t names;
	bool compress; /* RFC 3597 4: only those of RFC 1035 may be compressed */
};

static inline const void *zone_at(const struct zones *z, uint32_t offset)
{
	return z->base + offset;
}

static inline const struct zone_node *zone_node(const struct zones *z, uint32_t offset)
{
	return zone_at(z, offset);
}

static inline uint32_t zone_offset(const struct zones *z, const void *p)
{
	return (uint32_t)((const uint8_t *)p - z->base);
}

/* The hash of a name is made from its last label to its first. */
#define ZONE_HASH_ROOT 2166136261u
uint32_t zone_hash(uint32_t parent_hash, const uint8_t *label);
bool zone_name_eq(const uint8_t *a, const uint8_t *b, size_t n); /* case ignored */

/* The node of exactly this name, or NULL. */
const struct zone_node *zone_lookup(
	const struct zones *z, uint32_t hash, const uint8_t *name, size_t n);

/* The deepest node that the question's name is or lies below, from the deepest on: its
 * label (q->labels: the root) in *label; *label == 0: the name itself. Never NULL. */
const struct zone_node *zone_deepest(
	const struct zones *z, const struct dns_query *q, const uint8_t *name, unsigned *label);

/* The records of a type, or NULL. */
const struct zone_set *zone_set(const struct zones *z, const struct zone_node *node, uint16_t type);

struct zone_layout zone_layout(uint16_t type);

/* The node that a record of this type names last (NS, MX, SRV, CNAME ...), or NULL. */
const struct zone_node *zone_target(
	const struct zones *z, uint16_t type, const struct zone_record *record);

/* Is `node` at or below `above`? */
bool zone_below(const struct zones *z, const struct zone_node *node, const struct zone_node *above);

#endif
