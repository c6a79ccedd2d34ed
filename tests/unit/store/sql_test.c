/* store/sql on SQLite, and where MAYFLY_TEST_POSTGRES names a server on PostgreSQL, in its schemas book1, book2 ...: values there
 * and back, transactions, what nobody waits for, whose it is */
#include "store/sql.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ADD, GET, ALL, CHANGE, BREAK, STATEMENTS };
static const char *const statements[STATEMENTS] = {
	[ADD] = "INSERT INTO thing(number, text, bytes) VALUES($1, $2, $3)",
	[GET] = "SELECT number, text, bytes FROM thing WHERE number = $1",
	[ALL] = "SELECT number FROM thing ORDER BY number",
	[CHANGE] = "UPDATE thing SET text = $1 WHERE number > $2",
	[BREAK] = "SELECT pg_terminate_backend(pg_backend_pid())",
};
static const struct sql_schema schema = {
	.application = 0x74657374,
	.version = 2,
	.sqlite = "CREATE TABLE thing(number INTEGER PRIMARY KEY, text TEXT, bytes BLOB);",
	.postgres = "CREATE TABLE thing(number BIGINT PRIMARY KEY, text TEXT, bytes BYTEA);",
	.hears = "mayfly_test",
	.statements = statements,
	.count = STATEMENTS,
};

static char path[64];
static char server[512]; /* empty: on SQLite */

static int setup(void **state)
{
	static unsigned made;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/mayfly-sql-%d.db", (int)getpid());
	if (getenv("MAYFLY_TEST_POSTGRES"))
		snprintf(server, sizeof(server), "%s&options=-csearch_path%%3Dbook%u",
			getenv("MAYFLY_TEST_POSTGRES"), ++made);
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

static int open_it(struct sql **sql, const struct sql_schema *as, bool existing,
	char error[static SQL_ERROR_MAX])
{
	return server[0] ? sql_pg_open(sql, server, as, existing, error)
			 : sql_lite_open(sql, path, as, existing, error);
}

static struct sql *opened(void)
{
	char error[SQL_ERROR_MAX] = "";
	struct sql *sql = NULL;

	assert_int_equal(open_it(&sql, &schema, false, error), 0);
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
	assert_int_equal(sql_commit(sql), 0);
	assert_int_equal(sql_begin(sql, true), 0);
	assert_int_equal(add(sql, 4, sql_text(MF_STR("old")), sql_bytes(NULL, 0)), 1);
	assert_int_equal(add(sql, 3, sql_text(MF_STR("old")), sql_bytes(NULL, 0)), -EEXIST);
	sql_rollback(sql);
	assert_int_equal(get(sql, 4, out, room, sizeof(room)), 0);
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
	assert_int_equal(open_it(&sql, &schema, true, error), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	sql_close(opened());
	assert_int_equal(open_it(&sql, &schema, true, error), 0);
	sql_close(sql);
	sql = NULL;
	other.application++;
	assert_int_equal(open_it(&sql, &other, false, error), -EUCLEAN);
	assert_non_null(strstr(error, "another program's"));
	older.version--;
	assert_int_equal(open_it(&sql, &older, false, error), -EUCLEAN);
	assert_non_null(strstr(error, "newer release"));
	assert_null(sql);
	sql_close(NULL);
}

/* -------------------------------------------------------- what nobody waits for */

static int put(struct sql *sql, int64_t number)
{
	const struct sql_value in[] = {
		sql_int(number), sql_text(MF_STR("put")), sql_bytes(NULL, 0)};

	return sql_put(sql, ADD, in, 3);
}

static bool take_number(void *context, const struct sql_value *out)
{
	*(int64_t *)context = out[0].n;
	return false;
}

static void test_put(void **state)
{
	const struct sql_value nine[] = {sql_int(9)};
	struct sql *sql = opened();
	int64_t number = 0;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(sql_begin(sql, true), 0);
	for (int64_t i = 0; i < 200; i++) /* more than may be under way */
		assert_int_equal(put(sql, i), 0);
	assert_int_equal(sql_ask(sql, GET, nine, 1, take_number, &number), 0);
	assert_int_equal(sql_settle(sql), 0);
	assert_int_equal(number, 9);
	assert_int_equal(sql_ask(sql, GET, nine, 1, take_number, &number), 0);
	assert_int_equal(sql_commit(sql), 0);
	assert_int_equal(sql_each(sql, ALL, NULL, 0, count_two, &seen), 2);
	/* the same without a transaction */
	assert_int_equal(put(sql, 1000), 0);
	assert_int_equal(sql_settle(sql), 0);
	assert_int_equal(sql_settle(sql), 0);
	sql_close(sql);
}

/* Its error comes of one that is waited for; and it can't be committed. */
static void test_put_fails(void **state)
{
	struct sql *sql = opened();
	struct sql_value out[3];
	uint8_t room[64];
	int e;

	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		assert_int_equal(sql_begin(sql, true), 0);
		assert_int_equal(put(sql, 1), 0);
		e = put(sql, 1);
		if (e == 0 && way == 1)
			e = get(sql, 1, out, room, sizeof(room));
		else if (e == 0 && way == 2)
			e = sql_settle(sql);
		else if (e == 0)
			e = put(sql, 2) < 0 ? -EIO : sql_commit(sql);
		assert_int_equal(e, -EEXIST);
		sql_rollback(sql);
		assert_int_equal(get(sql, 1, out, room, sizeof(room)), 0);
		assert_int_equal(get(sql, 2, out, room, sizeof(room)), 0);
	}
	sql_close(sql);
}

static bool told_soon(struct sql *sql)
{
	for (unsigned i = 0; i < 2000; i++) {
		if (sql_told(sql))
			return true;
		usleep(1000);
	}
	return false;
}

static void test_told(void **state)
{
	struct sql *one = opened(), *two = opened();

	(void)state;
	(void)sql_told(two); /* it may have been, before it asked */
	assert_false(sql_told(two));
	assert_int_equal(sql_begin(one, true), 0);
	assert_int_equal(put(one, 1), 0);
	assert_int_equal(sql_tell(one), 0);
	assert_int_equal(sql_settle(one), 0);
	assert_false(sql_told(two));
	assert_int_equal(sql_commit(one), 0);
	assert_true(told_soon(two));
	assert_false(sql_told(two));
	assert_int_equal(sql_begin(one, true), 0);
	assert_int_equal(sql_tell(one), 0);
	sql_rollback(one);
	assert_false(sql_told(two));
	sql_close(one);
	sql_close(two);
}

/* Nothing of the transaction is there, nothing runs outside of it, and the next one finds a new connection. */
static void test_lost(void **state)
{
	struct sql *sql;
	struct sql_value out[3];
	uint8_t room[64];

	(void)state;
	if (!server[0])
		return; /* a file is never lost */
	sql = opened();
	(void)sql_told(sql);
	assert_int_equal(sql_begin(sql, true), 0);
	assert_int_equal(put(sql, 1), 0);
	assert_int_equal(sql_do(sql, BREAK, NULL, 0), -ECONNRESET);
	assert_int_equal(add(sql, 2, sql_text(MF_STR("text")), sql_bytes(NULL, 0)), -ECONNRESET);
	assert_int_equal(sql_commit(sql), -ECONNRESET);
	assert_int_equal(sql_begin(sql, true), 0);
	assert_int_equal(put(sql, 3), 0);
	assert_int_equal(sql_commit(sql), 0);
	assert_int_equal(get(sql, 1, out, room, sizeof(room)), 0);
	assert_int_equal(get(sql, 2, out, room, sizeof(room)), 0);
	assert_int_equal(get(sql, 3, out, room, sizeof(room)), 1);
	assert_true(sql_told(sql)); /* who knows what it missed */
	/* without a transaction */
	assert_int_equal(sql_do(sql, BREAK, NULL, 0), -ECONNRESET);
	assert_int_equal(get(sql, 3, out, room, sizeof(room)), 1);
	sql_close(sql);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_transactions),
		TEST(test_two),
		TEST(test_whose),
		TEST(test_put),
		TEST(test_put_fails),
		TEST(test_told),
		TEST(test_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
