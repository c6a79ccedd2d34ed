/* services/linalg/accelerate: products by special hardware, which is a loop here, and what becomes of them where it fails. */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <complex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/linalg/arrays.h"
#include "wire/gemm.h"

static unsigned asked, status;
static struct hardware hardware;

static double complex get(uint32_t type, const uint8_t *at)
{
	float f[2] = {0};
	double d[2] = {0};

	if (type == MF_GEMM_S || type == MF_GEMM_C) {
		memcpy(f, at, type == MF_GEMM_S ? 4 : 8);
		return (double)f[0] + (double)f[1] * I;
	}
	memcpy(d, at, type == MF_GEMM_D ? 8 : 16);
	return d[0] + d[1] * I;
}

static void put(uint32_t type, uint8_t *at, double complex value)
{
	const float f[2] = {(float)creal(value), (float)cimag(value)};
	const double d[2] = {creal(value), cimag(value)};

	if (type == MF_GEMM_S || type == MF_GEMM_C)
		memcpy(at, f, type == MF_GEMM_S ? 4 : 8);
	else
		memcpy(at, d, type == MF_GEMM_D ? 8 : 16);
}

static double complex element(const struct mf_gemm *g, const struct gemm_shape *s,
	const struct gemm_matrix *x, uint8_t trans, uint64_t i, uint64_t j)
{
	uint64_t row = trans == 'N' ? i : j, column = trans == 'N' ? j : i;
	double complex value =
		get(g->type, hardware.input + x->at + (column * x->ld + row) * s->element);

	return trans == 'C' ? conj(value) : value;
}

/* What a device does, within the areas as the hub checks them. */
static unsigned multiply(const struct mf_gemm *g, char *device, size_t size)
{
	const double complex alpha = g->alpha[0] + g->alpha[1] * I,
			     beta = g->beta[0] + g->beta[1] * I;
	uint8_t *output = (uint8_t *)(uintptr_t)hardware.output;
	struct gemm_shape s;

	asked++;
	assert_null(gemm_check(g, hardware.input_n, hardware.output_n, &s));
	for (uint64_t j = 0; j < g->n; j++)
		for (uint64_t i = 0; i < g->m; i++) {
			uint8_t *to = output + s.c.at + (j * s.c.ld + i) * s.element;
			double complex sum = 0;

			for (uint64_t l = 0; l < g->k; l++)
				sum += element(g, &s, &s.a, g->transa, i, l) *
					element(g, &s, &s.b, g->transb, l, j);
			if (status == 200)
				put(g->type, to,
					alpha * sum + (beta != 0 ? beta * get(g->type, to) : 0));
			else /* it got so far */
				put(g->type, to, 1e9);
		}
	snprintf(device, size, "%s", status == 200 ? "a loop" : "");
	return status;
}

static int set_up(void **state)
{
	(void)state;
	asked = 0;
	status = 200;
	hardware = (struct hardware){.least = 1, .gemm = multiply};
	request_hardware = &hardware;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	request_hardware = NULL;
	arrays_forget();
	return 0;
}

/* One product, with and without what it begins with, checked against the definition. */
static void product(enum npy_type type, char transa, char transb, unsigned orders)
{
	char query[64];
	struct array a = transa == 'n' ? array_random(type, 5, 7) : array_random(type, 7, 5);
	struct array b = transb == 'n' ? array_random(type, 7, 3) : array_random(type, 3, 7);
	struct array c = array_random(type, 5, 3), at = array_turned(&a, transa);
	struct array bt = array_turned(&b, transb), expected = array_product(&at, &bt);

	snprintf(query, sizeof(query), "transa=%c&transb=%c", transa, transb);
	request_begin();
	request_add(&a, orders & 1);
	request_add(&b, orders & 2);
	request_ask("multiply", query, 1);
	array_near(answer_array(0), &expected);
	for (uint64_t i = 0; i < 15; i++)
		expected.at[i] = 2 * expected.at[i] - 3 * c.at[i];
	snprintf(query, sizeof(query), "transa=%c&transb=%c&alpha=2&beta=-3", transa, transb);
	request_add(&c, orders & 4);
	request_ask("multiply", query, 1);
	array_near(answer_array(0), &expected);
}

static void all_products(enum npy_type type)
{
	static const char letters[] = "ntc";

	for (unsigned orders = 0; orders < 8; orders++)
		for (unsigned i = 0; i < 9; i++)
			product(type, letters[i / 3], letters[i % 3], orders);
}

static void test_products(void **state)
{
	(void)state;
	all_products(NPY_F4);
	all_products(NPY_F8);
	assert_int_equal(asked, 2 * 8 * 9 * 2);
	assert_string_equal(answer_device, "a loop");
	/* a conjugate that isn't transposed is a copy, which no hardware can reach */
	asked = 0;
	all_products(NPY_C8);
	all_products(NPY_C16);
	assert_true(asked > 8 * 9 && asked < 2 * 8 * 9 * 2);
}

/* What it left isn't in the answer, nor is its name. */
static void test_failures(void **state)
{
	static const unsigned all[] = {400, 404, 422, 501, 503, 507, 0};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		status = all[i];
		product(NPY_F8, 'n', 't', i);
		assert_string_equal(answer_device, "");
	}
	assert_int_equal(asked, 2 * sizeof(all) / sizeof(all[0]));
}

/* Nobody knows what still writes there: there is no answer at all. */
static void test_late(void **state)
{
	struct array a = array_random(NPY_F8, 4, 4);

	(void)state;
	status = 504;
	request_begin();
	request_add(&a, true);
	request_add(&a, true);
	(void)request_refused("multiply", "", 504, "accelerator");
	assert_string_equal(answer_device, "");
}

/* Too small to be worth it; of Strassen's way, which this isn't. */
static void test_not_asked(void **state)
{
	(void)state;
	hardware.least = 2 * 5 * 7 * 3 + 1;
	product(NPY_F8, 'n', 'n', 0);
	assert_int_equal(asked, 0);
	assert_string_equal(answer_device, "");
	hardware.least--;
	product(NPY_F8, 'n', 'n', 0);
	assert_int_equal(asked, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_products),
		TEST(test_failures),
		TEST(test_late),
		TEST(test_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
