#include "tests/unit/services/linalg/arrays.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BODY_MOST   ((size_t)256 << 10)
#define OUTPUT_MOST ((size_t)512 << 10)

size_t request_memory = OUTPUT_MOST;
struct hardware *request_hardware;
char answer_device[DEVICE_TEXT];
unsigned answer_arrays;
double answer_flop;
unsigned answer_levels;

static uint8_t *body, *output;
static size_t body_n;
static struct array answers[RESULTS_MOST];
static bool answers_fortran[RESULTS_MOST];
static void *kept[4096];
static unsigned kept_n;

/* ---------------------------------------------------------------------- arrays */

static void *keep(size_t n)
{
	assert_true(kept_n < sizeof(kept) / sizeof(kept[0]));
	kept[kept_n] = calloc(n ? n : 1, 1);
	assert_non_null(kept[kept_n]);
	return kept[kept_n++];
}

void arrays_forget(void)
{
	while (kept_n > 0)
		free(kept[--kept_n]);
	free(body);
	free(output);
	body = output = NULL;
	request_memory = OUTPUT_MOST;
}

struct array array_of(enum npy_type type, unsigned dims, uint64_t rows, uint64_t columns)
{
	return (struct array){
		type, dims, rows, columns, keep(rows * columns * sizeof(double complex))};
}

struct array array_random(enum npy_type type, uint64_t rows, uint64_t columns)
{
	static uint64_t state = 1;
	struct array a = array_of(type, 2, rows, columns);

	for (uint64_t i = 0; i < 2 * rows * columns; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		if (i % 2 == 0)
			a.at[i / 2] = (double)(int32_t)(state >> 32) / 0x80000000;
		else if (type == NPY_C8 || type == NPY_C16)
			a.at[i / 2] += I * (double)(int32_t)(state >> 32) / 0x80000000;
	}
	return a;
}

struct array array_vector(enum npy_type type, uint64_t n)
{
	struct array a = array_random(type, n, 1);

	a.dims = 1;
	return a;
}

struct array array_turned(const struct array *a, char op)
{
	struct array t = *a;

	if (op == 'n')
		return t;
	t = array_of(a->type, 2, a->columns, a->rows);
	for (uint64_t i = 0; i < t.rows; i++)
		for (uint64_t j = 0; j < t.columns; j++)
			AT(&t, i, j) = op == 'c' ? conj(AT(a, j, i)) : AT(a, j, i);
	return t;
}

struct array array_product(const struct array *a, const struct array *b)
{
	struct array c = array_of(a->type, b->dims, a->rows, b->columns);

	assert_int_equal(a->columns, b->rows);
	for (uint64_t i = 0; i < c.rows; i++)
		for (uint64_t j = 0; j < c.columns; j++)
			for (uint64_t k = 0; k < a->columns; k++)
				AT(&c, i, j) += AT(a, i, k) * AT(b, k, j);
	return c;
}

double array_tolerance(enum npy_type type)
{
	return type == NPY_F4 || type == NPY_C8 ? 1e-4 : 1e-12;
}

double array_distance(const struct array *a, const struct array *b)
{
	double most = 0, largest = 1e-300;

	for (uint64_t i = 0; i < a->rows * a->columns; i++) {
		most = fmax(most, cabs(a->at[i] - b->at[i]));
		largest = fmax(largest, cabs(b->at[i]));
	}
	return most / largest;
}

void array_near(const struct array *a, const struct array *expected)
{
	assert_int_equal(a->type, expected->type);
	assert_int_equal(a->dims, expected->dims);
	assert_int_equal(a->rows, expected->rows);
	assert_int_equal(a->columns, expected->columns);
	if (!(array_distance(a, expected) < array_tolerance(a->type)))
		fail_msg("it differs by %g", array_distance(a, expected));
}

/* -------------------------------------------------------------------- requests */

void request_begin(void)
{
	free(body);
	body = malloc(BODY_MOST);
	assert_non_null(body);
	body_n = 0;
}

void request_bytes(const void *bytes, size_t n)
{
	assert_true(n <= BODY_MOST - body_n);
	memcpy(body + body_n, bytes, n);
	body_n += n;
}

static void add_number(enum npy_type type, double complex value)
{
	const float f[2] = {(float)creal(value), (float)cimag(value)};
	const double d[2] = {creal(value), cimag(value)};
	const int64_t l = type == NPY_I4 || type == NPY_I8 ? (int64_t)creal(value) : 0;
	const void *from = type == NPY_F4 || type == NPY_C8 ? (const void *)f
		: type == NPY_F8 || type == NPY_C16         ? (const void *)d
							    : (const void *)&l;

	request_bytes(from, npy_size(type));
}

void request_add(const struct array *a, bool fortran)
{
	const uint64_t shape[2] = {a->rows, a->columns};
	uint8_t header[NPY_WRITTEN];

	npy_write(a->type, fortran, a->dims, shape, header);
	request_bytes(header, sizeof(header));
	for (uint64_t i = 0; i < a->rows * a->columns; i++)
		add_number(a->type, fortran ? a->at[i] : AT(a, i / a->columns, i % a->columns));
}

/* --------------------------------------------------------------------- answers */

static double complex number_at(enum npy_type type, const uint8_t *p)
{
	float f[2];
	double d[2];
	int32_t i;

	if (type == NPY_I4) {
		memcpy(&i, p, sizeof(i));
		return i;
	}
	if (type == NPY_F4 || type == NPY_C8) {
		memcpy(f, p, npy_size(type));
		return type == NPY_F4 ? (double)f[0] : (double)f[0] + I * (double)f[1];
	}
	memcpy(d, p, npy_size(type));
	return type == NPY_F8 ? d[0] : d[0] + I * d[1];
}

static void take_answer(struct mf_str *rest)
{
	struct npy npy;
	const uint8_t *p;
	struct array a;

	assert_ptr_equal(npy_next(rest, &npy, &p), NULL);
	a = array_of(npy.type, npy.dims, npy.dims > 0 ? npy.shape[0] : 1,
		npy.dims > 1 ? npy.shape[1] : 1);
	for (uint64_t i = 0; i < npy.elements; i++, p += npy_size(npy.type))
		if (npy.fortran)
			a.at[i] = number_at(npy.type, p);
		else
			AT(&a, i / a.columns, i % a.columns) = number_at(npy.type, p);
	assert_true(answer_arrays < RESULTS_MOST);
	answers_fortran[answer_arrays] = npy.fortran;
	answers[answer_arrays++] = a;
}

/* Memory as it is in a life: of exactly that size, so that what is written behind it is seen. The body too. */
const struct problem *request_send(const char *op, const char *query)
{
	static struct answer answer;
	char path[64] = "/linalg/";
	struct request request = {.method = MF_STR("POST"), .capacity = request_memory};
	uint8_t *exact = malloc(body_n ? body_n : 1);

	free(output);
	output = aligned_alloc(64, (request_memory + 63) / 64 * 64 + 64);
	assert_non_null(output);
	memset(output, 0xff, (request_memory + 63) / 64 * 64 + 64);
	memcpy(exact, body, body_n);
	strcat(path, op);
	request.path = mf_str_of(path, strlen(path));
	request.query = mf_str_of(query, strlen(query));
	request.body = mf_str_of(exact, body_n);
	request.output = output;
	if (request_hardware) {
		request_hardware->input = exact;
		request_hardware->input_n = body_n;
		request_hardware->output = output;
		request_hardware->output_n = request_memory;
		request.hardware = request_hardware;
	}
	linalg_answer(&request, &answer);
	assert_memory_equal(exact, body, body_n);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(output[request_memory + i], 0xff);
	answer_arrays = 0;
	answer_flop = answer.flop;
	answer_levels = answer.levels;
	memcpy(answer_device, answer.device, sizeof(answer_device));
	if (answer.problem.status == 0)
		for (struct mf_str rest = mf_str_of(output, answer.bytes); rest.n > 0;)
			take_answer(&rest);
	free(exact);
	return &answer.problem;
}

const struct array *answer_array(unsigned i)
{
	assert_true(i < answer_arrays);
	return &answers[i];
}

bool answer_fortran(unsigned i)
{
	return answers_fortran[i];
}

void request_ask(const char *op, const char *query, unsigned arrays)
{
	const struct problem *p = request_send(op, query);

	if (p->status)
		fail_msg("%s?%s: %u %s", op, query, p->status, p->detail);
	assert_int_equal(answer_arrays, arrays);
}

const struct problem *request_refused(
	const char *op, const char *query, unsigned status, const char *words)
{
	const struct problem *p = request_send(op, query);

	if (p->status != status || !strstr(p->detail, words))
		fail_msg("%s?%s: %u %s; not %u %s", op, query, p->status, p->detail, status, words);
	return p;
}
