/* gdb's packets: whole, byte by byte, damaged, huge, and any bytes at all. */
#include "cli/gdb/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gdb_packet packet;

static enum gdb_item parse(const char *text, size_t *used)
{
	return gdb_parse((const uint8_t *)text, strlen(text), used, &packet);
}

static void items(void **state)
{
	static const struct {
		const char *text;
		enum gdb_item item;
		size_t used;
		const char *data;
	} cases[] = {
		{"", GDB_MORE, 0, NULL},
		{"+", GDB_ACK, 1, NULL},
		{"-$", GDB_NAK, 1, NULL},
		{"\3", GDB_INTERRUPT, 1, NULL},
		{"x", GDB_NOISE, 1, NULL},
		{"$#00", GDB_PACKET, 4, ""},
		{"$g#67", GDB_PACKET, 5, "g"},
		{"$g#67$?", GDB_PACKET, 5, "g"},
		{"$?#3F", GDB_PACKET, 5, "?"},
		{"$a}\3b#43", GDB_PACKET, 8, "a#b"}, /* '#' is 0x03 ^ 0x20 */
		{"$g#68", GDB_DAMAGED, 5, NULL},
		{"$g#6x", GDB_DAMAGED, 5, NULL},
		{"$g#x7", GDB_DAMAGED, 5, NULL},
		{"$}#7d", GDB_DAMAGED, 5, NULL}, /* an escape of nothing */
		{"$", GDB_MORE, 0, NULL},
		{"$g", GDB_MORE, 0, NULL},
		{"$g#", GDB_MORE, 0, NULL},
		{"$g#6", GDB_MORE, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t used = 99;

		assert_int_equal(parse(cases[i].text, &used), cases[i].item);
		assert_int_equal(used, cases[i].used);
		if (cases[i].data != NULL)
			assert_string_equal((char *)packet.data, cases[i].data);
	}
}

static void a_packet_may_be_as_long_as_we_say_and_no_longer(void **state)
{
	static char text[GDB_PACKET_MAX + 16];
	size_t used;

	(void)state;
	memset(text, 'b', sizeof(text) - 1);
	text[0] = '$';
	text[GDB_PACKET_MAX + 1] = '#';
	text[GDB_PACKET_MAX + 2] = text[GDB_PACKET_MAX + 3] = '0'; /* 16384 times 0x62 */
	assert_int_equal(parse(text, &used), GDB_PACKET);
	assert_int_equal(used, GDB_PACKET_MAX + 4);
	assert_int_equal(packet.size, GDB_PACKET_MAX);
	assert_int_equal(packet.data[packet.size], 0);
	text[GDB_PACKET_MAX + 1] = 'b';
	assert_int_equal(parse(text, &used), GDB_HUGE);
}

static void what_is_framed_can_be_read(void **state)
{
	uint8_t all[256], frame[600];
	size_t n, used;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	n = gdb_frame(all, sizeof(all), frame, sizeof(frame));
	assert_true(n > 256);
	for (size_t part = 0; part < n; part++)
		assert_int_equal(gdb_parse(frame, part, &used, &packet), GDB_MORE);
	assert_int_equal(gdb_parse(frame, n, &used, &packet), GDB_PACKET);
	assert_int_equal(used, n);
	assert_int_equal(packet.size, 256);
	assert_memory_equal(packet.data, all, 256);
	assert_int_equal(gdb_frame(all, sizeof(all), frame, 250), 0);
	assert_int_equal(gdb_frame(all, 0, frame, 3), 0);
	assert_int_equal(gdb_frame(all, 0, frame, 4), 4);
}

static void numbers(void **state)
{
	const char *text = "1fG";
	uint64_t n = 0;
	uint8_t bytes[2];
	char hex[8];

	(void)state;
	assert_true(gdb_number(&text, &n));
	assert_int_equal(n, 0x1f);
	assert_string_equal(text, "G");
	assert_false(gdb_number(&text, &n));
	text = "ffffffffffffffff,";
	assert_true(gdb_number(&text, &n));
	assert_true(n == UINT64_MAX);
	text = "10000000000000000";
	assert_false(gdb_number(&text, &n));
	assert_true(gdb_unhex("a0Ff", bytes, 2));
	assert_int_equal(bytes[0] << 8 | bytes[1], 0xa0ff);
	assert_false(gdb_unhex("a0f", bytes, 2));
	assert_false(gdb_unhex("a0fg", bytes, 2));
	assert_ptr_equal(gdb_hex(hex, bytes, 1), hex + 2);
	assert_string_equal(hex, "a0");
}

/* Nothing is read outside, and every byte is used sooner or later. */
static void any_bytes(void **state)
{
	static const char letters[] = "$#}+-\003gm0,1f";

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = (size_t)(rand() % 40), used, left = n;
		uint8_t *bytes = malloc(n + 1), *at = bytes;

		assert_non_null(bytes);
		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)(rand() % 4 ? letters[rand() % 12] : rand());
		while (left > 0 && gdb_parse(at, left, &used, &packet) != GDB_MORE) {
			assert_in_range(used, 1, left);
			at += used;
			left -= used;
		}
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items),
		cmocka_unit_test(a_packet_may_be_as_long_as_we_say_and_no_longer),
		cmocka_unit_test(what_is_framed_can_be_read),
		cmocka_unit_test(numbers),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
