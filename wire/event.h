/*
 * wire/event.h - write a struct mf_event and what belongs to it (abi/guest.h)
 * into a buffer. Used by whoever makes events: the hub, the command line, tests.
 *
 * Pure. The buffer is the event area of a slot or a plain array; its size is the
 * capacity. Every adder returns false, and changes nothing, when it doesn't fit.
 */
#ifndef WIRE_EVENT_H
#define WIRE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h"

struct event_writer {
	struct mf_event *event; /* the header, 8-byte aligned */
	uint8_t *base;          /* the buffer; the header is, or will be, at its start */
	size_t size;            /* capacity */
};

/* Zeroes the header; the caller sets its plain members (time_ns, seed ...) afterwards. */
bool event_begin(struct event_writer *w, void *buffer, size_t size, enum mf_source source);
/* The same with the header kept apart, for a buffer that somebody else can write to (a slot):
 * nothing is read back from it. Whoever made it copies the header to the buffer's start when all
 * is written. */
bool event_begin_apart(struct event_writer *w, struct mf_event *header, void *buffer, size_t size,
	enum mf_source source);
/* Sets one of the header's spans to a copy of s; zero-length is fine. */
bool event_span(struct event_writer *w, struct mf_span *span, struct mf_str s);
/* Room for a payload written in place (recv straight into it): where, and how much fits. */
uint8_t *event_payload_room(struct event_writer *w, size_t *room);
void event_payload_set(struct event_writer *w, size_t n); /* n <= room, directly after */
/* All attributes first, then all state, each contiguous; nothing else in between. */
bool event_attribute(struct event_writer *w, struct mf_str name, struct mf_str value);
/* All attributes of another event, as they lie there; a multiple of 8 bytes. */
bool event_attributes(struct event_writer *w, struct mf_str records, uint32_t count);
bool event_state(struct event_writer *w, struct mf_str key, struct mf_str value, uint64_t version);
size_t event_end(struct event_writer *w); /* bytes used */

#endif
