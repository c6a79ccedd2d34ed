/*
 * bench/invoice.c - how long an invoice of many receipts takes, and how much memory.
 *
 *	invoice [--receipts N] [DIRECTORY | postgresql://...]
 *
 * A ledger with one account is made first (below DIRECTORY, default: here; removed afterwards but on PostgreSQL): N charges (a
 * million) with receipts of four versions of a service, then as many entries of another account, among which
 * they lie. Then the invoice is made, and shown as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "market/invoice.h"
#include "sys/clock.h"

#define AT       1700000000000000000ll
#define TOGETHER 10000u /* charges in one transaction */

static const char *directory = ".";
static struct ledger *ledger;

static void must(const char *what, int e, const char *why)
{
	if (e >= 0)
		return;
	(void)fprintf(stderr, "invoice: %s: %s\n", what, why ? why : strerror(-e));
	exit(1);
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

static uint64_t add_account(const char *name)
{
	struct ledger_account account = {.plan = "prepaid",
		.credit = LEDGER_AS_PLANNED,
		.day_most = LEDGER_AS_PLANNED,
		.made = AT};
	struct ledger_key key = {
		.made = AT, .most = LEDGER_UNLIMITED, .day_most = LEDGER_UNLIMITED};
	char text[MARKET_KEY_TEXT];
	uint64_t entry;

	(void)snprintf(account.name, sizeof(account.name), "%s", name);
	must("account", ledger_account_add(ledger, &account), NULL);
	must("pay",
		ledger_pay(ledger, account.number, LEDGER_AMOUNT_MOST, AT, MF_STR("paid"), &entry),
		NULL);
	market_key_new(false, text);
	market_key_hash(mf_str_of(text, MARKET_KEY_LETTERS), key.hash);
	market_key_show(mf_str_of(text, MARKET_KEY_LETTERS), key.shown);
	key.account = account.number;
	must("key", ledger_key_add(ledger, &key), NULL);
	return key.number;
}

static void charge(uint64_t key, const char *account, unsigned n)
{
	static const uint8_t body[CHAIN_HASH], answer[200];
	struct receipt r = {.quantity = n % 1000 * 54000,
		.price = n % 1000,
		.at = AT,
		.currency = "EUR",
		.service = "linalg",
		.unit = "flop",
		.cpu_ns = n,
		.memory = 3145728,
		.has_snapshot = true};
	struct ledger_charge c = {.key = key,
		.service = MF_STR("linalg"),
		.amount = r.price,
		.at = AT,
		.status = 200,
		.type = MF_STR("application/x-npy"),
		.answer = {answer, sizeof(answer)}};
	struct ledger_first first;
	char text[RECEIPT_MOST];
	int length;

	(void)snprintf(r.account, sizeof(r.account), "%s", account);
	(void)snprintf(r.event, sizeof(r.event), "%s-%024x", account, n * 2654435761u);
	(void)snprintf(r.version, sizeof(r.version), "1.%u", n % 4);
	length = receipt_text(&r, text);
	must("receipt", length, NULL);
	memcpy(c.body, body, sizeof(body));
	c.idempotency = mf_str_of(r.event, strlen(r.event));
	c.receipt = mf_str_of(text, (size_t)length);
	must("charge", ledger_charge(ledger, &c, &first), NULL);
}

static void fill(unsigned receipts)
{
	char error[LEDGER_ERROR_MAX];
	uint64_t one, other;

	clear();
	must("open", ledger_open(&ledger, directory, NULL, false, error), error);
	must("begin", ledger_begin(ledger, true), NULL);
	one = add_account("one");
	other = add_account("other");
	for (unsigned i = 0; i < receipts; i++) {
		charge(one, "one", i);
		charge(other, "other", i);
		if (i % TOGETHER == TOGETHER - 1) {
			must("commit", ledger_commit(ledger), NULL);
			must("begin", ledger_begin(ledger, true), NULL);
		}
	}
	must("commit", ledger_commit(ledger), NULL);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long most_memory(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

int main(int argc, char **argv)
{
	unsigned receipts = 1000000;
	char error[INVOICE_ERROR_MAX] = "", *text;
	double wall, cpu;
	long before;
	struct invoice v;
	json_t *json;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--receipts") == 0 && i + 1 < argc)
			receipts = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			directory = argv[i];
	fill(receipts);
	before = most_memory();
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	must("make", invoice_make(&v, ledger, "one", "2023-11", error), error);
	json = invoice_json(&v);
	text = json_dumps(json, JSON_COMPACT);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%zu receipts of %llu entries: %.2f s, processor %.2f s, %.2f us a receipt; "
	       "%zu bytes of JSON; memory %ld MB more\n",
		v.receipts, (unsigned long long)v.entries, wall, cpu, 1e6 * cpu / receipts,
		strlen(text), (most_memory() - before) / 1024);
	free(text);
	json_decref(json);
	invoice_close(&v);
	ledger_close(ledger);
	clear();
	return 0;
}
