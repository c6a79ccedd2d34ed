/* examples/weather/picture.c - see picture.h */
#include "examples/weather/picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WIDTH  960
#define CURVES 220 /* their height */
#define PANEL  290 /* a panel's width */
#define HIGH   240 /* its height */
#define LEFT   50
#define LEVELS 12
#define LOWEST (-8.0f)
#define RANGE  20.0f

static const char *const names[PICTURE_PANELS] = {"truth", "filter", "free run"};

int picture_open(struct picture *p, size_t n, size_t cycles)
{
	p->cycles = cycles;
	p->columns = n < PICTURE_COLUMNS ? n : PICTURE_COLUMNS;
	p->rows = cycles < PICTURE_ROWS ? cycles : PICTURE_ROWS;
	for (unsigned i = 0; i < PICTURE_PANELS; i++)
		p->errors[i] = calloc(cycles, sizeof(double));
	return p->errors[0] && p->errors[1] && p->errors[2] ? 0 : -1;
}

void picture_close(struct picture *p)
{
	for (unsigned i = 0; i < PICTURE_PANELS; i++)
		free(p->errors[i]);
}

void picture_take(struct picture *p, size_t cycle, const double *const states[])
{
	size_t first = p->cycles - p->rows; /* the end of the run is shown */

	if (cycle < first)
		return;
	for (unsigned i = 0; i < PICTURE_PANELS; i++)
		for (size_t c = 0; c < p->columns; c++)
			p->states[i][cycle - first][c] = (float)states[i][c];
}

/* One path a level of colour: small, and every program shows it. */
static void write_panel(FILE *to, const struct picture *p, unsigned panel)
{
	static const char *const colours[LEVELS] = {"#053061", "#2166ac", "#4393c3", "#92c5de",
		"#d1e5f0", "#f7f7f7", "#fee8d6", "#fddbc7", "#f4a582", "#d6604d", "#b2182b",
		"#67001f"};

	fprintf(to, "<text x=\"%d\" y=\"%d\">%s</text>\n", LEFT + (int)panel * (PANEL + 15),
		CURVES + 50, names[panel]);
	fprintf(to,
		"<g transform=\"translate(%d %d) scale(%g %g)\" shape-rendering=\"crispEdges\">\n",
		LEFT + (int)panel * (PANEL + 15), CURVES + 60, PANEL / (double)p->columns,
		HIGH / (double)p->rows);
	for (int level = 0; level < LEVELS; level++) {
		fprintf(to, "<path fill=\"%s\" d=\"", colours[level]);
		for (size_t r = 0; r < p->rows; r++)
			for (size_t c = 0; c < p->columns; c++) {
				float x = (p->states[panel][r][c] - LOWEST) / RANGE * LEVELS;
				int l = x < 0 ? 0 : x >= LEVELS ? LEVELS - 1 : (int)x;

				if (l == level)
					fprintf(to, "M%zu %zuh1v1h-1z", c, p->rows - 1 - r);
			}
		fprintf(to, "\"/>\n");
	}
	fprintf(to, "</g>\n");
}

static void write_curve(FILE *to, const struct picture *p, const double *values, double most,
	const char *colour, const char *name, int line)
{
	fprintf(to, "<polyline fill=\"none\" stroke=\"%s\" points=\"", colour);
	for (size_t i = 0; i < p->cycles; i++)
		fprintf(to, "%.1f,%.1f ",
			LEFT + (double)i * (WIDTH - LEFT - 20) / (double)p->cycles,
			CURVES * (1 - values[i] / most) + 30);
	fprintf(to, "\"/>\n<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n", WIDTH - 200,
		100 + 18 * line, colour, name);
}

static void write_axis(FILE *to, const struct picture *p, double most)
{
	for (int i = 0; i <= (int)most; i += most > 8 ? 2 : 1)
		fprintf(to,
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d</text>"
			"<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n",
			LEFT - 6, CURVES * (1 - i / most) + 34, i, LEFT,
			CURVES * (1 - i / most) + 30, WIDTH - 20);
	fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.0f days</text>\n", WIDTH - 20,
		CURVES + 46, (double)p->cycles / 4);
}

int picture_write(const struct picture *p, const char *path, const char *title)
{
	FILE *to = fopen(path, "w");
	double most = 0;
	int failed;

	if (!to)
		return errno;
	for (unsigned c = 0; c < PICTURE_PANELS; c++)
		for (size_t i = 0; i < p->cycles; i++)
			most = p->errors[c][i] > most ? p->errors[c][i] : most;
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\" font-size=\"13\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		"<text x=\"%d\" y=\"20\">%s</text>\n",
		WIDTH, CURVES + 60 + HIGH + 20, LEFT, title);
	write_axis(to, p, most);
	write_curve(to, p, p->errors[PICTURE_FREE], most, "#b2182b", "error of the free run", 0);
	write_curve(to, p, p->errors[PICTURE_TRUTH], most, "#999999", "spread of the ensemble", 1);
	write_curve(to, p, p->errors[PICTURE_FILTER], most, "#2166ac", "error of the filter", 2);
	for (unsigned i = 0; i < PICTURE_PANELS; i++)
		write_panel(to, p, i);
	fprintf(to, "</svg>\n");
	failed = ferror(to);
	return fclose(to) != 0 || failed ? EIO : 0;
}
