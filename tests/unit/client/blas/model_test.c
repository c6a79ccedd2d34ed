/* client/blas/model: what calls took, and what follows for others */
#include "client/blas/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void near(double a, double b)
{
	assert_true(fabs(a - b) <= 0.02 * fabs(b));
}

static void speeds_go_by_size(void **state)
{
	struct model m;

	(void)state;
	model_begin(&m);
	assert_true(model_local(&m, KIND_gemm, 'd', 1e9) == HUGE_VAL);
	model_saw_local(&m, KIND_gemm, 'd', 1e6, 1e-3);
	model_saw_local(&m, KIND_gemm, 'd', 1e9, 0.1);
	near(model_local(&m, KIND_gemm, 'd', 1e6), 1e-3);
	near(model_local(&m, KIND_gemm, 'd', 1e9), 0.1);
	near(model_local(&m, KIND_gemm, 'd', 1e12), 100); /* as the largest that was seen */
	near(model_local(&m, KIND_gemm, 'd', 1e8), 0.1);  /* as the next smaller one */
	near(model_local(&m, KIND_gemm, 'd', 1e4), 1e-5);
	assert_true(model_local(&m, KIND_gemm, 's', 1e9) == HUGE_VAL);
	assert_true(model_local(&m, KIND_trsm, 'd', 1e9) == HUGE_VAL);
}

static void one_odd_call_counts_a_third(void **state)
{
	struct model m;

	(void)state;
	model_begin(&m);
	model_saw_local(&m, KIND_gemm, 'd', 1e9, 0.1);
	model_saw_local(&m, KIND_gemm, 'd', 1e9, 1e6);
	near(model_local(&m, KIND_gemm, 'd', 1e9), 0.15);
}

static void trips_are_taken_apart(void **state)
{
	struct model m;
	struct load load = {OP_multiply, 'd', 1e10, 1e8, 5e7, 0, 0};
	struct trip trip = {0.1, 0.6, 0.7};
	bool guessed;

	(void)state;
	model_begin(&m);
	m.latency = 0.001;
	m.up = m.down = 1e8;
	near(model_remote(&m, &load, 10, &guessed), 1.501);
	assert_true(guessed);
	for (int i = 0; i < 30; i++)
		model_saw_remote(&m, &load, &trip, 10);
	near(m.up, 1e9);
	near(m.down, 5e8);
	near(model_remote(&m, &load, 10, &guessed), 0.7);
	assert_false(guessed);
	model_remote(&m, &load, 1000, &guessed);
	assert_true(guessed); /* it may have become faster */
}

static void small_transfers_say_nothing_of_bandwidth(void **state)
{
	struct model m;
	struct load load = {OP_multiply, 'd', 1e6, 1e4, 1e4, 0, 0};
	struct trip trip = {0.1, 0.6, 0.7};

	(void)state;
	model_begin(&m);
	m.up = m.down = 1e8;
	model_saw_remote(&m, &load, &trip, 10);
	assert_true(m.up == 1e8 && m.down == 1e8);
}

static void thresholds(void **state)
{
	struct model m;
	struct load load = {OP_multiply, 'd', 1e12, 1e9, 1e9, 0, 0};
	struct trip trip = {0.1, 1.1, 1.2};
	double slow, fast;

	(void)state;
	model_begin(&m);
	assert_true(model_threshold(&m, KIND_gemm, OP_multiply, 'd') == MEASURED);
	for (int i = 0; i < 20; i++)
		model_saw_local(&m, KIND_gemm, 'd', 1e9, 0.1);
	assert_true(model_threshold(&m, KIND_gemm, OP_multiply, 'd') == 4 * MEASURED);
	m.latency = 1e-3;
	m.up = m.down = 1e7;
	model_saw_remote(&m, &load, &trip, 1);
	m.up = m.down = 1e7;
	slow = model_threshold(&m, KIND_gemm, OP_multiply, 'd');
	m.up = m.down = 1e9;
	fast = model_threshold(&m, KIND_gemm, OP_multiply, 'd');
	assert_true(fast < slow && fast > MEASURED && slow < 1e18);
	/* a service that is no faster than this machine never pays */
	for (int i = 0; i < 30; i++)
		model_saw_local(&m, KIND_gemm, 'd', 1e12, 0.5);
	assert_true(model_threshold(&m, KIND_gemm, OP_multiply, 'd') <= fast);
	for (int i = 0; i < 60; i++) {
		model_saw_local(&m, KIND_gemm, 'd', 1e9, 1e-5);
		model_saw_local(&m, KIND_gemm, 'd', 1e12, 1e-2);
	}
	assert_true(model_threshold(&m, KIND_gemm, OP_multiply, 'd') == HUGE_VAL);
}

/* Hashing a factor and sending the right sides, or sending it all: a matter of the link. */
static void kept_factors(void **state)
{
	struct load whole = {.op = OP_potrs, .type = 'd', .flops = 1e9, .up = 1.1e8, .down = 1e7};
	struct load kept = whole;
	struct model m;
	bool guessed;

	(void)state;
	kept.up = 1e7;
	kept.hashed = 1e8;
	model_begin(&m);
	assert_false(model_keeps(&m, 1e8)); /* nobody knows the link */
	m.up = m.down = 1.25e8;             /* 1 Gbit/s */
	assert_true(model_keeps(&m, 1e8));
	near(model_remote(&m, &whole, 1, &guessed) - model_remote(&m, &kept, 1, &guessed), 0.7);
	m.up = m.down = 1.25e9; /* 10 */
	assert_false(model_keeps(&m, 1e8));
	assert_true(model_remote(&m, &whole, 1, &guessed) < model_remote(&m, &kept, 1, &guessed));
	for (int i = 0; i < 30; i++)
		model_saw_hash(&m, 1e8, 0.01); /* a processor that hashes quickly */
	assert_true(model_keeps(&m, 1e8));
	assert_true(model_remote(&m, &whole, 1, &guessed) > model_remote(&m, &kept, 1, &guessed));
}

/* What is solved with a kept factor may have few bytes to send, whatever its work is. */
static void thresholds_of_solving(void **state)
{
	struct load load = {.op = OP_potrs, .type = 'd', .flops = 1e10, .up = 1e8, .down = 1e7};
	struct trip trip = {0.1, 0.2, 0.3};
	struct model m;

	(void)state;
	model_begin(&m);
	for (int i = 0; i < 20; i++)
		model_saw_local(&m, KIND_potrs, 'd', 1e9, 0.1);
	m.latency = 1e-3;
	m.up = m.down = 1e6;
	model_saw_remote(&m, &load, &trip, 1);
	m.up = m.down = 1e6;
	assert_true(model_threshold(&m, KIND_potrs, OP_potrs, 'd') <
		model_threshold(&m, KIND_potrs, OP_trsm, 'd'));
}

static void as_text_and_back(void **state)
{
	struct model m, again;
	char *text = NULL, *rest;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct load load = {OP_lu, 's', 1e12, 1e9, 1e9, 0, 0};
	struct trip trip = {0.1, 1.1, 1.2};
	bool guessed;

	(void)state;
	assert_non_null(f);
	model_begin(&m);
	m.latency = 0.25;
	m.up = 1e6;
	m.down = 2e6;
	model_saw_local(&m, KIND_potrf, 'd', 1e9, 0.1);
	model_saw_remote(&m, &load, &trip, 1);
	model_write(&m, f);
	fclose(f);
	model_begin(&again);
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		line = strtok_r(NULL, "\n", &rest))
		model_read_line(&again, line);
	near(model_local(&again, KIND_potrf, 'd', 1e9), 0.1);
	near(again.latency, 0.25);
	near(model_remote(&again, &load, 1, &guessed), model_remote(&m, &load, 1, &guessed));
	assert_false(guessed);
	free(text);
}

static void lines_that_make_no_sense(void **state)
{
	static const char *const lines[] = {"", "local", "local gemm d 30", "local gemm d 30 -1",
		"local gemm d 30 nan", "local gemm d 30 inf", "local gemm d 3 1e9",
		"local gemm d 99 1e9", "local nothing d 30 1e9", "remote gemm d 30 1e9",
		"far gemm d 30 1e9", "link 1 0 1e9", "link -1 1e9 1e9", "link nan 1e9 1e9",
		"link 1 1e9", "local gemm d 4000000000 1e9"};
	struct model m, fresh;

	(void)state;
	model_begin(&m);
	model_begin(&fresh);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		model_read_line(&m, lines[i]);
	assert_memory_equal(&m, &fresh, sizeof(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speeds_go_by_size),
		cmocka_unit_test(one_odd_call_counts_a_third),
		cmocka_unit_test(trips_are_taken_apart),
		cmocka_unit_test(small_transfers_say_nothing_of_bandwidth),
		cmocka_unit_test(thresholds),
		cmocka_unit_test(kept_factors),
		cmocka_unit_test(thresholds_of_solving),
		cmocka_unit_test(as_text_and_back),
		cmocka_unit_test(lines_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
