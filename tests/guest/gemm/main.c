/*
 * gemm - C = A B, of float32 or float64, square: what bench/gemm measures. A and B are made once, for the snapshot.
 * Replies the sum of C's elements, which is exact: A and B are small whole numbers.
 */
#include <mayfly.h>

void sgemm_(const char *, const char *, const int *, const int *, const int *, const float *,
	const float *, const int *, const float *, const int *, const float *, float *, const int *,
	size_t, size_t);
void dgemm_(const char *, const char *, const int *, const int *, const int *, const double *,
	const double *, const int *, const double *, const int *, const double *, double *,
	const int *, size_t, size_t);

static void *a, *b;
static int n;
static bool single;

/* -2 to 2: sums of 4096 products are whole numbers in float32 too. */
static void *matrix(unsigned seed)
{
	const size_t count = (size_t)n * (size_t)n;
	void *at = mf_init_alloc(count * (single ? sizeof(float) : sizeof(double)));

	for (size_t i = 0; i < count; i++) {
		const int value = (int)((i * 2654435761u + seed) >> 7 & 0xffff) % 5 - 2;

		if (single)
			((float *)at)[i] = (float)value;
		else
			((double *)at)[i] = value;
	}
	return at;
}

void mf_init(void)
{
	const struct mf_str size = mf_config("n");

	single = mf_str_is(mf_config("type"), "s");
	for (size_t i = 0; i < size.n; i++)
		n = n * 10 + size.p[i] - '0';
	a = matrix(1);
	b = matrix(77);
}

void mf_main(const struct mf_event *ev)
{
	const size_t count = (size_t)n * (size_t)n;
	void *c = mf_alloc(count * (single ? sizeof(float) : sizeof(double)));
	const float one_s = 1, zero_s = 0;
	const double one_d = 1, zero_d = 0;
	char text[32];
	double sum = 0;

	(void)ev;
	if (single)
		sgemm_("N", "N", &n, &n, &n, &one_s, a, &n, b, &n, &zero_s, c, &n, 1, 1);
	else
		dgemm_("N", "N", &n, &n, &n, &one_d, a, &n, b, &n, &zero_d, c, &n, 1, 1);
	for (size_t i = 0; i < count; i += 1009)
		sum += single ? (double)((float *)c)[i] : ((double *)c)[i];
	mf_reply_bytes(text, mf_format(text, sizeof(text), "%ld", (long)sum));
}
