/* accelerator/serve: requests as a hub that was taken over would write them. */
#include "accelerator/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "accelerator/backend.h"
#include "accelerator/keeper.h"

#define FILE_BYTES (8u << 20)

static struct mfa_request good(void)
{
	return (struct mfa_request){.input_at = 2u << 20,
		.input_bytes = 1u << 20,
		.output_at = 4u << 20,
		.output_bytes = 1u << 20,
		.gemm = {.type = MF_GEMM_S,
			.transa = 'N',
			.transb = 'T',
			.m = 4,
			.n = 4,
			.k = 4,
			.lda = 4,
			.ldb = 4,
			.ldc = 4,
			.alpha = {1}}};
}

static unsigned judge(const struct mfa_request *r)
{
	struct gemm_shape shape;

	return serve_judge(r, FILE_BYTES, FILE_BYTES, &shape);
}

#define ANSWERED(expected, change)                                                                 \
	do {                                                                                       \
		struct mfa_request asked = good();                                                 \
		asked.change;                                                                      \
		assert_int_equal(judge(&asked), expected);                                         \
	} while (0)

static void test_areas(void **state)
{
	struct mfa_request r = good();

	(void)state;
	assert_int_equal(judge(&r), 0);
	ANSWERED(400, input_at = 1);
	ANSWERED(400, input_at = FILE_BYTES);
	ANSWERED(400, input_at = UINT64_MAX - MF_PAGE + 1);
	ANSWERED(400, input_bytes = 0);
	ANSWERED(400, input_bytes = FILE_BYTES);
	ANSWERED(400, input_bytes = UINT64_MAX);
	ANSWERED(400, output_at = 4096 + 8);
	ANSWERED(400, output_bytes = 5u << 20);
	ANSWERED(400, output_at = FILE_BYTES - MF_PAGE);
	ANSWERED(0, output_bytes = 4u << 20);
	/* no files at all */
	assert_int_equal(serve_judge(&r, 0, FILE_BYTES, &(struct gemm_shape){0}), 400);
	assert_int_equal(serve_judge(&r, FILE_BYTES, 0, &(struct gemm_shape){0}), 400);
}

/* Within the file, but not within the area that it was said to be: the neighbour's. */
static void test_neighbours(void **state)
{
	(void)state;
	ANSWERED(422, gemm.a = 1u << 20);
	ANSWERED(422, gemm.b = (1u << 20) - 1);
	ANSWERED(422, gemm.c = (1u << 20) - 60);
	ANSWERED(422, gemm.c = UINT64_MAX - 63);
	ANSWERED(422, gemm.ldb = 1u << 28);
}

static void test_pauses(void **state)
{
	(void)state;
	assert_int_equal(keeper_pause_ms(1), 1000);
	assert_int_equal(keeper_pause_ms(2), 2000);
	assert_int_equal(keeper_pause_ms(4), 8000);
	assert_int_equal(keeper_pause_ms(7), 60000);
	assert_int_equal(keeper_pause_ms(4000000000u), 60000);
}

static void test_wants(void **state)
{
	(void)state;
	assert_true(backend_wants(NULL, 7, "any"));
	assert_true(backend_wants("1", 1, "any"));
	assert_false(backend_wants("1", 0, "number 1")); /* a number is no part of a name */
	assert_true(backend_wants("H200", 3, "NVIDIA H200"));
	assert_false(backend_wants("H100", 0, "NVIDIA H200"));
	assert_null(backend_find("vulkan"));
	assert_non_null(backend_find("cuda"));
}

/* What a driver calls its device can't draw on a terminal, or be longer than there is room. */
static void test_telling(void **state)
{
	char name[2 * MFA_TEXT];
	struct mfa_news news = {.kind = MFA_READY}, got;
	int ends[2];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'x';
	name[0] = '\033';
	name[1] = '\n';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(serve_tell(ends[0], &news, name), 0);
	assert_int_equal(recv(ends[1], &got, sizeof(got), 0), sizeof(got));
	assert_int_equal(got.magic, MFA_MAGIC);
	assert_memory_equal(got.text, "??xx", 4);
	assert_int_equal(got.text[MFA_TEXT - 1], '\0');
	close(ends[1]);
	assert_true(serve_tell(ends[0], &news, "") < 0);
	close(ends[0]);
}

static void timer(uint64_t ns, long seconds, long us)
{
	struct itimerval t = serve_timer(ns);

	assert_int_equal(t.it_value.tv_sec, seconds);
	assert_int_equal(t.it_value.tv_usec, us);
	assert_int_equal(t.it_interval.tv_sec + t.it_interval.tv_usec, 0);
}

/* A time that is nearly over isn't one without an end. */
static void test_timer(void **state)
{
	(void)state;
	timer(0, 0, 0);
	timer(1, 0, 1);
	timer(1000, 0, 1);
	timer(999999001, 1, 0);
	timer(2500000000, 2, 500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_telling),
		cmocka_unit_test(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
