/*
 * bench/queue_hub.c - hubs of one queue, without all else that a hub is: a task takes a thread some time and nothing else.
 *
 *	queue_hub hub NAME DATABASE LOG [--us N] [--batch N] [--lease MS]   takes tasks until it is killed
 *	queue_hub owner NAME DATABASE LOG --tasks N                         offers N tasks, counts what they came to
 *	queue_hub count DATABASE                                            what is there
 *
 * Both add a line to LOG for each task: "NUMBER UNITS TICKET", a hub for what was accepted of it, the owner for what it counts, each before the next
 * turn. An owner that is started again offers what its log lacks. Its last line, for people and scripts, is JSON: tasks, units,
 * seconds.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub/queue/queue.h"
#include "sys/clock.h"

#define WINDOW 16384u /* tasks that are offered and not counted yet */
#define UNITS  7u     /* task n has 1 + n % 7 */

static struct queue *queue;
static struct queue_options options = {.url = ""};
static FILE *file;
static unsigned us = 1000, batch = 64, tasks = 1000;

static void die(const char *what)
{
	(void)fprintf(stderr, "queue_hub: %s\n", what);
	exit(1);
}

/* The database may be gone for a while. */
static void connect_again(bool first)
{
	char error[QUEUE_ERROR_MAX] = "";
	const struct timespec wait = {0, 50 * 1000000};
	uint64_t since = clock_mono_ns();

	while ((first ? queue_open(&queue, &options, error) : queue_reopen(queue, error)) < 0) {
		if (clock_mono_ns() - since > 60 * CLOCK_S)
			die(error);
		(void)nanosleep(&wait, NULL);
	}
}

static void wait_for_words(int ms)
{
	struct pollfd fd = {queue_fd(queue), POLLIN, 0};

	if (poll(&fd, 1, ms) == 1 && queue_heard(queue) < 0)
		connect_again(false);
}

static void turn(struct queue_turn *t)
{
	while (queue_turn(queue, t) < 0)
		connect_again(false);
	if (t->replaced)
		die("another one has this name");
}

static uint64_t units_of(uint32_t number)
{
	return 1 + number % UNITS;
}

static void note(const struct queue_item *item)
{
	(void)fprintf(file, "%u %llu %llu\n", (unsigned)item->number,
		(unsigned long long)item->units, (unsigned long long)item->ticket);
}

/* ------------------------------------------------------------------------- a hub */

static struct queue_item *tell(const struct queue_task *task)
{
	struct queue_item *item = calloc(1, sizeof(*item));

	if (!item)
		die("no memory");
	item->verb = QUEUE_TELL;
	item->number = task->number;
	item->ticket = task->ticket;
	item->units = units_of(task->number);
	item->result = options.name;
	memcpy(item->job, task->job, sizeof(item->job));
	return item;
}

static struct queue_item *work(struct queue_task *all)
{
	const struct timespec wait = {us / 1000000, us % 1000000 * 1000};
	struct queue_item *items = NULL;

	for (const struct queue_task *t = all; t; t = t->next) {
		struct queue_item *item = tell(t);

		(void)nanosleep(&wait, NULL);
		item->next = items;
		items = item;
	}
	return items;
}

static void *say_and_take(void *context)
{
	turn(context);
	return NULL;
}

static void forget(struct queue_item *items)
{
	for (struct queue_item *next; items; items = next) {
		next = items->next;
		if (!items->refused)
			note(items);
		free(items);
	}
	(void)fflush(file);
}

/* As in a hub: while tasks are worked at a thread says what the last ones came to, and takes the next. */
static void be_hub(void)
{
	struct queue_item *items = NULL, *next;
	struct queue_turn t = {.kinds = "task", .take = batch}, last = t;
	pthread_t thread;

	turn(&t);
	for (;;) {
		last = (struct queue_turn){.items = items, .kinds = "task", .take = batch};
		if (pthread_create(&thread, NULL, say_and_take, &last) != 0)
			die("no thread");
		next = work(t.taken);
		(void)pthread_join(thread, NULL);
		forget(items);
		queue_turn_end(&t);
		items = next;
		t = last;
		if (!items && !t.taken)
			wait_for_words(200);
	}
}

/* ----------------------------------------------------------------------- the owner */

static struct queue_item *said(enum queue_verb verb, uint32_t number)
{
	struct queue_item *item = calloc(1, sizeof(*item));

	if (!item)
		die("no memory");
	item->verb = verb;
	item->number = number;
	item->kind = "task";
	item->about = "{}";
	(void)snprintf(item->job, sizeof(item->job), "%s", options.name);
	return item;
}

static unsigned read_log(const char *path, bool *counted)
{
	FILE *old = fopen(path, "re");
	char line[96];
	unsigned n = 0;

	while (old && fgets(line, sizeof(line), old)) {
		unsigned long number = strtoul(line, NULL, 10);

		if (number < tasks && strchr(line, '\n')) {
			n += !counted[number];
			counted[number] = true;
		}
	}
	if (old)
		(void)fclose(old);
	return n;
}

/* Counted before it is removed, and only once; asked again, it is removed again. */
static struct queue_item *count(const struct queue_task *ended, bool *counted, unsigned *n)
{
	struct queue_item *items = NULL;

	for (const struct queue_task *t = ended; t; t = t->next) {
		struct queue_item *item = said(QUEUE_REMOVE, t->number);

		item->units = t->units;
		item->ticket = t->ticket;
		if (t->failed || t->number >= tasks || t->units != units_of(t->number))
			die("a task came to something else");
		if (!counted[t->number]) {
			note(item);
			*n += 1;
		}
		counted[t->number] = true;
		item->next = items;
		items = item;
	}
	(void)fflush(file);
	return items;
}

static void be_owner(const char *path)
{
	bool *counted = calloc(tasks + 1, 1);
	struct queue_item *items = NULL;
	unsigned n = counted ? read_log(path, counted) : 0, offered = 0, before = n;
	uint64_t since = clock_mono_ns();
	double seconds;

	if (!counted)
		die("no memory");
	while (n < tasks || items) {
		struct queue_turn t = {0};
		struct queue_item *last = items;

		while (last && last->next)
			last = last->next;
		for (unsigned room = 2048; room > 0 && offered < tasks && offered < n + WINDOW;
			offered++) {
			struct queue_item *item = said(QUEUE_OFFER, offered);

			if (counted[offered]) {
				free(item);
				continue;
			}
			*(last ? &last->next : &items) = item;
			last = item;
			room--;
		}
		t.items = items;
		turn(&t);
		for (struct queue_item *next; items; items = next) {
			next = items->next;
			free(items);
		}
		items = count(t.ended, counted, &n);
		queue_turn_end(&t);
		if (!items && n < tasks)
			wait_for_words(200);
	}
	seconds = (double)(clock_mono_ns() - since) / 1e9;
	(void)printf("{\"tasks\": %u, \"seconds\": %.3f, \"per_s\": %.0f}\n", n, seconds,
		(n - before) / seconds);
	free(counted);
}

/* ------------------------------------------------------------------------------ */

static int be_counter(void)
{
	struct queue_counts c;
	char error[QUEUE_ERROR_MAX] = "";

	options.name = "counter";
	if (queue_open(&queue, &options, error) < 0 || queue_count(queue, &c) < 0)
		die(error);
	(void)printf("{\"ready\": %llu, \"taken\": %llu, \"ended\": %llu}\n",
		(unsigned long long)c.ready, (unsigned long long)c.taken,
		(unsigned long long)c.ended);
	queue_close(queue);
	return 0;
}

static void read_options(char **argv)
{
	static const struct {
		const char *name;
		unsigned *to;
	} known[] = {{"--us", &us}, {"--batch", &batch}, {"--tasks", &tasks},
		{"--lease", &options.lease_ms}};

	for (; argv[0]; argv += 2) {
		unsigned i = 0;

		while (i < 4 && strcmp(argv[0], known[i].name) != 0)
			i++;
		if (i == 4 || !argv[1])
			die("its options are --us, --batch, --tasks, --lease, each with a number");
		*known[i].to = (unsigned)strtoul(argv[1], NULL, 10);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "count") == 0) {
		options.database = argv[2];
		return be_counter();
	}
	if (argc < 5)
		die("usage: queue_hub hub|owner NAME DATABASE LOG [OPTIONS]");
	options.name = argv[2];
	options.database = argv[3];
	read_options(argv + 5);
	file = fopen(argv[4], "ae");
	if (!file)
		die(strerror(errno));
	(void)setvbuf(file, NULL, _IOFBF, 1u << 20); /* a turn's lines are one write */
	connect_again(true);
	if (strcmp(argv[1], "owner") == 0)
		be_owner(argv[4]);
	else
		be_hub();
	queue_close(queue);
	(void)fclose(file);
	return 0;
}
