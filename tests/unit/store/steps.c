/* tests/unit/store/steps.c - see steps.h. */
#include "tests/unit/store/steps.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Some are larger than a page. */
static size_t capsule_size(unsigned i)
{
	return i % 7 == 0 ? 6000 + i % 100 : 20 + i % 500;
}

struct store_tx *step_begin(struct store *store, unsigned i, enum store_durability durability,
	store_done *done, void *context)
{
	struct store_tx *tx = store_begin(store, durability, done, context);
	char text[32], key[32], name[32];
	int n = snprintf(text, sizeof(text), "%u", i);
	int k = snprintf(key, sizeof(key), "key/%u", i % 50);
	struct mf_str s = mf_str_of(text, (size_t)n);

	if (!tx)
		return NULL;
	store_clock(store, i, i);
	(void)snprintf(name, sizeof(name), "service %u", i / 10 + 1);
	(void)store_service(store, mf_str_of(name, strlen(name)));
	store_put(tx, 1, MF_STR("counter"), s, store_version(store));
	store_put(tx, 2, mf_str_of(key, (size_t)k), s, store_version(store));
	store_id(tx, &(struct store_id){.number = i, .id = s, .service = 1, .at_ns = i});
	store_life(tx,
		&(struct store_life){.number = i,
			.service = 1,
			.id = s,
			.capsule = mf_str_of(store_room(tx, capsule_size(i)), capsule_size(i))});
	store_out(tx, &(struct store_out){.number = i, .destination = 1, .id = s, .body = s});
	for (unsigned old = i - 39; i > 20 && i % 20 == 0 && old <= i - 20; old++) {
		int m = snprintf(text, sizeof(text), "%u", old);

		store_out_done(tx,
			&(struct store_out){.number = old,
				.destination = 1,
				.id = {.n = (size_t)m},
				.body = {.n = (size_t)m}});
	}
	return tx;
}

struct tally {
	unsigned count;
	uint64_t last, bytes;
};

static void each_id(const struct store_id *id, void *context)
{
	struct tally *t = context;
	char text[32];

	assert_int_equal(id->number, ++t->count);
	assert_int_equal(id->id.n, snprintf(text, sizeof(text), "%u", t->count));
	assert_memory_equal(id->id.p, text, id->id.n);
}

static bool each_out(const struct store_out *out, void *context)
{
	struct tally *t = context;

	assert_true(t->count == 0 || out->number == t->last + 1);
	t->last = out->number;
	t->bytes += STORE_ROW + out->id.n + out->body.n;
	t->count++;
	return true;
}

static unsigned number_at(struct store *store, uint32_t service, const char *key)
{
	struct store_value v;
	uint64_t n = 0;

	assert_int_equal(store_state(store, service, mf_str_of(key, strlen(key)), &v), 0);
	for (size_t i = 0; i < v.value.n; i++)
		n = n * 10 + (uint64_t)(v.value.p[i] - '0');
	return (unsigned)n;
}

unsigned steps_check(struct store *store)
{
	struct tally ids = {0}, outs = {0};
	unsigned n = number_at(store, 1, "counter");
	uint64_t seen, before = UINT64_MAX;
	struct store_life life;
	int64_t elapsed, wall;
	char key[32];

	assert_int_equal(store_ids_each(store, each_id, &ids), 0);
	assert_int_equal(ids.count, n);
	for (unsigned i = n; i > 0; i--, before = life.number) {
		assert_int_equal(
			store_life_before(store, before, &(struct store_which){0}, 1, &seen, &life),
			1);
		assert_int_equal(life.number, i);
		assert_int_equal(life.capsule.n, capsule_size(i));
	}
	for (unsigned i = n; i > 0 && i + 50 > n; i--) {
		(void)snprintf(key, sizeof(key), "key/%u", i % 50);
		assert_int_equal(number_at(store, 2, key), i);
	}
	assert_true(store_out_read(store, 1, NULL, 1000, each_out, &outs) >= 0);
	assert_int_equal(outs.count, n < 40 ? n : 20 + n % 20);
	assert_true(n == 0 || outs.last == n);
	assert_int_equal(store_out_total(store, 1).count, outs.count);
	assert_int_equal(store_out_total(store, 1).bytes, outs.bytes);
	for (unsigned i = 1; n > 0 && i <= n / 10 + 1; i++) {
		struct mf_str name = store_service_name(store, i);
		int m = snprintf(key, sizeof(key), "service %u", i);

		assert_int_equal(name.n, m);
		assert_memory_equal(name.p, key, name.n);
	}
	store_clock_read(store, &elapsed, &wall);
	assert_true(elapsed >= n);
	return n;
}

void steps_counts(const char *directory)
{
	static const char sql[] =
		"SELECT id_count - (SELECT count(*) FROM id), history_bytes - (SELECT"
		" sum(64 + length(id) + length(capsule)) FROM history) FROM now";
	char path[200];
	sqlite3 *db;
	sqlite3_stmt *query;

	(void)snprintf(path, sizeof(path), "%s/mayfly.db", directory);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(query, 0), 0);
	assert_int_equal(sqlite3_column_int64(query, 1), 0);
	(void)sqlite3_finalize(query);
	(void)sqlite3_close(db);
}
