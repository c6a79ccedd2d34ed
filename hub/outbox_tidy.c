/*
 * hub/outbox_tidy.c - rows of the outbox that go: of messages that arrived, and of those for which there is no
 * room, or that are too old. One transaction at a time, for all destinations. See outbox_lane.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hub/outbox_lane.h"

#define AGAIN_NS CLOCK_S /* when the store takes nothing; and how often ages are looked at */

struct tidying {
	struct outbox *outbox; /* NULL: closed */
	struct {
		struct dropped_report report; /* as it is then */
		unsigned full, old;
		bool dropped;
	} lane[OUTBOX_DESTINATIONS];
};

static const char *const names[OUTBOX_DESTINATIONS] = {
	[OUTBOX_BROKER] = "broker", [OUTBOX_UPSTREAM] = "upstream", [OUTBOX_ADDRESS] = "address"};

static uint64_t bytes_of(const struct store_out *out)
{
	return STORE_ROW + out->id.n + out->name.n + out->type.n + out->body.n;
}

bool tidy_is_over(const struct lane *lane)
{
	return lane->bounds.bytes &&
		store_out_total(lane->outbox->options.store, lane->to).bytes > lane->bounds.bytes;
}

void tidy_soon(struct outbox *outbox, uint64_t in_ns)
{
	uint64_t at = loop_now(outbox->options.loop) + in_ns;

	if (!outbox->tidy.place || outbox->tidy.at > at)
		(void)loop_timer_set(outbox->options.loop, &outbox->tidy, at);
}

/* --- what is dropped */

struct drop {
	struct lane *lane;
	struct store_tx *tx;
	uint64_t over;      /* bytes that are too many */
	int64_t before_ns;  /* those from before are too old */
	unsigned room;      /* rows that may still go with this transaction */
	unsigned full, old; /* that went */
	uint32_t priority;  /* of the last row that was looked at */
	bool unreported;    /* there are rows that nobody was told of yet: they can't go now */
};

/* The outbox's own: no service sent it. There are few, and nobody is told of what a report said that was dropped. */
static bool is_report(const struct store_out *out)
{
	return out->destination == OUTBOX_UPSTREAM && out->service == 0 &&
		mf_str_is(out->name, OUTBOX_DROPPED);
}

static bool each_old(const struct store_out *out, void *context)
{
	struct drop *d = context;
	struct lane *lane = d->lane;
	bool full = d->over > 0;
	uint64_t bytes = bytes_of(out);

	d->priority = out->priority;
	d->unreported |= out->number > lane->outbox->committed;
	if (sent_is_kept(lane, out) || is_report(out))
		return true;
	if (d->room == 0 || (!full && out->at_ns >= d->before_ns) || !sent_drop(lane, out))
		return false;
	store_out_done(d->tx, out);
	sent_leave(lane, out->number); /* if it was parked */
	near_remove(lane, out->number);
	d->room--;
	d->over -= bytes < d->over ? bytes : d->over;
	*(full ? &d->full : &d->old) += 1;
	return true;
}

/* Priorities from the lowest on, until nothing is too much or too old. For want of room none goes while there are lower
 * ones that are about to be reported: those are next. */
static void drop_rows(struct drop *d)
{
	struct store *store = d->lane->outbox->options.store;
	uint32_t least = 0;

	while (least <= STORE_PRIORITY_MAX && d->room > 0 && !(d->unreported && d->over > 0) &&
		store_out_oldest(store, d->lane->to, least, GONE_MOST, each_old, d) > 0)
		least = d->priority + 1;
}

/* Waits for the next connection, and goes first; takes the place of the one that waits. */
static void add_report(struct lane *lane, struct store_tx *tx, struct dropped_report *report)
{
	struct outbox *outbox = lane->outbox;
	struct lane *upstream = &outbox->lanes[OUTBOX_UPSTREAM];
	int64_t elapsed = outbox->options.elapsed_ns(outbox->options.context);
	int64_t wall = clock_wall_ns();
	char body[128];
	int n = snprintf(body, sizeof(body), "{\"for\": \"%s\", \"full\": %llu, \"old\": %llu}",
		names[lane->to], (unsigned long long)report->full, (unsigned long long)report->old);

	if (!upstream->configured)
		return;
	if (outbox->options.wall_ns)
		(void)outbox->options.wall_ns(outbox->options.context, &wall);
	if (report->out.number && sent_drop(upstream, &report->out)) {
		store_out_done(tx, &report->out);
		near_forget(upstream);
	}
	report->out = (struct store_out){
		.destination = OUTBOX_UPSTREAM,
		.priority = STORE_PRIORITY_MAX,
		.flags = 1,
		.at_ns = elapsed,
		.wall_ns = wall,
		.name = MF_STR(OUTBOX_DROPPED),
		.type = MF_STR("application/json"),
		.body = mf_str_of(body, (size_t)n),
	};
	(void)outbox_add(outbox, tx, &report->out);
	report->out.body.p = NULL;
}

static unsigned drop(struct lane *lane, struct store_tx *tx, struct tidying *t, unsigned room)
{
	struct outbox *outbox = lane->outbox;
	int64_t elapsed = outbox->options.elapsed_ns(outbox->options.context);
	uint64_t total = store_out_total(outbox->options.store, lane->to).bytes;
	uint64_t now = loop_now(outbox->options.loop);
	struct drop d = {.lane = lane, .tx = tx, .room = room, .before_ns = INT64_MIN};

	for (const struct sent *s = lane->deleting.first; s; s = s->next)
		total -= bytes_of(&s->out) < total ? bytes_of(&s->out) : total;
	if (lane->bounds.bytes && total > lane->bounds.bytes)
		d.over = total - lane->bounds.bytes;
	if (lane->bounds.age_ns && now >= lane->age_look_ns)
		d.before_ns = elapsed - (int64_t)lane->bounds.age_ns;
	if (d.over == 0 && d.before_ns == INT64_MIN)
		return room;
	drop_rows(&d);
	lane->age_look_ns = d.room > 0 ? now + AGAIN_NS : now;
	t->lane[lane->to].report = lane->report;
	if (d.full + d.old > 0) {
		t->lane[lane->to].dropped = true;
		t->lane[lane->to].full = d.full;
		t->lane[lane->to].old = d.old;
		t->lane[lane->to].report.full += d.full;
		t->lane[lane->to].report.old += d.old;
		add_report(lane, tx, &t->lane[lane->to].report);
	}
	return d.room;
}

/* --- the transaction */

static void deleted(struct lane *lane, const struct tidying *t, bool done)
{
	sent_deleted(lane, done);
	if (!t->lane[lane->to].dropped)
		return;
	if (!done) {
		near_forget(lane); /* they are there, and wait again */
		return;
	}
	lane->counts.dropped_full += t->lane[lane->to].full;
	lane->counts.dropped_old += t->lane[lane->to].old;
	lane->report = t->lane[lane->to].report;
}

void tidy_gone(struct lane *lane)
{
	tidy_soon(lane->outbox, lane->gone.count >= DELETE_MOST ? 0 : DELETE_NS);
}

static void look_again(struct outbox *outbox, bool failed)
{
	for
		EACH_LANE(outbox, lane)
		{
			bool work = lane->gone.count > 0 || tidy_is_over(lane);

			if (work && !failed)
				tidy_gone(lane);
			else if (work || lane->bounds.age_ns)
				tidy_soon(outbox, AGAIN_NS);
		}
}

static void done(struct store_tx *tx, int error)
{
	struct tidying *t = store_context(tx);
	struct outbox *outbox = t->outbox;

	if (outbox) {
		outbox->tidying = NULL;
		for
			EACH_LANE(outbox, lane)
		deleted(lane, t, error == 0);
		if (error == 0)
			outbox_committed(outbox, tx);
		loop_later(outbox->options.loop, &outbox->pump);
		look_again(outbox, error != 0);
	}
	free(t);
}

static unsigned delete_gone(struct lane *lane, struct store_tx *tx, unsigned room)
{
	for (; lane->gone.first && room > 0; room--) {
		store_out_done(tx, &lane->gone.first->out);
		sent_move(&lane->gone, &lane->deleting);
	}
	return room;
}

static struct tidying *begin(struct outbox *outbox, struct store_tx **tx)
{
	struct tidying *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->outbox = outbox;
	*tx = store_begin(outbox->options.store, STORE_BATCH, done, t);
	if (!*tx) {
		free(t);
		t = NULL;
	}
	return t;
}

static void tidy(struct outbox *outbox)
{
	unsigned room = DELETE_MOST;
	struct store_tx *tx = NULL;
	struct tidying *t = begin(outbox, &tx);

	if (!t) {
		tidy_soon(outbox, AGAIN_NS);
		return;
	}
	for
		EACH_LANE(outbox, lane)
	room = delete_gone(lane, tx, room);
	for
		EACH_LANE(outbox, lane)
	room = drop(lane, tx, t, room);
	outbox->tidying = t;
	if (room < DELETE_MOST && store_sound(tx)) {
		store_submit(tx);
		return;
	}
	outbox->tidying = NULL;
	for
		EACH_LANE(outbox, lane)
	deleted(lane, t, false);
	look_again(outbox, !store_sound(tx));
	store_drop(tx);
	free(t);
}

void tidy_fire(struct loop_timer *timer)
{
	struct outbox *outbox = LOOP_OWNER(timer, struct outbox, tidy);

	if (!outbox->tidying)
		tidy(outbox);
	loop_later(outbox->options.loop, &outbox->pump);
}

void tidy_handed_over(struct outbox *outbox, const struct store_out *out)
{
	if (!mf_str_is(out->name, OUTBOX_DROPPED))
		return;
	for
		EACH_LANE(outbox, lane)
	if (lane->report.out.number == out->number)
		lane->report = (struct dropped_report){0};
}

void tidy_close(struct outbox *outbox)
{
	struct store_tx *tx = store_begin(outbox->options.store, STORE_BATCH, NULL, NULL);

	if (outbox->tidying)
		outbox->tidying->outbox = NULL;
	outbox->tidying = NULL;
	for
		EACH_LANE(outbox, lane)
	if (tx)
		(void)delete_gone(lane, tx, UINT32_MAX);
	if (tx && store_sound(tx))
		store_submit(tx);
	else if (tx)
		store_drop(tx);
}
