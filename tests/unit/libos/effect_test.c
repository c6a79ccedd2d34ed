/* libos/effect, libos/state/put.c, libos/log: what each function leaves for the hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/mayfly.h"
#include "tests/unit/libos/guest.h"

static struct effects_reader reader;

static enum mf_outcome live(void (*body)(void))
{
	enum mf_outcome outcome;

	guest_fresh(MF_SOURCE_RUN);
	outcome = guest_live(body);
	guest_open(&reader);
	return outcome;
}

static void do_nothing(void)
{
}

static void no_effects(void **state)
{
	(void)state;
	assert_int_equal(live(do_nothing), MF_OUTCOME_OK);
	guest_no_more(&reader);
}

static void do_one_of_each(void)
{
	mf_emit("home/light", "ON");
	mf_emit_bytes("home/raw", "\0\1\2", 3, 0, true);
	mf_put("key", "value", 5);
	mf_put_u64("most", UINT64_MAX);
	mf_put_u64("least", 0);
	mf_put_if("key", "", 0, 7);
	mf_delete("old");
	mf_schedule("later", 1500, "x", 1);
	mf_meter("flop", 1ull << 40);
	mf_upstream("report", "r", 1, 3);
	mf_log("%s %d", "seen", -3);
	mf_log_at(MF_LEVEL_WARN, "careful");
	mf_reply(404, "text/html", "<p>", 3);
}

static void check_messages(void)
{
	struct effect e = guest_effect(&reader, MF_EFFECT_EMIT);

	assert_str(e.field[MF_FIELD_NAME], "home/light");
	assert_str(e.field[MF_FIELD_BODY], "ON");
	assert_int_equal(e.status, 1);
	assert_int_equal(e.flags, 0);
	e = guest_effect(&reader, MF_EFFECT_EMIT);
	assert_int_equal(e.field[MF_FIELD_BODY].n, 3);
	assert_memory_equal(e.field[MF_FIELD_BODY].p, "\0\1\2", 3);
	assert_int_equal(e.status, 0);
	assert_int_equal(e.flags, MF_EFFECT_RETAIN);
}

static void check_put(const char *key, const char *value, unsigned flags, uint64_t version)
{
	struct effect e = guest_effect(&reader, MF_EFFECT_PUT);

	assert_str(e.field[MF_FIELD_NAME], key);
	assert_str(e.field[MF_FIELD_BODY], value);
	assert_int_equal(e.flags, flags);
	assert_int_equal(e.value, version);
}

static void check_rest(void)
{
	struct effect e = guest_effect(&reader, MF_EFFECT_DELETE);

	assert_str(e.field[MF_FIELD_NAME], "old");
	e = guest_effect(&reader, MF_EFFECT_SCHEDULE);
	assert_str(e.field[MF_FIELD_NAME], "later");
	assert_int_equal(e.value, 1500);
	e = guest_effect(&reader, MF_EFFECT_METER);
	assert_int_equal(e.value, 1ull << 40);
	e = guest_effect(&reader, MF_EFFECT_UPSTREAM);
	assert_int_equal(e.status, 3);
	e = guest_effect(&reader, MF_EFFECT_LOG);
	assert_str(e.field[MF_FIELD_BODY], "seen -3");
	assert_int_equal(e.status, MF_LEVEL_INFO);
	e = guest_effect(&reader, MF_EFFECT_LOG);
	assert_int_equal(e.status, MF_LEVEL_WARN);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_int_equal(e.status, 404);
	assert_str(e.field[MF_FIELD_TYPE], "text/html");
	assert_str(e.field[MF_FIELD_BODY], "<p>");
	guest_no_more(&reader);
}

static void one_of_each(void **state)
{
	(void)state;
	assert_int_equal(live(do_one_of_each), MF_OUTCOME_OK);
	check_messages();
	check_put("key", "value", 0, 0);
	check_put("most", "18446744073709551615", 0, 0);
	check_put("least", "0", 0, 0);
	check_put("key", "", MF_EFFECT_IF_VERSION, 7);
	check_rest();
}

static void do_reply_text(void)
{
	mf_reply_text("ok\n");
}

static void reply_text(void **state)
{
	struct effect e;

	(void)state;
	live(do_reply_text);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_int_equal(e.status, 200);
	assert_str(e.field[MF_FIELD_TYPE], "text/plain");
	assert_str(e.field[MF_FIELD_META], "");
	assert_str(e.field[MF_FIELD_BODY], "ok\n");
}

static void do_headers(void)
{
	mf_reply_header("Location", "/there");
	mf_log("between");
	mf_reply_header("X-Two", "2");
	mf_reply(303, "text/plain", "moved", 5);
}

static void reply_headers(void **state)
{
	struct effect e;

	(void)state;
	live(do_headers);
	guest_effect(&reader, MF_EFFECT_LOG);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_str(e.field[MF_FIELD_META], "Location: /there\r\nX-Two: 2\r\n");
	assert_str(e.field[MF_FIELD_BODY], "moved");
}

static void do_room(void)
{
	size_t n = 100;
	uint8_t *body;

	mf_reply_header("X-One", "1");
	body = mf_reply_room(&n);
	assert_int_equal(n, 100);
	memset(body, 'a', n);
	mf_reply_sent(200, "application/dns-message", 99);
}

static void reply_in_place(void **state)
{
	struct effect e;

	(void)state;
	live(do_room);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_str(e.field[MF_FIELD_TYPE], "application/dns-message");
	assert_str(e.field[MF_FIELD_META], "X-One: 1\r\n");
	assert_int_equal(e.field[MF_FIELD_BODY].n, 99);
	for (size_t i = 0; i < 99; i++)
		assert_int_equal(e.field[MF_FIELD_BODY].p[i], 'a');
}

static const char *in_place_type;

static void do_all_room(void)
{
	size_t n = SIZE_MAX;
	uint8_t *body = mf_reply_room(&n);

	memset(body, 'b', n);
	mf_reply_sent(200, in_place_type, n);
}

/* All the room there is can be used, with a content type as long as was kept free for it. */
static void reply_fills(void **state)
{
	struct effect e;

	(void)state;
	in_place_type = NULL;
	assert_int_equal(live(do_all_room), MF_OUTCOME_OK);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_in_range(e.field[MF_FIELD_BODY].n, GUEST_EFFECTS_BYTES - 256, GUEST_EFFECTS_BYTES);
	in_place_type = "application/vnd.mayfly.a-type-of-sixty-four-characters-in-length";
	assert_int_equal(strlen(in_place_type), 64);
	assert_int_equal(live(do_all_room), MF_OUTCOME_OK);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_int_equal(e.field[MF_FIELD_BODY].p[e.field[MF_FIELD_BODY].n - 1], 'b');
	in_place_type = "application/vnd.mayfly.a-type-of-sixty-five-characters-in-its-length";
	assert_int_equal(live(do_all_room), MF_OUTCOME_FULL);
}

static char big[2 * GUEST_EFFECTS_BYTES];

static void do_too_big(void)
{
	mf_log("first");
	mf_reply_bytes(big, sizeof(big));
	fail();
}

static void do_wraps(void)
{
	mf_log("first");
	mf_reply(200, NULL, big, SIZE_MAX - 8);
	fail();
}

static void do_many(void)
{
	for (;;)
		mf_emit("topic", "text");
}

static void do_many_headers(void)
{
	for (;;)
		mf_reply_header("Name", "value");
}

static void do_long_log(void)
{
	mf_log("%*d", 100000, 1);
	fail();
}

static void do_sent_too_much(void)
{
	mf_log("first");
	mf_reply_sent(200, NULL, GUEST_EFFECTS_BYTES);
	fail();
}

static void full(void **state)
{
	void (*const bodies[])(void) = {
		do_too_big, do_wraps, do_many, do_many_headers, do_long_log, do_sent_too_much};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		assert_int_equal(live(bodies[i]), MF_OUTCOME_FULL);
}

static size_t body_bytes;

static void do_body(void)
{
	mf_reply_bytes(big, body_bytes);
	body_bytes = 0;
}

/* Every size up to the last that fits; the next one doesn't. */
static void exact_fit(void **state)
{
	const size_t most =
		GUEST_EFFECTS_BYTES - sizeof(struct mf_effects) - sizeof(struct mf_effect);

	(void)state;
	for (size_t n = most - 9; n <= most; n++) {
		body_bytes = n;
		assert_int_equal(live(do_body), MF_OUTCOME_OK);
		assert_int_equal(guest_effect(&reader, MF_EFFECT_REPLY).field[MF_FIELD_BODY].n, n);
	}
	body_bytes = most + 1;
	assert_int_equal(live(do_body), MF_OUTCOME_FULL);
}

static void do_fail(void)
{
	mf_fail("no zone \"%s\"", "example.test");
}

/* 47 logs of 168 bytes leave less than the text may need. */
static void do_fail_when_full(void)
{
	for (int i = 0; i < 47; i++)
		mf_log("%*d", 120, i);
	do_fail();
}

static void do_fail_at_length(void)
{
	mf_fail("%*d", 100000, 1);
}

static void failing(void **state)
{
	(void)state;
	assert_int_equal(live(do_fail), MF_OUTCOME_FAILED);
	guest_only_failed_with("no zone \"example.test\"");
	assert_int_equal(live(do_fail_when_full), MF_OUTCOME_FAILED);
	assert_int_equal(live(do_fail_at_length), MF_OUTCOME_FAILED);
}

static void do_reply_room_only(void)
{
	size_t n = 1;

	mf_reply_room(&n);
}

static void do_header_only(void)
{
	mf_reply_header("a", "b");
}

static void in_init(void **state)
{
	void (*const bodies[])(void) = {do_reply_text, do_reply_room_only, do_header_only};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		guest_fresh(MF_SOURCE_INIT);
		assert_int_equal(guest_live(bodies[i]), MF_OUTCOME_FAILED);
		guest_only_failed_with(
			"mf_init asked for an effect other than a log: only mf_main may");
	}
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_fail), MF_OUTCOME_FAILED);
	guest_only_failed_with("no zone \"example.test\"");
}

/* ------------------------------------------------------------- problems */

static const char *detail;

static void do_problem(void)
{
	mf_reply_header("Allow", "POST");
	mf_reply_problem(405, "Method Not Allowed", detail);
}

static enum mf_outcome live_problem(const char *id)
{
	struct event_writer w = guest_fresh(MF_SOURCE_HTTP);
	enum mf_outcome outcome;

	assert_true(event_span(&w, &w.event->id, mf_str_of(id, strlen(id))));
	outcome = guest_live(do_problem);
	guest_open(&reader);
	return outcome;
}

static void problem(void **state)
{
	struct effect e;

	(void)state;
	detail = "expected \"POST\", not \\ \n\x7f\xc3\xa9";
	assert_int_equal(live_problem("http-1\""), MF_OUTCOME_OK);
	e = guest_effect(&reader, MF_EFFECT_REPLY);
	assert_int_equal(e.status, 405);
	assert_str(e.field[MF_FIELD_TYPE], "application/problem+json");
	assert_str(e.field[MF_FIELD_META], "Allow: POST\r\n");
	assert_str(e.field[MF_FIELD_BODY],
		"{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\",\"status\":405,"
		"\"detail\":\"expected \\\"POST\\\", not \\\\ ????\",\"id\":\"http-1\\\"\"}\n");
	guest_no_more(&reader);
}

static void problem_too_long(void **state)
{
	static char text[GUEST_EFFECTS_BYTES];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	detail = text;
	assert_int_equal(live_problem("http-1"), MF_OUTCOME_FULL);
}

static size_t most;

static void do_most(void)
{
	char value[512 - sizeof("x: \r\n") + 1 - sizeof("text/plain") + 1 + 1];

	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	mf_reply_header("x", value);
	mf_reply(200, "text/plain", (const void *)MF_ADDR_WINDOW, most);
}

static void do_ask_most(void)
{
	most = mf_reply_most();
}

static void reply_most(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_ask_most), MF_OUTCOME_OK);
	assert_int_equal(live(do_most), MF_OUTCOME_OK);
	most = GUEST_EFFECTS_BYTES - 1024;
	assert_int_equal(live(do_most), MF_OUTCOME_FULL);
}

/* From the output area; the info page says how large it is. */
static uint8_t *output;
static size_t output_bytes;

static void set_output(uint64_t bytes)
{
	((struct mf_info *)MF_ADDR_INFO)->output_bytes = bytes;
}

static void do_output(void)
{
	set_output(1u << 20);
	output = mf_output(&output_bytes);
	mf_reply_header("x", "y");
	mf_reply_output(201, "text/plain", 1u << 20);
}

static void do_output_too_large(void)
{
	set_output(MF_PAGE);
	mf_reply_output(200, NULL, MF_PAGE + 1);
}

static void do_ask_output(void)
{
	set_output(1u << 20);
	output = mf_output(&output_bytes);
}

static void do_no_output(void)
{
	output = mf_output(&output_bytes);
	mf_reply_output(200, NULL, 0);
}

static void reply_output(void **state)
{
	struct effects_reader r;
	struct effect e;

	(void)state;
	assert_int_equal(live(do_output), MF_OUTCOME_OK);
	assert_ptr_equal(output, (void *)MF_ADDR_OUTPUT);
	assert_int_equal(output_bytes, 1u << 20);
	guest_open(&r);
	e = guest_effect(&r, MF_EFFECT_REPLY);
	assert_int_equal(e.flags, MF_EFFECT_BLOB);
	assert_int_equal(e.value, 1u << 20);
	assert_int_equal(e.status, 201);
	assert_str(e.field[MF_FIELD_TYPE], "text/plain");
	assert_str(e.field[MF_FIELD_META], "x: y\r\n");
	assert_int_equal(e.field[MF_FIELD_BODY].n, 0);
	assert_int_equal(live(do_output_too_large), MF_OUTCOME_FULL);
	assert_int_equal(live(do_no_output), MF_OUTCOME_OK);
	assert_null(output);
	assert_int_equal(output_bytes, 0);
	guest_fresh(MF_SOURCE_INIT); /* none there yet */
	assert_int_equal(guest_live(do_ask_output), MF_OUTCOME_OK);
	assert_null(output);
	assert_int_equal(output_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_effects),
		cmocka_unit_test(one_of_each),
		cmocka_unit_test(reply_text),
		cmocka_unit_test(reply_headers),
		cmocka_unit_test(reply_in_place),
		cmocka_unit_test(reply_fills),
		cmocka_unit_test(reply_output),
		cmocka_unit_test(full),
		cmocka_unit_test(exact_fit),
		cmocka_unit_test(failing),
		cmocka_unit_test(in_init),
		cmocka_unit_test(problem),
		cmocka_unit_test(problem_too_long),
		cmocka_unit_test(reply_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
