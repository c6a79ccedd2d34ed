/*
 * examples/weather/model.h - an atmosphere on one circle of latitude: Lorenz's of 1996.
 *
 *	dx[i]/dt = (x[i+1] - x[i-2]) * x[i-1] - x[i] + 8,   i modulo n
 *
 * Advection, which keeps energy, dissipation and a constant forcing. Chaotic: a small error doubles in 0.42 units of
 * time, as those of weather do in two days, so one unit stands for five days and a step of 0.05 for six hours
 * (E. N. Lorenz, "Predictability: a problem partly solved", ECMWF 1996).
 */
#ifndef EXAMPLES_WEATHER_MODEL_H
#define EXAMPLES_WEATHER_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define MODEL_STEP 0.05 /* units of time */

/* One step (Runge-Kutta, fourth order) of a state of n >= 4 numbers; work has room for 3 n. */
void model_step(double *x, size_t n, double *work);

/* Random numbers that are the same everywhere: from a seed, which they change. */
double random_normal(uint64_t *seed);

/* A state as the model has them after long, for this seed. */
void model_climate(double *x, size_t n, uint64_t *seed, double *work);

#endif
