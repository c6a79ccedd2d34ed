/* hub/paying.c - see paying.h */
#include "hub/paying.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/center.h"
#include "sys/clock.h"

#define AGAIN_NS CLOCK_S
#define SWEEP_NS (60 * CLOCK_S)

static struct mf_str idempotency(const struct paying *p)
{
	return mf_str_of(p->idempotency, p->idempotency_n);
}

static void finish(struct paying *p)
{
	p->out = false;
	p->done(p);
}

bool paying_can(const struct hub *hub)
{
	return hub->till && till_takes(hub->till);
}

/* ------------------------------------------------------------------------ rates */

static bool admits(struct paying *p, struct quota *quota)
{
	p->quota = quota_begin(quota, clock_mono_ns(), &p->wait_ns);
	if (p->quota == QUOTA_OK)
		p->running = quota;
	return p->quota == QUOTA_OK;
}

bool paying_admits(struct paying *p)
{
	struct quota *quota = p->counts ? quotas_find(&p->hub->center->quotas, p->hash) : NULL;

	return !quota || admits(p, quota);
}

bool paying_would_admit(struct paying *p)
{
	const struct quota *quota = quotas_find(&p->hub->center->quotas, p->hash);

	if (quota)
		p->quota = quota_look(quota, clock_mono_ns(), &p->wait_ns);
	return p->quota == QUOTA_OK;
}

/* What the ledger says of the key now. */
static void learn(struct paying *p)
{
	const struct ledger_subscriber *s = &p->subscriber;
	struct quota *quota;

	if (!p->counts || s->account == 0)
		return;
	quota = quotas_learn(
		&p->hub->center->quotas, p->hash, s->account, s->rate, s->at_once, clock_mono_ns());
	if (quota && !p->running)
		(void)admits(p, quota);
}

/* ------------------------------------------------------------------- holds that are old */

static int run_sweep(struct till_work *work, struct ledger *ledger)
{
	const struct center *c = LOOP_OWNER(work, struct center, sweeping);
	int e = ledger_release_old(ledger, clock_wall_ns() + c->ahead_ns);

	return e < 0 ? e : 0;
}

static void was_swept(struct till_work *work, int error)
{
	struct center *c = LOOP_OWNER(work, struct center, sweeping);

	(void)error;
	c->sweeps = false;
	c->ahead_ns =
		-(int64_t)SWEEP_NS; /* later ones are this hub's own; and clocks are put right */
}

static void sweep(struct center *c)
{
	if (c->sweeps)
		return;
	c->sweeps = true;
	c->sweeping = (struct till_work){.run = run_sweep, .done = was_swept};
	till_do(c->hub->till, &c->sweeping);
}

static void on_sweep(struct loop_timer *timer)
{
	sweep(LOOP_OWNER(timer, struct center, sweep));
}

/* Where nothing is held nothing has to be swept. */
static void sweep_later(struct center *c)
{
	if (c->sweep.place == 0)
		(void)loop_timer_set(c->hub->loop, &c->sweep, loop_now(c->hub->loop) + SWEEP_NS);
}

void paying_begin(struct hub *hub, bool alone)
{
	struct center *c = hub->center;

	c->hub = hub;
	c->sweep.fire = on_sweep;
	c->ahead_ns = alone ? (int64_t)PAYING_SHORT_NS : 0;
	sweep(c);
}

/* ------------------------------------------------------------------------- hold */

/* Of the ledger's own memory. False: there is no memory. */
static bool keep_first(struct paying *p, const struct ledger_first *first)
{
	const struct mf_str *from[] = {&first->type, &first->answer};
	struct mf_str *to[] = {&p->first.type, &p->first.answer};
	uint8_t *at;

	free(p->copy);
	at = p->copy = malloc(first->type.n + first->answer.n + 1);
	if (!at || first->receipt.n > sizeof(p->receipt_text))
		return false;
	p->first = *first;
	for (unsigned i = 0; i < 2; i++) {
		if (from[i]->n > 0)
			memcpy(at, from[i]->p, from[i]->n);
		*to[i] = mf_str_of(at, from[i]->n);
		at += from[i]->n;
	}
	memcpy(p->receipt_text, first->receipt.p, first->receipt.n);
	p->first.receipt = mf_str_of(p->receipt_text, first->receipt.n);
	return true;
}

static int prepare(struct till_work *work)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);

	return p->prepare ? p->prepare(p) : 0;
}

static int run_hold(struct till_work *work, struct ledger *ledger)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);
	const int64_t now = clock_wall_ns();
	struct ledger_ask ask = {.service = mf_str_of(p->service, strlen(p->service)),
		.idempotency = idempotency(p),
		.amount = p->most,
		.now = now,
		.until = now + (int64_t)p->patience_ns};
	struct ledger_first first;
	int e = ledger_subscriber(ledger, p->hash, &p->subscriber);

	p->verdict = LEDGER_UNKNOWN;
	if (e < 0)
		return e == -ENOENT ? 0 : e;
	ask.key = p->subscriber.key;
	memcpy(ask.body, p->body, sizeof(ask.body));
	e = ledger_hold(ledger, &ask, &first);
	if (e < 0)
		return e;
	p->verdict = (enum ledger_verdict)e;
	return p->verdict == LEDGER_AGAIN && !keep_first(p, &first) ? -ENOMEM : 0;
}

static void was_held(struct till_work *work, int error)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);

	p->error = error;
	p->held = error == 0 && p->verdict == LEDGER_DONE;
	if (error == 0)
		learn(p);
	finish(p);
}

void paying_hold(struct paying *p)
{
	sweep_later(p->hub->center);
	p->out = true;
	p->work = (struct till_work){
		.quick = p->quick, .prepare = prepare, .run = run_hold, .done = was_held};
	till_do(p->hub->till, &p->work);
}

/* ----------------------------------------------------------------------- charge */

static int run_charge(struct till_work *work, struct ledger *ledger)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);
	struct ledger_first first;
	int n = receipt_text(&p->receipt, p->receipt_text), e;

	if (n < 0)
		return n;
	p->charge.receipt = mf_str_of(p->receipt_text, (size_t)n);
	e = ledger_charge(ledger, &p->charge, &first);
	if (e < 0)
		return e;
	p->verdict = (enum ledger_verdict)e;
	if (p->verdict == LEDGER_AGAIN) /* by another hub, meanwhile */
		return keep_first(p, &first) ? 0 : -ENOMEM;
	p->first = first;
	return 0;
}

static void was_charged(struct till_work *work, int error)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);

	p->error = error;
	if (error == 0 && p->verdict == LEDGER_DONE) {
		p->held = false;
		p->hub->center->charges++;
		p->hub->center->charged += p->first.amount;
	}
	finish(p);
}

void paying_charge(struct paying *p, const struct paying_end *end)
{
	struct receipt *r = &p->receipt;

	*r = end->receipt;
	memcpy(r->account, p->subscriber.name, sizeof(p->subscriber.name));
	memcpy(r->currency, till_currency(p->hub->till), sizeof(r->currency));
	r->price = end->amount;
	r->at = clock_wall_ns();
	p->charge = (struct ledger_charge){.key = p->subscriber.key,
		.service = mf_str_of(p->service, strlen(p->service)),
		.idempotency = idempotency(p),
		.amount = end->amount,
		.at = r->at,
		.status = end->status,
		.type = end->type.p ? end->type : mf_str_of("", 0),
		.answer = end->answer.p ? end->answer : mf_str_of("", 0)};
	memcpy(p->charge.body, p->body, sizeof(p->charge.body));
	p->prepare = end->prepare;
	p->out = true;
	p->work = (struct till_work){.durable = true,
		.receipt = r,
		.prepare = prepare,
		.run = run_charge,
		.done = was_charged};
	till_do(p->hub->till, &p->work);
}

/* ----------------------------------------------------------------------- extend */

static int run_extend(struct till_work *work, struct ledger *ledger)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);
	int e = ledger_hold_until(ledger, p->subscriber.account, idempotency(p),
		clock_wall_ns() + (int64_t)p->patience_ns);

	return e == 0 ? -ENOENT : e;
}

static void was_extended(struct till_work *work, int error)
{
	struct paying *p = LOOP_OWNER(work, struct paying, work);

	p->error = error;
	if (error == -ENOENT)
		p->held = false;
	finish(p);
}

void paying_extend(struct paying *p, uint64_t patience_ns)
{
	p->patience_ns = patience_ns;
	p->out = true;
	p->work = (struct till_work){.run = run_extend, .done = was_extended};
	till_do(p->hub->till, &p->work);
}

/* ---------------------------------------------------------------------- release */

/* It outlives whoever wanted it, until the ledger has taken it. */
struct release {
	struct release *next; /* center's `late` */
	struct till_work work;
	struct hub *hub;
	uint64_t account;
	size_t n;
	uint8_t idempotency[LEDGER_ID];
};

static int run_release(struct till_work *work, struct ledger *ledger)
{
	struct release *r = LOOP_OWNER(work, struct release, work);
	int e = ledger_release(ledger, r->account, mf_str_of(r->idempotency, r->n));

	return e < 0 ? e : 0;
}

static void was_released(struct till_work *work, int error);

static void again(struct loop_timer *timer)
{
	struct center *c = LOOP_OWNER(timer, struct center, again);
	struct release *r = c->late, *next;

	c->late = NULL;
	for (; r; r = next) {
		next = r->next;
		till_do(r->hub->till, &r->work);
	}
}

static void was_released(struct till_work *work, int error)
{
	struct release *r = LOOP_OWNER(work, struct release, work);
	struct center *c = r->hub->center;

	if (error == 0 || error == -EINVAL) {
		free(r);
		return;
	}
	r->next = c->late;
	c->late = r;
	c->again.fire = again;
	if (c->again.place == 0)
		(void)loop_timer_set(r->hub->loop, &c->again, loop_now(r->hub->loop) + AGAIN_NS);
}

/* Without memory it runs out by itself. */
static void release(const struct paying *p)
{
	struct release *r = calloc(1, sizeof(*r));

	if (!r)
		return;
	r->hub = p->hub;
	r->account = p->subscriber.account;
	r->n = p->idempotency_n;
	memcpy(r->idempotency, p->idempotency, r->n);
	r->work = (struct till_work){.quick = true, .run = run_release, .done = was_released};
	till_do(r->hub->till, &r->work);
}

void paying_drop(struct paying *p)
{
	if (p->held)
		release(p);
	if (p->running)
		quota_end(p->running);
	free(p->copy);
	p->held = false;
	p->running = NULL;
	p->copy = NULL;
}

void paying_close(struct center *c)
{
	for (struct release *r = c->late, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	c->late = NULL;
	quotas_close(&c->quotas);
}
