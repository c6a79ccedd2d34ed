/* image/capsule.h: what is written is read; what is damaged anywhere is refused or reads within its bounds. */
#include "image/capsule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/effects.h"
#include "wire/event.h"

static _Alignas(8) uint8_t event[1024];
static _Alignas(8) uint8_t answers[256];

static struct mf_str make_event(void)
{
	struct event_writer w;

	assert_true(event_begin(&w, event, sizeof(event), MF_SOURCE_MQTT));
	assert_true(event_span(&w, &w.event->id, MF_STR("1f00")));
	assert_true(event_span(&w, &w.event->subject, MF_STR("home/hall")));
	assert_true(event_span(&w, &w.event->payload, MF_STR("on")));
	assert_true(event_attribute(&w, MF_STR("unit"), MF_STR("lux")));
	assert_true(event_state(&w, MF_STR("lamp"), MF_STR("1"), 7));
	w.event->input_bytes = 5;
	return mf_str_of(event, event_end(&w));
}

static struct mf_str make_answers(void)
{
	const struct capsule_call a = {.service = MF_STR("meter"),
					  .path = MF_STR("/hall"),
					  .body = MF_STR("21.5C"),
					  .status = 200,
					  .took_ns = 1234,
					  .asked = {7}},
				  b = {.service = MF_STR("nobody"), .status = 404};
	size_t n = capsule_call_size(&a);

	assert_true(n + capsule_call_size(&b) <= sizeof(answers));
	memset(answers, 0xff, sizeof(answers));
	capsule_call_write(&a, answers);
	capsule_call_write(&b, answers + n);
	return mf_str_of(answers, n + capsule_call_size(&b));
}

static struct capsule make(void)
{
	struct capsule c = {.result = MFW_ERR_CRASHED,
		.denied = true,
		.times = {1, 2, 3, 4},
		.service = MF_STR("light"),
		.release = MF_STR("1.2.0"),
		.why = MF_STR("it crashed"),
		.event = make_event(),
		.answers = make_answers(),
		.input = MF_STR("large"),
		.effects = MF_STR("any bytes")};

	memset(c.image, 0x11, sizeof(c.image));
	memset(c.snapshot, 0x22, sizeof(c.snapshot));
	return c;
}

/* Exactly as long as it is, so that a byte too far is seen. */
static uint8_t *written(const struct capsule *c, size_t *size)
{
	uint8_t *bytes;

	*size = capsule_size(c);
	bytes = malloc(*size);
	assert_non_null(bytes);
	capsule_write(c, bytes);
	return bytes;
}

static void assert_text(struct mf_str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

static void all_comes_back(void **state)
{
	struct capsule c = make(), got;
	struct capsule_call call;
	struct mf_event e;
	size_t size, at = 0;
	uint8_t *bytes = written(&c, &size);

	(void)state;
	assert_int_equal(size % 8, 0);
	assert_null(capsule_read(&got, bytes, size));
	assert_int_equal(got.result, MFW_ERR_CRASHED);
	assert_true(got.denied);
	assert_memory_equal(&got.times, &c.times, sizeof(c.times));
	assert_memory_equal(got.image, c.image, 32);
	assert_memory_equal(got.snapshot, c.snapshot, 32);
	assert_text(got.service, "light");
	assert_text(got.release, "1.2.0");
	assert_text(got.why, "it crashed");
	assert_text(got.effects, "any bytes");
	assert_text(got.input, "large");
	e = capsule_event(&got);
	assert_int_equal(e.source, MF_SOURCE_MQTT);
	assert_text(capsule_text(&got, e.subject), "home/hall");
	assert_true(capsule_next_call(&got, &at, &call));
	assert_int_equal(call.status, 200);
	assert_int_equal(call.took_ns, 1234);
	assert_int_equal(call.asked[0], 7);
	assert_text(call.service, "meter");
	assert_text(call.path, "/hall");
	assert_text(call.body, "21.5C");
	assert_true(capsule_next_call(&got, &at, &call));
	assert_int_equal(call.status, 404);
	assert_text(call.service, "nobody");
	assert_int_equal(call.path.n + call.body.n, 0);
	assert_false(capsule_next_call(&got, &at, &call));
	free(bytes);
}

/* An input that was too large, or isn't as large as the event says. */
static void inputs(void **state)
{
	struct capsule c = make(), got;
	size_t size;
	uint8_t *bytes;

	(void)state;
	c.input = mf_str_of(NULL, 0);
	bytes = written(&c, &size);
	assert_null(capsule_read(&got, bytes, size));
	assert_int_equal(got.input.n, 0);
	free(bytes);
	c.input = MF_STR("other");
	c.input.n--;
	bytes = written(&c, &size);
	assert_string_equal(
		capsule_read(&got, bytes, size), "its input isn't as large as its event says");
	free(bytes);
}

static void what_is_cut_off_is_refused(void **state)
{
	struct capsule c = make(), got;
	size_t size;
	uint8_t *bytes = written(&c, &size), *less;

	(void)state;
	for (size_t n = 0; n < size; n++) {
		less = malloc(n + 1);
		assert_non_null(less);
		memcpy(less, bytes, n);
		assert_non_null(capsule_read(&got, less, n));
		free(less);
	}
	free(bytes);
}

static void use(const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	struct mf_str text[] = {capsule_text(c, e.id), capsule_text(c, e.payload),
		capsule_text(c, e.state), c->why};
	struct capsule_call call;
	size_t at = 0;
	volatile uint8_t sum = 0;

	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		for (size_t k = 0; k < text[i].n; k++)
			sum ^= text[i].p[k];
	while (capsule_next_call(c, &at, &call)) {
		const struct mf_str part[] = {call.service, call.path, call.body};

		for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++)
			for (size_t k = 0; k < part[i].n; k++)
				sum ^= part[i].p[k];
	}
}

/* Each byte turned over, and each 32-bit word at the ends of its range. */
static void what_is_damaged_stays_within_its_bounds(void **state)
{
	static const uint32_t odd[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
	struct capsule c = make(), got;
	unsigned refused = 0;
	size_t size;
	uint8_t *bytes = written(&c, &size), save[4];

	(void)state;
	for (size_t at = 0; at + 4 <= size; at++) {
		memcpy(save, bytes + at, 4);
		for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			memcpy(bytes + at, &odd[i], 4);
			if (capsule_read(&got, bytes, size) == NULL)
				use(&got);
			else
				refused++;
		}
		memcpy(bytes + at, save, 4);
	}
	assert_true(refused > 1000);
	assert_null(capsule_read(&got, bytes, size));
	free(bytes);
}

/* The same question has the same hash, whatever its limit; a byte that moves from one field to the next another. */
static void questions_are_told_apart(void **state)
{
	const struct effect a = {.field = {[MF_FIELD_NAME] = MF_STR("meter"),
					 [MF_FIELD_META] = MF_STR("/x"),
					 [MF_FIELD_BODY] = MF_STR("1")}};
	struct effect b = a;
	uint8_t first[32], second[32];

	(void)state;
	b.value = 5;
	capsule_asked(&a, first);
	capsule_asked(&b, second);
	assert_memory_equal(first, second, 32);
	b.field[MF_FIELD_META] = MF_STR("/x1");
	b.field[MF_FIELD_BODY] = MF_STR("");
	capsule_asked(&b, second);
	assert_memory_not_equal(first, second, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_comes_back),
		cmocka_unit_test(inputs),
		cmocka_unit_test(questions_are_told_apart),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(what_is_damaged_stays_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
