/* What a service reads: the event, its attributes, attached state and data, the clock,
 * the answer to a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/bundle.h"
#include "libos/mayfly.h"
#include "tests/unit/libos/guest.h"

static const struct mf_event *ev = (const struct mf_event *)MF_ADDR_WINDOW;

static void spans(void **state)
{
	struct event_writer w = guest_fresh(MF_SOURCE_HTTP);

	(void)state;
	event_span(&w, &w.event->id, MF_STR("id-1"));
	event_span(&w, &w.event->type, MF_STR("http.request"));
	event_span(&w, &w.event->subject, MF_STR("/path"));
	event_span(&w, &w.event->method, MF_STR("GET"));
	event_span(&w, &w.event->query, MF_STR("a=b"));
	event_span(&w, &w.event->peer, MF_STR("127.0.0.1:5"));
	event_span(&w, &w.event->content_type, MF_STR("text/plain"));
	event_span(&w, &w.event->payload, MF_STR("body"));
	assert_str(mf_id(ev), "id-1");
	assert_str(mf_type(ev), "http.request");
	assert_str(mf_subject(ev), "/path");
	assert_str(mf_method(ev), "GET");
	assert_str(mf_query(ev), "a=b");
	assert_str(mf_peer(ev), "127.0.0.1:5");
	assert_str(mf_content_type(ev), "text/plain");
	assert_str(mf_payload(ev), "body");
	w.event->input_bytes = 5u << 20; /* then it lies in the input area */
	assert_ptr_equal(mf_payload(ev).p, (void *)MF_ADDR_INPUT);
	assert_int_equal(mf_payload(ev).n, 5u << 20);
}

static void attributes(void **state)
{
	struct event_writer w = guest_fresh(MF_SOURCE_HTTP);

	(void)state;
	assert_null(mf_attribute(ev, "host").p);
	event_attribute(&w, MF_STR("Host"), MF_STR("example.test"));
	event_attribute(&w, MF_STR("X-Empty"), MF_STR(""));
	event_attribute(&w, MF_STR("host"), MF_STR("second"));
	assert_str(mf_attribute(ev, "HOST"), "example.test");
	assert_non_null(mf_attribute(ev, "x-empty").p);
	assert_int_equal(mf_attribute(ev, "x-empty").n, 0);
	assert_null(mf_attribute(ev, "hos").p);
	assert_null(mf_attribute(ev, "hosts").p);
	assert_null(mf_attribute(ev, "").p);
}

static void attached_state(void **state)
{
	struct event_writer w = guest_fresh(MF_SOURCE_MQTT);

	(void)state;
	assert_null(mf_state("on").p);
	event_attribute(&w, MF_STR("on"), MF_STR("an attribute"));
	event_state(&w, MF_STR("on"), MF_STR("17"), 4);
	event_state(&w, MF_STR("empty"), MF_STR(""), 9);
	event_state(&w, MF_STR("absent"), MF_STR(""), 0);
	event_state(&w, MF_STR("text"), MF_STR("12x"), 1);
	event_state(&w, MF_STR("large"), MF_STR("18446744073709551616"), 1);
	event_state(&w, MF_STR("most"), MF_STR("18446744073709551615"), 1);
	assert_str(mf_state("on"), "17");
	assert_int_equal(mf_state_u64("on", 5), 17);
	assert_int_equal(mf_state_version("on"), 4);
	assert_non_null(mf_state("empty").p);
	assert_int_equal(mf_state_u64("empty", 5), 5);
	assert_null(mf_state("absent").p);
	assert_int_equal(mf_state_version("absent"), 0);
	assert_int_equal(mf_state_u64("absent", 5), 5);
	assert_int_equal(mf_state_u64("text", 5), 5);
	assert_int_equal(mf_state_u64("large", 5), 5);
	assert_int_equal(mf_state_u64("most", 5), UINT64_MAX);
}

static void attached_data(void **state)
{
	struct bundle_item items[] = {
		{MF_DATA_FILE, "zone", "content", 7},
		{MF_DATA_FILE, "empty", "", 0},
		{MF_DATA_CONFIG, "zone", "a config value", 14},
	};
	uint8_t *bundle;
	size_t size;

	(void)state;
	guest_fresh(MF_SOURCE_INIT);
	assert_null(mf_data("zone").p);
	assert_int_equal(bundle_pack(items, 3, &bundle, &size), 0);
	guest_attach(bundle, size);
	free(bundle);
	assert_str(mf_data("zone"), "content");
	assert_non_null(mf_data("empty").p);
	assert_int_equal(mf_data("empty").n, 0);
	assert_null(mf_data("zon").p);
	assert_str(mf_config("zone"), "a config value");
	assert_null(mf_config("empty").p);
}

static void do_clock(void)
{
	assert_int_equal(mf_time_ns(), -5);
	assert_int_equal(mf_elapsed_ns(), 1000);
}

static void do_time(void)
{
	mf_time_ns();
}

static void do_elapsed(void)
{
	mf_elapsed_ns();
}

static void time_of_event(void **state)
{
	struct event_writer w = guest_fresh(MF_SOURCE_RUN);

	(void)state;
	w.event->time_ns = -5;
	w.event->elapsed_ns = 1000;
	assert_int_equal(guest_live(do_clock), MF_OUTCOME_OK);
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_time), MF_OUTCOME_FAILED);
	guest_only_failed_with("mf_init asked for the time: a snapshot has none");
	assert_int_equal(guest_live(do_elapsed), MF_OUTCOME_FAILED);
}

static struct event_writer answers;

/* As the hub does: the answer goes behind the event's bytes. */
static void answer_call(void)
{
	event_span(&answers, &answers.event->answer, MF_STR("42"));
	answers.event->answer_status = 207;
}

static void do_call(void)
{
	struct mf_answer first = mf_call("sums", "/add", "40+2", 4);
	struct mf_answer second = mf_call("sums", "/add", "1+1", 3);

	assert_int_equal(first.status, 207);
	assert_str(first.body, "42");
	assert_str(second.body, "42");
	assert_true(second.body.p > first.body.p);
}

static void call(void **state)
{
	struct effects_reader reader;
	struct effect e;

	(void)state;
	answers = guest_fresh(MF_SOURCE_RUN);
	guest_on_call = answer_call;
	assert_int_equal(guest_live(do_call), MF_OUTCOME_OK);
	guest_open(&reader);
	e = guest_effect(&reader, MF_EFFECT_CALL);
	assert_str(e.field[MF_FIELD_NAME], "sums");
	assert_str(e.field[MF_FIELD_META], "/add");
	assert_str(e.field[MF_FIELD_BODY], "40+2");
	guest_effect(&reader, MF_EFFECT_CALL);
	guest_no_more(&reader);
}

static const struct mf_event *about(const char *subject)
{
	struct event_writer w = guest_fresh(MF_SOURCE_MQTT);

	assert_true(event_span(&w, &w.event->subject, mf_str_of(subject, strlen(subject))));
	return w.event;
}

static void parts_of_topics_and_paths(void **state)
{
	(void)state;
	assert_str(mf_part(about("home/hall"), 1), "home");
	assert_str(mf_part(about("home/hall"), 2), "hall");
	assert_null(mf_part(about("home/hall"), 3).p);
	assert_str(mf_part(about("/home/hall"), 2), "hall");
	assert_str(mf_part(about("tick"), 1), "tick");
	assert_null(mf_part(about("tick"), 2).p);
	assert_str(mf_part(about("a//c"), 2), "");
	assert_non_null(mf_part(about("a//c"), 2).p);
	assert_str(mf_part(about("a/"), 2), "");
	assert_null(mf_part(about("a/"), 3).p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans),
		cmocka_unit_test(attributes),
		cmocka_unit_test(attached_state),
		cmocka_unit_test(attached_data),
		cmocka_unit_test(time_of_event),
		cmocka_unit_test(call),
		cmocka_unit_test(parts_of_topics_and_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
