/* hub/coap/doubles: requests that come again, and how long they are remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/coap/doubles.h"
#include "sys/clock.h"

static struct doubles *table;

static struct coap_message request(uint16_t id, const char *payload)
{
	return (struct coap_message){.type = MESSAGE_CON,
		.code = METHOD_PUT,
		.id = id,
		.token = {1},
		.token_n = 1,
		.path = MF_STR("/lamp"),
		.payload = mf_str_of(payload, strlen(payload))};
}

static struct doubles_key key(const char *from, uint16_t id)
{
	struct doubles_key k = {.id = id};

	assert_int_equal(net_parse(&k.from, from), 0);
	return k;
}

static enum doubles_found find(const char *from, const struct coap_message *m, uint64_t seconds,
	struct doubles_entry **entry)
{
	struct doubles_key k = key(from, m->id);

	return doubles_find(table, &k, m, seconds * CLOCK_S, entry);
}

static int setup(void **state)
{
	(void)state;
	return doubles_open(&table, 100000);
}

static int teardown(void **state)
{
	(void)state;
	doubles_close(table);
	return 0;
}

#define HERE "127.0.0.1:1"

static void test_again(void **state)
{
	struct coap_message m = request(7, "on");
	struct coap_message answer = {.code = MESSAGE_CODE(2, 4),
		.given = HAS_FORMAT | HAS_MAX_AGE,
		.format = 50,
		.max_age = 9,
		.etag = "abcd",
		.etag_n = 4,
		.payload = MF_STR("done")};
	struct coap_message got;
	struct doubles_entry *first, *entry;

	(void)state;
	assert_int_equal(find(HERE, &m, 1, &first), DOUBLES_NEW);
	assert_int_equal(find(HERE, &m, 2, &entry), DOUBLES_RUNNING);
	assert_ptr_equal(entry, first);
	doubles_keep(table, first, &answer, false);
	assert_int_equal(find(HERE, &m, 3, &entry), DOUBLES_ANSWERED);
	doubles_answer(entry, &got);
	assert_int_equal(got.code, answer.code);
	assert_int_equal(got.given, answer.given);
	assert_int_equal(got.format, 50);
	assert_int_equal(got.max_age, 9);
	assert_int_equal(got.etag_n, 4);
	assert_memory_equal(got.etag, "abcd", 4);
	assert_true(mf_str_is(got.payload, "done"));
}

static void test_not_again(void **state)
{
	struct coap_message m = request(7, "on"), other;
	struct doubles_entry *entry;
	struct doubles_key k = key(HERE, 7);

	(void)state;
	assert_int_equal(find(HERE, &m, 1, &entry), DOUBLES_NEW);
	doubles_keep(table, entry, NULL, true);
	assert_int_equal(find(HERE, &m, 1, &entry), DOUBLES_SEPARATE);
	other = request(8, "on");
	assert_int_equal(find(HERE, &other, 1, &entry), DOUBLES_NEW);
	assert_int_equal(find("127.0.0.1:2", &m, 1, &entry), DOUBLES_NEW);
	assert_int_equal(find("127.0.0.2:1", &m, 1, &entry), DOUBLES_NEW);
	assert_int_equal(find("[::1]:1", &m, 1, &entry), DOUBLES_NEW);
	k.session = 1;
	assert_int_equal(doubles_find(table, &k, &m, CLOCK_S, &entry), DOUBLES_NEW);
}

/* The same id, another message. */
static void test_replaced(void **state)
{
	struct coap_message m = request(7, "on"), other = request(7, "off");
	struct doubles_entry *running, *entry;

	(void)state;
	assert_int_equal(find(HERE, &m, 1, &running), DOUBLES_NEW);
	assert_int_equal(find(HERE, &other, 1, &entry), DOUBLES_NEW);
	assert_ptr_not_equal(entry, running);
	doubles_keep(table, running, NULL, true); /* the first still has its end */
	assert_int_equal(find(HERE, &other, 1, &entry), DOUBLES_RUNNING);
	doubles_keep(table, entry, NULL, true);
	other.token[0] = 2;
	assert_int_equal(find(HERE, &other, 1, &entry), DOUBLES_NEW);
	doubles_drop(table, entry);
	other.token[0] = 1;
	assert_int_equal(find(HERE, &other, 1, &entry), DOUBLES_NEW); /* its place was taken */
}

static void test_dropped(void **state)
{
	struct coap_message m = request(7, "on");
	struct doubles_entry *entry;
	struct doubles_counts counts;

	(void)state;
	assert_int_equal(find(HERE, &m, 1, &entry), DOUBLES_NEW);
	doubles_drop(table, entry);
	doubles_look(table, &counts);
	assert_int_equal(counts.count, 0);
	assert_int_equal(counts.bytes, 0);
	assert_int_equal(find(HERE, &m, 1, &entry), DOUBLES_NEW);
}

static void test_how_long(void **state)
{
	struct coap_message con = request(7, "on"), non = request(8, "on");
	struct doubles_entry *entry;

	(void)state;
	non.type = MESSAGE_NON;
	assert_int_equal(find(HERE, &con, 0, &entry), DOUBLES_NEW);
	doubles_keep(table, entry, NULL, true);
	assert_int_equal(find(HERE, &non, 0, &entry), DOUBLES_NEW);
	doubles_keep(table, entry, NULL, false);
	assert_int_equal(find(HERE, &non, 144, &entry), DOUBLES_ANSWERED);
	assert_int_equal(find(HERE, &non, 145, &entry), DOUBLES_NEW);
	doubles_keep(table, entry, NULL, false);
	assert_int_equal(find(HERE, &con, 246, &entry), DOUBLES_SEPARATE);
	assert_int_equal(doubles_expire(table, 246 * CLOCK_S), 247 * CLOCK_S);
	assert_int_equal(find(HERE, &con, 247, &entry), DOUBLES_NEW);
	assert_int_equal(doubles_expire(table, 1000 * CLOCK_S), 1001 * CLOCK_S); /* it is at work */
	doubles_keep(table, entry, NULL, true);
	assert_int_equal(doubles_expire(table, 1000 * CLOCK_S), 0);
}

/* Full: the oldest that was answered is forgotten, what is at work never. */
static void test_bounded(void **state)
{
	struct coap_message first = request(0, "on"), answer = {.payload = MF_STR("0123456789")};
	struct doubles_entry *entry, *running;
	struct doubles_counts counts;

	(void)state;
	assert_int_equal(find(HERE, &first, 0, &running), DOUBLES_NEW);
	for (uint16_t id = 1; id < 5000; id++) {
		struct coap_message m = request(id, "on");

		assert_int_equal(find(HERE, &m, 1, &entry), DOUBLES_NEW);
		doubles_keep(table, entry, &answer, false);
		doubles_look(table, &counts);
		assert_true(counts.bytes <= 100000 + 200);
	}
	assert_true(counts.count > 300);
	assert_int_equal(counts.forgotten + counts.count, 5000);
	assert_int_equal(find(HERE, &first, 1, &entry), DOUBLES_RUNNING);
	assert_ptr_equal(entry, running);
	first = request(1, "on");
	assert_int_equal(find(HERE, &first, 1, &entry), DOUBLES_NEW);
	first = request(4999, "on");
	assert_int_equal(find(HERE, &first, 1, &entry), DOUBLES_ANSWERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_how_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
