/* tests/unit/hub/outbox/bench.c - see bench.h */
#include "tests/unit/hub/outbox/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

struct bench *bench_start(void)
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

void bench_restart(struct bench *b)
{
	close_outbox(b);
	rig_again(&b->rig);
	open_outbox(b);
}

void bench_stop(struct bench *b)
{
	close_outbox(b);
	rig_close(&b->rig);
	free(b);
}

void bench_done(struct store_tx *tx, int error)
{
	struct bench *b = store_context(tx);

	assert_int_equal(error, 0);
	outbox_committed(b->outbox, tx);
	b->reported++;
}

void bench_turn(struct bench *b)
{
	assert_true(loop_once(b->loop, 1000) >= 0);
}

void bench_add(struct bench *b, enum outbox_destination to, uint32_t priority, unsigned from,
	unsigned count)
{
	unsigned want = b->reported + count;

	for (unsigned i = 0; i < count; i++) {
		struct store_tx *tx = store_begin(b->rig.store, STORE_BATCH, bench_done, b);
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
		bench_turn(b);
}

struct outbox_counts bench_look(struct bench *b, enum outbox_destination to)
{
	struct outbox_counts c;

	outbox_look(b->outbox, to, &c);
	return c;
}

void bench_until_rows(struct bench *b, enum outbox_destination to, uint64_t rows)
{
	for (int i = 0; store_out_total(b->rig.store, to).count > rows; i++) {
		assert_true(i < 100000);
		bench_turn(b);
	}
}

void bench_until_got(struct bench *b, unsigned got)
{
	for (int i = 0; b->broker.got < got; i++) {
		assert_true(i < 100000);
		bench_turn(b);
	}
}

void assert_bodies(const struct broker *broker, unsigned from, unsigned count, uint32_t priority,
	unsigned first)
{
	char want[24];

	for (unsigned i = 0; i < count; i++) {
		snprintf(want, sizeof(want), "%u:%u", priority, first + i);
		assert_string_equal(broker->body[from + i], want);
	}
}
