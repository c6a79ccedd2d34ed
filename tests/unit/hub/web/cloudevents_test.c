/* hub/web/cloudevents: messages as others read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "hub/outbox.h"
#include "hub/web/cloudevents.h"
#include "sys/clock.h"

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static struct store_out message(const char *type, const char *body, size_t n)
{
	return (struct store_out){
		.number = 7,
		.priority = 3,
		.wall_ns = 1000000000123456789,
		.id = MF_STR("abc"),
		.name = MF_STR("meter/\"1\""),
		.type = text(type),
		.body = mf_str_of(body, n),
	};
}

static void add(
	struct cloudevents *b, const struct store_out *out, const char *service, int64_t late)
{
	const struct cloudevent e = {
		.hub = "kitchen", .service = text(service), .out = out, .late_s = late};

	assert_true(cloudevents_add(b, &e));
}

static json_t *whole(struct cloudevents *b)
{
	struct mf_str all = cloudevents_end(b);
	json_t *list = json_loadb((const char *)all.p, all.n, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(list);
	return list;
}

static void assert_member(json_t *list, size_t i, const char *key, const char *want)
{
	const char *got = json_string_value(json_object_get(json_array_get(list, i), key));

	if (!want != !got || (want && strcmp(want, got) != 0))
		fail_msg("%zu: %s: %s", i, key, got ? got : "none");
}

static void test_attributes(void **state)
{
	struct cloudevents b = {0};
	struct store_out one = message("", "hot", 3), two = message("text/plain", "\n\"\\", 3);
	json_t *list;

	(void)state;
	two.flags = OUTBOX_UNSURE;
	two.wall_ns = -1;
	add(&b, &one, "sender", -1);
	add(&b, &two, "", 12);
	assert_int_equal(b.count, 2);
	list = whole(&b);
	assert_int_equal(json_array_size(list), 2);
	assert_member(list, 0, "specversion", "1.0");
	assert_member(list, 0, "id", "abc/7");
	assert_member(list, 0, "source", "/mayfly/kitchen/sender");
	assert_member(list, 0, "type", "mayfly.upstream");
	assert_member(list, 0, "subject", "meter/\"1\"");
	assert_member(list, 0, "time", "2001-09-09T01:46:40.123Z");
	assert_member(list, 0, "datacontenttype", "text/plain; charset=utf-8");
	assert_member(list, 0, "data", "hot");
	assert_member(list, 0, "clock", NULL);
	assert_null(json_object_get(json_array_get(list, 0), "late"));
	assert_member(list, 1, "source", "/mayfly/kitchen");
	assert_member(list, 1, "time", NULL);
	assert_member(list, 1, "clock", "unsure");
	assert_member(list, 1, "datacontenttype", "text/plain");
	assert_member(list, 1, "data", "\n\"\\");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "late")), 12);
	json_decref(list);
	cloudevents_clear(&b);
	assert_int_equal(b.count, 0);
}

/* JSON stays as it is, to the last digit; what only says that it is JSON isn't taken for it. */
static void test_data(void **state)
{
	static const char json[] = " {\"a\": 1.10, \"b\": [12345678901234567890.5]} ";
	struct cloudevents b = {0};
	struct store_out out[] = {
		message("", json, sizeof(json) - 1),
		message("application/senml+json; x=y", "[1]", 3),
		message("application/json", "{", 1),
		message("", "\xff\0", 2),
		message("", "", 0),
	};
	json_t *list;

	(void)state;
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		add(&b, &out[i], "s", -1);
	list = whole(&b);
	assert_non_null(strstr(b.text, json));
	assert_true(json_is_object(json_object_get(json_array_get(list, 0), "data")));
	assert_true(json_is_array(json_object_get(json_array_get(list, 1), "data")));
	assert_member(list, 2, "data_base64", "ew==");
	assert_member(list, 3, "data_base64", "/wA=");
	assert_member(list, 3, "datacontenttype", "application/octet-stream");
	assert_member(list, 4, "data", "");
	json_decref(list);
	cloudevents_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
