/*
 * bench/ledger.c - what the ledger takes: charges, one or many in a transaction, each durable when it is told; and looking
 * at a long chain. `--only "64 together"`: of the rows below that one; several processes may do it at once on one server.
 *
 *	ledger [--seconds N] [--entries N] [--only NAME] [DIRECTORY | postgresql://...]
 *
 * A charge has an answer of 200 bytes and a receipt of 800. With `held` a hold stood before it, in a transaction that isn't
 * flushed. The file is made below DIRECTORY (default: here) and removed;
 * on PostgreSQL what was written stays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "market/ledger.h"
#include "sys/clock.h"

#define ACCOUNTS 100u
#define SAMPLES  1000000u

static char directory[512] = ".";
static const char *only; /* NULL: all */
static struct ledger *ledger;
static uint64_t keys[ACCOUNTS];
static uint64_t samples[SAMPLES];
static size_t sampled;
static int64_t now_ns = 1700000000000000000;

static void die(const char *what, int error)
{
	(void)fprintf(stderr, "ledger: %s: %s\n", what, strerror(error < 0 ? -error : 0));
	exit(1);
}

static void must(const char *what, int error)
{
	if (error < 0)
		die(what, error);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec;
}

static void clear(void)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char path[600];

	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/" LEDGER_FILE "%s", directory, suffix[i]);
		(void)unlink(path);
	}
}

static void add_account(unsigned i)
{
	struct ledger_account account = {.plan = "prepaid",
		.credit = LEDGER_AS_PLANNED,
		.day_most = LEDGER_AS_PLANNED,
		.made = now_ns};
	struct ledger_key key = {.made = now_ns,
		.services = "linalg dns",
		.most = LEDGER_UNLIMITED,
		.day_most = LEDGER_UNLIMITED};
	char text[MARKET_KEY_TEXT];
	uint64_t entry;

	(void)snprintf(account.name, sizeof(account.name), "account-%lld-%u",
		(long long)clock_mono_ns(), i);
	must("account", ledger_account_add(ledger, &account));
	must("pay",
		ledger_pay(ledger, account.number, LEDGER_AMOUNT_MOST, now_ns, MF_STR("paid"),
			&entry));
	key.account = account.number;
	market_key_new(false, text);
	market_key_hash(mf_str_of(text, MARKET_KEY_LETTERS), key.hash);
	market_key_show(mf_str_of(text, MARKET_KEY_LETTERS), key.shown);
	must("key", ledger_key_add(ledger, &key));
	keys[i] = key.number;
}

static void open_ledger(void)
{
	char error[LEDGER_ERROR_MAX];
	int e;

	clear();
	e = ledger_open(&ledger, directory, NULL, false, error);
	if (e < 0)
		die(error, e);
	must("begin", ledger_begin(ledger, true));
	for (unsigned i = 0; i < ACCOUNTS; i++)
		add_account(i);
	must("commit", ledger_commit(ledger));
}

/* An id as events have: random, so that the index is written all over. */
static void id_of(uint64_t n, char to[static 33])
{
	uint64_t x = n * 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	(void)snprintf(
		to, 33, "%016llx%016llx", (unsigned long long)(x ^ x >> 27), (unsigned long long)n);
}

static void hold(uint64_t n)
{
	char id[33];
	struct ledger_ask ask = {.key = keys[n % ACCOUNTS],
		.service = MF_STR("linalg"),
		.idempotency = {(const uint8_t *)id, 32},
		.amount = 200,
		.now = now_ns,
		.until = now_ns + (int64_t)(60 * CLOCK_S)};
	struct ledger_first first;
	int e;

	id_of(n, id);
	e = ledger_hold(ledger, &ask, &first);
	if (e != LEDGER_DONE)
		die("hold", e);
}

static void charge(uint64_t n)
{
	static const uint8_t answer[200], receipt[800];
	char id[33];
	struct ledger_charge c = {.key = keys[n % ACCOUNTS],
		.service = MF_STR("linalg"),
		.idempotency = {(const uint8_t *)id, 32},
		.amount = 108,
		.at = now_ns,
		.status = 200,
		.type = MF_STR("application/x-npy"),
		.answer = {answer, sizeof(answer)},
		.receipt = {receipt, sizeof(receipt)}};
	struct ledger_first first;
	int e;

	id_of(n, id);
	e = ledger_charge(ledger, &c, &first);
	if (e != LEDGER_DONE)
		die("charge", e);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile(unsigned percent)
{
	size_t at = sampled ? (sampled - 1) * percent / 100 : 0;

	return sampled ? (double)samples[at] / 1e3 : 0;
}

static void holds(uint64_t from, unsigned count)
{
	must("begin", ledger_begin(ledger, false));
	for (unsigned i = 0; i < count; i++)
		hold(from + i);
	must("commit", ledger_commit(ledger));
}

static void measure(const char *name, unsigned together, bool held, unsigned seconds)
{
	uint64_t began, end, cpu, n = 0, took;

	if (only && strcmp(only, name) != 0)
		return;
	open_ledger();
	sampled = 0;
	cpu = cpu_ns();
	began = clock_mono_ns();
	for (end = began + seconds * CLOCK_S; clock_mono_ns() < end; n += together) {
		if (held)
			holds(n, together);
		took = clock_mono_ns();
		must("begin", ledger_begin(ledger, true));
		for (unsigned i = 0; i < together; i++)
			charge(n + i);
		must("commit", ledger_commit(ledger));
		if (sampled < SAMPLES)
			samples[sampled++] = clock_mono_ns() - took;
	}
	took = clock_mono_ns() - began;
	cpu = cpu_ns() - cpu;
	qsort(samples, sampled, sizeof(*samples), compare);
	printf("%-22s %9.0f %11.1f %11.1f %11.1f\n", name, (double)n * 1e9 / (double)took,
		percentile(50), percentile(99), (double)cpu / 1e3 / (double)n);
	ledger_close(ledger);
	clear();
}

static void verify(uint64_t entries)
{
	struct ledger_verified v;
	uint64_t began, cpu, n = 0;
	int e;

	open_ledger();
	began = clock_mono_ns();
	while (n < entries) {
		must("begin", ledger_begin(ledger, false));
		for (unsigned i = 0; i < 1000 && n < entries; i++)
			charge(n++);
		must("commit", ledger_commit(ledger));
	}
	printf("\n%llu charges written in %.1f s\n", (unsigned long long)entries,
		(double)(clock_mono_ns() - began) / 1e9);
	cpu = cpu_ns();
	began = clock_mono_ns();
	e = ledger_verify(ledger, NULL, NULL, &v);
	if (e < 0 || v.wrong[0])
		die(v.wrong, e);
	printf("%llu entries verified in %.2f s (%.2f s of the processor)\n",
		(unsigned long long)v.entries, (double)(clock_mono_ns() - began) / 1e9,
		(double)(cpu_ns() - cpu) / 1e9);
	ledger_close(ledger);
	clear();
}

int main(int argc, char **argv)
{
	unsigned seconds = 3;
	uint64_t entries = 1000000;
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2)
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--entries") == 0)
			entries = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--only") == 0)
			only = argv[i + 1];
	if (i < argc)
		(void)snprintf(directory, sizeof(directory), "%s", argv[i]);
	if (seconds > 0) {
		printf("%-22s %9s %11s %11s %11s\n", "", "charges/s", "p50 us", "p99 us",
			"cpu us each");
		measure("one at a time", 1, false, seconds);
		measure("one, held before", 1, true, seconds);
		measure("8 together", 8, false, seconds);
		measure("64 together", 64, false, seconds);
		measure("64, held before", 64, true, seconds);
		measure("512 together", 512, false, seconds);
	}
	if (entries > 0)
		verify(entries);
	return 0;
}
