/* with: tests/unit/market/books.c */
/* hub/paying: held, charged once, released whatever happens; rates; what stays held */
#include "hub/paying.h"

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

#include "hub/center.h"
#include "image/secret.h"
#include "tests/unit/market/books.h"

#define ROUNDS 2000 /* of 10 ms */
#define EURO   1000000ll

struct fixture {
	struct hub hub;
	struct center center;
	struct books books;
	struct ledger *other; /* another process', as it were */
	struct ledger_account anna;
	struct ledger_key key;
	char secret[96];
	unsigned dones;
};

static struct fixture *fixture; /* paying.done has no context */

static void on_done(struct paying *p)
{
	(void)p;
	fixture->dones++;
}

static void make_signer(struct fixture *f, struct signer *signer)
{
	struct secret_key secret;
	struct sign_key key;
	char text[SECRET_TEXT_MAX], error[SIGNER_ERROR_MAX];
	FILE *file;

	snprintf(f->secret, sizeof(f->secret), "%s/center.key", f->books.directory);
	assert_int_equal(secret_make(&secret, &key), 0);
	assert_int_equal(secret_write(&secret, NULL, NULL, text), 0);
	file = fopen(f->secret, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(f->secret, 0600), 0);
	assert_int_equal(signer_open(signer, f->secret, error), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct till_options options = {.lost = NULL};
	char error[LEDGER_ERROR_MAX];

	books_make(&f->books);
	make_signer(f, &options.signer);
	f->other = books_open(&f->books);
	books_account(f->other, "anna", 10 * EURO, &f->anna, &f->key);
	hub_init(&f->hub);
	assert_int_equal(loop_open(&f->hub.loop), 0);
	f->hub.center = &f->center;
	options.loop = f->hub.loop;
	options.ledger = f->books.where;
	assert_int_equal(till_open(&f->hub.till, &options, error), 0);
	paying_begin(&f->hub, true);
	*state = fixture = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	till_close(f->hub.till);
	loop_timer_clear(f->hub.loop, &f->center.again);
	loop_timer_clear(f->hub.loop, &f->center.sweep);
	paying_close(&f->center);
	loop_close(f->hub.loop);
	ledger_close(f->other);
	(void)unlink(f->secret);
	books_remove(&f->books);
	free(f);
	return 0;
}

static struct paying paying_of(struct fixture *f, const char *id, uint8_t body, int64_t most)
{
	struct paying p = {.hub = &f->hub,
		.service = "linalg",
		.idempotency_n = strlen(id),
		.most = most,
		.patience_ns = 60 * CLOCK_S,
		.counts = true,
		.done = on_done};

	memcpy(p.hash, f->key.hash, sizeof(p.hash));
	memcpy(p.idempotency, id, p.idempotency_n);
	p.body[0] = body;
	return p;
}

static void settle(struct fixture *f)
{
	for (unsigned i = 0; i < ROUNDS && till_waiting(f->hub.till) > 0; i++)
		assert_int_equal(loop_once(f->hub.loop, 10), 0);
	assert_int_equal(till_waiting(f->hub.till), 0);
}

static void hold(struct fixture *f, struct paying *p)
{
	const unsigned before = f->dones;

	assert_true(paying_can(&f->hub));
	assert_true(paying_admits(p));
	paying_hold(p);
	settle(f);
	assert_int_equal(f->dones, before + 1);
}

static void charge(struct fixture *f, struct paying *p, int64_t amount)
{
	struct paying_end end = {.amount = amount,
		.status = 200,
		.type = MF_STR("text/plain"),
		.answer = MF_STR("42")};

	snprintf(end.receipt.event, sizeof(end.receipt.event), "event");
	snprintf(end.receipt.service, sizeof(end.receipt.service), "linalg");
	snprintf(end.receipt.unit, sizeof(end.receipt.unit), "flop");
	paying_charge(p, &end);
	settle(f);
}

static struct ledger_account account(struct fixture *f)
{
	struct ledger_account a;

	assert_int_equal(ledger_look(f->other), 0);
	assert_int_equal(ledger_account_get(f->other, "anna", &a), 0);
	ledger_rollback(f->other);
	return a;
}

static void test_charged(void **state)
{
	struct fixture *f = *state;
	struct paying p = paying_of(f, "one", 1, 5 * EURO),
		      again = paying_of(f, "one", 1, 5 * EURO);
	struct paying other = paying_of(f, "one", 2, EURO);
	struct receipt receipt;
	char error[RECEIPT_ERROR_MAX];

	hold(f, &p);
	assert_int_equal(p.verdict, LEDGER_DONE);
	assert_true(p.held);
	assert_string_equal(p.subscriber.name, "anna");
	assert_int_equal(account(f).held, 5 * EURO);
	hold(f, &again);
	assert_int_equal(again.verdict, LEDGER_UNDER_WAY);
	paying_drop(&again);
	settle(f);
	assert_int_equal(account(f).held, 5 * EURO); /* it isn't another's to release */
	charge(f, &p, 2 * EURO);
	assert_int_equal(p.error, 0);
	assert_int_equal(p.first.amount, 2 * EURO);
	assert_int_equal(receipt_read(p.first.receipt, &receipt, error), 0);
	assert_true(receipt_is_signed(&receipt, till_key(f->hub.till)));
	assert_int_equal(receipt.price, 2 * EURO);
	assert_string_equal(receipt.account, "anna");
	paying_drop(&p);
	settle(f);
	assert_int_equal(account(f).held, 0);
	assert_int_equal(account(f).balance, 8 * EURO);
	again = paying_of(f, "one", 1, 5 * EURO);
	hold(f, &again);
	assert_int_equal(again.verdict, LEDGER_AGAIN);
	assert_true(
		mf_str_is(again.first.answer, "42") && mf_str_is(again.first.type, "text/plain"));
	assert_true(mf_str_eq(again.first.receipt, p.first.receipt));
	paying_drop(&again);
	hold(f, &other);
	assert_int_equal(other.verdict, LEDGER_CONFLICT);
	paying_drop(&other);
	assert_int_equal(f->center.charges, 1);
}

static void test_released(void **state)
{
	struct fixture *f = *state;
	struct paying p = paying_of(f, "one", 1, 5 * EURO),
		      rich = paying_of(f, "two", 1, 11 * EURO);

	hold(f, &rich);
	assert_int_equal(rich.verdict, LEDGER_BALANCE);
	assert_int_equal(rich.subscriber.left, 10 * EURO);
	paying_drop(&rich);
	hold(f, &p);
	paying_extend(&p, 3600 * CLOCK_S);
	settle(f);
	assert_int_equal(p.error, 0);
	paying_drop(&p);
	settle(f);
	assert_int_equal(account(f).held, 0);
	p = paying_of(f, "one", 2, EURO); /* free again, for another body too */
	hold(f, &p);
	assert_int_equal(p.verdict, LEDGER_DONE);
	paying_drop(&p);
	settle(f);
}

static void test_quotas(void **state)
{
	struct fixture *f = *state;
	struct ledger_plan plan = {.day_most = LEDGER_UNLIMITED, .at_once = 1};
	struct paying p = paying_of(f, "one", 1, EURO), q = paying_of(f, "two", 1, EURO);

	snprintf(plan.name, sizeof(plan.name), "%s", f->anna.plan);
	assert_int_equal(ledger_begin(f->other, true), 0);
	assert_int_equal(ledger_plan_put(f->other, &plan), 0);
	assert_int_equal(ledger_commit(f->other), 0);
	hold(f, &p); /* the first is known to the ledger only */
	assert_int_equal(p.quota, QUOTA_OK);
	assert_false(paying_admits(&q));
	assert_int_equal(q.quota, QUOTA_AT_ONCE);
	paying_drop(&q);
	paying_drop(&p);
	q = paying_of(f, "two", 1, EURO);
	hold(f, &q);
	assert_int_equal(q.quota, QUOTA_OK);
	paying_drop(&q);
	settle(f);
}

static void limit_files(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A charge that can't be written leaves nothing behind, not even its hold, when the ledger can be written again. */
static void test_no_room(void **state)
{
	struct fixture *f = *state;
	struct paying p = paying_of(f, "one", 1, EURO);

	if (f->books.postgres)
		skip();
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	hold(f, &p);
	limit_files(0);
	charge(f, &p, EURO);
	assert_true(p.error < 0);
	paying_drop(&p);
	settle(f);
	assert_false(paying_can(&f->hub));
	limit_files(RLIM_INFINITY);
	assert_int_equal(account(f).held, EURO);
	for (unsigned i = 0; i < ROUNDS && account(f).held > 0; i++)
		assert_int_equal(loop_once(f->hub.loop, 10), 0);
	assert_int_equal(account(f).held, 0);
	assert_int_equal(account(f).balance, 10 * EURO);
	settle(f);
}

/* A hub was killed: what it held for requests is free when it starts again, and what it held for jobs isn't. */
static void test_old(void **state)
{
	struct fixture *f = *state;
	struct paying request = paying_of(f, "request", 1, EURO),
		      job = paying_of(f, "job", 1, EURO);

	job.patience_ns = 24 * PAYING_SHORT_NS;
	hold(f, &request);
	hold(f, &job);
	request.held = job.held = false; /* nobody is there to release them */
	paying_drop(&request);
	paying_drop(&job);
	settle(f);
	assert_int_equal(account(f).held, 2 * EURO);
	paying_begin(&f->hub, true);
	settle(f);
	assert_int_equal(account(f).held, EURO);
}

/* The wall's clock jumps, and what was held is taken for old. It is charged if that can be, and nobody's limit is passed. */
static void test_clock_jumps(void **state)
{
	struct fixture *f = *state;
	struct paying p = paying_of(f, "one", 1, 6 * EURO), q = paying_of(f, "two", 1, 6 * EURO);

	hold(f, &p);
	assert_int_equal(ledger_begin(f->other, false), 0);
	assert_int_equal(ledger_release_old(f->other, INT64_MAX), 1);
	assert_int_equal(ledger_commit(f->other), 0);
	hold(f, &q);
	assert_int_equal(q.verdict, LEDGER_DONE);
	charge(f, &p, 6 * EURO);
	assert_int_equal(p.error, 0);
	assert_int_equal(p.verdict, LEDGER_BALANCE);
	assert_int_equal(account(f).balance, 10 * EURO);
	charge(f, &q, 6 * EURO);
	assert_int_equal(q.verdict, LEDGER_DONE);
	paying_drop(&p);
	paying_drop(&q);
	settle(f);
	assert_int_equal(account(f).held, 0);
	p = paying_of(f, "three", 1, 3 * EURO);
	hold(f, &p);
	assert_int_equal(ledger_begin(f->other, false), 0);
	assert_int_equal(ledger_release_old(f->other, INT64_MAX), 1);
	assert_int_equal(ledger_commit(f->other), 0);
	charge(f, &p, 3 * EURO);
	assert_int_equal(p.verdict, LEDGER_DONE);
	assert_int_equal(account(f).balance, EURO);
	paying_drop(&p);
	settle(f);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_charged),
		TEST(test_released),
		TEST(test_quotas),
		TEST(test_no_room),
		TEST(test_old),
		TEST(test_clock_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
