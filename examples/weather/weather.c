/*
 * examples/weather/weather.c - forecasts that are corrected by observations: a truth is computed, hidden, and observed with
 * errors; an ensemble of forecasts is drawn to what is observed. Plain C, CBLAS and LAPACK: which ones, and on whose
 * hardware, is not this program's business.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "examples/weather/filter.h"
#include "examples/weather/model.h"
#include "examples/weather/picture.h"

static const char usage[] =
	"usage: weather [-n POINTS] [-m MEMBERS] [-c CYCLES] [-e EVERY] [-o NOISE] [-r RADIUS]\n"
	"               [-i INFLATION] [-s SEED] [-p PICTURE.svg] [-t] [-q]\n"
	"  -n 240  points on the circle        -m 32   members of the ensemble\n"
	"  -c 400  cycles of six hours         -e 2    every second point is observed\n"
	"  -o 1    error of an observation     -r 8    radius of influence, in points\n"
	"  -i 1.06 inflation                   -s 1    seed\n"
	"  -t      say how long it took        -q      only the last line\n";

struct run {
	struct filter filter;
	struct picture picture;
	size_t cycles;
	const char *path;
	int timed, quiet;
	double *truth, *free_run, *observations, *work;
	double sums[2]; /* of squared errors in the second half: filter, free run */
};

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= least && value <= most)) {
		fprintf(stderr, "weather: \"%s\": a number from %g to %g is wanted\n%s", text,
			least, most, usage);
		exit(2);
	}
	return value;
}

static size_t count(const char *text, double least, double most)
{
	return (size_t)number(text, least, most);
}

static void read_options(struct run *run, int argc, char **argv)
{
	struct filter *f = &run->filter;
	int option;

	while ((option = getopt(argc, argv, "n:m:c:e:o:r:i:s:p:tq")) != -1)
		switch (option) {
		case 'n': f->n = count(optarg, 4, 100000); break;
		case 'm': f->members = count(optarg, 2, 10000); break;
		case 'c': run->cycles = count(optarg, 2, 1000000); break;
		case 'e': f->every = count(optarg, 1, 1000); break;
		case 'o': f->noise = number(optarg, 1e-3, 100); break;
		case 'r': f->radius = number(optarg, 0.5, 1e6); break;
		case 'i': f->inflation = number(optarg, 1, 10); break;
		case 's': f->seed = (uint64_t)number(optarg, 0, 1e15); break;
		case 'p': run->path = optarg; break;
		case 't': run->timed = 1; break;
		case 'q': run->quiet = 1; break;
		default: fputs(usage, stderr); exit(2);
		}
	if (optind < argc) {
		fprintf(stderr, "weather: \"%s\" is too much\n%s", argv[optind], usage);
		exit(2);
	}
}

static double error_of(const double *x, const double *truth, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (x[i] - truth[i]) * (x[i] - truth[i]);
	return sqrt(sum / (double)n);
}

static int begin(struct run *run)
{
	struct filter *f = &run->filter;
	size_t n = f->n;

	if (filter_open(f) != 0 || picture_open(&run->picture, n, run->cycles) != 0)
		return -1;
	run->truth = malloc(n * sizeof(double));
	run->free_run = malloc(n * sizeof(double));
	run->observations = malloc(f->observed * sizeof(double));
	run->work = malloc(3 * n * sizeof(double));
	if (!run->truth || !run->free_run || !run->observations || !run->work)
		return -1;
	model_climate(run->truth, n, &f->seed, run->work);
	for (size_t k = 0; k < f->members; k++)
		model_climate(f->ensemble + k * n, n, &f->seed, run->work);
	memcpy(run->free_run, f->ensemble, n * sizeof(double));
	return 0;
}

static void end(struct run *run)
{
	free(run->truth);
	free(run->free_run);
	free(run->observations);
	free(run->work);
	picture_close(&run->picture);
	filter_close(&run->filter);
}

/* Six hours pass; then there are observations. */
static void forecast(struct run *run)
{
	struct filter *f = &run->filter;

	model_step(run->truth, f->n, run->work);
	model_step(run->free_run, f->n, run->work);
	for (size_t k = 0; k < f->members; k++)
		model_step(f->ensemble + k * f->n, f->n, run->work);
	for (size_t j = 0; j < f->observed; j++)
		run->observations[j] =
			run->truth[j * f->every] + f->noise * random_normal(&f->seed);
}

static void look(struct run *run, size_t cycle)
{
	struct filter *f = &run->filter;
	double filtered = error_of(f->mean, run->truth, f->n), spread = filter_spread(f);
	double unaided = error_of(run->free_run, run->truth, f->n);
	const double *const states[] = {run->truth, f->mean, run->free_run};

	run->picture.errors[PICTURE_TRUTH][cycle] = spread;
	run->picture.errors[PICTURE_FILTER][cycle] = filtered;
	run->picture.errors[PICTURE_FREE][cycle] = unaided;
	picture_take(&run->picture, cycle, states);
	if (cycle >= run->cycles / 2) {
		run->sums[0] += filtered * filtered;
		run->sums[1] += unaided * unaided;
	}
	if (!run->quiet && (cycle + 1) % (run->cycles < 10 ? 1 : run->cycles / 10) == 0)
		printf("day %6.1f  filter %6.3f  spread %6.3f  free run %6.3f\n",
			(double)(cycle + 1) / 4, filtered, spread, unaided);
}

static int finish(const struct run *run, double seconds)
{
	size_t half = run->cycles - run->cycles / 2;
	double filtered = sqrt(run->sums[0] / (double)half),
	       unaided = sqrt(run->sums[1] / (double)half);
	char title[160];
	int err;

	snprintf(title, sizeof(title), "second half: filter %.3f, observations %.3f, free run %.3f",
		filtered, run->filter.noise, unaided);
	puts(title);
	if (run->timed)
		fprintf(stderr, "analyses: %.3f s\n", seconds);
	err = run->path ? picture_write(&run->picture, run->path, title) : 0;
	if (err)
		fprintf(stderr, "weather: \"%s\": %s\n", run->path, strerror(err));
	return err ? 1 : 0;
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	static struct run run = {.cycles = 400,
		.filter = {.n = 240,
			.members = 32,
			.every = 2,
			.noise = 1,
			.radius = 8,
			.inflation = 1.06,
			.seed = 1}};
	double seconds = 0;
	int status;

	read_options(&run, argc, argv);
	if (begin(&run) != 0) {
		fputs("weather: there is not so much memory\n", stderr);
		return 1;
	}
	for (size_t cycle = 0; cycle < run.cycles; cycle++) {
		double before;
		int info;

		forecast(&run);
		before = seconds_now();
		info = filter_analyse(&run.filter, run.observations);
		seconds += seconds_now() - before;
		if (info != 0) {
			fprintf(stderr,
				"weather: cycle %zu: dpotrf says %d: no covariance any more; "
				"is the inflation too large?\n",
				cycle, info);
			end(&run);
			return 1;
		}
		look(&run, cycle);
	}
	status = finish(&run, seconds);
	end(&run);
	return status;
}
