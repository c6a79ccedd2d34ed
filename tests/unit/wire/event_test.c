/* wire/event.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/event.h"

static _Alignas(8) uint8_t buffer[1024];
static struct event_writer w;

/* A buffer full of what was there before, of which nothing may show. */
static void begin(size_t size)
{
	memset(buffer, 0xee, sizeof(buffer));
	assert_true(event_begin(&w, buffer, size, MF_SOURCE_UDP));
}

static void assert_span(struct mf_span span, const char *text)
{
	assert_int_equal(span.len, strlen(text));
	assert_true(span.off + span.len <= w.event->bytes);
	assert_memory_equal(buffer + span.off, text, span.len);
}

static void header(void **state)
{
	const struct mf_event want = {
		.abi = MF_ABI_VERSION, .bytes = sizeof(want), .source = MF_SOURCE_UDP};

	(void)state;
	begin(sizeof(buffer));
	assert_memory_equal(buffer, &want, sizeof(want));
	assert_int_equal(event_end(&w), sizeof(want));
	assert_false(event_begin(&w, buffer, sizeof(want) - 1, MF_SOURCE_UDP));
}

static void spans(void **state)
{
	(void)state;
	begin(sizeof(buffer));
	assert_true(event_span(&w, &w.event->id, MF_STR("odd")));
	assert_true(event_span(&w, &w.event->type, MF_STR("")));
	assert_true(event_span(&w, &w.event->payload, MF_STR("payload")));
	assert_span(w.event->id, "odd");
	assert_span(w.event->payload, "payload");
	assert_int_equal(w.event->type.off, 0);
	assert_int_equal(w.event->payload.off % 8, 0);
	for (uint32_t i = w.event->id.off + 3; i < w.event->payload.off; i++)
		assert_int_equal(buffer[i], 0);
	assert_int_equal(buffer[w.event->bytes], 0xee);
}

static void no_room(void **state)
{
	struct mf_span untouched = {1, 2};

	(void)state;
	begin(sizeof(struct mf_event) + 16 + 7);
	assert_true(event_span(&w, &w.event->id, MF_STR("123")));
	assert_false(event_span(&w, &untouched, MF_STR("123456789")));
	assert_false(event_attribute(&w, MF_STR("a"), MF_STR("b")));
	assert_false(event_state(&w, MF_STR("a"), mf_str_of(buffer, UINT32_MAX), 1));
	assert_false(event_state(&w, MF_STR("a"), mf_str_of(buffer, SIZE_MAX - 8), 1));
	assert_int_equal(untouched.off, 1);
	assert_int_equal(w.event->attributes.len, 0);
	assert_int_equal(w.event->state_count, 0);
	assert_int_equal(w.event->bytes, sizeof(struct mf_event) + 3);
	assert_true(event_span(&w, &untouched, MF_STR("12345678")));
	assert_int_equal(w.event->bytes, sizeof(struct mf_event) + 16);
	for (size_t i = w.event->bytes; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], 0xee);
}

static void payload_in_place(void **state)
{
	uint8_t *at;
	size_t room;

	(void)state;
	begin(sizeof(struct mf_event) + 64);
	assert_true(event_span(&w, &w.event->id, MF_STR("x")));
	at = event_payload_room(&w, &room);
	assert_int_equal(room, 56);
	memset(at, 'p', room);
	event_payload_set(&w, 50);
	assert_int_equal(w.event->payload.len, 50);
	assert_ptr_equal(buffer + w.event->payload.off, at);
	event_payload_room(&w, &room);
	assert_int_equal(room, 0);
	assert_false(event_span(&w, &w.event->type, MF_STR("t")));
}

static void assert_record(size_t at, const char *name, const char *value, uint64_t version)
{
	struct mf_record head;

	memcpy(&head, buffer + at, sizeof(head));
	assert_int_equal(at % 8, 0);
	assert_int_equal(head.size % 8, 0);
	assert_int_equal(head.name_len, strlen(name));
	assert_int_equal(head.value_len, strlen(value));
	assert_int_equal(head.flags, version == 0);
	assert_int_equal(head.version, version);
	at += sizeof(head);
	assert_memory_equal(buffer + at, name, head.name_len);
	assert_memory_equal(buffer + at + head.name_len, value, head.value_len);
	for (size_t i = head.name_len + head.value_len; i < head.size - sizeof(head); i++)
		assert_int_equal(buffer[at + i], 0);
}

static void records(void **state)
{
	uint32_t second;

	(void)state;
	begin(sizeof(buffer));
	assert_true(event_attribute(&w, MF_STR("Host"), MF_STR("example.test")));
	second = w.event->bytes;
	assert_true(event_attribute(&w, MF_STR("X"), MF_STR("")));
	assert_true(event_state(&w, MF_STR("on"), MF_STR("1"), 5));
	assert_int_equal(w.event->attributes_count, 2);
	assert_int_equal(w.event->state_count, 1);
	assert_int_equal(w.event->attributes.off + w.event->attributes.len, w.event->state.off);
	assert_record(w.event->state.off, "on", "1", 5);
	/* attributes have no version; the flag is for state alone */
	assert_int_equal(((struct mf_record *)(void *)(buffer + second))->flags, 0);
	assert_int_equal(((struct mf_record *)(void *)(buffer + second))->size, 32);
	assert_false(event_attribute(&w, MF_STR("late"), MF_STR("")));
	assert_int_equal(w.event->attributes_count, 2);
	assert_true(event_state(&w, MF_STR("absent"), MF_STR(""), 0));
	assert_record(w.event->state.off + 32, "absent", "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header),
		cmocka_unit_test(spans),
		cmocka_unit_test(no_room),
		cmocka_unit_test(payload_in_place),
		cmocka_unit_test(records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
