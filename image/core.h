/*
 * image/core.h - an ELF core file of a life that crashed, for `gdb NAME.debug FILE`: registers,
 * signal, memory, and the event that it was for. Pure: describes what to write, in order.
 *
 * A core has the event and all that the life made of it: it is as secret as they are.
 */
#ifndef IMAGE_CORE_H
#define IMAGE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/worker.h"
#include "base/str.h"
#include "image/image.h"

#define CORE_PIECES 32u

struct core_piece {
	uint64_t address, bytes; /* multiples of MF_PAGE */
	bool write, execute;
	bool kept; /* its bytes are in the file; else gdb takes NAME.debug's */
};

struct core {
	const char *name; /* of the service */
	struct mfw_registers registers;
	enum mfw_result result; /* crashed, or too late */
	uint32_t vector;
	uint64_t touched;
	uint8_t image[32];   /* its digest */
	struct mf_str event; /* struct mf_event and what belongs to it; empty: unknown */
	struct core_piece piece[CORE_PIECES];
	unsigned pieces;
};

/* Notes of ours in it: owner "mayfly". Not small numbers: gdb doesn't look at owners. */
enum core_note { CORE_NOTE_IMAGE = 0x6d660001, CORE_NOTE_EVENT = 0x6d660002 };

/* What of a window goes into a piece of memory of `room` bytes behind a page for struct mfw_crash:
 * the stack, then from the window's start as much as fits below the guard page. Worker and hub
 * both reckon it from the image. */
static inline uint64_t core_high_bytes(const struct image *image)
{
	return image->note.stack_bytes;
}
static inline uint64_t core_low_bytes(const struct image *image, uint64_t room)
{
	uint64_t low = image_guard_at(image) - MF_ADDR_WINDOW;
	uint64_t used = MF_PAGE + core_high_bytes(image);
	uint64_t left = room < used ? 0 : (room - used) / MF_PAGE * MF_PAGE;

	return low < left ? low : left;
}

/* The file begins with this; *head is malloc'ed, its size a multiple of MF_PAGE. Then come the bytes
 * of the pieces that are kept, one after another. -ENOMEM. */
int core_head(const struct core *core, uint8_t **head, size_t *size);

/* "#PF" becomes SIGSEGV: as Linux has them. */
int core_signal(enum mfw_result result, uint32_t vector);

/* The event out of a core's bytes: empty if there is none, or it isn't one of ours. Any bytes will
 * do. image: the digest, if there is one. */
struct mf_str core_event(const uint8_t *bytes, size_t size, uint8_t image[static 32]);

#endif
