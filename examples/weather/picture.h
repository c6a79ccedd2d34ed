/*
 * examples/weather/picture.h - what a run looked like, as SVG: errors over time; truth, filter and free run on a part
 * of the circle over the last days, time upwards.
 */
#ifndef EXAMPLES_WEATHER_PICTURE_H
#define EXAMPLES_WEATHER_PICTURE_H

#include <stddef.h>

#define PICTURE_COLUMNS 60 /* of each panel, at most: points */
#define PICTURE_ROWS    80 /* cycles */

enum { PICTURE_TRUTH, PICTURE_FILTER, PICTURE_FREE, PICTURE_PANELS };

struct picture {
	size_t cycles;
	double *errors[PICTURE_PANELS]; /* a number a cycle: of PICTURE_TRUTH none, the spread */
	size_t columns, rows;
	float states[PICTURE_PANELS][PICTURE_ROWS][PICTURE_COLUMNS];
};

/* Not 0: no memory. */
int picture_open(struct picture *p, size_t n, size_t cycles);
void picture_close(struct picture *p);
/* The states of a cycle, in the order of the panels. */
void picture_take(struct picture *p, size_t cycle, const double *const states[]);
/* 0, or errno. */
int picture_write(const struct picture *p, const char *path, const char *title);

#endif
