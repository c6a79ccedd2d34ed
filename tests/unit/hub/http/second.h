/*
 * tests/unit/hub/http/second.h - where does one request end, and the next begin? A second reader, written
 * from RFC 9112 alone, which is given all bytes at once.
 */
#ifndef TESTS_UNIT_HUB_HTTP_SECOND_H
#define TESTS_UNIT_HUB_HTTP_SECOND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND_SEEN 320u /* as many as 8 KiB hold */

/* What was asked, as one side sees it. */
struct second_seen {
	char text[256]; /* "METHOD path?query", cut short */
	size_t n;       /* of the body */
	uint32_t sum;
};

void second_note(struct second_seen *to, const char *method, size_t method_n, const char *target,
	size_t target_n, const uint8_t *body, size_t body_n);

/* Up to SECOND_SEEN requests, to the first that is none; how many. */
unsigned second_read(const uint8_t *p, size_t n, struct second_seen seen[static SECOND_SEEN]);

/* Did the hub see nothing that the second reader didn't, in the same order? It answers some itself: it
 * refuses them, and goes on where that is safe. */
bool second_agrees(
	const struct second_seen *hub, unsigned hub_n, const struct second_seen *we, unsigned n);

#endif
