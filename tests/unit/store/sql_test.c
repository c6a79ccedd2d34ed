/* store/sql on SQLite: values there and back, transactions, whose file it is */
#include "store/sql.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ADD, GET, ALL, CHANGE, STATEMENTS };
static const char *const statements[STATEMENTS] = {
	[ADD] = "INSERT INTO thing(number, text, bytes) VALUES($1, $2, $3)",
	[GET] = "SELECT number, text, bytes FROM thing WHERE number = $1",
	[ALL] = "SELECT number FROM thing ORDER BY number",
	[CHANGE] = "UPDATE thing SET text = $1 WHERE number > $2",
};
static const struct sql_schema schema = {
	.application = 0x74657374,
	.version = 2,
	.sqlite = "CREATE TABLE thing(number INTEGER PRIMARY KEY, text TEXT, bytes BLOB);",
	.statements = statements,
	.count = STATEMENTS,
};

static char path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/mayfly-sql-%d.db", (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char name[80];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
		(void)unlink(name);
	}
	return 0;
}

static struct sql *opened(void)
{
	char error[SQL_ERROR_MAX] = "";
	struct sql *sql = NULL;

	assert_int_equal(sql_lite_open(&sql, path, &schema, false, error), 0);
	assert_string_equal(error, "");
	return sql;
}

static int add(struct sql *sql, int64_t number, struct sql_value text, struct sql_value bytes)
{
	const struct sql_value in[] = {sql_int(number), text, bytes};

	return sql_do(sql, ADD, in, 3);
}

static int get(struct sql *sql, int64_t number, struct sql_value *out, void *room, size_t size)
{
	const struct sql_value in[] = {sql_int(number)};

	return sql_one(sql, GET, in, 1, out, 3, (struct sql_room){room, size});
}

static void test_values(void **state)
{
	static const uint8_t all[] = {0, 1, 255, 0, 39};
	struct sql *sql = opened();
	struct sql_value out[3];
	uint8_t room[64];

	(void)state;
	assert_int_equal(sql_begin(sql, true), 0);
	assert_int_equal(
		add(sql, INT64_MIN, sql_text(MF_STR("\303\244 'x'")), sql_bytes(all, sizeof(all))),
		1);
	assert_int_equal(add(sql, INT64_MAX, sql_text(MF_STR("")), sql_bytes("", 0)), 1);
	assert_int_equal(add(sql, 0, sql_bytes(NULL, 0), sql_bytes(NULL, 0)), 1);
	assert_int_equal(sql_commit(sql), 0);
	assert_int_equal(get(sql, INT64_MIN, out, room, sizeof(room)), 1);
	assert_int_equal(out[0].n, INT64_MIN);
	assert_true(out[1].kind == SQL_TEXT && mf_str_is(out[1].s, "\303\244 'x'"));
	assert_true(out[2].kind == SQL_BYTES && out[2].s.n == sizeof(all));
	assert_memory_equal(out[2].s.p, all, sizeof(all));
	assert_int_equal(get(sql, INT64_MAX, out, room, sizeof(room)), 1);
	assert_true(out[1].kind == SQL_TEXT && out[1].s.n == 0);
	assert_true(out[2].kind == SQL_BYTES && out[2].s.n == 0);
	assert_int_equal(get(sql, 0, out, room, sizeof(room)), 1);
	assert_true(out[1].kind == SQL_NULL && out[2].kind == SQL_NULL);
	assert_int_equal(get(sql, 1, out, room, sizeof(room)), 0);
	assert_int_equal(get(sql, INT64_MIN, out, room, 6), -EOVERFLOW);
	sql_close(sql);
}

static bool count_two(void *context, const struct sql_value *out)
{
	(void)out;
	return ++*(unsigned *)context < 2;
}

static void test_transactions(void **state)
{
	struct sql *sql = opened();
	struct sql_value out[3];
	const struct sql_value change[] = {sql_text(MF_STR("new")), sql_int(1)};
	unsigned seen = 0;
	uint8_t room[64];

	(void)state;
	assert_int_equal(sql_begin(sql, false), 0);
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(add(sql, i, sql_text(MF_STR("old")), sql_bytes(NULL, 0)), 1);
	assert_int_equal(add(sql, 3, sql_text(MF_STR("old")), sql_bytes(NULL, 0)), -EEXIST);
	assert_int_equal(sql_commit(sql), 0);
	assert_int_equal(sql_begin(sql, true), 0);
	assert_int_equal(sql_do(sql, CHANGE, change, 2), 2);
	sql_rollback(sql);
	sql_rollback(sql); /* again is fine */
	assert_int_equal(get(sql, 2, out, room, sizeof(room)), 1);
	assert_true(mf_str_is(out[1].s, "old"));
	assert_int_equal(sql_each(sql, ALL, NULL, 0, count_two, &seen), 2);
	assert_int_equal(seen, 2);
	sql_close(sql);
}

/* Who looks sees one state, and doesn't keep others from writing; what isn't committed goes with its connection. */
static void test_two(void **state)
{
	struct sql *one = opened(), *two = opened();
	struct sql_value out[3];
	uint8_t room[64];

	(void)state;
	assert_int_equal(sql_look(two), 0);
	assert_int_equal(get(two, 7, out, room, sizeof(room)), 0);
	assert_int_equal(sql_begin(one, true), 0);
	assert_int_equal(add(one, 7, sql_text(MF_STR("seven")), sql_bytes(NULL, 0)), 1);
	assert_int_equal(sql_commit(one), 0);
	assert_int_equal(get(two, 7, out, room, sizeof(room)), 0);
	sql_rollback(two);
	assert_int_equal(get(two, 7, out, room, sizeof(room)), 1);
	assert_int_equal(sql_begin(one, true), 0);
	assert_int_equal(add(one, 8, sql_text(MF_STR("eight")), sql_bytes(NULL, 0)), 1);
	sql_close(one);
	assert_int_equal(get(two, 8, out, room, sizeof(room)), 0);
	sql_close(two);
}

static void test_whose(void **state)
{
	struct sql_schema other = schema, older = schema;
	char error[SQL_ERROR_MAX];
	struct sql *sql = NULL;

	(void)state;
	assert_int_equal(sql_lite_open(&sql, path, &schema, true, error), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	sql_close(opened());
	assert_int_equal(sql_lite_open(&sql, path, &schema, true, error), 0);
	sql_close(sql);
	sql = NULL;
	other.application++;
	assert_int_equal(sql_lite_open(&sql, path, &other, false, error), -EUCLEAN);
	assert_non_null(strstr(error, "another program's"));
	older.version--;
	assert_int_equal(sql_lite_open(&sql, path, &older, false, error), -EUCLEAN);
	assert_non_null(strstr(error, "newer release"));
	assert_null(sql);
	sql_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_transactions),
		TEST(test_two),
		TEST(test_whose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
