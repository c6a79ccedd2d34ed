/* hub/outbox.c - messages in, to the ways, and away when they arrived. See outbox.h, outbox_lane.h. */
#include "hub/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/outbox_lane.h"

/* Handed over in one round of the loop, which has other things to do. */
#define ROUND 256u

const char *const outbox_names[OUTBOX_DESTINATIONS] = {
	[OUTBOX_BROKER] = "broker",
	[OUTBOX_UPSTREAM] = "upstream",
	[OUTBOX_ADDRESS] = "address",
};

/* --- out */

/* What it is to be told of its own time. Where the clock was wrong then and is right now, how long ago it was says when:
 * if this hub has seen all of that time, for one that doesn't run with a wrong clock counts none. */
static void set_times(const struct outbox *outbox, struct store_out *out)
{
	const struct outbox_options *o = &outbox->options;
	int64_t age = o->elapsed_ns(o->context) - out->at_ns, now;
	bool ours = out->number > outbox->before;

	if (age >= (int64_t)OUTBOX_LATE_NS || !ours)
		out->flags |= OUTBOX_LATE;
	if (!(out->flags & OUTBOX_UNSURE) || !ours || !o->wall_ns || !o->wall_ns(o->context, &now))
		return;
	out->wall_ns = now - age;
	out->flags &= ~OUTBOX_UNSURE;
}

/* One message; false: no more for now. */
static bool send_next(struct lane *lane)
{
	struct outbox *outbox = lane->outbox;
	struct near_message *m;
	struct store_out out;

	if (!lane->way || !lane->ready || lane->under_way.count >= lane->way->window ||
		lane->gone.count + lane->deleting.count >= GONE_MOST)
		return false;
	m = near_first(lane);
	if (!m || !sent_add(lane, &m->out)) {
		if (m || lane->failed)
			tidy_soon(outbox, CLOCK_S); /* and then this once more */
		return false;
	}
	out = m->out;
	set_times(outbox, &out);
	if (!lane->way->send(lane->way, &out)) {
		sent_take_back(lane);
		lane->ready = false;
		return false;
	}
	tidy_handed_over(outbox, &out);
	near_take(lane);
	return true;
}

static void pump(struct loop_later *later)
{
	struct outbox *outbox = LOOP_OWNER(later, struct outbox, pump);

	for
		EACH_LANE(outbox, lane)
		{
			unsigned n = 0;

			lane->failed = false;
			while (n < ROUND && send_next(lane))
				n++;
			if (n == ROUND)
				loop_later(outbox->options.loop, later);
		}
}

static void pump_soon(struct lane *lane)
{
	if (lane->way && lane->ready)
		loop_later(lane->outbox->options.loop, &lane->outbox->pump);
}

void outbox_ready(struct outbox *outbox, enum outbox_destination to)
{
	struct lane *lane = &outbox->lanes[to];

	lane->ready = true;
	pump_soon(lane);
}

void outbox_arrived(struct outbox *outbox, enum outbox_destination to, uint64_t number)
{
	struct lane *lane = &outbox->lanes[to];

	if (!sent_arrived(lane, number))
		return;
	lane->counts.arrived++;
	tidy_gone(lane);
	pump_soon(lane);
}

void outbox_park(struct outbox *outbox, enum outbox_destination to, uint64_t number)
{
	sent_park(&outbox->lanes[to], number);
	pump_soon(&outbox->lanes[to]);
}

void outbox_leave(struct outbox *outbox, enum outbox_destination to, uint64_t number)
{
	sent_leave(&outbox->lanes[to], number);
	pump_soon(&outbox->lanes[to]);
}

struct scan {
	struct lane *lane;
	uint64_t *number;
	outbox_wants *wants;
	void *context;
	bool stopped, ended; /* ended: at what isn't reported yet */
};

static bool each_scanned(const struct store_out *out, void *context)
{
	struct scan *scan = context;
	struct lane *lane = scan->lane;
	enum outbox_want want = OUTBOX_SKIP;

	scan->ended = out->number > lane->outbox->committed;
	if (scan->ended)
		return false;
	if (!sent_has(lane, out)) {
		want = sent_add(lane, out) ? scan->wants(scan->context, out) : OUTBOX_STOP;
		if (want == OUTBOX_TAKE) {
			sent_park(lane, out->number);
			near_remove(lane, out->number);
		} else {
			sent_leave(lane, out->number);
		}
	}
	scan->stopped = want == OUTBOX_STOP;
	if (!scan->stopped)
		*scan->number = out->number;
	return !scan->stopped;
}

int outbox_scan(struct outbox *outbox, enum outbox_destination to, uint64_t *number, unsigned most,
	outbox_wants *wants, void *context)
{
	struct scan scan = {&outbox->lanes[to], number, wants, context, false, false};
	struct store_out behind = {.number = *number};
	int n = store_out_read(outbox->options.store, to, &behind, most, each_scanned, &scan);

	return n < 0 ? n : scan.stopped || (n == (int)most && !scan.ended);
}

int outbox_again(struct outbox *outbox, enum outbox_destination to, uint64_t number)
{
	struct lane *lane = &outbox->lanes[to];
	const struct sent *parked = sent_parked(lane, number);
	struct near_message *m;
	struct store_out out;
	int error = 0;

	m = parked ? near_read(lane, place_of(&parked->out), &error) : NULL;
	if (!m) {
		if (error == 0)
			sent_leave(lane, number);
		return error == 0 ? -ENOENT : -EAGAIN;
	}
	out = m->out;
	set_times(outbox, &out);
	sent_unpark(lane, number);
	if (!lane->way->send(lane->way, &out)) {
		sent_park(lane, number);
		error = -EAGAIN;
	}
	free(m);
	return error;
}

void outbox_lost(struct outbox *outbox, enum outbox_destination to)
{
	struct lane *lane = &outbox->lanes[to];

	lane->ready = false;
	if (lane->under_way.count + lane->parked.count == 0)
		return;
	lane->counts.again += lane->under_way.count;
	sent_lost(lane);
	near_forget(lane);
}

void outbox_way(struct outbox *outbox, enum outbox_destination to, struct outbox_way *way)
{
	struct lane *lane = &outbox->lanes[to];

	outbox_lost(outbox, to);
	lane->configured = true;
	lane->way = way;
	lane->ready = way != NULL;
	pump_soon(lane);
}

void outbox_shut(struct outbox *outbox, enum outbox_destination to)
{
	outbox_way(outbox, to, NULL);
	outbox->lanes[to].configured = false;
}

bool outbox_takes(const struct outbox *outbox, enum outbox_destination to)
{
	return outbox->lanes[to].configured;
}

/* --- in */

void outbox_bound(struct outbox *outbox, enum outbox_destination to, struct outbox_bounds bounds)
{
	outbox->lanes[to].configured = true;
	outbox->lanes[to].bounds = bounds;
	outbox->lanes[to].age_look_ns = 0;
	tidy_soon(outbox, 0);
}

uint64_t outbox_add(struct outbox *outbox, struct store_tx *tx, struct store_out *out)
{
	int64_t now;

	if (out->destination == 0 || out->destination >= OUTBOX_DESTINATIONS ||
		!outbox->lanes[out->destination].configured)
		return 0;
	out->number = store_number(outbox->options.store, STORE_OUTBOX);
	if (outbox->options.wall_ns && !outbox->options.wall_ns(outbox->options.context, &now))
		out->flags |= OUTBOX_UNSURE;
	store_out(tx, out);
	return out->number;
}

static void add_one(const struct store_out *out, void *context)
{
	struct outbox *outbox = context;
	struct lane *lane = &outbox->lanes[out->destination];

	outbox->committed = out->number;
	lane->counts.in++;
	if (lane->way)
		near_add(lane, out);
	else
		near_forget(lane); /* nobody to send it to: no memory either */
	pump_soon(lane);
	if (tidy_is_over(lane))
		tidy_soon(outbox, DELETE_NS);
}

void outbox_committed(struct outbox *outbox, const struct store_tx *tx)
{
	store_outs_each(tx, add_one, outbox);
}

/* --- */

struct oldest {
	int64_t at_ns;
	uint32_t priority;
};

static bool each_oldest(const struct store_out *out, void *context)
{
	struct oldest *oldest = context;

	if (out->at_ns < oldest->at_ns)
		oldest->at_ns = out->at_ns;
	oldest->priority = out->priority;
	return false;
}

void outbox_look(
	const struct outbox *outbox, enum outbox_destination to, struct outbox_counts *counts)
{
	const struct lane *lane = &outbox->lanes[to];
	struct store *store = outbox->options.store;
	struct store_out_total total = store_out_total(store, to);
	int64_t elapsed = outbox->options.elapsed_ns(outbox->options.context);
	struct oldest oldest = {.at_ns = elapsed};
	uint32_t least = 0;

	*counts = lane->counts;
	counts->waiting = total.count > lane->gone.count ? total.count - lane->gone.count : 0;
	counts->waiting_bytes = total.bytes;
	while (counts->waiting > 0 &&
		store_out_oldest(store, to, least, 1, each_oldest, &oldest) > 0)
		least = oldest.priority + 1;
	counts->oldest_ns = (uint64_t)(elapsed - oldest.at_ns);
}

int outbox_open(struct outbox **out, const struct outbox_options *options)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	*out = outbox;
	if (!outbox)
		return -ENOMEM;
	outbox->options = *options;
	outbox->pump.run = pump;
	outbox->tidy.fire = tidy_fire;
	/* all that the store has was committed */
	outbox->committed = outbox->before = store_number(options->store, STORE_OUTBOX);
	for
		EACH_LANE(outbox, lane)
		{
			lane->outbox = outbox;
			lane->to = (enum outbox_destination)(lane - outbox->lanes);
			lane->far = store_out_total(options->store, lane->to).count > 0;
		}
	return 0;
}

void outbox_close(struct outbox *outbox)
{
	if (!outbox)
		return;
	loop_later_cancel(outbox->options.loop, &outbox->pump);
	loop_timer_clear(outbox->options.loop, &outbox->tidy);
	tidy_close(outbox);
	for
		EACH_LANE(outbox, lane)
		{
			sent_free(lane);
			near_forget(lane);
		}
	free(outbox);
}
