/* tests/unit/hub/ids_test.c - events that come again are found, also after a restart; kept answers. */
/* with: tests/unit/store/rig.c */
#include "hub/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store/rig.h"

static struct rig rig;
static struct ids *ids;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	assert_int_equal(ids_open(&ids, rig.store), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ids_close(ids);
	rig_close(&rig);
	return 0;
}

static struct mf_str str(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static void add(struct store_tx *tx, const char *id, const char *answer)
{
	struct store_id row = {.id = str(id), .service = 1, .at_ns = 1, .answer = str(answer)};

	row.number = store_number(rig.store, STORE_IDS);
	store_id(tx, &row);
	ids_done(ids, row.id, row.number);
}

static enum ids_found find(const char *id)
{
	struct store_id done;

	return ids_find(ids, str(id), &done);
}

static void found_again(void **state)
{
	struct store_tx *tx = rig_begin(&rig, STORE_BATCH);
	struct store_id done;
	char id[16];

	(void)state;
	assert_int_equal(find("a"), IDS_NEW);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(id, sizeof(id), "id%u", i);
		add(tx, id, "answer");
	}
	add(tx, "id7", "another"); /* in place of the first */
	rig_commit(&rig, tx);
	for (unsigned again = 0; again < 2; again++) {
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(id, sizeof(id), "id%u", i);
			assert_int_equal(ids_find(ids, str(id), &done), IDS_DONE);
			assert_true(mf_str_is(done.answer, i == 7 ? "another" : "answer"));
		}
		assert_int_equal(find("id2000"), IDS_NEW);
		ids_close(ids); /* the hub ends and comes again */
		rig_again(&rig);
		assert_int_equal(ids_open(&ids, rig.store), 0);
	}
}

/* A place in the table is the next one's when the store has dropped the row. */
static void too_old(void **state)
{
	struct store_tx *tx = rig_begin(&rig, STORE_BATCH);
	uint64_t number = store_number(rig.store, STORE_IDS);
	struct store_id row = {.number = number, .id = str("old"), .service = 1, .at_ns = 1};
	char id[16];

	(void)state;
	store_id(tx, &row);
	rig_commit(&rig, tx);
	ids_done(ids, row.id, number);
	for (unsigned i = 1; i < IDS_MOST; i++) {
		snprintf(id, sizeof(id), "id%u", i);
		ids_done(ids, str(id), number + i);
	}
	assert_int_equal(find("old"), IDS_DONE);
	ids_done(ids, str("new"), number + IDS_MOST);
	assert_int_equal(find("old"), IDS_NEW);
	ids_done(ids, str("old"), number); /* reported late */
	assert_int_equal(find("old"), IDS_NEW);
	ids_done(ids, str("newer"),
		number + 3 * IDS_MOST); /* numbers between were never committed */
	assert_int_equal(find("id7"), IDS_NEW);
	ids_done(ids, str("old"),
		number + 2 * IDS_MOST + 1); /* in place of id1; its row is another one */
	assert_int_equal(find("old"), IDS_NEW);
}

static void at_work(void **state)
{
	struct task a = {.id = "a"}, b = {.id = "b"}, other = {.id = "a"};

	(void)state;
	ids_begin(ids, &a);
	ids_begin(ids, &b);
	ids_begin(ids, &other);
	assert_int_equal(find("a"), IDS_RUNNING);
	assert_int_equal(find("c"), IDS_NEW);
	ids_end(ids, &a);
	assert_int_equal(find("a"), IDS_RUNNING);
	ids_end(ids, &other);
	ids_end(ids, &other); /* which wasn't there */
	assert_int_equal(find("a"), IDS_NEW);
	assert_int_equal(find("b"), IDS_RUNNING);
	ids_end(ids, &b);
}

static void answers(void **state)
{
	const struct reply reply = {
		201, MF_STR("text/plain"), MF_STR("X: y\r\n"), MF_STR("hello"), NULL};
	struct task task = {.request = "what was asked"};
	struct ids_answer answer;
	uint8_t bytes[256];
	size_t n = ids_answer_bytes(&reply);

	(void)state;
	assert_true(n > 0 && n <= sizeof(bytes));
	ids_answer_write(&task, &reply, bytes);
	assert_true(ids_answer_read(mf_str_of(bytes, n), &answer));
	assert_false(answer.empty);
	assert_int_equal(answer.reply.status, 201);
	assert_true(mf_str_is(answer.reply.content_type, "text/plain"));
	assert_true(mf_str_is(answer.reply.headers, "X: y\r\n"));
	assert_true(mf_str_is(answer.reply.body, "hello"));
	assert_memory_equal(answer.request, task.request, sizeof(task.request));
	for (size_t less = 0; less < n; less++) /* a row that was cut */
		assert_false(ids_answer_read(mf_str_of(bytes, less), &answer));
	assert_false(ids_answer_read(mf_str_of(bytes, n + 1), &answer));
	n = ids_answer_bytes(NULL);
	ids_answer_write(&task, NULL, bytes);
	assert_true(ids_answer_read(mf_str_of(bytes, n), &answer));
	assert_true(answer.empty);
	assert_int_equal(ids_answer_bytes(&(struct reply){.body = {bytes, IDS_ANSWER_MOST}}), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(found_again), TEST(too_old), TEST(at_work), TEST(answers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
