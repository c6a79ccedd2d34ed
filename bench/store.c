/*
 * bench/store.c - what the database takes: transactions as a life's, each a value of state, an id, 600
 * bytes of history and a message in the outbox; and the outbox's way through an outage.
 *
 *	store [--seconds N] [--messages N] [DIRECTORY]
 *
 * The files are made below DIRECTORY (default: here) and removed. Flushes cost what DIRECTORY's disk takes for
 * them; everything else is the processor's, of which the last column but one says how much a transaction takes
 * in all threads.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub/outbox.h"
#include "store/store.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/usage.h"

#define SAMPLES 1000000u

static char directory[512];
static struct store *store;
static uint64_t samples[SAMPLES];
static size_t sampled;
static unsigned under_way;

static void die(const char *what)
{
	(void)fprintf(stderr, "store: %s\n", what);
	exit(1);
}

static void clear(void)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char path[600];

	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/mayfly.db%s", directory, suffix[i]);
		(void)unlink(path);
	}
}

static void open_store(void)
{
	struct store_options options = {.directory = directory, .most_bytes = 64u << 20};
	char error[STORE_ERROR_MAX];

	if (store_open(&store, &options, error) < 0)
		die(error);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec;
}

/* --- transactions */

static void done(struct store_tx *tx, int error)
{
	uint64_t took = clock_mono_ns() - *(uint64_t *)store_context(tx);

	if (error)
		die(strerror(-error));
	if (sampled < SAMPLES)
		samples[sampled++] = took;
	under_way--;
	free(store_context(tx));
}

static void one(enum store_durability durability, bool now, unsigned i)
{
	uint64_t *began = malloc(sizeof(*began));
	struct store_tx *tx = began ? store_begin(store, durability, done, began) : NULL;
	char id[33], key[24];
	struct mf_str name;

	if (!tx)
		die("no memory");
	*began = clock_mono_ns();
	(void)snprintf(id, sizeof(id), "%032x", i);
	name = mf_str_of(id, 32);
	store_clock(store, (int64_t)*began, (int64_t)*began);
	store_put(tx, 1, mf_str_of(key, (size_t)snprintf(key, sizeof(key), "lamp/%u", i % 200)),
		MF_STR("ON"), store_version(store));
	store_id(tx,
		&(struct store_id){.number = store_number(store, STORE_IDS),
			.id = name,
			.service = 1,
			.at_ns = (int64_t)*began});
	store_life(tx,
		&(struct store_life){.number = store_number(store, STORE_HISTORY),
			.service = 1,
			.id = name,
			.capsule = mf_str_of(store_room(tx, 600), 600)});
	store_out(tx,
		&(struct store_out){.number = store_number(store, STORE_OUTBOX),
			.destination = 1,
			.service = 1,
			.id = name,
			.name = MF_STR("home/hall/light/set"),
			.body = MF_STR("ON")});
	under_way++;
	if (now)
		store_submit_now(tx);
	else
		store_submit(tx);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile(unsigned percent)
{
	size_t at = sampled ? (sampled - 1) * percent / 100 : 0;

	return (double)samples[at] / 1e3;
}

static void measure(const char *name, enum store_durability durability, bool now, unsigned window,
	unsigned seconds)
{
	struct pollfd p;
	uint64_t began, end, cpu;
	struct usage usage;
	unsigned n = 0;

	clear();
	open_store();
	p = (struct pollfd){.fd = store_fd(store), .events = POLLIN};
	sampled = 0;
	began = clock_mono_ns();
	cpu = cpu_ns();
	for (end = began + seconds * CLOCK_S; clock_mono_ns() < end;) {
		while (under_way < window)
			one(durability, now, n++);
		if (under_way < window)
			continue;
		(void)poll(&p, 1, -1);
		store_reap(store);
	}
	while (under_way > 0) {
		(void)poll(&p, 1, -1);
		store_reap(store);
	}
	end = clock_mono_ns();
	cpu = cpu_ns() - cpu;
	usage_self(&usage);
	qsort(samples, sampled, sizeof(*samples), compare);
	printf("%-34s %9.0f %9.0f %9.0f %9.1f %8.1f\n", name,
		(double)n / ((double)(end - began) / 1e9), percentile(50), percentile(99),
		(double)cpu / 1e3 / n, (double)usage.resident_bytes / 1e6);
	store_close(store);
	store = NULL;
	clear();
}

/* --- the outbox: in while nobody takes anything, then out */

static struct loop *loop;
static struct outbox *outbox;
static uint64_t arrived;

static void reap(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	store_reap(store);
}

static int64_t elapsed(void *context)
{
	(void)context;
	return (int64_t)clock_boot_ns();
}

static bool take(struct outbox_way *way, const struct store_out *out)
{
	(void)way;
	arrived++;
	outbox_arrived(outbox, OUTBOX_BROKER, out->number);
	return true;
}

static void committed(struct store_tx *tx, int error)
{
	if (error)
		die(strerror(-error));
	outbox_committed(outbox, tx);
	under_way--;
}

static void add(unsigned i)
{
	struct store_tx *tx = store_begin(store, STORE_BATCH, committed, NULL);
	char body[32];
	struct store_out out = {.destination = OUTBOX_BROKER,
		.priority = 1,
		.id = MF_STR("0123456789abcdef0123456789abcdef"),
		.name = MF_STR("home/hall/light/set"),
		.at_ns = elapsed(NULL)};

	if (!tx)
		die("no memory");
	out.body = mf_str_of(body, (size_t)snprintf(body, sizeof(body), "message %u", i));
	if (!outbox_add(outbox, tx, &out))
		die("the outbox takes nothing");
	under_way++;
	store_submit(tx);
}

static double resident_mb(void)
{
	struct usage usage;

	usage_self(&usage);
	return (double)usage.resident_bytes / 1e6;
}

static void outage(unsigned messages)
{
	struct loop_source source = {reap};
	struct outbox_way way = {take, 100};
	struct outbox_options options = {.elapsed_ns = elapsed};
	uint64_t began, in, out;
	double before, full;

	clear();
	open_store();
	options.store = store;
	if (loop_open(&loop) < 0 || loop_add(loop, store_fd(store), EPOLLIN, &source) < 0)
		die("no loop");
	options.loop = loop;
	if (outbox_open(&outbox, &options) < 0)
		die("no memory");
	outbox_bound(outbox, OUTBOX_BROKER, (struct outbox_bounds){0});
	before = resident_mb();
	began = clock_mono_ns();
	for (unsigned i = 0; i < messages || under_way > 0;) {
		while (under_way < 64 && i < messages)
			add(i++);
		(void)loop_once(loop, 1000);
	}
	in = clock_mono_ns() - began;
	full = resident_mb();
	began = clock_mono_ns();
	outbox_way(outbox, OUTBOX_BROKER, &way);
	while (store_out_total(store, OUTBOX_BROKER).count > 0)
		(void)loop_once(loop, 1000);
	out = clock_mono_ns() - began;
	printf("\noutbox, %u messages while nobody took any: %.0f/s in; then %.0f/s out, until all "
	       "were "
	       "deleted\nmemory: %.1f MB before, %.1f with all of them waiting, %.1f after\n",
		messages, messages / ((double)in / 1e9), (double)arrived / ((double)out / 1e9),
		before, full, resident_mb());
	outbox_close(outbox);
	loop_remove(loop, store_fd(store), &source);
	loop_close(loop);
	store_close(store);
	clear();
}

int main(int argc, char **argv)
{
	unsigned seconds = 2, messages = 500000;
	const char *below = ".";

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			seconds = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--messages") == 0 && i + 1 < argc)
			messages = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			below = argv[i];
	}
	(void)snprintf(directory, sizeof(directory), "%s/mayfly-store-XXXXXX", below);
	if (!mkdtemp(directory))
		die(strerror(errno));
	printf("%-34s %9s %9s %9s %9s %8s\n", "", "a second", "p50 us", "p99 us", "CPU us", "MB");
	measure("batch, one at a time, submit_now", STORE_BATCH, true, 1, seconds);
	measure("batch, one at a time", STORE_BATCH, false, 1, seconds);
	measure("batch, 64 in flight", STORE_BATCH, false, 64, seconds);
	measure("sync, one at a time", STORE_SYNC, false, 1, seconds);
	measure("sync, 64 in flight", STORE_SYNC, false, 64, seconds);
	if (messages > 0)
		outage(messages);
	(void)rmdir(directory);
	return 0;
}
