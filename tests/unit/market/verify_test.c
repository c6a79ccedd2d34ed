/* market/ledger_verify: one bit of any column that money hangs on is altered behind its back, and found */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/market/books.h"

#define EURO 1000000ll

struct fixture {
	struct books books;
	char path[96];
};

static void fill(struct ledger *ledger)
{
	struct ledger_account anna, berta;
	struct ledger_key a, b;
	struct ledger_first first;
	uint64_t number;

	books_account(ledger, "anna", 10 * EURO, &anna, &a);
	books_account(ledger, "berta", 10 * EURO, &berta, &b);
	assert_int_equal(ledger_begin(ledger, true), 0);
	for (unsigned i = 0; i < 6; i++) {
		char id[16];
		struct ledger_charge c;

		snprintf(id, sizeof(id), "%u", i);
		c = books_charge(i % 2 ? &a : &b, id, 1, EURO + i);
		c.at += i * 40000000000000ll; /* three days */
		assert_int_equal(ledger_charge(ledger, &c, &first), LEDGER_DONE);
	}
	assert_int_equal(ledger_void(ledger, 4, BOOKS_NOW, MF_STR("sorry"), &number), 0);
	assert_int_equal(
		ledger_credit(ledger, 1, EURO, BOOKS_NOW, MF_STR("a present"), &number), 0);
	assert_int_equal(ledger_commit(ledger), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ledger *ledger;

	books_make(&f->books);
	snprintf(f->path, sizeof(f->path), "%s/" LEDGER_FILE, f->books.directory);
	ledger = books_open(&f->books);
	fill(ledger);
	ledger_close(ledger);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	books_remove(&f->books);
	free(f);
	return 0;
}

/* What verify says, once `sql` was done to the file; then it is undone. */
static bool noticed(struct fixture *f, const char *sql, char wrong[static LEDGER_ERROR_MAX])
{
	struct ledger_verified v;
	struct ledger *ledger = books_open(&f->books);
	sqlite3 *db;
	char *error = NULL;
	int e;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	e = sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, &error);
	assert_int_equal(e, SQLITE_OK);
	e = sqlite3_exec(db, sql, NULL, NULL, &error);
	if (e == SQLITE_CONSTRAINT) { /* there is such a row: the database finds it itself */
		sqlite3_free(error);
		snprintf(wrong, LEDGER_ERROR_MAX, "constraint");
	} else {
		if (e != SQLITE_OK)
			print_error("%s: %s\n", sql, error);
		assert_int_equal(e, SQLITE_OK);
		assert_true(sqlite3_changes(db) > 0);
		assert_int_equal(ledger_verify(ledger, NULL, NULL, &v), 0);
		snprintf(wrong, LEDGER_ERROR_MAX, "%s", v.wrong);
	}
	sqlite3_close(db);
	ledger_close(ledger);
	return wrong[0] != '\0';
}

static void copy_file(const char *from, const char *to)
{
	char buffer[65536];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		assert_int_equal(fwrite(buffer, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* Closed, the file is all there is: its log is written back. */
static void try(struct fixture *f, const char *sql, char wrong[static LEDGER_ERROR_MAX])
{
	char saved[112];
	bool found;

	snprintf(saved, sizeof(saved), "%s.saved", f->path);
	copy_file(f->path, saved);
	found = noticed(f, sql, wrong);
	copy_file(saved, f->path);
	if (!found)
		print_error("not noticed: %s\n", sql);
	assert_true(found);
}

static void test_untouched(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = books_open(&f->books);
	struct ledger_verified v;

	assert_int_equal(ledger_verify(ledger, NULL, NULL, &v), 0);
	assert_string_equal(v.wrong, "");
	assert_int_equal(v.entries, 10);
	assert_int_equal(v.charges, 6);
	assert_int_equal(v.accounts, 2);
	assert_int_equal(v.sales, 5 * EURO + 15 - 1);
	ledger_close(ledger);
}

struct column {
	const char *table, *name, *where;
	enum { NUMBER, TEXT, BYTES } kind;
};

static const struct column columns[] = {
	{"head", "number", "1", NUMBER},
	{"head", "hash", "1", BYTES},
	{"entry", "number", "number = 5", NUMBER},
	{"entry", "at", "number = 5", NUMBER},
	{"entry", "kind", "number = 5", NUMBER},
	{"entry", "account", "number = 5", NUMBER},
	{"entry", "refers", "kind = 4", NUMBER},
	{"entry", "charge", "number = 5", BYTES},
	{"entry", "note", "kind = 4", TEXT},
	{"entry", "hash", "number = 5", BYTES},
	{"entry", "hash", "number = 10", BYTES},
	{"posting", "entry", "entry = 5 AND line = 1", NUMBER},
	{"posting", "line", "entry = 5 AND line = 1", NUMBER},
	{"posting", "book", "entry = 5 AND line = 1", NUMBER},
	{"posting", "account", "entry = 5 AND line = 0", NUMBER},
	{"posting", "amount", "entry = 5 AND line = 0", NUMBER},
	{"charge", "entry", "entry = 5", NUMBER},
	{"charge", "account", "entry = 5", NUMBER},
	{"charge", "key", "entry = 5", NUMBER},
	{"charge", "idempotency", "entry = 5", BYTES},
	{"charge", "body", "entry = 5", BYTES},
	{"charge", "amount", "entry = 5", NUMBER},
	{"charge", "at", "entry = 5", NUMBER},
	{"charge", "status", "entry = 5", NUMBER},
	{"charge", "type", "entry = 5", TEXT},
	{"charge", "answer", "entry = 5", BYTES},
	{"charge", "receipt", "entry = 5", BYTES},
	{"account", "balance", "number = 1", NUMBER},
	{"account", "number", "number = 2", NUMBER},
	{"keys", "spent", "number = 1", NUMBER},
	{"spent", "account", "account = 1 AND key > 0", NUMBER},
	{"spent", "key", "account = 1 AND key > 0", NUMBER},
	{"spent", "day", "account = 1 AND key > 0", NUMBER},
	{"spent", "amount", "account = 1 AND key > 0", NUMBER},
};

/* Bits of numbers, of the first and of the last byte of what has bytes. */
static void test_one_bit(void **state)
{
	static const unsigned bits[] = {0, 5, 40, 63};
	char sql[512], wrong[LEDGER_ERROR_MAX];

	for (unsigned i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		const struct column *c = &columns[i];
		const char *cast = c->kind == TEXT ? "TEXT" : "BLOB";

		for (unsigned b = 0; b < sizeof(bits) / sizeof(*bits); b++) {
			if (c->kind == NUMBER) /* x XOR bit */
				snprintf(sql, sizeof(sql),
					"UPDATE %s SET %s = (%s | (1 << %u)) - (%s & (1 << %u)) "
					"WHERE rowid IN (SELECT rowid FROM %s WHERE %s LIMIT 1)",
					c->table, c->name, c->name, bits[b], c->name, bits[b],
					c->table, c->where);
			else /* in ASCII, letters change case or become others */
				snprintf(sql, sizeof(sql),
					"UPDATE %s SET %s = CAST(substr(CAST(%s AS BLOB), 1, %u) "
					"|| "
					"CASE WHEN substr(CAST(%s AS BLOB), %u, 1) = x'61' THEN "
					"x'60' ELSE x'61' END || substr(CAST(%s AS BLOB), %u) AS "
					"%s) WHERE rowid IN (SELECT rowid FROM %s WHERE %s LIMIT "
					"1)",
					c->table, c->name, c->name, b, c->name, b + 1, c->name,
					b + 2, cast, c->table, c->where);
			if (strcmp(c->table, "posting") == 0 || strcmp(c->table, "spent") == 0)
				snprintf(strstr(sql, "WHERE rowid"), 64, "WHERE %s", c->where);
			try(*state, sql, wrong);
		}
	}
}

/* Whole rows: taken away, put between, told twice; the sum may be right. */
static void test_rows(void **state)
{
	static const struct {
		const char *sql, *why;
	} done[] = {
		{"DELETE FROM entry WHERE number = 10", "there are 9 entries, there were 10"},
		{"DELETE FROM entry WHERE number = 5", "behind entry 4 comes entry 6"},
		{"DELETE FROM entry WHERE number = 1", "behind entry 0 comes entry 2"},
		{"DELETE FROM charge WHERE entry = 5", "6 entries are charges, and there are 5"},
		{"DELETE FROM posting WHERE entry = 5", "entry 5: its hash"},
		{"INSERT INTO posting VALUES(77, 0, 1, 1, 5)", "postings of no entry"},
		{"INSERT INTO posting VALUES(5, 2, 1, 1, 0)", "entry 5: its hash"},
		{"INSERT INTO charge SELECT 77, account, key, x'77', body, amount, at, status, "
		 "type, answer, receipt FROM charge WHERE entry = 5",
			"entry 77: its charge"},
		{"UPDATE posting SET amount = amount * 2 WHERE entry = 5", "entry 5: its hash"},
		{"UPDATE entry SET number = CASE number WHEN 5 THEN -6 ELSE -5 END WHERE number "
		 "IN (5, 6)",
			"entry"},
		{"DELETE FROM spent", "each day"},
		{"DELETE FROM account WHERE number = 2", "there is no account 2"},
		{"UPDATE account SET balance = balance + 1 WHERE number = 1",
			"account \"anna\": its balance"},
		{"UPDATE entry SET note = x'00' WHERE number = 3", "behind entry 2"},
		{"UPDATE entry SET at = 1.5 WHERE number = 3", "behind entry 2"},
		{"UPDATE charge SET receipt = NULL || 'text' WHERE 0 OR entry = -1;"
		 "UPDATE charge SET answer = 'text' WHERE entry = 5",
			"entry 5: its charge"},
	};
	char wrong[LEDGER_ERROR_MAX];

	for (unsigned i = 0; i < sizeof(done) / sizeof(*done); i++) {
		try(*state, done[i].sql, wrong);
		if (!strstr(wrong, done[i].why))
			print_error("%s: %s\n", done[i].sql, wrong);
		assert_non_null(strstr(wrong, done[i].why));
	}
}

static const char *only_of_one(struct mf_str text, void *context)
{
	++*(unsigned *)context;
	return mf_str_is(text, "receipt of 4") ? "not signed" : NULL;
}

static void test_receipts(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = books_open(&f->books);
	struct ledger_verified v;
	unsigned seen = 0;

	assert_int_equal(ledger_verify(ledger, only_of_one, &seen, &v), 0);
	assert_int_equal(seen, 5);
	assert_string_equal(v.wrong, "entry 7: its receipt: not signed");
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_untouched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receipts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
