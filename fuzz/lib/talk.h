/*
 * fuzz/lib/talk.h - a client of the hub of fuzz/lib/hub.h: sends a stream in pieces, hears what comes.
 */
#ifndef FUZZ_LIB_TALK_H
#define FUZZ_LIB_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALK_HEARD (1u << 20)

struct talk {
	int fd; /* the client's end */
	bool ended;
	size_t n;
	uint8_t heard[TALK_HEARD];
};

/* Both ends of a connection, neither of which waits; the hub's end is returned. */
int talk_pair(struct talk *talk);
/* `pieces`: a seed of their sizes; 0: all at once, as far as the socket takes it. `pause_ns` goes by
 * between them. The worker serves meanwhile. */
void talk_send(struct talk *talk, const uint8_t *p, size_t n, uint32_t pieces, uint64_t pause_ns);
/* Until nothing more comes; then the client goes, and the hub has let go of it. */
void talk_end(struct talk *talk);

#endif
