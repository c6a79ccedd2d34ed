#include "client/blas/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT   (1.0 / 3)      /* of what was measured last */
#define LONG_AGO 600.0          /* seconds after which a service may have become faster */
#define SURE     8u             /* local calls that were timed */
#define STEPS    120            /* of 1.25 each, from MEASURED to 10^18 */
#define LARGE    (256 * 1024.0) /* bytes from which on a transfer tells of bandwidth, not of latency */

const char *const kind_names[KINDS] = {
#define X(name) #name,
	BLAS_KINDS(X)
#undef X
};
const char *const op_names[OPS] = {
#define X(name) #name,
	BLAS_OPS(X)
#undef X
};
static const char type_names[] = "sdcz";

void model_begin(struct model *model)
{
	memset(model, 0, sizeof(*model));
	model->checked = 5e9;
	model->hashed = 1e9;
}

unsigned type_number(char type)
{
	const char *at = strchr(type_names, type);

	return at != NULL && type != '\0' ? (unsigned)(at - type_names) : 1;
}

static int size_of(double flops)
{
	int e;

	if (!(flops >= 1))
		return 0;
	if (!(flops < HUGE_VAL))
		return SIZES - 1;
	frexp(flops, &e);
	e -= 1 + FIRST_SIZE;
	return e < 0 ? 0 : e >= SIZES ? SIZES - 1 : e;
}

/* 0: nothing is known. Smaller sizes are slower: they are asked first. */
static double speed(const struct speeds *speeds, double flops)
{
	int at = size_of(flops);

	for (int i = at; i >= 0; i--)
		if (speeds->of[i] > 0)
			return (double)speeds->of[i];
	for (int i = at + 1; i < SIZES; i++)
		if (speeds->of[i] > 0)
			return (double)speeds->of[i];
	return 0;
}

static void saw(struct speeds *speeds, double flops, double seconds)
{
	float *of = &speeds->of[size_of(flops)];
	double now = flops / (seconds > 1e-9 ? seconds : 1e-9);

	*of = (float)(*of > 0 ? (double)*of + WEIGHT * (now - (double)*of) : now);
	speeds->measured++;
}

double model_local(const struct model *model, enum kind kind, char type, double flops)
{
	double s = speed(&model->local[kind][type_number(type)], flops);

	return s > 0 ? flops / s : HUGE_VAL;
}

void model_saw_local(struct model *model, enum kind kind, char type, double flops, double seconds)
{
	saw(&model->local[kind][type_number(type)], flops, seconds);
	model->changed = true;
}

double model_assumed(char type)
{
	return type == 's' || type == 'c' ? 4e10 : 2e10;
}

double model_remote(const struct model *model, const struct load *load, double now, bool *guessed)
{
	unsigned t = type_number(load->type);
	double s = speed(&model->remote[load->op][t], load->flops);
	double when = model->remote_when[load->op][t];

	*guessed = s <= 0 || (when > 0 && now - when > LONG_AGO);
	return model->latency + load->up / model->up + load->down / model->down +
		(*guessed ? 0 : load->flops / s) + load->beside / model->checked +
		load->hashed / model->hashed;
}

static void correct(double *bandwidth, double bytes, double seconds)
{
	double now = bytes / (seconds > 1e-7 ? seconds : 1e-7);

	if (bytes >= LARGE)
		*bandwidth = *bandwidth > 0 ? *bandwidth + WEIGHT * (now - *bandwidth) : now;
}

/* `sent` comes before the last bytes have arrived: they lie in buffers of both systems. So the time between sent and
 * first is shared by what was expected of the rest of the way and of the work. */
void model_saw_remote(
	struct model *model, const struct load *load, const struct trip *trip, double now)
{
	unsigned t = type_number(load->type);
	double way = model->latency, work = trip->first - trip->sent - way;

	if (work < trip->first * 0.01)
		work = trip->first * 0.01;
	saw(&model->remote[load->op][t], load->flops, work);
	model->remote_when[load->op][t] = now;
	if (trip->sent > 0)
		correct(&model->up, load->up, trip->sent);
	correct(&model->down, load->down, trip->whole - trip->first);
	model->changed = true;
}

void model_saw_check(struct model *model, double bytes, double seconds)
{
	correct(&model->checked, bytes, seconds);
}

void model_saw_hash(struct model *model, double bytes, double seconds)
{
	correct(&model->hashed, bytes, seconds);
}

bool model_keeps(const struct model *model, double bytes)
{
	return model->up > 0 && 2 * bytes / model->hashed < 0.5 * bytes / model->up;
}

/* The fewest bytes that a routine with dimensions whose product is w can move: 1.8 w^(2/3) elements (a rank-k update
 * whose result and operand are balanced; a product of cubes takes 3), at the better bandwidth. Of a system whose factor
 * is there already next to none. */
static double least_remote(
	const struct model *model, enum service_op op, char type, double w, double flops)
{
	double bytes = 1.8 * cbrt(w) * cbrt(w) * (double)type_size(type);
	bool kept = op == OP_getrs || op == OP_potrs;
	double wide = model->up > model->down ? model->up : model->down;
	struct load load = {.op = op, .type = type, .flops = flops};
	bool guessed;

	return model_remote(model, &load, 0, &guessed) + (kept ? 0 : bytes / wide);
}

double model_threshold(const struct model *model, enum kind kind, enum service_op op, char type)
{
	/* at least as many flops as there are, so that the threshold is rather too low */
	double flops = kind >= KIND_syev ? 22 : type_is_complex(type) ? 8 : 2;
	double w = MEASURED;

	if (model->local[kind][type_number(type)].measured < SURE)
		return MEASURED;
	if (model->up <= 0) /* worth asking once */
		return 4 * MEASURED;
	for (int step = 0; step < STEPS; step++) {
		if (least_remote(model, op, type, w, flops * w) <
			model_local(model, kind, type, flops * w))
			return w;
		w *= 1.25;
	}
	return HUGE_VAL;
}

static void write_speeds(
	const struct speeds *speeds, const char *where, const char *name, char type, FILE *to)
{
	for (int i = 0; i < SIZES; i++)
		if (speeds->of[i] > 0)
			fprintf(to, "%s %s %c %d %.3g\n", where, name, type, i + FIRST_SIZE,
				(double)speeds->of[i]);
}

void model_write(const struct model *model, FILE *to)
{
	for (unsigned t = 0; t < TYPES; t++) {
		for (unsigned k = 0; k < KINDS; k++)
			write_speeds(
				&model->local[k][t], "local", kind_names[k], type_names[t], to);
		for (unsigned o = 0; o < OPS; o++)
			write_speeds(
				&model->remote[o][t], "remote", op_names[o], type_names[t], to);
	}
	if (model->up > 0)
		fprintf(to, "link %.3g %.3g %.3g\n", model->latency, model->up, model->down);
}

static struct speeds *named(struct model *model, const char *where, const char *name, char type)
{
	unsigned t = type_number(type);

	for (unsigned k = 0; k < KINDS && strcmp(where, "local") == 0; k++)
		if (strcmp(name, kind_names[k]) == 0)
			return &model->local[k][t];
	for (unsigned o = 0; o < OPS && strcmp(where, "remote") == 0; o++)
		if (strcmp(name, op_names[o]) == 0)
			return &model->remote[o][t];
	return NULL;
}

enum { WORDS = 5 };

/* Exactly so many words; numbers from the one on where they begin. */
static bool split(char *line, char *words[WORDS], unsigned count, double *numbers, unsigned first)
{
	char *rest = NULL, *end;
	unsigned n = 0;

	for (char *word = strtok_r(line, " \n", &rest); word != NULL;
		word = strtok_r(NULL, " \n", &rest)) {
		if (n == count)
			return false;
		words[n++] = word;
	}
	for (unsigned i = first; i < n; i++) {
		numbers[i - first] = strtod(words[i], &end);
		if (*end != '\0')
			return false;
	}
	return n == count;
}

static void read_link(struct model *model, const double *n)
{
	if (n[0] >= 0 && n[0] < 1e3 && n[1] > 1 && n[1] < 1e15 && n[2] > 1 && n[2] < 1e15) {
		model->latency = n[0];
		model->up = n[1];
		model->down = n[2];
	}
}

void model_read_line(struct model *model, const char *line)
{
	char copy[128], *words[WORDS];
	double n[3];
	struct speeds *speeds;

	if (strlen(line) >= sizeof(copy))
		return;
	strcpy(copy, line);
	if (strncmp(line, "link ", 5) == 0) {
		if (split(copy, words, 4, n, 1))
			read_link(model, n);
		return;
	}
	if (!split(copy, words, WORDS, n, 3))
		return;
	speeds = named(model, words[0], words[1], words[2][0]);
	if (speeds == NULL || !(n[0] >= FIRST_SIZE) || !(n[0] < FIRST_SIZE + SIZES) ||
		!(n[1] > 1) || !(n[1] < 1e18))
		return;
	speeds->of[(int)n[0] - FIRST_SIZE] = (float)n[1];
	speeds->measured = SURE;
}
