/* market/ledger: accounts, keys, charges, limits; what is told twice, what is refused, what is altered */
#include "market/ledger.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/market/books.h"

#define EURO 1000000ll

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

/* A ledger with an account `anna` of 10 EUR and a key. */
struct fixture {
	struct books books;
	struct ledger *ledger;
	struct ledger_account anna;
	struct ledger_key key;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	books_make(&f->books);
	f->ledger = books_open(&f->books);
	books_account(f->ledger, "anna", 10 * EURO, &f->anna, &f->key);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ledger_close(f->ledger);
	books_remove(&f->books);
	free(f);
	return 0;
}

static int64_t balance(struct fixture *f)
{
	struct ledger_account a;

	assert_int_equal(ledger_account_get(f->ledger, "anna", &a), 0);
	return a.balance;
}

static int64_t held(struct fixture *f)
{
	struct ledger_account a;

	assert_int_equal(ledger_account_get(f->ledger, "anna", &a), 0);
	return a.held;
}

static void sound(struct fixture *f)
{
	struct ledger_verified v;

	assert_int_equal(ledger_verify(f->ledger, NULL, NULL, &v), 0);
	assert_string_equal(v.wrong, "");
}

static int charge(
	struct fixture *f, const char *id, uint8_t body, int64_t amount, struct ledger_first *first)
{
	struct ledger_charge c = books_charge(&f->key, id, body, amount);
	int verdict;

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	verdict = ledger_charge(f->ledger, &c, first);
	assert_int_equal(ledger_commit(f->ledger), 0);
	return verdict;
}

static int hold(struct fixture *f, const char *id, uint8_t body, int64_t amount)
{
	struct ledger_ask ask = {.key = f->key.number,
		.service = str("linalg"),
		.idempotency = str(id),
		.amount = amount,
		.now = BOOKS_NOW,
		.until = BOOKS_NOW + 60000000000};
	struct ledger_first first;
	int verdict;

	memset(ask.body, body, sizeof(ask.body));
	assert_int_equal(ledger_begin(f->ledger, false), 0);
	verdict = ledger_hold(f->ledger, &ask, &first);
	assert_int_equal(ledger_commit(f->ledger), 0);
	return verdict;
}

/* --------------------------------------------------------------------- charges */

static void test_one_charge(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	assert_int_equal(charge(f, "one", 1, 3 * EURO, &first), LEDGER_DONE);
	assert_int_equal(balance(f), 7 * EURO);
	/* again: what was answered first, and nothing more is charged */
	assert_int_equal(charge(f, "one", 1, 4 * EURO, &first), LEDGER_AGAIN);
	assert_int_equal(first.amount, 3 * EURO);
	assert_int_equal(first.status, 200);
	assert_true(mf_str_is(first.type, "text/plain"));
	assert_true(mf_str_is(first.answer, "answer of one"));
	assert_true(mf_str_is(first.receipt, "receipt of one"));
	/* the same key, another body */
	assert_int_equal(charge(f, "one", 2, 3 * EURO, &first), LEDGER_CONFLICT);
	assert_int_equal(balance(f), 7 * EURO);
	sound(f);
}

/* Idempotency keys are an account's: another of its keys finds them, another account doesn't. */
static void test_whose_charge(void **state)
{
	struct fixture *f = *state;
	struct ledger_account berta;
	struct ledger_key anna = f->key, second, other;
	struct ledger_first first;

	books_account(f->ledger, "berta", EURO, &berta, &other);
	books_key(f->ledger, &f->anna, &second);
	assert_int_equal(charge(f, "one", 1, EURO, &first), LEDGER_DONE);
	f->key = second;
	assert_int_equal(charge(f, "one", 1, EURO, &first), LEDGER_AGAIN);
	f->key = other;
	assert_int_equal(charge(f, "one", 1, EURO, &first), LEDGER_DONE);
	f->key = anna;
	assert_int_equal(balance(f), 9 * EURO);
	sound(f);
}

static void test_nothing_is_free_of_charge(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	assert_int_equal(charge(f, "nothing", 1, 0, &first), LEDGER_DONE);
	assert_int_equal(charge(f, "nothing", 1, 0, &first), LEDGER_AGAIN);
	assert_int_equal(balance(f), 10 * EURO);
	sound(f);
}

static void test_many_in_one(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;
	unsigned done = 0;

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	for (unsigned i = 0; i < 30; i++) {
		char id[16];
		struct ledger_charge c;

		snprintf(id, sizeof(id), "%u", i % 20); /* ten come twice */
		c = books_charge(&f->key, id, 1, EURO);
		done += ledger_charge(f->ledger, &c, &first) == LEDGER_DONE;
	}
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(
		done, 10); /* for more there was no money, but who was refused could ask again */
	assert_int_equal(balance(f), 0);
	sound(f);
}

static void test_given_up(void **state)
{
	struct fixture *f = *state;
	struct ledger_charge c = books_charge(&f->key, "one", 1, EURO);
	struct ledger_first first;

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_charge(f->ledger, &c, &first), LEDGER_DONE);
	ledger_rollback(f->ledger);
	assert_int_equal(balance(f), 10 * EURO);
	sound(f);
	assert_int_equal(charge(f, "one", 2, EURO, &first), LEDGER_DONE);
	sound(f);
}

static void test_senseless(void **state)
{
	static const char longest[300] = {0};
	struct fixture *f = *state;
	struct ledger_charge c = books_charge(&f->key, "one", 1, EURO);
	struct ledger_first first;

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	c.amount = -1;
	assert_int_equal(ledger_charge(f->ledger, &c, &first), -EINVAL);
	c.amount = LEDGER_AMOUNT_MOST + 1;
	assert_int_equal(ledger_charge(f->ledger, &c, &first), -EINVAL);
	c.amount = 1;
	c.idempotency = str("");
	assert_int_equal(ledger_charge(f->ledger, &c, &first), -EINVAL);
	c.idempotency = mf_str_of(longest, LEDGER_ID + 1);
	assert_int_equal(ledger_charge(f->ledger, &c, &first), -EINVAL);
	c.idempotency = mf_str_of(longest, LEDGER_ID);
	c.key = 77;
	assert_int_equal(ledger_charge(f->ledger, &c, &first), LEDGER_UNKNOWN);
	c.key = f->key.number;
	assert_int_equal(ledger_charge(f->ledger, &c, &first), LEDGER_DONE);
	assert_int_equal(ledger_commit(f->ledger), 0);
	sound(f);
}

/* ----------------------------------------------------------------------- holds */

static void test_hold(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	assert_int_equal(hold(f, "one", 1, 6 * EURO), LEDGER_DONE);
	assert_int_equal(held(f), 6 * EURO);
	assert_int_equal(balance(f), 10 * EURO);
	assert_int_equal(hold(f, "one", 1, 6 * EURO), LEDGER_UNDER_WAY);
	assert_int_equal(hold(f, "one", 2, 6 * EURO), LEDGER_CONFLICT);
	assert_int_equal(hold(f, "two", 1, 4 * EURO + 1), LEDGER_BALANCE);
	assert_int_equal(hold(f, "two", 1, 4 * EURO), LEDGER_DONE);
	/* less than was held is charged; the rest is free again */
	assert_int_equal(charge(f, "one", 1, 5 * EURO, &first), LEDGER_DONE);
	assert_int_equal(held(f), 4 * EURO);
	assert_int_equal(balance(f), 5 * EURO);
	assert_int_equal(charge(f, "two", 3, EURO, &first), LEDGER_CONFLICT);
	assert_int_equal(charge(f, "two", 1, 4 * EURO + 1, &first), -ERANGE);
	assert_int_equal(ledger_begin(f->ledger, false), 0);
	assert_int_equal(ledger_release(f->ledger, f->anna.number, str("two")), 1);
	assert_int_equal(ledger_release(f->ledger, f->anna.number, str("two")), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(held(f), 0);
	assert_int_equal(hold(f, "two", 1, 5 * EURO), LEDGER_DONE);
	/* what was charged is answered again before anything is held */
	assert_int_equal(hold(f, "one", 1, 6 * EURO), LEDGER_AGAIN);
	assert_int_equal(hold(f, "one", 2, 6 * EURO), LEDGER_CONFLICT);
	sound(f);
}

static void test_hold_runs_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hold(f, "one", 1, 6 * EURO), LEDGER_DONE);
	assert_int_equal(hold(f, "two", 1, 4 * EURO), LEDGER_DONE);
	assert_int_equal(ledger_begin(f->ledger, false), 0);
	assert_int_equal(ledger_release_old(f->ledger, BOOKS_NOW), 0);
	assert_int_equal(ledger_release_old(f->ledger, BOOKS_NOW + 60000000001), 2);
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(held(f), 0);
	sound(f);
}

static void test_hold_is_extended(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	assert_int_equal(hold(f, "one", 1, 6 * EURO), LEDGER_DONE);
	assert_int_equal(ledger_begin(f->ledger, false), 0);
	assert_int_equal(
		ledger_hold_until(f->ledger, f->anna.number, str("one"), BOOKS_NOW + 120000000000),
		1);
	assert_int_equal(ledger_hold_until(f->ledger, f->anna.number, str("two"), BOOKS_NOW), 0);
	assert_int_equal(ledger_release_old(f->ledger, BOOKS_NOW + 60000000001), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(charge(f, "one", 1, 6 * EURO, &first), LEDGER_DONE);
	assert_int_equal(held(f), 0);
	sound(f);
}

/* Two keys of one account: what one held and the other charges. */
static void test_hold_of_another_key(void **state)
{
	struct fixture *f = *state;
	struct ledger_key first_key = f->key, second, now;
	struct ledger_first first;

	books_key(f->ledger, &f->anna, &second);
	assert_int_equal(hold(f, "one", 1, 6 * EURO), LEDGER_DONE);
	f->key = second;
	assert_int_equal(charge(f, "one", 1, 5 * EURO, &first), LEDGER_DONE);
	assert_int_equal(held(f), 0);
	assert_int_equal(ledger_key_get(f->ledger, first_key.number, &now), 0);
	assert_int_equal(now.held, 0);
	assert_int_equal(now.spent, 0);
	assert_int_equal(ledger_key_get(f->ledger, second.number, &now), 0);
	assert_int_equal(now.held, 0);
	assert_int_equal(now.spent, 5 * EURO);
	sound(f);
}

/* Whoever keeps copies of keys hears of it, also from another program. */
static void test_changed(void **state)
{
	struct fixture *f = *state;
	struct ledger *other = books_open(&f->books);
	unsigned tries = 0;

	(void)ledger_changed(other);
	assert_false(ledger_changed(other));
	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_key_revoke(f->ledger, f->key.number, BOOKS_NOW), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	while (!ledger_changed(other) && ++tries < 2000)
		usleep(1000);
	assert_true(tries < 2000);
	assert_false(ledger_changed(other));
	ledger_close(other);
}

/* What was begun is paid for, though its key was revoked meanwhile. */
static void test_hold_outlives_the_key(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	assert_int_equal(hold(f, "one", 1, EURO), LEDGER_DONE);
	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_key_revoke(f->ledger, f->key.number, BOOKS_NOW), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(hold(f, "two", 1, EURO), LEDGER_REVOKED);
	assert_int_equal(charge(f, "two", 1, EURO, &first), LEDGER_REVOKED);
	assert_int_equal(charge(f, "one", 1, EURO, &first), LEDGER_DONE);
	assert_int_equal(hold(f, "one", 1, EURO), LEDGER_REVOKED); /* not even an old answer */
	assert_int_equal(held(f), 0);
	sound(f);
}

/* ---------------------------------------------------------------------- limits */

static void limits(struct fixture *f, int64_t credit, int64_t day_most, bool closed)
{
	struct ledger_account a;

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_account_get(f->ledger, "anna", &a), 0);
	a.credit = credit;
	a.day_most = day_most;
	a.closed = closed;
	assert_int_equal(ledger_account_set(f->ledger, &a), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
}

static void test_credit(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	assert_int_equal(charge(f, "a", 1, 11 * EURO, &first), LEDGER_BALANCE);
	limits(f, EURO, LEDGER_AS_PLANNED, false);
	assert_int_equal(charge(f, "a", 1, 11 * EURO + 1, &first), LEDGER_BALANCE);
	assert_int_equal(charge(f, "a", 1, 11 * EURO, &first), LEDGER_DONE);
	assert_int_equal(balance(f), -EURO);
	limits(f, LEDGER_AS_PLANNED, LEDGER_AS_PLANNED, false);
	assert_int_equal(charge(f, "b", 1, 0, &first), LEDGER_BALANCE);
	sound(f);
}

static void test_day_of_account(void **state)
{
	struct fixture *f = *state;
	struct ledger_key second;
	struct ledger_first first;

	limits(f, LEDGER_AS_PLANNED, 2 * EURO, false);
	assert_int_equal(charge(f, "a", 1, 2 * EURO, &first), LEDGER_DONE);
	assert_int_equal(charge(f, "b", 1, 1, &first), LEDGER_ACCOUNT_DAY);
	books_key(f->ledger, &f->anna, &second); /* another key is no way round */
	f->key = second;
	assert_int_equal(charge(f, "b", 1, 1, &first), LEDGER_ACCOUNT_DAY);
	f->books.later = 86400000000000; /* the next day */
	{
		struct ledger_charge c = books_charge(&f->key, "b", 1, 2 * EURO);

		c.at += f->books.later;
		assert_int_equal(ledger_begin(f->ledger, true), 0);
		assert_int_equal(ledger_charge(f->ledger, &c, &first), LEDGER_DONE);
		assert_int_equal(ledger_commit(f->ledger), 0);
	}
	sound(f);
}

static struct ledger_key limited(
	struct fixture *f, const char *services, int64_t most, int64_t day_most, int64_t expires)
{
	struct ledger_key key = {.account = f->anna.number,
		.made = BOOKS_NOW,
		.most = most,
		.day_most = day_most,
		.expires = expires};
	char text[MARKET_KEY_TEXT];

	snprintf(key.services, sizeof(key.services), "%s", services);
	market_key_new(false, text);
	market_key_hash(str(text), key.hash);
	market_key_show(str(text), key.shown);
	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_key_add(f->ledger, &key), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	return key;
}

static void test_limits_of_keys(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;

	f->key = limited(f, "", 3 * EURO, 2 * EURO, 0);
	assert_int_equal(charge(f, "a", 1, 2 * EURO + 1, &first), LEDGER_KEY_DAY);
	assert_int_equal(hold(f, "h", 1, EURO), LEDGER_DONE);
	assert_int_equal(
		charge(f, "a", 1, EURO + 1, &first), LEDGER_KEY_DAY); /* what is held counts */
	assert_int_equal(charge(f, "h", 1, EURO, &first), LEDGER_DONE);
	assert_int_equal(charge(f, "b", 1, 2 * EURO + 1, &first), LEDGER_KEY_MOST);
	f->key = limited(f, "linalg dns", LEDGER_UNLIMITED, LEDGER_UNLIMITED, 0);
	assert_int_equal(charge(f, "c", 1, 1, &first), LEDGER_DONE);
	f->key = limited(f, "linal dns", LEDGER_UNLIMITED, LEDGER_UNLIMITED, 0);
	assert_int_equal(charge(f, "d", 1, 1, &first), LEDGER_SCOPE);
	f->key = limited(f, "", LEDGER_UNLIMITED, LEDGER_UNLIMITED, BOOKS_NOW + 1);
	assert_int_equal(charge(f, "e", 1, 1, &first), LEDGER_DONE);
	f->key = limited(f, "", LEDGER_UNLIMITED, LEDGER_UNLIMITED, BOOKS_NOW);
	assert_int_equal(charge(f, "f", 1, 1, &first), LEDGER_EXPIRED);
	f->key = limited(f, "", LEDGER_UNLIMITED, LEDGER_UNLIMITED, 0);
	limits(f, LEDGER_AS_PLANNED, LEDGER_AS_PLANNED, true);
	assert_int_equal(charge(f, "g", 1, 1, &first), LEDGER_CLOSED);
	sound(f);
}

/* ------------------------------------------------------------------------ keys */

static void test_rotation(void **state)
{
	struct fixture *f = *state;
	struct ledger_key fresh = {0}, found;
	char text[MARKET_KEY_TEXT];

	market_key_new(false, text);
	market_key_hash(str(text), fresh.hash);
	market_key_show(str(text), fresh.shown);
	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_key_rotate(f->ledger, f->key.number, BOOKS_NOW, 1000, &fresh), 0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(fresh.replaces, f->key.number);
	assert_int_equal(ledger_key_find(f->ledger, f->key.hash, &found), 0);
	assert_int_equal(found.expires, BOOKS_NOW + 1000);
	assert_int_equal(ledger_key_find(f->ledger, fresh.hash, &found), 0);
	assert_int_equal(found.number, fresh.number);
	assert_int_equal(found.account, f->anna.number);
	assert_string_equal(found.shown, fresh.shown);
	assert_int_equal(found.expires, 0);
	fresh.hash[0] ^= 1;
	assert_int_equal(ledger_key_find(f->ledger, fresh.hash, &found), -ENOENT);
	/* what has ended has no successor */
	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(
		ledger_key_rotate(f->ledger, f->key.number, BOOKS_NOW + 1000, 0, &fresh), -EPERM);
	assert_int_equal(ledger_key_rotate(f->ledger, 99, BOOKS_NOW, 0, &fresh), -ENOENT);
	ledger_rollback(f->ledger);
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	struct ledger_account a = {.name = "carl", .plan = "none", .credit = 0, .day_most = 0};
	struct ledger_plan plan = {.name = "gold", .credit = EURO, .day_most = LEDGER_UNLIMITED};

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_account_add(f->ledger, &a), -ENOENT);
	assert_int_equal(ledger_plan_put(f->ledger, &plan), 0);
	snprintf(a.plan, sizeof(a.plan), "gold");
	a.credit = LEDGER_AS_PLANNED;
	assert_int_equal(ledger_account_add(f->ledger, &a), 0);
	assert_int_equal(ledger_account_add(f->ledger, &a), -EEXIST);
	assert_int_equal(ledger_account_get(f->ledger, "carl", &a), 0);
	assert_int_equal(a.credit, EURO);
	assert_int_equal(ledger_plan_remove(f->ledger, "gold"), -EBUSY);
	assert_int_equal(ledger_plan_remove(f->ledger, "silver"), -ENOENT);
	snprintf(a.name, sizeof(a.name), "da na");
	assert_int_equal(ledger_account_add(f->ledger, &a), -EINVAL);
	a.name[0] = '\0';
	assert_int_equal(ledger_account_add(f->ledger, &a), -EINVAL);
	assert_int_equal(ledger_commit(f->ledger), 0);
}

/* --------------------------------------------------------------- other entries */

static void test_void(void **state)
{
	struct fixture *f = *state;
	struct ledger_first first;
	uint64_t number;

	assert_int_equal(charge(f, "one", 1, 3 * EURO, &first), LEDGER_DONE);
	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(
		ledger_void(f->ledger, first.entry, BOOKS_NOW, str("wrong answer"), &number), 0);
	assert_int_equal(
		ledger_void(f->ledger, first.entry, BOOKS_NOW, str(""), &number), -EALREADY);
	assert_int_equal(ledger_void(f->ledger, number, BOOKS_NOW, str(""), &number), -EPERM);
	assert_int_equal(ledger_void(f->ledger, 99, BOOKS_NOW, str(""), &number), -ENOENT);
	assert_int_equal(
		ledger_credit(f->ledger, f->anna.number, -1, BOOKS_NOW, str(""), &number), -EINVAL);
	assert_int_equal(
		ledger_credit(f->ledger, f->anna.number, EURO, BOOKS_NOW, str("sorry"), &number),
		0);
	assert_int_equal(ledger_pay(f->ledger, f->anna.number, -4 * EURO, BOOKS_NOW,
				 str("paid back"), &number),
		0);
	assert_int_equal(ledger_commit(f->ledger), 0);
	assert_int_equal(balance(f), 7 * EURO);
	/* it was charged, whatever became of it: the same answer again */
	assert_int_equal(charge(f, "one", 1, 3 * EURO, &first), LEDGER_AGAIN);
	sound(f);
}

static void test_no_such_account(void **state)
{
	struct fixture *f = *state;
	uint64_t number;

	assert_int_equal(ledger_begin(f->ledger, true), 0);
	assert_int_equal(ledger_pay(f->ledger, 99, EURO, BOOKS_NOW, str(""), &number), -ENOENT);
	assert_int_equal(ledger_commit(f->ledger), -ENOENT); /* half an entry is none */
	sound(f);
}

/* ------------------------------------------------------------------------ open */

static void test_opened_again(void **state)
{
	struct fixture *f = *state;
	struct ledger_verified before, after;
	struct ledger_first first;
	char error[LEDGER_ERROR_MAX], path[sizeof(f->books.directory) + 32];
	struct stat st;

	assert_int_equal(charge(f, "one", 1, EURO, &first), LEDGER_DONE);
	assert_int_equal(ledger_verify(f->ledger, NULL, NULL, &before), 0);
	assert_int_equal(before.entries, 2);
	assert_int_equal(before.charges, 1);
	assert_int_equal(before.sales, EURO);
	ledger_close(f->ledger);
	f->ledger = NULL;
	assert_int_equal(ledger_open(&f->ledger, f->books.where, "USD", false, error), 0);
	assert_string_equal(ledger_currency(f->ledger), "EUR");
	assert_int_equal(ledger_verify(f->ledger, NULL, NULL, &after), 0);
	assert_memory_equal(before.head, after.head, CHAIN_HASH);
	assert_int_equal(charge(f, "one", 1, EURO, &first), LEDGER_AGAIN);
	if (f->books.postgres)
		return;
	snprintf(path, sizeof(path), "%s/" LEDGER_FILE, f->books.directory);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_not_opened(void **state)
{
	struct fixture *f = *state;
	char error[LEDGER_ERROR_MAX], path[sizeof(f->books.directory) + 32];
	struct ledger *none = NULL;
	FILE *file;

	assert_int_equal(ledger_open(&none, "/nowhere/at/all", NULL, true, error), -ENOENT);
	assert_int_equal(ledger_open(&none, "/nowhere/at/all", NULL, false, error), -ENOENT);
	assert_int_equal(ledger_open(&none, f->books.directory, "Euro", false, error), -EINVAL);
	assert_non_null(strstr(error, "Euro"));
	snprintf(path, sizeof(path), "%s/other", f->books.directory);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/other/" LEDGER_FILE, f->books.directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is no database, but it is long enough to be taken for the head of one: "
	      "a hundred bytes and more",
		file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/other", f->books.directory);
	assert_int_equal(ledger_open(&none, path, NULL, false, error), -EUCLEAN);
	assert_non_null(strstr(error, "nothing was changed"));
	assert_null(none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_charge),
		TEST(test_whose_charge),
		TEST(test_nothing_is_free_of_charge),
		TEST(test_many_in_one),
		TEST(test_given_up),
		TEST(test_senseless),
		TEST(test_hold),
		TEST(test_hold_runs_out),
		TEST(test_hold_is_extended),
		TEST(test_hold_of_another_key),
		TEST(test_changed),
		TEST(test_hold_outlives_the_key),
		TEST(test_credit),
		TEST(test_day_of_account),
		TEST(test_limits_of_keys),
		TEST(test_rotation),
		TEST(test_names),
		TEST(test_void),
		TEST(test_no_such_account),
		TEST(test_opened_again),
		TEST(test_not_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
