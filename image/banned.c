/* image/banned.c - see banned.h. Encodings: AMD64 Architecture Programmer's Manual, volume 3. */
#include "image/banned.h"

#include <stdbool.h>
#include <stddef.h>

/* rdrand, rdseed and rdpid are 0f c7 with a register as the operand, told apart by three bits of the
 * last byte; rdpid is rdseed with a prefix f3, which may stand before other prefixes. */
const struct banned banned[BANNED] = {
	{"rdtsc", "use mf_time_ns or mf_elapsed_ns", {0x0f, 0x31}, {0xff, 0xff}},
	{"rdtscp", "use mf_time_ns or mf_elapsed_ns", {0x0f, 0x01, 0xf9}, {0xff, 0xff, 0xff}},
	{"rdrand", "use mf_random", {0x0f, 0xc7, 0xf0}, {0xff, 0xff, 0xf8}},
	{"rdseed", "use mf_random", {0x0f, 0xc7, 0xf8}, {0xff, 0xff, 0xf8}},
	{"rdpid", "leave it out: a life can't know where it runs", {0x0f, 0xc7, 0xf8},
		{0xff, 0xff, 0xf8}},
	{"cpuid", "leave it out: what an image may use of the processor is fixed when it is built",
		{0x0f, 0xa2}, {0xff, 0xff}},
};

static bool begins(const struct banned *b, const uint8_t *at, uint64_t left)
{
	for (unsigned i = 0; i < sizeof(b->mask) && b->mask[i] != 0; i++)
		if (i >= left || (at[i] & b->mask[i]) != b->bytes[i])
			return false;
	return true;
}

uint64_t banned_find(const struct image *image, const struct banned *instruction)
{
	for (unsigned i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];

		for (uint64_t at = 0; s->execute && at < s->file; at++)
			if (begins(instruction, s->file_bytes + at, s->file - at))
				return s->address + at;
	}
	return 0;
}
