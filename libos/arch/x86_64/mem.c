/*
 * memcpy and its kin. Up to 64 bytes: a few moves that may overlap, no loop. Up to
 * LONG bytes: 32 a round with SSE registers, then the last 32. Beyond that
 * `rep movsb`, which every processor of the last ten years does a cache line at a
 * time once it has started. docs/libos.md has the measurement.
 *
 * The compiler must not make calls of memcpy out of the loops of memcpy.
 */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#include "libos/mayfly.h"

#define LONG 768u

typedef uint16_t piece2 __attribute__((aligned(1), may_alias));
typedef uint32_t piece4 __attribute__((aligned(1), may_alias));
typedef uint64_t piece8 __attribute__((aligned(1), may_alias));
typedef long long piece16 __attribute__((vector_size(16), aligned(1), may_alias));

#define AT(type, p, offset) (*(type *)((p) + (offset)))

/* Up to 64 bytes. All is read before anything is written, so that the two may overlap. */
static inline void move_short(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n >= 16) {
		size_t middle = n > 32 ? 16 : 0;
		piece16 a = AT(const piece16, from, 0), b = AT(const piece16, from, middle);
		piece16 c = AT(const piece16, from, n - 16 - middle);
		piece16 d = AT(const piece16, from, n - 16);

		AT(piece16, to, 0) = a;
		AT(piece16, to, middle) = b;
		AT(piece16, to, n - 16 - middle) = c;
		AT(piece16, to, n - 16) = d;
	} else if (n >= 8) {
		piece8 a = AT(const piece8, from, 0), b = AT(const piece8, from, n - 8);

		AT(piece8, to, 0) = a;
		AT(piece8, to, n - 8) = b;
	} else if (n >= 4) {
		piece4 a = AT(const piece4, from, 0), b = AT(const piece4, from, n - 4);

		AT(piece4, to, 0) = a;
		AT(piece4, to, n - 4) = b;
	} else if (n >= 2) {
		piece2 a = AT(const piece2, from, 0), b = AT(const piece2, from, n - 2);

		AT(piece2, to, 0) = a;
		AT(piece2, to, n - 2) = b;
	} else if (n == 1) {
		*to = *from;
	}
}

/* More than 32 bytes, upwards: right if `to` lies below `from`, or they are apart. */
static inline void move_up(uint8_t *to, const uint8_t *from, size_t n)
{
	piece16 last1 = AT(const piece16, from, n - 32), last2 = AT(const piece16, from, n - 16);
	size_t i = 0;

	for (; i < n - 32; i += 32) {
		piece16 a = AT(const piece16, from, i), b = AT(const piece16, from, i + 16);

		AT(piece16, to, i) = a;
		AT(piece16, to, i + 16) = b;
	}
	AT(piece16, to, n - 32) = last1;
	AT(piece16, to, n - 16) = last2;
}

/* The same, downwards. */
static inline void move_down(uint8_t *to, const uint8_t *from, size_t n)
{
	piece16 first1 = AT(const piece16, from, 0), first2 = AT(const piece16, from, 16);

	for (; n > 32; n -= 32) {
		piece16 a = AT(const piece16, from, n - 16), b = AT(const piece16, from, n - 32);

		AT(piece16, to, n - 16) = a;
		AT(piece16, to, n - 32) = b;
	}
	AT(piece16, to, 0) = first1;
	AT(piece16, to, 16) = first2;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *start = to;

	if (n <= 64)
		move_short(to, from, n);
	else if (n <= LONG)
		move_up(to, from, n);
	else
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n)
{
	if (n <= 64)
		move_short(to, from, n);
	else if ((uintptr_t)to - (uintptr_t)from >= n)
		move_up(to, from, n);
	else
		move_down(to, from, n);
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	uint64_t word = 0x0101010101010101u * (uint8_t)byte;
	piece16 wide = {(long long)word, (long long)word};
	uint8_t *p = to;

	if (n > LONG) {
		void *at = to;

		__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(byte) : "memory");
	} else if (n >= 16) {
		for (size_t i = 0; i < n - 16; i += 16)
			AT(piece16, p, i) = wide;
		AT(piece16, p, n - 16) = wide;
	} else if (n >= 8) {
		AT(piece8, p, 0) = word;
		AT(piece8, p, n - 8) = word;
	} else {
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)byte;
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;
	size_t i = 0;

	while (n - i >= 8 && AT(const piece8, p, i) == AT(const piece8, q, i))
		i += 8;
	for (; i < n; i++)
		if (p[i] != q[i])
			return p[i] - q[i];
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}
