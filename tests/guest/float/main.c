/*
 * float - adds up 1/k² with SSE; with the payload "avx512" also in 512-bit registers,
 * which not every processor has. Replies "1643934" (10^6 times the sum of 1000 terms,
 * cut).
 */
#include <mayfly.h>

static double sum_sse(void)
{
	double sum = 0;

	for (int k = 1000; k > 0; k--)
		sum += 1.0 / ((double)k * k);
	return sum;
}

/* The same in eight lanes, in register 31, which only AVX-512 has. */
static double sum_avx512(void)
{
	double lanes[8] = {0}, sum = 0;

	__asm__ volatile("vpxorq %%zmm31, %%zmm31, %%zmm31" : : : "memory");
	for (int k = 1000; k > 0; k -= 8) {
		double term[8];

		for (int i = 0; i < 8; i++)
			term[i] = 1.0 / ((double)(k - i) * (k - i));
		__asm__ volatile("vaddpd %0, %%zmm31, %%zmm31" : : "m"(term) : "memory");
	}
	__asm__ volatile("vmovupd %%zmm31, %0\n\tvzeroupper" : "=m"(lanes));
	for (int i = 0; i < 8; i++)
		sum += lanes[i];
	return sum;
}

void mf_main(const struct mf_event *ev)
{
	double sum = mf_str_is(mf_payload(ev), "avx512") ? sum_avx512() : sum_sse();
	char text[32];
	size_t n;

	n = mf_format(text, sizeof(text), "%llu", (unsigned long long)(sum * 1e6));
	mf_reply_bytes(text, n);
}
