/* with: tests/unit/market/books.c */
/* hub/till: works that share a transaction, one that fails among others, a ledger that can't be written, the signer */
#include "hub/till.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/secret.h"
#include "sys/clock.h"
#include "tests/unit/market/books.h"

#define ROUNDS 2000 /* of 10 ms: for the slowest machine */
#define EURO   1000000ll
#define HASTY  100 /* ms */

struct fixture {
	struct books books;
	struct loop *loop;
	struct till *till;
	struct ledger *other; /* another process', as it were */
	struct ledger_account anna;
	struct ledger_key key;
	char secret[96];
	unsigned lost;
};

struct work {
	struct till_work work;
	struct fixture *f;
	unsigned n, runs, dones;
	int fails; /* what its run comes to */
	int error;
	int64_t amount;
	struct receipt receipt;
};

static int run(struct till_work *w, struct ledger *ledger)
{
	struct work *work = LOOP_OWNER(w, struct work, work);
	uint64_t entry;
	int e = ledger_pay(
		ledger, work->f->anna.number, work->amount, BOOKS_NOW, mf_str_of("a", 1), &entry);

	work->runs++;
	return e < 0 ? e : work->fails;
}

static void done(struct till_work *w, int error)
{
	struct work *work = LOOP_OWNER(w, struct work, work);

	work->dones++;
	work->error = error;
}

static struct work work_of(struct fixture *f, unsigned n)
{
	return (struct work){.work = {.run = run, .done = done, .durable = true},
		.f = f,
		.n = n,
		.amount = EURO,
		.error = 1};
}

static void on_lost(void *context)
{
	((struct fixture *)context)->lost++;
}

static void make_secret(struct fixture *f)
{
	struct secret_key secret;
	struct sign_key key;
	char text[SECRET_TEXT_MAX];
	FILE *file;

	snprintf(f->secret, sizeof(f->secret), "%s/center.key", f->books.directory);
	assert_int_equal(secret_make(&secret, &key), 0);
	assert_int_equal(secret_write(&secret, NULL, NULL, text), 0);
	file = fopen(f->secret, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(f->secret, 0600), 0);
}

static int setup_with(void **state, unsigned patience_ms)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct till_options options = {
		.lost = on_lost, .context = f, .sign_ms = patience_ms, .drain_ms = patience_ms};
	char error[SIGNER_ERROR_MAX];

	books_make(&f->books);
	make_secret(f);
	f->other = books_open(&f->books);
	books_account(f->other, "anna", 10 * EURO, &f->anna, &f->key);
	assert_int_equal(signer_open(&options.signer, f->secret, error), 0);
	assert_int_equal(loop_open(&f->loop), 0);
	options.loop = f->loop;
	options.ledger = f->books.where;
	assert_int_equal(till_open(&f->till, &options, error), 0);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 0);
}

/* It waits for nobody for long. */
static int setup_hasty(void **state)
{
	return setup_with(state, HASTY);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	till_close(f->till);
	loop_close(f->loop);
	ledger_close(f->other);
	(void)unlink(f->secret);
	books_remove(&f->books);
	free(f);
	return 0;
}

static void until_done(struct fixture *f)
{
	for (unsigned i = 0; i < ROUNDS && till_waiting(f->till) > 0; i++)
		assert_int_equal(loop_once(f->loop, 10), 0);
	assert_int_equal(till_waiting(f->till), 0);
}

static int64_t balance(struct fixture *f)
{
	struct ledger_account a;

	assert_int_equal(ledger_look(f->other), 0);
	assert_int_equal(ledger_account_get(f->other, "anna", &a), 0);
	ledger_rollback(f->other);
	return a.balance;
}

/* Somebody else writes: what is queued now waits, and so is together. */
static void stop_others(struct fixture *f, struct work *first)
{
	assert_int_equal(ledger_begin(f->other, false), 0);
	till_do(f->till, &first->work);
	while (till_counted(f->till).taken == 0)
		usleep(1000);
}

static void test_one(void **state)
{
	struct fixture *f = *state;
	struct work w = work_of(f, 0);

	assert_true(till_takes(f->till));
	assert_string_equal(till_currency(f->till), "EUR");
	till_do(f->till, &w.work);
	assert_int_equal(w.dones, 0); /* never before the loop comes by */
	until_done(f);
	assert_int_equal(w.dones, 1);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.runs, 1);
	assert_int_equal(balance(f), 11 * EURO);
}

static void test_together(void **state)
{
	struct fixture *f = *state;
	struct work first = work_of(f, 0), w[50];
	struct till_counts counts;

	stop_others(f, &first);
	for (unsigned i = 0; i < 50; i++) {
		w[i] = work_of(f, i);
		till_do(f->till, &w[i].work);
	}
	ledger_rollback(f->other);
	until_done(f);
	counts = till_counted(f->till);
	assert_int_equal(counts.works, 51);
	assert_int_equal(counts.transactions, 2);
	assert_int_equal(counts.flushes, 2);
	assert_int_equal(counts.alone, 0);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(w[i].runs + w[i].dones + (unsigned)w[i].error, 2);
	assert_int_equal(balance(f), 61 * EURO);
}

/* One that can't be done is in nobody's way, and nothing of it is left. */
static void test_bad_one(void **state)
{
	struct fixture *f = *state;
	struct work first = work_of(f, 0), w[5];

	stop_others(f, &first);
	for (unsigned i = 0; i < 5; i++) {
		w[i] = work_of(f, i);
		w[i].fails = i == 2 ? -EINVAL : 0;
		till_do(f->till, &w[i].work);
	}
	w[4].amount = 2 * LEDGER_AMOUNT_MOST; /* the ledger says so itself */
	ledger_rollback(f->other);
	until_done(f);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(w[i].dones, 1);
		assert_int_equal(w[i].error, i == 2 || i == 4 ? -EINVAL : 0);
	}
	assert_int_equal(w[0].runs, 2); /* with the others, then alone */
	assert_int_equal(till_counted(f->till).alone, 5);
	assert_int_equal(till_counted(f->till).failed, 2);
	assert_int_equal(balance(f), 14 * EURO);
	assert_true(till_takes(f->till)); /* the ledger is none the worse */
}

/* What waits is bounded; what was begun is always taken. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	struct work first = work_of(f, 0);
	struct work *w = calloc(TILL_MOST, sizeof(*w));

	assert_non_null(w);
	stop_others(f, &first);
	for (unsigned i = 0; i < TILL_MOST; i++) {
		assert_true(i + 1 < TILL_MOST ? till_takes(f->till) : true);
		w[i] = work_of(f, i);
		till_do(f->till, &w[i].work);
	}
	assert_false(till_takes(f->till));
	ledger_rollback(f->other);
	until_done(f);
	assert_true(till_takes(f->till));
	assert_int_equal(balance(f), (int64_t)(11 + TILL_MOST) * EURO);
	free(w);
}

static void limit_files(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* As on a disk that is full: nothing is in the ledger, nothing new is begun, and it goes on by itself. */
static void test_no_room(void **state)
{
	struct fixture *f = *state;
	struct work w[3], again = work_of(f, 9);

	if (f->books.postgres)
		skip(); /* its files are another process's */
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	limit_files(0);
	for (unsigned i = 0; i < 3; i++) {
		w[i] = work_of(f, i);
		till_do(f->till, &w[i].work);
	}
	until_done(f);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(w[i].dones, 1);
		assert_true(w[i].error < 0);
	}
	assert_false(till_takes(f->till));
	limit_files(RLIM_INFINITY);
	assert_int_equal(balance(f), 10 * EURO);
	while (!till_takes(f->till))
		usleep(10000);
	till_do(f->till, &again.work);
	until_done(f);
	assert_int_equal(again.error, 0);
	assert_int_equal(balance(f), 11 * EURO);
}

static int write_nothing(struct till_work *w, struct ledger *ledger)
{
	(void)ledger;
	LOOP_OWNER(w, struct work, work)->runs++;
	return 0;
}

static struct work signed_work(struct fixture *f, unsigned n)
{
	struct work w = work_of(f, n);

	w.work.run = write_nothing;
	w.receipt = (struct receipt){.service = "linalg", .unit = "flop", .currency = "EUR"};
	snprintf(w.receipt.event, sizeof(w.receipt.event), "event %u", n);
	return w;
}

static void test_receipts(void **state)
{
	struct fixture *f = *state;
	struct work w[600], bad = signed_work(f, 1);

	for (unsigned i = 0; i < 600; i++) { /* more than a socket takes */
		w[i] = signed_work(f, i);
		w[i].work.receipt = &w[i].receipt;
		till_do(f->till, &w[i].work);
	}
	bad.work.receipt = &bad.receipt;
	bad.receipt.event[0] = '\x01';
	till_do(f->till, &bad.work);
	until_done(f);
	for (unsigned i = 0; i < 600; i++) {
		assert_int_equal(w[i].error, 0);
		assert_true(receipt_is_signed(&w[i].receipt, till_key(f->till)));
	}
	assert_int_equal(bad.error, -EINVAL);
	assert_int_equal(bad.runs, 0);
	assert_int_equal(till_counted(f->till).receipts, 600);
}

/* Nobody pays for what there is no receipt for. */
static void test_no_signer(void **state)
{
	struct fixture *f = *state;
	struct work w = signed_work(f, 1), plain = work_of(f, 2);

	assert_int_equal(kill(till_signer(f->till), SIGKILL), 0);
	for (unsigned i = 0; i < ROUNDS && f->lost == 0; i++)
		assert_int_equal(loop_once(f->loop, 10), 0);
	assert_int_equal(f->lost, 1);
	assert_false(till_takes(f->till));
	w.work.receipt = &w.receipt;
	till_do(f->till, &w.work);
	till_do(f->till, &plain.work); /* releases still go */
	until_done(f);
	assert_int_equal(w.error, -EPIPE);
	assert_int_equal(w.runs, 0);
	assert_int_equal(plain.error, 0);
}

/* One that hangs is as good as gone, and the hub hears of it. */
static void test_signer_hangs(void **state)
{
	struct fixture *f = *state;
	struct work w = signed_work(f, 1);

	assert_int_equal(kill(till_signer(f->till), SIGSTOP), 0);
	w.work.receipt = &w.receipt;
	till_do(f->till, &w.work);
	until_done(f);
	assert_int_equal(w.error, -EPIPE);
	assert_int_equal(w.runs, 0);
	for (unsigned i = 0; i < ROUNDS && f->lost == 0; i++)
		assert_int_equal(loop_once(f->loop, 10), 0);
	assert_int_equal(f->lost, 1);
	assert_false(till_takes(f->till));
}

static int refuse_early(struct till_work *w)
{
	(void)w;
	return -EINVAL;
}

static void test_prepare(void **state)
{
	struct fixture *f = *state;
	struct work w = work_of(f, 1);

	w.work.prepare = refuse_early;
	till_do(f->till, &w.work);
	until_done(f);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.runs, 0);
}

/* What is quick is done at once, but never while somebody else has the ledger, or something waits. */
static void test_quick(void **state)
{
	struct fixture *f = *state;
	struct work first = work_of(f, 0), a = work_of(f, 1), b = work_of(f, 2), c = work_of(f, 3);
	const bool can = !f->books.postgres;

	a.work.quick = b.work.quick = c.work.quick = true;
	a.work.durable = b.work.durable = c.work.durable = false;
	till_do(f->till, &first.work); /* the thread starts with the walls that stand then */
	until_done(f);
	till_do(f->till, &a.work);
	assert_int_equal(a.runs, can);
	assert_int_equal(a.dones, 0); /* never before the call returns */
	till_do(f->till, &b.work);
	assert_int_equal(till_waiting(f->till), 2);
	until_done(f);
	assert_int_equal(a.dones + b.dones, 2);
	assert_int_equal(till_counted(f->till).quick, can);
	assert_int_equal(ledger_begin(f->other, false), 0);
	till_do(f->till, &c.work);
	assert_int_equal(c.runs, 0);
	ledger_rollback(f->other);
	until_done(f);
	assert_int_equal(c.error, 0);
	assert_int_equal(till_counted(f->till).quick, can);
	assert_int_equal(balance(f), 14 * EURO);
	a = work_of(f, 4);
	a.work.quick = true;
	a.work.durable = false;
	a.fails = -EINVAL;
	till_do(f->till, &a.work);
	until_done(f);
	assert_int_equal(a.error, -EINVAL);
	assert_int_equal(balance(f), 14 * EURO);
}

static void test_close(void **state)
{
	struct fixture *f = *state;
	struct work w[20];

	for (unsigned i = 0; i < 20; i++) {
		w[i] = work_of(f, i);
		till_do(f->till, &w[i].work);
	}
	till_close(f->till);
	f->till = NULL;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(w[i].dones, 1);
	assert_int_equal(balance(f), 30 * EURO);
}

static int hang(struct till_work *w, struct ledger *ledger)
{
	(void)ledger;
	LOOP_OWNER(w, struct work, work)->runs++;
	usleep(5 * HASTY * 1000);
	return 0;
}

/* The ledger hangs: what is under way ends, and what waits needn't be tried. Nothing is the thread's when this returns. */
static void test_drain_waits(void **state)
{
	struct fixture *f = *state;
	struct work slow = work_of(f, 0), w[5];
	unsigned paid = 0;

	slow.work.run = hang;
	till_do(f->till, &slow.work);
	while (till_counted(f->till).taken == 0)
		usleep(1000);
	for (unsigned i = 0; i < 5; i++) {
		w[i] = work_of(f, i);
		till_do(f->till, &w[i].work);
	}
	till_drain(f->till);
	assert_int_equal(till_waiting(f->till), 0);
	assert_int_equal(slow.dones, 1);
	assert_int_equal(slow.error, 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(w[i].dones, 1);
		assert_true(w[i].error == 0 || w[i].error == -EIO);
		paid += w[i].error == 0;
	}
	assert_int_equal(balance(f), (10 + paid) * EURO);
}

static void test_no_ledger(void **state)
{
	struct fixture *f = *state;
	struct till_options options = {
		.loop = f->loop, .ledger = "/nonexistent", .signer = {.socket = -1, .pid = -1}};
	char error[LEDGER_ERROR_MAX] = "";
	struct till *till;

	assert_int_equal(till_open(&till, &options, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent"));
	till_close(till);
}

int main(void)
{
#define TEST(t)       cmocka_unit_test_setup_teardown(t, setup, teardown)
#define TEST_HASTY(t) cmocka_unit_test_setup_teardown(t, setup_hasty, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one),
		TEST(test_together),
		TEST(test_bad_one),
		TEST(test_full),
		TEST(test_no_room),
		TEST(test_receipts),
		TEST(test_no_signer),
		TEST_HASTY(test_signer_hangs),
		TEST(test_prepare),
		TEST(test_quick),
		TEST(test_close),
		TEST_HASTY(test_drain_waits),
		TEST(test_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
