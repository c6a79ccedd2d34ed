/* strassen.c - see strassen.h */
#include "strassen.h"

#include <stdbool.h>
#include <stddef.h>

uint32_t strassen_least = 1024;

/* -------------------------------------------------------------------------- sizes */

static uint64_t least_of(uint64_t m, uint64_t n, uint64_t k)
{
	uint64_t least = m < n ? m : n;

	return least < k ? least : k;
}

unsigned strassen_levels(uint64_t m, uint64_t n, uint64_t k)
{
	uint64_t least = least_of(m, n, k);
	unsigned levels = 0;

	while (levels < STRASSEN_MOST && least >> (levels + 1) >= strassen_least)
		levels++;
	return levels;
}

/* Of the two temporaries of one level: a sum of a, or a product; a sum of b. */
static uint64_t first_size(uint64_t m, uint64_t n, uint64_t k)
{
	return m / 2 * ((n > k ? n : k) / 2);
}

static uint64_t second_size(uint64_t n, uint64_t k)
{
	return k / 2 * (n / 2);
}

uint64_t strassen_bytes(enum npy_type type, uint64_t m, uint64_t n, uint64_t k, unsigned levels)
{
	uint64_t sum = 0;

	for (; levels > 0; levels--, m /= 2, n /= 2, k /= 2)
		sum += first_size(m, n, k) + second_size(n, k);
	return sum * npy_size(type);
}

double strassen_bound(enum npy_type type, uint64_t k, uint64_t parts, unsigned levels)
{
	double unit = type == NPY_F4 || type == NPY_C8 ? 0x1p-24 : 0x1p-53;
	double half = (double)k / (double)(parts ? parts : 1), growth = 1, product;

	/* a complex product is two real ones added (Higham, 3.6) */
	if (type == NPY_C8 || type == NPY_C16)
		unit *= 4;
	if (k == 0)
		return 0;
	for (unsigned i = 0; i < levels; i++) {
		growth *= 18;
		half = (half + 1) / 2;
	}
	product = levels > 0 ? growth * (half * half + 6 * half) : half * half;
	return ((double)parts * product / (double)k + (double)(parts - 1)) * unit;
}

/* --------------------------------------------------------------------------- sums */

/* Blocks as they lie in memory: columns `ld` apart. */
struct block {
	void *at;
	int32_t ld;
};

/* to = a + sign b, `rows` by `columns` as they lie; to may be a or b. */
#define SUM(type)                                                                                  \
	static void sum_##type(type *to, size_t to_ld, const type *a, size_t a_ld, const type *b,  \
		size_t b_ld, size_t rows, size_t columns, type sign)                               \
	{                                                                                          \
		for (size_t j = 0; j < columns; j++, to += to_ld, a += a_ld, b += b_ld)            \
			for (size_t i = 0; i < rows; i++)                                          \
				to[i] = a[i] + sign * b[i];                                        \
	}
SUM(float)
SUM(double)

static void sum(enum npy_type type, struct block to, struct block a, int sign, struct block b,
	int32_t rows, int32_t columns)
{
	size_t parts = type == NPY_C8 || type == NPY_C16 ? 2 : 1, n = (size_t)rows * parts;

	if (type == NPY_F4 || type == NPY_C8)
		sum_float(to.at, (size_t)to.ld * parts, a.at, (size_t)a.ld * parts, b.at,
			(size_t)b.ld * parts, n, (size_t)columns, (float)sign);
	else
		sum_double(to.at, (size_t)to.ld * parts, a.at, (size_t)a.ld * parts, b.at,
			(size_t)b.ld * parts, n, (size_t)columns, sign);
}

/* ---------------------------------------------------------------------- one level */

/* A product at work: halves of its extents, its quarters, its temporaries. */
struct level {
	const struct strassen *s;
	int32_t m, n, k; /* of a quarter */
	struct block a[2][2], b[2][2], c[2][2], x, y;
	char a_letter, b_letter;
	uint8_t *rest;
};

static void *moved(const void *at, size_t elements, enum npy_type type)
{
	return (uint8_t *)(uintptr_t)at + elements * npy_size(type);
}

static void quarters(struct block q[2][2], const void *at, int32_t ld, bool turned, int32_t rows,
	int32_t columns, enum npy_type type)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < 2; j++) {
			size_t down = turned ? j * (size_t)columns : i * (size_t)rows;
			size_t right = turned ? i * (size_t)rows : j * (size_t)columns;

			q[i][j] = (struct block){moved(at, right * (size_t)ld + down, type), ld};
		}
}

/* Sums of quarters of a, of b: as those lie in memory. */
static void sum_a(const struct level *l, struct block to, struct block p, int sign, struct block q)
{
	bool turned = l->a_letter != 'N';

	sum(l->s->type, to, p, sign, q, turned ? l->k : l->m, turned ? l->m : l->k);
}

static void sum_b(const struct level *l, struct block to, struct block p, int sign, struct block q)
{
	bool turned = l->b_letter != 'N';

	sum(l->s->type, to, p, sign, q, turned ? l->n : l->k, turned ? l->k : l->n);
}

static void sum_c(const struct level *l, struct block to, struct block p, int sign, struct block q)
{
	sum(l->s->type, to, p, sign, q, l->m, l->n);
}

static void product(const struct level *l, struct block a, struct block b, struct block to)
{
	struct strassen s = *l->s;

	s.levels--;
	strassen_multiply(&s, l->m, l->n, l->k, (struct strassen_factor){a.at, a.ld, l->a_letter},
		(struct strassen_factor){b.at, b.ld, l->b_letter}, to.at, to.ld, l->rest);
}

/* X holds sums of a as they lie, Y those of b; X later a product. */
static void seven_products(struct level *l)
{
	struct block a11 = l->a[0][0], a12 = l->a[0][1], a21 = l->a[1][0], a22 = l->a[1][1];
	struct block b11 = l->b[0][0], b12 = l->b[0][1], b21 = l->b[1][0], b22 = l->b[1][1];
	struct block c11 = l->c[0][0], c12 = l->c[0][1], c21 = l->c[1][0], c22 = l->c[1][1];
	struct block x = l->x, y = l->y, p1 = {l->x.at, l->m};

	sum_a(l, x, a11, -1, a21);
	sum_b(l, y, b22, -1, b12);
	product(l, x, y, c21); /* P7 */
	sum_a(l, x, a21, 1, a22);
	sum_b(l, y, b12, -1, b11);
	product(l, x, y, c22); /* P5 */
	sum_a(l, x, x, -1, a11);
	sum_b(l, y, b22, -1, y);
	product(l, x, y, c12); /* P6 */
	sum_a(l, x, a12, -1, x);
	product(l, x, b22, c11);   /* P3 */
	product(l, a11, b11, p1);  /* P1, where the sums of a were */
	sum_c(l, c12, p1, 1, c12); /* P1 + P6 */
	sum_c(l, c21, c12, 1, c21);
	sum_c(l, c12, c12, 1, c22);
	sum_c(l, c22, c21, 1, c22);
	sum_c(l, c12, c12, 1, c11);
	sum_b(l, y, y, -1, b21);
	product(l, a22, y, c11); /* P4 */
	sum_c(l, c21, c21, -1, c11);
	product(l, a12, b21, c11); /* P2 */
	sum_c(l, c11, p1, 1, c11);
}

/* ---------------------------------------------------------------------- odd sizes */

static const float one_float[2] = {1, 0}, zero_float[2] = {0, 0};
static const double one_double[2] = {1, 0}, zero_double[2] = {0, 0};

static bool is_short(enum npy_type type)
{
	return type == NPY_F4 || type == NPY_C8;
}

/* Adds to c, or makes it, from row i and column j on: a's columns from p on, b's rows. */
static void plain(const struct strassen *s, int32_t i, int32_t m, int32_t j, int32_t n, int32_t p,
	int32_t k, const struct strassen_factor *a, const struct strassen_factor *b, void *c,
	int32_t ldc, bool add)
{
	size_t down = a->letter == 'N' ? (size_t)i : (size_t)p;
	size_t right = a->letter == 'N' ? (size_t)p : (size_t)i;
	const void *from_a = moved(a->at, down + right * (size_t)a->ld, s->type), *from_b;
	const void *beta = is_short(s->type) ? (add ? (const void *)one_float : zero_float)
					     : (add ? (const void *)one_double : zero_double);

	down = b->letter == 'N' ? (size_t)p : (size_t)j;
	right = b->letter == 'N' ? (size_t)j : (size_t)p;
	from_b = moved(b->at, down + right * (size_t)b->ld, s->type);
	if (m > 0 && n > 0)
		products[s->type].gemm(&a->letter, &b->letter, &m, &n, &k, s->alpha, from_a, &a->ld,
			from_b, &b->ld, beta,
			moved(c, (size_t)i + (size_t)j * (size_t)ldc, s->type), &ldc, 1, 1);
}

void strassen_multiply(const struct strassen *s, int32_t m, int32_t n, int32_t k,
	struct strassen_factor a, struct strassen_factor b, void *c, int32_t ldc, void *work)
{
	struct level l = {.s = s,
		.m = m / 2,
		.n = n / 2,
		.k = k / 2,
		.a_letter = a.letter,
		.b_letter = b.letter};
	size_t first = (size_t)first_size((uint64_t)m, (uint64_t)n, (uint64_t)k);

	if (s->levels == 0 || m < 2 || n < 2 || k < 2) {
		plain(s, 0, m, 0, n, 0, k, &a, &b, c, ldc, false);
		return;
	}
	quarters(l.a, a.at, a.ld, a.letter != 'N', l.m, l.k, s->type);
	quarters(l.b, b.at, b.ld, b.letter != 'N', l.k, l.n, s->type);
	quarters(l.c, c, ldc, false, l.m, l.n, s->type);
	l.x = (struct block){work, a.letter != 'N' ? l.k : l.m};
	l.y = (struct block){moved(work, first, s->type), b.letter != 'N' ? l.n : l.k};
	l.rest = moved(l.y.at, (size_t)second_size((uint64_t)n, (uint64_t)k), s->type);
	seven_products(&l);
	/* what halving left over: a last column and row of the sum, of c */
	if (k & 1)
		plain(s, 0, 2 * l.m, 0, 2 * l.n, k - 1, 1, &a, &b, c, ldc, true);
	plain(s, 0, m, 2 * l.n, n & 1, 0, k, &a, &b, c, ldc, false);
	plain(s, 2 * l.m, m & 1, 0, 2 * l.n, 0, k, &a, &b, c, ldc, false);
}
