/*
 * compose.h - records of the index into a message, whole sets or nothing.
 */
#ifndef SERVICES_DNS_COMPOSE_H
#define SERVICES_DNS_COMPOSE_H

#include "zone.h"

/* Tells the writer where the question's name, and so each of its parents, stands: `node` is
 * what zone_deepest found at `label`. */
void compose_question(struct dns_writer *w, const struct zones *z, const struct dns_query *q,
	const struct zone_node *node, unsigned label);

/* The set with this owner; owner NULL: the name that was asked. False, and the message as
 * before, if it doesn't fit. */
bool compose_set(struct dns_writer *w, const struct zones *z, enum dns_section section,
	const struct zone_node *owner, const struct zone_set *set, uint32_t ttl);

/* The answer to a question for ANY (RFC 8482 4.2). */
bool compose_hinfo(struct dns_writer *w, const struct zones *z, const struct zone_node *owner);

#endif
