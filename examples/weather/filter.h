/*
 * examples/weather/filter.h - an ensemble Kalman filter with perturbed observations and localisation, in calls of BLAS
 * and LAPACK (G. Evensen, "The Ensemble Kalman Filter", Ocean Dynamics 53, 2003; P. Houtekamer and H. Mitchell,
 * "A sequential ensemble Kalman filter for atmospheric data assimilation", MWR 129, 2001).
 *
 * Matrices lie by columns. A member of the ensemble is a column of n numbers.
 */
#ifndef EXAMPLES_WEATHER_FILTER_H
#define EXAMPLES_WEATHER_FILTER_H

#include <stddef.h>
#include <stdint.h>

struct filter {
	size_t n, members, every,
		observed; /* every `every`-th point is observed: `observed` of them */
	double noise;     /* standard deviation of an observation */
	double radius;    /* points further apart than twice that don't influence each other */
	double inflation; /* the ensemble's spread is multiplied by that before */
	double *ensemble; /* n by members */
	double *mean;     /* of the ensemble: n */
	uint64_t seed;
	/* room: deviations n by members, those observed, gain's two factors, innovations */
	double *deviations, *seen, *cross, *own, *innovations, *taper;
};

/* n, members, every, noise, radius, inflation, seed are set. Not 0: no memory. */
int filter_open(struct filter *f);
void filter_close(struct filter *f);
/* mean from ensemble. */
void filter_average(struct filter *f);
/* The ensemble is drawn to what was observed. 0, or dpotrf's info: the matrix isn't positive definite, or
 * whoever computed it was wrong. */
int filter_analyse(struct filter *f, const double *observations);
/* Root of the mean square of the members' distance from their mean. */
double filter_spread(const struct filter *f);

#endif
