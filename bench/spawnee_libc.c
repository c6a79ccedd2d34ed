/*
 * bench/spawnee_libc.c - the same as bench/spawnee.c, written as anybody would: with
 * the C library, linked dynamically.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 65536u

int main(void)
{
	static uint8_t event[MOST], reply[MOST];
	uint32_t lengths[2];

	if (fread(lengths, sizeof lengths, 1, stdin) != 1 || lengths[0] > MOST || lengths[1] > MOST)
		return 2;
	if (fread(event, 1, lengths[0], stdin) != lengths[0] ||
		fread(reply, 1, lengths[1], stdin) != lengths[1])
		return 1;
	if (fwrite(reply, 1, lengths[1], stdout) != lengths[1] || fflush(stdout) != 0)
		return 3;
	return EXIT_SUCCESS;
}
