/* with: tests/unit/store/rig.c */
/* hub/outbox: messages go in their order, once while nothing breaks, and never get lost; bounds. */
#include "hub/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "hub/time.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "tests/unit/store/rig.h"

enum { MOST = 6000 };

/* A broker. */
struct broker {
	struct outbox_way way;
	struct outbox *outbox;
	enum outbox_destination to;
	bool acknowledges, late;
	enum { TAKE, PARK, LEAVE } how;
	unsigned takes; /* so many more */
	unsigned got;
	uint64_t number[MOST];
	char body[MOST][24];
	char last[200];
	uint32_t flags; /* of the last */
	int64_t wall_ns;
};

struct bench {
	struct rig rig;
	struct loop *loop;
	struct loop_source source;
	struct outbox *outbox;
	struct broker broker;
	int64_t elapsed, wall; /* wall 0: nobody knows */
	bool unsure;
	unsigned reported;
};

static bool take(struct outbox_way *way, const struct store_out *out)
{
	struct broker *b = LOOP_OWNER(way, struct broker, way);

	if (b->takes == 0)
		return false;
	b->takes--;
	assert_true(b->got < MOST);
	b->number[b->got] = out->number;
	snprintf(b->body[b->got], sizeof(b->body[0]), "%.*s", (int)out->body.n,
		(const char *)out->body.p);
	snprintf(b->last, sizeof(b->last), "%.*s %.*s", (int)out->name.n, (const char *)out->name.p,
		(int)out->body.n, (const char *)out->body.p);
	b->late = out->flags & OUTBOX_LATE;
	b->flags = out->flags;
	b->wall_ns = out->wall_ns;
	b->got++;
	if (b->how == PARK)
		outbox_park(b->outbox, b->to, out->number);
	else if (b->how == LEAVE)
		outbox_leave(b->outbox, b->to, out->number);
	else if (b->acknowledges)
		outbox_arrived(b->outbox, b->to, out->number);
	return true;
}

static void reap(struct loop_source *source, uint32_t events)
{
	(void)events;
	store_reap(LOOP_OWNER(source, struct bench, source)->rig.store);
}

static int64_t elapsed(void *context)
{
	return ((struct bench *)context)->elapsed;
}

static bool wall(void *context, int64_t *now)
{
	struct bench *b = context;

	if (b->wall != 0)
		*now = b->wall;
	return !b->unsure;
}

static void open_outbox(struct bench *b)
{
	struct outbox_options options = {
		.store = b->rig.store, .elapsed_ns = elapsed, .wall_ns = wall, .context = b};

	assert_int_equal(loop_open(&b->loop), 0);
	options.loop = b->loop;
	b->source.ready = reap;
	assert_int_equal(loop_add(b->loop, store_fd(b->rig.store), EPOLLIN, &b->source), 0);
	assert_int_equal(outbox_open(&b->outbox, &options), 0);
	b->broker.outbox = b->outbox;
}

static struct bench *start(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	rig_open(&b->rig);
	open_outbox(b);
	b->broker.way.send = take;
	b->broker.way.window = 10;
	b->broker.to = OUTBOX_BROKER;
	b->broker.takes = UINT32_MAX;
	b->broker.acknowledges = true;
	return b;
}

static void close_outbox(struct bench *b)
{
	outbox_close(b->outbox);
	loop_remove(b->loop, store_fd(b->rig.store), &b->source);
	loop_close(b->loop);
}

static void restart(struct bench *b)
{
	close_outbox(b);
	rig_again(&b->rig);
	open_outbox(b);
}

static void stop(struct bench *b)
{
	close_outbox(b);
	rig_close(&b->rig);
	free(b);
}

static void done(struct store_tx *tx, int error)
{
	struct bench *b = store_context(tx);

	assert_int_equal(error, 0);
	outbox_committed(b->outbox, tx);
	b->reported++;
}

static void turn(struct bench *b)
{
	assert_true(loop_once(b->loop, 1000) >= 0);
}

/* `count` messages, a transaction each, numbered from `from`. */
static void add(struct bench *b, enum outbox_destination to, uint32_t priority, unsigned from,
	unsigned count)
{
	unsigned want = b->reported + count;

	for (unsigned i = 0; i < count; i++) {
		struct store_tx *tx = store_begin(b->rig.store, STORE_BATCH, done, b);
		char body[24];
		int n = snprintf(body, sizeof(body), "%u:%u", priority, from + i);
		struct store_out out = {.destination = to,
			.priority = priority,
			.at_ns = b->elapsed,
			.wall_ns = b->wall,
			.id = MF_STR("id"),
			.name = MF_STR("t"),
			.body = mf_str_of(body, (size_t)n)};

		assert_int_not_equal(outbox_add(b->outbox, tx, &out), 0);
		store_submit(tx);
	}
	while (b->reported < want)
		turn(b);
}

static struct outbox_counts look(struct bench *b, enum outbox_destination to)
{
	struct outbox_counts c;

	outbox_look(b->outbox, to, &c);
	return c;
}

/* Until the store has no more than `rows` of them. */
static void until_rows(struct bench *b, enum outbox_destination to, uint64_t rows)
{
	for (int i = 0; store_out_total(b->rig.store, to).count > rows; i++) {
		assert_true(i < 100000);
		turn(b);
	}
}

static void until_got(struct bench *b, unsigned got)
{
	for (int i = 0; b->broker.got < got; i++) {
		assert_true(i < 100000);
		turn(b);
	}
}

static void assert_bodies(const struct broker *broker, unsigned from, unsigned count,
	uint32_t priority, unsigned first)
{
	char want[24];

	for (unsigned i = 0; i < count; i++) {
		snprintf(want, sizeof(want), "%u:%u", priority, first + i);
		assert_string_equal(broker->body[from + i], want);
	}
}

/* --- */

static void test_straight_through(void **state)
{
	struct bench *b = start();
	struct store_out nowhere = {.destination = OUTBOX_UPSTREAM};

	(void)state;
	assert_int_equal(outbox_add(b->outbox, NULL, &nowhere), 0); /* isn't configured */
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	add(b, OUTBOX_BROKER, 0, 0, 300);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 300);
	assert_bodies(&b->broker, 0, 300, 0, 0);
	assert_false(b->broker.late);
	assert_int_equal(look(b, OUTBOX_BROKER).in, 300);
	assert_int_equal(look(b, OUTBOX_BROKER).arrived, 300);
	assert_int_equal(look(b, OUTBOX_BROKER).waiting, 0);
	stop(b);
}

/* More than fits into memory waits, then goes in order; what goes late says so. */
static void test_backlog(void **state)
{
	struct bench *b = start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	add(b, OUTBOX_BROKER, 0, 0, 1);
	turn(b);
	add(b, OUTBOX_BROKER, 0, 1, 2999);
	b->elapsed = (int64_t)(60 * CLOCK_S);
	assert_int_equal(look(b, OUTBOX_BROKER).waiting, 3000);
	assert_int_equal(look(b, OUTBOX_BROKER).oldest_ns, 60 * CLOCK_S);
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 3000);
	assert_bodies(&b->broker, 0, 3000, 0, 0);
	assert_true(b->broker.late);
	stop(b);
}

/* The urgent go first, whether they lie in memory or on the disk. */
static void test_priorities(void **state)
{
	struct bench *b = start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	add(b, OUTBOX_BROKER, 3, 0, 1100); /* more than memory holds */
	add(b, OUTBOX_BROKER, 1, 0, 700);
	add(b, OUTBOX_BROKER, 9, 0, 5);
	add(b, OUTBOX_BROKER, 3, 1100, 100);
	b->broker.takes = 600;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	until_got(b, 600);
	add(b, OUTBOX_BROKER, 9, 5, 5); /* in the middle of it */
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 1910);
	assert_bodies(&b->broker, 0, 5, 9, 0);
	assert_bodies(&b->broker, 5, 595, 3, 0);
	assert_bodies(&b->broker, 600, 5, 9, 5);
	assert_bodies(&b->broker, 605, 605, 3, 595);
	assert_bodies(&b->broker, 1210, 700, 1, 0);
	stop(b);
}

/* No more than the window is under way; what wasn't acknowledged goes again, in order, before the rest. */
static void test_lost(void **state)
{
	struct bench *b = start();

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	add(b, OUTBOX_BROKER, 0, 0, 50);
	until_got(b, 10);
	for (int i = 0; i < 3; i++)
		outbox_ready(b->outbox, OUTBOX_BROKER);
	add(b, OUTBOX_BROKER, 0, 50, 1);
	assert_int_equal(b->broker.got, 10);
	for (unsigned i = 0; i < 10; i += 2) /* acknowledged in another order, some not */
		outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[8 - i]);
	outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[8]); /* twice */
	outbox_arrived(b->outbox, OUTBOX_BROKER, 4711);                /* never heard of */
	until_got(b, 15);
	assert_bodies(&b->broker, 10, 5, 0, 10);
	outbox_way(b->outbox, OUTBOX_BROKER, NULL);
	assert_int_equal(look(b, OUTBOX_BROKER).again, 10);
	b->broker.acknowledges = true;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 15 + 46);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(b->broker.number[15 + i], b->broker.number[2 * i + 1]);
	assert_bodies(&b->broker, 20, 41, 0, 10);
	assert_int_equal(look(b, OUTBOX_BROKER).arrived, 51);
	stop(b);
}

/* What waits is there after a restart, in order; what arrived is not. */
static void test_restart(void **state)
{
	struct bench *b = start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	outbox_bound(b->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){0});
	b->broker.takes = 7;
	add(b, OUTBOX_BROKER, 0, 0, 40);
	add(b, OUTBOX_UPSTREAM, 0, 0, 1);
	until_got(b, 7);
	restart(b); /* at once: the seven may not be deleted yet */
	assert_int_equal(look(b, OUTBOX_BROKER).waiting, 33);
	assert_int_equal(look(b, OUTBOX_UPSTREAM).waiting, 1);
	b->broker.takes = UINT32_MAX;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	add(b, OUTBOX_BROKER, 0, 40, 10);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 50);
	assert_bodies(&b->broker, 0, 50, 0, 0);
	stop(b);
}

/* A bound in bytes: the oldest of the lowest priority go, and upstream is told. */
static void test_full(void **state)
{
	struct bench *b = start();
	unsigned kept, low;

	(void)state;
	outbox_bound(b->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){.bytes = 30000});
	add(b, OUTBOX_UPSTREAM, 5, 0, 100);
	add(b, OUTBOX_UPSTREAM, 1, 0, 600);
	/* until there is room, and every deletion and the report are committed */
	while (look(b, OUTBOX_UPSTREAM).waiting_bytes > 30000 ||
		look(b, OUTBOX_UPSTREAM).dropped_full + look(b, OUTBOX_UPSTREAM).waiting != 701)
		turn(b);
	kept = (unsigned)look(b, OUTBOX_UPSTREAM).waiting - 1; /* and the report */
	low = kept - 100;
	assert_true(kept > 200 && kept < 500);
	assert_int_equal(look(b, OUTBOX_UPSTREAM).dropped_full, 700 - kept);
	assert_int_equal(look(b, OUTBOX_UPSTREAM).dropped_old, 0);
	b->broker.to = OUTBOX_UPSTREAM;
	outbox_way(b->outbox, OUTBOX_UPSTREAM, &b->broker.way);
	b->broker.takes = 1;
	until_got(b, 1);
	{
		char want[200];

		snprintf(want, sizeof(want),
			OUTBOX_DROPPED " {\"for\": \"upstream\", \"full\": %u, \"old\": 0}",
			700 - kept);
		assert_string_equal(b->broker.last, want);
	}
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_UPSTREAM);
	until_rows(b, OUTBOX_UPSTREAM, 0);
	assert_int_equal(b->broker.got, 1 + kept);
	assert_bodies(&b->broker, 1, 100, 5, 0);
	assert_bodies(&b->broker, 101, low, 1, 600 - low); /* the youngest */
	stop(b);
}

/* A bound in age, whatever the priority; those under way are spared. */
static void test_old(void **state)
{
	struct bench *b = start();

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	add(b, OUTBOX_BROKER, 0, 0, 20);
	add(b, OUTBOX_BROKER, 7, 0, 20);
	until_got(b, 10);
	b->elapsed = (int64_t)(90 * CLOCK_S);
	add(b, OUTBOX_BROKER, 0, 20, 20);
	b->elapsed = (int64_t)(101 * CLOCK_S);
	while (look(b, OUTBOX_BROKER).dropped_old < 30)
		turn(b);
	assert_int_equal(b->broker.got, 10);
	b->broker.acknowledges = true;
	for (unsigned i = 0; i < 10; i++)
		outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[i]);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 30);
	assert_bodies(&b->broker, 10, 20, 0, 20);
	assert_int_equal(look(b, OUTBOX_BROKER).dropped_old, 30);
	stop(b);
}

static void assert_last(
	const struct bench *b, const char *body, bool late, bool unsure, int64_t wall_ns)
{
	assert_string_equal(b->broker.body[b->broker.got - 1], body);
	assert_int_equal((b->broker.flags & OUTBOX_LATE) != 0, late);
	assert_int_equal((b->broker.flags & OUTBOX_UNSURE) != 0, unsure);
	assert_int_equal(b->broker.wall_ns, wall_ns);
}

#define S    ((int64_t)CLOCK_S)
#define WALL (TIME_PAST + 1000 * 86400 * S)

static void clock_is(struct bench *b, struct timekept *t)
{
	b->elapsed = (int64_t)time_elapsed(t);
	b->wall = time_wall(t);
	b->unsure = t->wrong;
}

static void clock_says(struct bench *b, struct timekept *t, int64_t uptime, int64_t machine)
{
	time_read(t, (struct time_reading){.boot_ns = (uint64_t)uptime, .wall_ns = machine});
	clock_is(b, t);
}

/* What says so isn't dropped itself, nor counted. */
static void test_old_report(void **state)
{
	struct bench *b = start();

	(void)state;
	outbox_bound(b->outbox, OUTBOX_UPSTREAM,
		(struct outbox_bounds){.bytes = 1, .age_ns = 100 * CLOCK_S});
	add(b, OUTBOX_UPSTREAM, 0, 0, 20);
	until_rows(b, OUTBOX_UPSTREAM, 1);
	b->elapsed = (int64_t)(1000 * CLOCK_S);
	outbox_bound(b->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	for (int i = 0; i < 20; i++)
		(void)loop_once(b->loop, 5);
	assert_int_equal(look(b, OUTBOX_UPSTREAM).waiting, 1);
	b->broker.to = OUTBOX_UPSTREAM;
	outbox_way(b->outbox, OUTBOX_UPSTREAM, &b->broker.way);
	until_got(b, 1);
	assert_string_equal(b->broker.last,
		OUTBOX_DROPPED " {\"for\": \"upstream\", \"full\": 20, \"old\": 0}");
	stop(b);
}

/* The power fails, and the machine comes up in 1970: nothing is too old for that, or young again; when the
 * clock is set, what came meanwhile hears when that was. */
static void test_1970(void **state)
{
	struct bench *b = start();
	struct timekept t;

	(void)state;
	time_begin(&t, (struct time_reading){(uint64_t)(900 * S), WALL, true}, 0, 0);
	clock_is(b, &t);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 3600 * CLOCK_S});
	add(b, OUTBOX_BROKER, 0, 0, 2);
	time_begin(&t, (struct time_reading){(uint64_t)(5 * S), 5 * S, false}, b->elapsed, b->wall);
	clock_is(b, &t);
	restart(b);
	assert_true(b->unsure);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 3600 * CLOCK_S});
	add(b, OUTBOX_BROKER, 0, 2, 3);
	clock_says(b, &t, 1805 * S, 1805 * S);
	b->broker.takes = 3;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	until_got(b, 2);
	until_got(b, 3);
	assert_last(b, "0:2", true, true, WALL); /* as it was reckoned */
	clock_says(b, &t, 1806 * S, WALL + 86400 * S);
	assert_false(b->unsure);
	b->broker.takes = 1;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	until_got(b, 4);
	assert_last(b, "0:3", true, false, WALL + 86400 * S - 1801 * S);
	assert_int_equal(look(b, OUTBOX_BROKER).dropped_old, 0);
	clock_says(b, &t, 5 * S + 3601 * S, WALL + 86400 * S + 1800 * S);
	while (look(b, OUTBOX_BROKER).dropped_old < 1)
		turn(b);
	add(b, OUTBOX_BROKER, 0, 5, 1);
	b->broker.takes = 1;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	until_got(b, 5);
	assert_last(b, "0:5", false, false, WALL + 86400 * S + 1800 * S);
	stop(b);
}

/* What a hub before this one left is late, however little it knows of the time between. */
static void test_late_by_a_restart(void **state)
{
	struct bench *b = start();

	(void)state;
	b->wall = WALL;
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){0});
	add(b, OUTBOX_BROKER, 0, 0, 1);
	restart(b);
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	until_got(b, 1);
	assert_last(b, "0:0", true, false, WALL);
	add(b, OUTBOX_BROKER, 0, 1, 1);
	until_got(b, 2);
	assert_last(b, "0:1", false, false, WALL);
	stop(b);
}

/* A destination that is no more: nothing is added, what waits is kept for it, within its bounds. */
static void test_shut(void **state)
{
	struct bench *b = start();
	struct store_out out = {.destination = OUTBOX_BROKER};

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	add(b, OUTBOX_BROKER, 0, 0, 5);
	assert_true(outbox_takes(b->outbox, OUTBOX_BROKER));
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	outbox_shut(b->outbox, OUTBOX_BROKER);
	assert_false(outbox_takes(b->outbox, OUTBOX_BROKER));
	assert_int_equal(outbox_add(b->outbox, NULL, &out), 0);
	assert_int_equal(look(b, OUTBOX_BROKER).waiting, 5);
	b->broker.takes = 2;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	until_got(b, 2);
	outbox_shut(b->outbox, OUTBOX_BROKER);
	b->elapsed = (int64_t)(101 * CLOCK_S);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 2);
	stop(b);
}

/* What is parked waits beside the window, and comes back, whole, when it is asked for. */
static void test_parked(void **state)
{
	struct bench *b = start();
	uint64_t number[30];

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.how = PARK;
	add(b, OUTBOX_BROKER, 0, 0, 30); /* more than the window */
	until_got(b, 30);
	memcpy(number, b->broker.number, sizeof(number));
	assert_int_equal(look(b, OUTBOX_BROKER).waiting, 30);
	b->broker.how = TAKE;
	add(b, OUTBOX_BROKER, 5, 0, 2);
	until_got(b, 32);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[i]), 0);
		turn(b);
	}
	assert_int_equal(b->broker.got, 35);
	assert_bodies(&b->broker, 32, 3, 0, 0);
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[0]), -ENOENT);
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, 4711), -ENOENT);
	b->broker.takes = 0; /* it stays parked */
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[3]), -EAGAIN);
	b->broker.takes = UINT32_MAX;
	outbox_arrived(b->outbox, OUTBOX_BROKER, number[29]); /* from there, too */
	for (int i = 3; i < 29; i++)
		assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, number[i]), 0);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 61);
	assert_bodies(&b->broker, 35, 26, 0, 3);
	stop(b);
}

/* With the way gone, and after a restart, it is handed over like any other. */
static void test_parked_and_lost(void **state)
{
	struct bench *b = start();

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.how = PARK;
	add(b, OUTBOX_BROKER, 0, 0, 20);
	until_got(b, 20);
	outbox_way(b->outbox, OUTBOX_BROKER, NULL);
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	until_got(b, 40);
	restart(b);
	b->broker.how = TAKE;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 60);
	assert_bodies(&b->broker, 40, 20, 0, 0);
	stop(b);
}

/* Every third, until there is no room. */
struct wants {
	unsigned room, shown, taken;
};

static enum outbox_want every_third(void *context, const struct store_out *out)
{
	struct wants *w = context;

	(void)out;
	if (w->shown % 3 == 0 && w->taken == w->room)
		return OUTBOX_STOP;
	if (w->shown++ % 3)
		return OUTBOX_SKIP;
	w->taken++;
	return OUTBOX_TAKE;
}

/* What is left is handed over no more, but it is found; what the way has isn't found again. */
static void test_left(void **state)
{
	struct bench *b = start();
	struct wants w = {.room = 200};
	uint64_t first, at;

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	add(b, OUTBOX_BROKER, 0, 0, 4);
	until_got(b, 4); /* under way */
	first = at = b->broker.number[0];
	b->broker.how = PARK;
	add(b, OUTBOX_BROKER, 0, 4, 1);
	b->broker.how = LEAVE;
	add(b, OUTBOX_BROKER, 0, 5, 1500); /* more than memory holds */
	until_got(b, 1505);
	assert_int_equal(look(b, OUTBOX_BROKER).waiting, 1505);
	turn(b);
	assert_int_equal(b->broker.got, 1505);

	/* the first 96 of 100 rows are new; of them 32 are taken */
	assert_int_equal(outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w), 1);
	assert_int_equal(at, first + 100);
	assert_int_equal(w.shown, 96);
	assert_int_equal(w.taken, 32);
	while (outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w) == 1 &&
		w.taken < w.room)
		;
	assert_int_equal(at, first + 4 + 600);
	w.room = UINT32_MAX;
	while (outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w) == 1)
		;
	assert_int_equal(w.taken, 500);
	assert_int_equal(at, first + 1504);
	w = (struct wants){
		.room = UINT32_MAX}; /* from the start: those that are parked aren't shown */
	at = 0;
	while (outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w) == 1)
		;
	assert_int_equal(w.shown, 1000);

	b->broker.how = TAKE;
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, first + 5), 0);
	assert_string_equal(b->broker.body[1505], "0:5");
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, first + 7), -ENOENT);
	stop(b);
}

/* What lies in memory, to go next, is taken from there. */
static void test_left_and_near(void **state)
{
	struct wants w = {.room = 3};
	struct bench *b = start();
	uint64_t at = 0;

	(void)state;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	b->broker.takes = 0;
	add(b, OUTBOX_BROKER, 0, 0, 9);
	assert_int_equal(outbox_scan(b->outbox, OUTBOX_BROKER, &at, 100, every_third, &w), 0);
	assert_int_equal(w.taken, 3);
	b->broker.takes = UINT32_MAX;
	outbox_ready(b->outbox, OUTBOX_BROKER);
	until_got(b, 6);
	turn(b);
	assert_int_equal(b->broker.got, 6);
	assert_string_equal(b->broker.body[0], "0:1");
	assert_string_equal(b->broker.body[5], "0:8");
	stop(b);
}

/* The bounds spare what is under way, not what is parked: whoever asks for that hears that it is gone. */
static void test_parked_and_old(void **state)
{
	struct bench *b = start();

	(void)state;
	b->broker.acknowledges = false;
	outbox_way(b->outbox, OUTBOX_BROKER, &b->broker.way);
	outbox_bound(b->outbox, OUTBOX_BROKER, (struct outbox_bounds){.age_ns = 100 * CLOCK_S});
	add(b, OUTBOX_BROKER, 0, 0, 1);
	b->broker.how = PARK;
	add(b, OUTBOX_BROKER, 0, 1, 5);
	until_got(b, 6);
	b->elapsed = (int64_t)(101 * CLOCK_S);
	while (look(b, OUTBOX_BROKER).dropped_old < 5)
		turn(b);
	assert_int_equal(outbox_again(b->outbox, OUTBOX_BROKER, b->broker.number[3]), -ENOENT);
	outbox_arrived(b->outbox, OUTBOX_BROKER, b->broker.number[0]);
	until_rows(b, OUTBOX_BROKER, 0);
	assert_int_equal(b->broker.got, 6);
	stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parked),
		cmocka_unit_test(test_parked_and_lost),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_left_and_near),
		cmocka_unit_test(test_parked_and_old),
		cmocka_unit_test(test_straight_through),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_old_report),
		cmocka_unit_test(test_1970),
		cmocka_unit_test(test_late_by_a_restart),
		cmocka_unit_test(test_shut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
