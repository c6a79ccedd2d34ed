/*
 * product - C = op(A) op(B), by the module blas. The payload is a line, "d n t 3 4 5": the type (s, d, c,
 * z), how A and B are to be taken (n, t, c), the rows of C, its columns, the terms of each sum; then A and
 * B as BLAS has them, column by column. Replies C, so.
 */
#include <stdio.h>

#include <mayfly.h>

#define OP(name)                                                                                   \
	void name(const char *transa, const char *transb, const int *m, const int *n,              \
		const int *k, const void *alpha, const void *a, const int *lda, const void *b,     \
		const int *ldb, const void *beta, void *c, const int *ldc, size_t, size_t)
/* Fortran's; the lengths of the texts come last */
OP(sgemm_);
OP(dgemm_);
OP(cgemm_);
OP(zgemm_);

static const float one_s[2] = {1}, zero_s[2];
static const double one_d[2] = {1}, zero_d[2];

static const struct {
	char type;
	size_t bytes;
	OP((*multiply));
	const void *one, *zero;
} types[] = {
	{'s', 4, sgemm_, one_s, zero_s},
	{'d', 8, dgemm_, one_d, zero_d},
	{'c', 8, cgemm_, one_s, zero_s},
	{'z', 16, zgemm_, one_d, zero_d},
};

static void multiply(size_t t, struct mf_str data, char ta, char tb, int m, int n, int k)
{
	const int lda = ta == 'n' ? m : k, ldb = tb == 'n' ? k : n;
	const size_t bytes = types[t].bytes, a_bytes = bytes * m * k, b_bytes = bytes * k * n;
	uint8_t *a = mf_alloc(a_bytes), *b = mf_alloc(b_bytes), *c = mf_alloc(bytes * m * n);

	if (data.n != a_bytes + b_bytes)
		mf_fail("%zu bytes, not %zu", data.n, a_bytes + b_bytes);
	memcpy(a, data.p, a_bytes);
	memcpy(b, data.p + a_bytes, b_bytes);
	types[t].multiply(
		&ta, &tb, &m, &n, &k, types[t].one, a, &lda, b, &ldb, types[t].zero, c, &m, 1, 1);
	mf_reply_bytes(c, bytes * m * n);
}

void mf_main(const struct mf_event *ev)
{
	const struct mf_str in = mf_payload(ev);
	char type, ta, tb;
	int m, n, k, line;

	if (sscanf((const char *)in.p, "%c %c %c %d %d %d%n", &type, &ta, &tb, &m, &n, &k, &line) !=
		6)
		mf_fail("a line first");
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		if (types[t].type == type)
			multiply(t, mf_str_of(in.p + line + 1, in.n - line - 1), ta, tb, m, n, k);
}
