/* market/ledger: who charges is killed in the middle. What was told is in the ledger, once; asked again, nothing is charged twice. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/random.h"
#include "tests/unit/market/books.h"

#define ROUNDS   12u
#define TOGETHER 4u /* charges of one transaction */
#define PAID     1000000000ll

/* Charges from number `from` on until it is killed; writes how many are told after each commit. */
static void charge_on(
	const struct books *books, const struct ledger_key *key, unsigned from, int told)
{
	struct ledger *ledger = books_open(books);
	struct ledger_first first;
	char id[16];

	for (unsigned n = from;; n += TOGETHER) {
		if (ledger_begin(ledger, true) < 0)
			_exit(1);
		for (unsigned i = 0; i < TOGETHER; i++) {
			struct ledger_charge c;

			snprintf(id, sizeof(id), "%u", n + i);
			c = books_charge(key, id, 1, 1 + (n + i) % 7);
			if (ledger_charge(ledger, &c, &first) < 0)
				_exit(1);
		}
		if (ledger_commit(ledger) < 0)
			_exit(1);
		from = n + TOGETHER;
		if (write(told, &from, sizeof(from)) != sizeof(from))
			_exit(1);
	}
}

/* What the killed one told last. */
static unsigned one_round(const struct books *books, const struct ledger_key *key, unsigned from)
{
	unsigned told = from, n, commits = 0, most;
	int fd[2], status;
	pid_t pid;

	random_bytes(&most, sizeof(most));
	most = 1 + most % 20;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		charge_on(books, key, from, fd[1]);
	}
	close(fd[1]);
	while (commits < most && read(fd[0], &n, sizeof(n)) == sizeof(n)) {
		told = n;
		commits++;
	}
	if (most % 2) { /* somewhere within the next one */
		random_bytes(&n, sizeof(n));
		usleep(n % 1000);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(fd[0], &n, sizeof(n)) == sizeof(n))
		told = n;
	close(fd[0]);
	return told;
}

/* All that was told is there, and asking again charges the rest only. */
static int64_t ask_again(
	struct ledger *ledger, const struct ledger_key *key, unsigned told, unsigned *done)
{
	struct ledger_first first;
	int64_t sum = 0;
	char id[16];

	assert_int_equal(ledger_begin(ledger, true), 0);
	for (unsigned n = 0; n < told + 3 * TOGETHER; n++) {
		struct ledger_charge c;
		int verdict;

		if (n + 40 < told) { /* was asked after a round before */
			sum += 1 + n % 7;
			continue;
		}
		snprintf(id, sizeof(id), "%u", n);
		c = books_charge(key, id, 1, 1 + n % 7);
		verdict = ledger_charge(ledger, &c, &first);
		if (n < told)
			assert_int_equal(verdict, LEDGER_AGAIN);
		else
			assert_true(verdict == LEDGER_AGAIN || verdict == LEDGER_DONE);
		assert_int_equal(first.amount, 1 + n % 7);
		assert_true(mf_str_eq(first.answer, c.answer));
		sum += first.amount;
	}
	assert_int_equal(ledger_commit(ledger), 0);
	*done = told + 3 * TOGETHER;
	return sum;
}

static void test_killed(void **state)
{
	struct books books;
	struct ledger_account anna;
	struct ledger_key key;
	struct ledger_verified v;
	struct ledger *ledger;
	unsigned from = 0;

	(void)state;
	books_make(&books);
	ledger = books_open(&books);
	books_account(ledger, "anna", PAID, &anna, &key);
	ledger_close(ledger);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned told = one_round(&books, &key, from);
		int64_t sum;

		ledger = books_open(&books);
		assert_int_equal(ledger_verify(ledger, NULL, NULL, &v), 0);
		assert_string_equal(v.wrong, "");
		assert_true(v.charges >= told);
		assert_int_equal(v.charges % TOGETHER, 0); /* none was half made */
		sum = ask_again(ledger, &key, told, &from);
		assert_int_equal(ledger_account_get(ledger, "anna", &anna), 0);
		assert_int_equal(anna.balance, PAID - sum);
		assert_int_equal(anna.held, 0);
		ledger_close(ledger);
	}
	books_remove(&books);
}

/* ------------------------------------------------------- a server that is killed: tests/e2e/test_ledger_postgres.py */

/* Charges four, begun anew until it is told that they are there. How often the connection was lost. */
static unsigned charge_four(struct ledger *ledger, const struct ledger_key *key, unsigned from)
{
	struct ledger_first first;
	unsigned lost = 0;
	char id[16];

	for (;;) {
		int e = ledger_begin(ledger, true);

		for (unsigned i = 0; i < TOGETHER && e >= 0; i++) {
			struct ledger_charge c;

			snprintf(id, sizeof(id), "%u", from + i);
			c = books_charge(key, id, 1, 1 + (from + i) % 7);
			e = ledger_charge(ledger, &c, &first);
			assert_true(e < 0 || e == LEDGER_DONE || e == LEDGER_AGAIN);
		}
		if (e >= 0 && (e = ledger_commit(ledger)) == 0)
			return lost;
		ledger_rollback(ledger);
		assert_true(e == -ECONNRESET || e == -ECONNREFUSED);
		lost += e == -ECONNRESET;
		usleep(10000);
	}
}

static bool is_asked_to_end(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&in, 1, 0) > 0;
}

static void test_server_killed(void **state)
{
	struct books books;
	struct ledger_account anna;
	struct ledger_key key;
	struct ledger_verified v;
	struct ledger *ledger;
	unsigned n = 0, done, lost = 0;
	int64_t sum = 0;

	(void)state;
	books_make(&books);
	ledger = books_open(&books);
	books_account(ledger, "anna", PAID, &anna, &key);
	for (; !is_asked_to_end(); n += TOGETHER) {
		lost += charge_four(ledger, &key, n);
		printf("told %u\n", n + TOGETHER);
		fflush(stdout);
	}
	for (unsigned i = 0; i < n; i++)
		sum += 1 + i % 7;
	assert_int_equal(ledger_account_get(ledger, "anna", &anna), 0);
	assert_int_equal(anna.balance, PAID - sum);
	assert_int_equal(anna.held, 0);
	(void)ask_again(ledger, &key, n, &done);
	assert_int_equal(ledger_verify(ledger, NULL, NULL, &v), 0);
	assert_string_equal(v.wrong, "");
	assert_int_equal(v.charges, done);
	printf("lost %u\nsound\n", lost);
	ledger_close(ledger);
	books_remove(&books);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};
	const struct CMUnitTest server[] = {cmocka_unit_test(test_server_killed)};

	if (argc > 1 && strcmp(argv[1], "charge") == 0)
		return cmocka_run_group_tests(server, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
