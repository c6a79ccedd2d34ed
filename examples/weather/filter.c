/* examples/weather/filter.c - see filter.h */
#include "examples/weather/filter.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/weather/model.h"

/* LAPACK as it is: Fortran, with the lengths of texts behind all other arguments. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_n);
void dpotrs_(const char *uplo, const int *n, const int *columns, const double *a, const int *lda,
	double *b, const int *ldb, int *info, size_t uplo_n);

/* From 1 at distance 0 down to 0 at twice the radius, such that the product of a covariance with it is one (G. Gaspari
 * and S. Cohn, "Construction of correlation functions in two and three dimensions", QJRMS 125, 1999, eq. 4.10). */
static double taper(double distance, double radius)
{
	double r = distance / radius;

	if (r >= 2)
		return 0;
	if (r <= 1)
		return 1 + r * r * (-5.0 / 3 + r * (5.0 / 8 + r * (0.5 - r / 4)));
	return 4 - 2 / (3 * r) + r * (-5 + r * (5.0 / 3 + r * (5.0 / 8 + r * (-0.5 + r / 12))));
}

static double *room(size_t rows, size_t columns)
{
	return calloc(rows * columns, sizeof(double));
}

int filter_open(struct filter *f)
{
	size_t n = f->n, p = (n + f->every - 1) / f->every, m = f->members;

	f->observed = p;
	f->ensemble = room(n, m);
	f->mean = room(n, 1);
	f->deviations = room(n, m);
	f->seen = room(p, m);
	f->cross = room(n, p);
	f->own = room(p, p);
	f->innovations = room(p, m);
	f->taper = room(n, 1);
	if (!f->ensemble || !f->mean || !f->deviations || !f->seen || !f->cross || !f->own ||
		!f->innovations || !f->taper)
		return -1;
	for (size_t i = 0; i < n; i++)
		f->taper[i] = taper((double)(i < n - i ? i : n - i), f->radius);
	return 0;
}

void filter_close(struct filter *f)
{
	double *all[] = {f->ensemble, f->mean, f->deviations, f->seen, f->cross, f->own,
		f->innovations, f->taper};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

void filter_average(struct filter *f)
{
	memset(f->mean, 0, f->n * sizeof(double));
	for (size_t k = 0; k < f->members; k++)
		cblas_daxpy(
			(int)f->n, 1.0 / (double)f->members, f->ensemble + k * f->n, 1, f->mean, 1);
}

double filter_spread(const struct filter *f)
{
	double sum = 0;

	for (size_t k = 0; k < f->members; k++)
		for (size_t i = 0; i < f->n; i++) {
			double d = f->ensemble[k * f->n + i] - f->mean[i];

			sum += d * d;
		}
	return sqrt(sum / (double)((f->members - 1) * f->n));
}

/* Deviations from the mean, made larger; the ensemble with them; what of them is observed. */
static void inflate(struct filter *f)
{
	size_t n = f->n, p = f->observed;

	filter_average(f);
	for (size_t k = 0; k < f->members; k++) {
		double *x = f->ensemble + k * n, *d = f->deviations + k * n;

		for (size_t i = 0; i < n; i++) {
			d[i] = f->inflation * (x[i] - f->mean[i]);
			x[i] = f->mean[i] + d[i];
		}
		for (size_t j = 0; j < p; j++)
			f->seen[k * p + j] = d[j * f->every];
	}
}

/* Each member compares itself with the observations and an error of their kind. */
static void compare(struct filter *f, const double *observations)
{
	size_t p = f->observed;

	for (size_t k = 0; k < f->members; k++)
		for (size_t j = 0; j < p; j++)
			f->innovations[k * p + j] = observations[j] +
				f->noise * random_normal(&f->seed) -
				f->ensemble[k * f->n + j * f->every];
}

/* Covariances of all points with those observed, and of these, with the observations' own. */
static void covariances(struct filter *f)
{
	size_t n = f->n, p = f->observed;

	cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, (int)n, (int)p, (int)f->members,
		1.0 / (double)(f->members - 1), f->deviations, (int)n, f->seen, (int)p, 0, f->cross,
		(int)n);
	for (size_t j = 0; j < p; j++)
		for (size_t i = 0; i < n; i++) {
			size_t at = j * f->every;

			f->cross[j * n + i] *= f->taper[i > at ? i - at : at - i];
		}
	for (size_t j = 0; j < p; j++) {
		for (size_t i = 0; i < p; i++)
			f->own[j * p + i] = f->cross[j * n + i * f->every];
		f->own[j * p + j] += f->noise * f->noise;
	}
}

int filter_analyse(struct filter *f, const double *observations)
{
	int n = (int)f->n, p = (int)f->observed, m = (int)f->members, info;

	inflate(f);
	compare(f, observations);
	covariances(f);
	dpotrf_("L", &p, f->own, &p, &info, 1);
	if (info != 0)
		return info;
	dpotrs_("L", &p, &m, f->own, &p, f->innovations, &p, &info, 1);
	cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, p, 1, f->cross, n,
		f->innovations, p, 1, f->ensemble, n);
	filter_average(f);
	return info;
}
