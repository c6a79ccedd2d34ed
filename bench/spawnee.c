/*
 * bench/spawnee.c - the smallest process that answers an event: what a birth is
 * compared with. No libc; static; two system calls of work.
 *
 * It reads from descriptor 0 two 32-bit lengths, an event and the reply to give,
 * and writes that reply to descriptor 1. It does none of the service's work, so
 * what is measured is the price of a process and nothing else.
 */
#include <stddef.h>
#include <stdint.h>

_Noreturn void spawnee(void);

static long call3(long number, long a, const void *b, size_t n)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(n)
			 : "rcx", "r11", "memory");
	return result;
}

static uint8_t bytes[8 + 2 * 65536];

static _Noreturn void leave(int status)
{
	for (;;)
		call3(231, status, NULL, 0); /* exit_group */
}

/* Reads until there are `want` bytes. */
static size_t gather(size_t have, size_t want)
{
	while (have < want) {
		long n = call3(0, 0, bytes + have, sizeof bytes - have); /* read */

		if (n <= 0)
			leave(1);
		have += (size_t)n;
	}
	return have;
}

void spawnee(void)
{
	const uint32_t *lengths = (const uint32_t *)(const void *)bytes;
	size_t have = gather(0, 8), at, done = 0;

	if (lengths[0] > 65536 || lengths[1] > 65536)
		leave(2);
	at = 8 + (size_t)lengths[0];
	gather(have, at + lengths[1]);
	while (done < lengths[1]) {
		long n = call3(1, 1, bytes + at + done, lengths[1] - done); /* write */

		if (n <= 0)
			leave(3);
		done += (size_t)n;
	}
	leave(0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall spawnee\n");
