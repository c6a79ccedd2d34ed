/*
 * image/capsule.h - a life, kept so that it can be run again exactly, on any machine: which image and
 * data, the whole event (seed, clock and attached state are in it), the answers to its calls; and what
 * came of it, to compare with. The hub keeps capsules in its database, `mayfly run --capsule` and `mayfly
 * dlq show` write them into files (NAME.capsule), `mayfly replay` reads them.
 *
 * A capsule has all that its life saw and said: it is as secret as they are.
 *
 * Pure. What is read may be anybody's bytes. Fixed widths, little-endian.
 */
#ifndef IMAGE_CAPSULE_H
#define IMAGE_CAPSULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "abi/worker.h"
#include "base/str.h"

#define CAPSULE_MAGIC   0x656c75737061634dull /* "Mcapsule" */
#define CAPSULE_VERSION 1u
#define CAPSULE_MOST    (256u << 20)

/* What became of the event. */
struct capsule_times {
	uint64_t queue_ns;  /* from its acceptance to its life */
	uint64_t birth_ns;  /* putting back, writing the event */
	uint64_t run_ns;    /* in the guest */
	uint64_t commit_ns; /* 0: nothing was to be committed, or it isn't known yet */
};

struct capsule {
	uint8_t image[32];    /* digest of the image */
	uint8_t snapshot[32]; /* SHA-256 of the image's digest and the data's */
	enum mfw_result result;
	bool denied; /* it asked for what it may not have */
	struct capsule_times times;
	struct mf_str service, release; /* name; the version that its author gave it */
	struct mf_str why;              /* a line about what went wrong; empty: nothing did */
	struct mf_str event;            /* struct mf_event and what belongs to it */
	struct mf_str
		input; /* its input area; empty: it had none (mf_event.input_bytes), or one too large to keep */
	struct mf_str answers; /* struct capsule_answer, one after another */
	struct mf_str effects; /* struct mf_effects and its records; empty: it left none */
};

/* A call of the life, in the order of its calls; the service's name, the path and the body of the answer follow, then
 * zeros up to a multiple of 8. */
struct capsule_answer {
	uint32_t size; /* of all of it, a multiple of 8 */
	uint32_t status;
	uint64_t took_ns;
	uint32_t service_bytes, path_bytes, body_bytes;
	uint32_t reserved;
	uint8_t asked[32]; /* capsule_asked */
};

/* The same as it is used. */
struct capsule_call {
	struct mf_str service, path, body; /* body: of the answer */
	uint32_t status;
	uint64_t took_ns;  /* from the call to its answer */
	uint8_t asked[32]; /* what was asked: capsule_asked */
};

/* How many bytes capsule_write writes. */
size_t capsule_size(const struct capsule *capsule);
void capsule_write(const struct capsule *capsule, uint8_t *to);
/* Where the event lies in them. */
size_t capsule_event_at(const struct capsule *capsule);

/* What points into `bytes`, which is at a multiple of 8. NULL, or a sentence that says what is wrong: every part
 * and each answer is checked, and that the event's spans lie inside of it; not the effects (wire/effects.h). */
const char *capsule_read(struct capsule *capsule, const void *bytes, size_t size);

/* The event's header, which may lie anywhere, and what one of its spans names. */
struct mf_event capsule_event(const struct capsule *capsule);
struct mf_str capsule_text(const struct capsule *capsule, struct mf_span span);
/* The next call behind *at, which starts at 0. False: there are no more. */
bool capsule_next_call(const struct capsule *capsule, size_t *at, struct capsule_call *call);

/* How many bytes it takes among `answers`; and it written there. */
size_t capsule_call_size(const struct capsule_call *call);
void capsule_call_write(const struct capsule_call *call, uint8_t *to);
/* A hash of all that a call asks (BLAKE2b of its fields, each with its length): the same question has the same. */
struct effect;
void capsule_asked(const struct effect *call, uint8_t to[static 32]);

#endif
