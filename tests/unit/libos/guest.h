/*
 * A guest's memory in a test: maps info page, window, data and init area at their
 * real addresses, and a gate that comes back to the test. What runs between is the
 * library OS as it is, compiled for the host.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h"
#include "wire/effects.h"
#include "wire/event.h"

#define GUEST_EVENT_BYTES   16384u
#define GUEST_EFFECTS_BYTES 8192u
#define GUEST_HEAP_BYTES    65536u
#define GUEST_INIT_BYTES    65536u

/* Fresh memory, all zero but the info page, and an empty event from `source`. */
struct event_writer guest_fresh(enum mf_source source);
/* Attaches data: a bundle as image/bundle.h makes it. */
void guest_attach(const void *bundle, size_t size);

/* Runs `body` as a life: from boot's preparation to the gate. What the body leaves undone at its
 * end is done as boot does it. Returns the outcome. */
enum mf_outcome guest_live(void (*body)(void));
/* What happens at a call: NULL ends the test. */
extern void (*guest_on_call)(void);

/* The effects of the last life, which must be well-formed; guest_effect asserts that there is
 * another one, of this kind, and returns it. */
void guest_open(struct effects_reader *reader);
struct effect guest_effect(struct effects_reader *reader, enum mf_effect_kind kind);
void guest_no_more(struct effects_reader *reader);
/* That the life left nothing but one log, of this text, at level error. */
void guest_only_failed_with(const char *text);

/* The same bytes? As a cmocka assertion, which prints both. */
#define assert_str(s, text)                                                                        \
	do {                                                                                       \
		struct mf_str is_ = (s);                                                           \
		assert_int_equal(is_.n, strlen(text));                                             \
		assert_memory_equal(is_.p, text, is_.n);                                           \
	} while (0)

#endif
