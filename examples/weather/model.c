/* examples/weather/model.c - see model.h */
#include "examples/weather/model.h"

#include <math.h>

#define FORCING 8.0
#define SPIN_UP 400 /* steps: 100 days */

static void change(const double *x, size_t n, double *to)
{
	to[0] = (x[1] - x[n - 2]) * x[n - 1] - x[0] + FORCING;
	to[1] = (x[2] - x[n - 1]) * x[0] - x[1] + FORCING;
	for (size_t i = 2; i < n - 1; i++)
		to[i] = (x[i + 1] - x[i - 2]) * x[i - 1] - x[i] + FORCING;
	to[n - 1] = (x[0] - x[n - 3]) * x[n - 2] - x[n - 1] + FORCING;
}

void model_step(double *x, size_t n, double *work)
{
	static const double at[] = {0.5, 0.5, 1, 0}, weight[] = {1, 2, 2, 1};
	double *k = work, *there = work + n, *sum = work + 2 * n;

	for (size_t i = 0; i < n; i++) {
		there[i] = x[i];
		sum[i] = 0;
	}
	for (unsigned stage = 0; stage < 4; stage++) {
		change(there, n, k);
		for (size_t i = 0; i < n; i++) {
			sum[i] += weight[stage] * k[i];
			there[i] = x[i] + at[stage] * MODEL_STEP * k[i];
		}
	}
	for (size_t i = 0; i < n; i++)
		x[i] += MODEL_STEP / 6 * sum[i];
}

/* SplitMix64 (Steele, Lea, Flood 2014): between 0 and 1, never either. */
static double random_uniform(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller's; the second of each pair is not used. */
double random_normal(uint64_t *seed)
{
	double u = random_uniform(seed), v = random_uniform(seed);

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

void model_climate(double *x, size_t n, uint64_t *seed, double *work)
{
	for (size_t i = 0; i < n; i++)
		x[i] = FORCING + random_normal(seed);
	for (unsigned step = 0; step < SPIN_UP; step++)
		model_step(x, n, work);
}
