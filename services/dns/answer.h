/*
 * answer.h - from a query to its reply (RFC 1034 4.3.2), one function without
 * effects: what the service does with a message, its tests and fuzzers can do.
 */
#ifndef SERVICES_DNS_ANSWER_H
#define SERVICES_DNS_ANSWER_H

#include "zone.h"

/* Over UDP no reply is longer, whatever the client offers: what crosses every common path
 * without fragments (dnsflagday.net/2020). It is also the size that we announce. */
#define ANSWER_UDP_MAX 1232u

/* The least room that a reply to n bytes of query may need. */
#define ANSWER_ROOM_MIN DNS_UDP_MIN

/* Writes the reply to `query` into `reply`, which has room >= ANSWER_ROOM_MIN bytes and is
 * filled up to what the transport and the client allow. Returns its length; 0: no reply is
 * due. Query and reply don't overlap. */
size_t answer(const struct zones *z, const uint8_t *query, size_t n, bool tcp, uint8_t *reply,
	size_t room);

#endif
