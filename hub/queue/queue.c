/* hub/queue/queue.c - see queue.h */
#include "hub/queue/queue.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/queue/tables.h"
#include "sys/clock.h"
#include "sys/random.h"

#define RUN      16u
#define TRIES    5                /* of a turn that another hub's stood in the way of */
#define BEATS    4                /* in a lease */
#define LEAST_NS (200 * CLOCK_MS) /* between two, whatever was heard */

struct queue {
	struct sql *sql;
	struct sql_schema schema;
	char hears[QUEUE_NAME + 48];
	char *database, *name, *url;
	uint8_t run[RUN];
	uint64_t lease_ms, absent_ms;
	uint64_t beat_ns, last_ns; /* when the next one is due, and was the last */
};

static struct sql_value words(const char *text)
{
	return sql_text(mf_str_of(text, strlen(text)));
}

static char *copied(struct sql_value v)
{
	return v.kind == SQL_NULL ? NULL : strndup((const char *)v.s.p, v.s.n);
}

static void copy(char *to, size_t size, struct sql_value v)
{
	(void)snprintf(to, size, "%.*s", (int)v.s.n, v.s.n > 0 ? (const char *)v.s.p : "");
}

void queue_tasks_free(struct queue_task *tasks)
{
	for (struct queue_task *next; tasks; tasks = next) {
		next = tasks->next;
		free(tasks->kind);
		free(tasks->url);
		free(tasks->about);
		free(tasks->needs);
		free(tasks->result);
		free(tasks);
	}
}

void queue_turn_end(struct queue_turn *turn)
{
	queue_tasks_free(turn->taken);
	queue_tasks_free(turn->ended);
	turn->taken = turn->ended = NULL;
}

/* ------------------------------------------------------------------- what is said */

/* Has a list of tasks as a parameter. Frees it. */
static int run_list(struct queue *q, enum queue_statement statement, json_t *list,
	struct sql_value first, struct sql_value last,
	bool (*row)(void *context, const struct sql_value *out), void *context)
{
	char *text = json_dumps(list, JSON_COMPACT);
	struct sql_value in[3];
	unsigned n = 0;
	int e = -ENOMEM;

	if (first.kind != SQL_NULL)
		in[n++] = first;
	if (text)
		in[n++] = words(text);
	if (last.kind != SQL_NULL)
		in[n++] = last;
	if (text)
		e = sql_each(q->sql, statement, in, n, row, context);
	free(text);
	json_decref(list);
	return e;
}

static json_t *item_json(const struct queue_item *item)
{
	json_t *o = json_pack("{ss sI sI sI sI}", "job", item->job, "number",
		(json_int_t)item->number, "ticket", (json_int_t)item->ticket, "state",
		(json_int_t)(item->verb == QUEUE_FAIL ? 3 : 2), "units", (json_int_t)item->units);

	if (item->verb == QUEUE_OFFER)
		(void)json_object_update_new(o,
			json_pack("{ss ss? ss?}", "kind", item->kind, "about", item->about, "needs",
				item->needs));
	if (item->result)
		(void)json_object_set_new(o, "result", json_string(item->result));
	return o;
}

/* Those from `item` on that are of one kind, and are said at once. */
static json_t *run_of(struct queue_item *item, struct queue_item **end)
{
	json_t *list = json_array();
	enum queue_verb verb = item->verb;

	for (; item && item->verb == verb; item = item->next) {
		item->refused = verb != QUEUE_OFFER && verb != QUEUE_CANCEL;
		(void)json_array_append_new(list, item_json(item));
	}
	*end = item;
	return list;
}

struct hearing {
	struct queue_item *from, *to;
	json_t *owners;
};

/* Rows come in an order of the database's: the list is looked through from where the last one was found. */
static bool accepted(void *context, const struct sql_value *out)
{
	struct hearing *h = context;

	for (struct queue_item *i = h->from; i != h->to; i = i->next)
		if (i->number == (uint32_t)out[1].n && mf_str_is(out[0].s, i->job) &&
			(out[2].n == 0 || i->ticket == (uint64_t)out[2].n))
			i->refused = false;
	if (h->owners)
		(void)json_array_append_new(h->owners,
			json_pack("{ss%}", "owner", (const char *)out[3].s.p, out[3].s.n));
	return true;
}

static bool pass_over(void *context, const struct sql_value *out)
{
	(void)context;
	(void)out;
	return true;
}

static int offer(struct queue *q, json_t *list)
{
	const struct sql_value none = {0};
	int e = run_list(q, OFFER_JOBS, json_incref(list), words(q->name), none, pass_over, NULL);

	if (e < 0) {
		json_decref(list);
		return e;
	}
	e = run_list(q, OFFER, list, words(q->name), none, pass_over, NULL);
	return e < 0 ? e : sql_each(q->sql, SAY_READY, NULL, 0, pass_over, NULL);
}

static int say_run(struct queue *q, struct queue_item *item, struct queue_item **end)
{
	static const enum queue_statement statements[QUEUE_VERBS] = {[QUEUE_RECALL] = RECALL,
		[QUEUE_REMOVE] = REMOVE,
		[QUEUE_CANCEL] = CANCEL,
		[QUEUE_TELL] = TELL,
		[QUEUE_FAIL] = TELL,
		[QUEUE_BACK] = BACK};
	const struct sql_value none = {0};
	struct hearing h = {.from = item};
	json_t *list = run_of(item, end);
	int e;

	h.to = *end;
	if (item->verb == QUEUE_OFFER)
		return offer(q, list);
	if (statements[item->verb] == TELL)
		h.owners = json_array();
	e = run_list(q, statements[item->verb], list, none, words(q->name), accepted, &h);
	if (e > 0 && (item->verb == QUEUE_BACK || item->verb == QUEUE_CANCEL))
		e = sql_each(q->sql, SAY_READY, NULL, 0, pass_over, NULL);
	if (h.owners && e > 0)
		e = run_list(q, SAY_OWNERS, json_incref(h.owners), none, none, pass_over, NULL);
	json_decref(h.owners);
	return e;
}

static int say(struct queue *q, struct queue_item *items)
{
	int e = 0;

	while (items && e >= 0)
		e = say_run(q, items, &items);
	return e < 0 ? e : 0;
}

/* ----------------------------------------------------------------------- the beat */

static bool renewed(void *context, const struct sql_value *out)
{
	for (struct queue_task *t = context; t; t = t->also)
		if (t->ticket == (uint64_t)out[2].n)
			t->lost_now = false;
	return true;
}

static int renew(struct queue *q, struct queue_task *have)
{
	json_t *list = json_array();

	for (struct queue_task *t = have; t; t = t->also) {
		t->lost_now = true;
		(void)json_array_append_new(list,
			json_pack("{ss sI sI}", "job", t->job, "number", (json_int_t)t->number,
				"ticket", (json_int_t)t->ticket));
	}
	return run_list(
		q, RENEW, list, sql_int((int64_t)q->lease_ms), words(q->name), renewed, have);
}

static bool counted_hubs(void *context, const struct sql_value *out)
{
	((struct queue_turn *)context)->hubs = (uint64_t)out[0].n;
	return true;
}

/* That this hub is there; and what others had and didn't say anything about for a lease is free again. */
static int beat(struct queue *q, struct queue_turn *turn)
{
	const struct sql_value self[] = {words(q->name), words(q->url), sql_bytes(q->run, RUN)};
	const struct sql_value absent[] = {sql_int((int64_t)q->absent_ms)};
	int e = sql_do(q->sql, HUB_SEEN, self, 3);

	turn->replaced = e == 0;
	if (e >= 0 && turn->have)
		e = renew(q, turn->have);
	if (e >= 0)
		e = sql_each(q->sql, OVERDUE, NULL, 0, pass_over, NULL);
	if (e > 0)
		e = sql_each(q->sql, SAY_READY, NULL, 0, pass_over, NULL);
	if (e >= 0)
		e = sql_do(q->sql, JOBS_EMPTY, self, 1);
	if (e >= 0)
		e = sql_each(q->sql, HUBS, absent, 1, counted_hubs, turn);
	return e < 0 ? e : 0;
}

/* ------------------------------------------------------------------ what is heard */

struct listing {
	struct queue_task **last;
	bool no_memory;
};

static struct queue_task *listed(struct listing *l, const struct sql_value *out)
{
	struct queue_task *t = calloc(1, sizeof(*t));

	if (!t) {
		l->no_memory = true;
		return NULL;
	}
	*l->last = t;
	l->last = &t->next;
	copy(t->job, sizeof(t->job), out[0]);
	t->number = (uint32_t)out[1].n;
	t->lost = (uint32_t)out[2].n;
	t->ticket = (uint64_t)out[3].n;
	copy(t->hub, sizeof(t->hub), out[4]);
	return t;
}

static bool on_taken(void *context, const struct sql_value *out)
{
	struct queue_task *t = listed(context, out);

	if (!t)
		return false;
	t->kind = copied(out[5]);
	t->needs = copied(out[6]);
	t->url = copied(out[7]);
	t->about = copied(out[8]);
	return true;
}

static bool on_ended(void *context, const struct sql_value *out)
{
	struct queue_task *t = listed(context, out);

	if (!t)
		return false;
	t->result = copied(out[5]);
	t->units = (uint64_t)out[6].n;
	t->failed = out[7].n == 3;
	return true;
}

static int take(struct queue *q, struct queue_turn *turn)
{
	unsigned most = turn->take < QUEUE_TAKE_MOST ? turn->take : QUEUE_TAKE_MOST;
	const struct sql_value in[] = {words(turn->kinds), words(turn->own ? "" : q->name),
		sql_int((int64_t)q->absent_ms), sql_int(most), words(q->name),
		sql_int((int64_t)q->lease_ms)};
	struct listing l = {&turn->taken, false};
	int e = sql_each(q->sql, TAKE, in, 6, on_taken, &l);

	return e < 0 ? e : l.no_memory ? -ENOMEM : 0;
}

static int hear(struct queue *q, struct queue_turn *turn)
{
	const struct sql_value in[] = {words(q->name)};
	struct listing l = {&turn->ended, false};
	int e = sql_each(q->sql, ENDED, in, 1, on_ended, &l);

	return e < 0 ? e : l.no_memory ? -ENOMEM : 0;
}

/* --------------------------------------------------------------------- a turn */

static int leave(struct queue *q)
{
	const struct sql_value in[] = {
		sql_int((int64_t)q->absent_ms), words(q->name), sql_bytes(q->run, RUN)};
	int e = sql_do(q->sql, HUB_LEAVES, in, 3);

	return e < 0 ? e : 0;
}

static int one_turn(struct queue *q, struct queue_turn *turn, bool beats)
{
	int e = sql_begin(q->sql, true);

	if (e == 0)
		e = sql_put(q->sql, BY_INDEX, NULL, 0);
	if (e < 0)
		return e;
	if (beats)
		e = beat(q, turn);
	if (e == 0 && !turn->replaced)
		e = say(q, turn->items);
	if (e == 0 && !turn->replaced && turn->take > 0 && turn->kinds)
		e = take(q, turn);
	if (e == 0)
		e = turn->leaves ? leave(q) : hear(q, turn);
	if (e == 0)
		return sql_commit(q->sql);
	sql_rollback(q->sql);
	return e;
}

int queue_turn(struct queue *q, struct queue_turn *turn)
{
	uint64_t now = clock_mono_ns();
	bool beats;
	int e = -EBUSY;

	if (turn->heard && q->last_ns + LEAST_NS < q->beat_ns)
		q->beat_ns = q->last_ns + LEAST_NS;
	beats = now >= q->beat_ns;

	if (!q->sql)
		return -EIO;
	for (int i = 0; i < TRIES && e == -EBUSY; i++) {
		queue_turn_end(turn);
		e = one_turn(q, turn, beats);
	}
	if (e < 0)
		queue_turn_end(turn);
	if (e == 0 && beats) {
		q->last_ns = now;
		q->beat_ns = now + q->lease_ms * CLOCK_MS / BEATS;
	}
	return e;
}

uint64_t queue_due(const struct queue *q)
{
	return q->beat_ns;
}

int queue_fd(const struct queue *q)
{
	return q->sql ? sql_fd(q->sql) : -1;
}

int queue_heard(struct queue *q)
{
	return q->sql ? sql_heard(q->sql) : -EIO;
}

static bool counted(void *context, const struct sql_value *out)
{
	struct queue_counts *counts = context;

	*counts = (struct queue_counts){
		(uint64_t)out[0].n, (uint64_t)out[1].n, (uint64_t)out[2].n, (uint64_t)out[3].n};
	return true;
}

int queue_count(struct queue *q, struct queue_counts *counts)
{
	const struct sql_value in[] = {sql_int((int64_t)q->absent_ms)};
	int e = q->sql ? sql_each(q->sql, COUNT, in, 1, counted, counts) : -EIO;

	return e < 0 ? e : 0;
}

/* ------------------------------------------------------------------ open, close */

int queue_reopen(struct queue *q, char error[static QUEUE_ERROR_MAX])
{
	int e;

	sql_close(q->sql);
	q->sql = NULL;
	e = sql_pg_open(&q->sql, q->database, &q->schema, false, error);
	if (e == 0)
		q->beat_ns = 0;
	return e;
}

static int arrive(struct queue *q)
{
	const struct sql_value self[] = {words(q->name), words(q->url), sql_bytes(q->run, RUN)},
			       old[] = {sql_int(QUEUE_FORGET_MS)};
	int e = sql_begin(q->sql, true);

	if (e < 0)
		return e;
	e = sql_do(q->sql, HUB_COMES, self, 3);
	if (e >= 0)
		e = sql_do(q->sql, HUB_TAKEN_BEFORE, self, 1);
	if (e >= 0)
		e = sql_do(q->sql, HUB_OFFERED_BEFORE, self, 1);
	if (e >= 0)
		e = sql_do(q->sql, HUBS_OLD, old, 1);
	if (e >= 0)
		e = sql_do(q->sql, JOBS_OLD, NULL, 0);
	if (e >= 0)
		e = sql_each(q->sql, SAY_READY, NULL, 0, pass_over, NULL);
	if (e >= 0)
		return sql_commit(q->sql);
	sql_rollback(q->sql);
	return e;
}

int queue_open(
	struct queue **out, const struct queue_options *o, char error[static QUEUE_ERROR_MAX])
{
	struct queue *q = calloc(1, sizeof(*q));
	int e = -ENOMEM;

	if (q) {
		q->schema = queue_schema;
		/* two channels: what all hear, and what this hub hears */
		(void)snprintf(
			q->hears, sizeof(q->hears), "mayfly_ready;LISTEN \"mayfly_%s\"", o->name);
		q->schema.hears = q->hears;
		q->database = strdup(o->database);
		q->name = strdup(o->name);
		q->url = strdup(o->url);
		q->lease_ms = o->lease_ms ? o->lease_ms : QUEUE_LEASE_MS;
		q->absent_ms = o->absent_ms ? o->absent_ms : QUEUE_ABSENT_MS;
		random_bytes(q->run, RUN);
	}
	(void)snprintf(error, QUEUE_ERROR_MAX, "no memory");
	if (q && q->database && q->name && q->url)
		e = queue_reopen(q, error);
	for (int i = 0; e == 0 && i < TRIES; i++) {
		e = arrive(q);
		if (e != -EBUSY)
			break;
		e = i + 1 < TRIES ? 0 : e;
	}
	if (e < 0 && q && q->sql)
		(void)snprintf(error, QUEUE_ERROR_MAX, "PostgreSQL: %s", strerror(-e));
	if (e < 0) {
		queue_close(q);
		return e;
	}
	*out = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	sql_close(q->sql);
	free(q->database);
	free(q->name);
	free(q->url);
	free(q);
}
