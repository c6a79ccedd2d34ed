/* hub/call.c - see call.h */
#include "hub/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/accelerator.h"
#include "hub/hub.h"
#include "hub/paid.h"

#define ASKED 32

struct call {
	struct call *next;
	struct hub *hub;
	struct task *caller;     /* NULL: it is gone, or has another answer already */
	struct task *task;       /* the event; NULL: it has ended */
	struct product *product; /* at the accelerator; NULL: it is none, or has ended */
	struct loop_timer late;
	uint8_t asked[ASKED]; /* a hash of service, path and body */
	uint64_t since_ns, took_ns;
	uint32_t service_n, path_n; /* of `text` */
	bool other;                 /* than what an earlier life of this event asked here */
	bool answered;
	bool hardware; /* it is for the accelerator: what that wrote is only in the life's area */
	uint64_t until_ns; /* the life waits for that no longer */
	uint32_t status;
	uint8_t *body; /* owned */
	size_t body_n;
	uint8_t text[]; /* what it asked: the service's name, the path */
};

/* A task's, from its first call on. */
struct calls {
	struct call *first, *last;
	unsigned made;      /* by the life at hand */
	uint32_t bytes;     /* of the event, without answers */
	struct call *waits; /* the life stands still for this one */
};

/* ------------------------------------------------------------------ answers */

static const uint32_t statuses[REFUSALS] = {
	[REFUSED_BUSY] = 503,
	[REFUSED_DOWN] = 503,
	[REFUSED_STOPPING] = 503,
	[REFUSED_TOO_BIG] = 413,
	[REFUSED_LATE] = 504,
	[REFUSED_FAILED] = 502,
	[REFUSED_MEMORY] = 502,
	[REFUSED_DENIED] = 502,
	[REFUSED_OPEN] = 503,
	[REFUSED_STORE] = 503,
	[REFUSED_FULL] = 503,
	[REFUSED_UNPAID] = 402,
};

static void free_call(struct call *c)
{
	free(c->body);
	free(c);
}

/* The life goes on, with the answer behind its event. */
static void give(struct task *caller, const struct call *c)
{
	struct service *s = caller->service;
	struct mf_event *head = &caller->head;

	caller->calls->waits = NULL;
	head->answer_status = c->status;
	if (!event_span(&caller->writer, &head->answer, mf_str_of(c->body, c->body_n))) {
		head->answer_status = 507;
		head->answer = (struct mf_span){0, 0};
	}
	memcpy(caller->writer.base, head, sizeof(*head));
	s->suspended--;
	link_post(s->link, caller->slot, MFW_ANSWER, head->bytes);
	loop_later(s->hub->loop, &s->kick);
}

/* It waits with the caller's event, until that ends. */
static void keep(struct task *caller, struct call *c, struct mf_str body)
{
	struct service *s = caller->service;

	memcpy(c->body, body.p, body.n);
	caller->holds += body.n;
	waiting_take(&s->hub->waiting, &s->waiting, body.n);
}

/* What it comes to; the caller's life goes on if it waits for it. What `body` points to is copied. */
static void answer(struct call *c, uint32_t status, struct mf_str body)
{
	struct task *caller = c->caller;

	loop_timer_clear(c->hub->loop, &c->late);
	c->answered = true;
	c->took_ns = clock_mono_ns() - c->since_ns;
	c->status = status;
	if (body.n > caller->writer.size) {
		c->status = 507;
	} else if (body.n > 0) {
		c->body = malloc(body.n);
		c->status = c->body ? status : 507;
		c->body_n = c->body ? body.n : 0;
		if (c->body)
			keep(caller, c, body);
	}
	if (caller->calls->waits == c)
		give(caller, c);
}

static void answer_empty(struct call *c, uint32_t status)
{
	answer(c, status, mf_str_of(NULL, 0));
}

/* Its event has ended. */
static void ended(struct call *c, uint32_t status, struct mf_str body)
{
	c->task = NULL;
	if (!c->caller) {
		free_call(c);
		return;
	}
	if (!c->answered) /* else it was too late */
		answer(c, status, body);
}

static void note_price(const struct task *task)
{
	const struct call *c = task->context;

	if (c->caller)
		paid_caused(c->caller, task);
}

static bool is_awaited(const struct task *task)
{
	const struct call *c = task->context;

	return c->caller && !c->answered;
}

static void on_reply(struct task *task, const struct reply *reply)
{
	note_price(task);
	if (reply)
		ended(task->context, reply->status, reply->body);
	else
		ended(task->context, 204, mf_str_of(NULL, 0));
}

static void on_refuse(struct task *task, enum refusal why)
{
	note_price(task);
	ended(task->context, statuses[why], mf_str_of(NULL, 0));
}

static void on_joined(struct task *task);

static const struct origin_ops origin = {
	.source = "call", .joined = on_joined, .reply = on_reply, .refuse = on_refuse};

static void forget_product(struct call *c)
{
	if (c->product)
		accelerator_forget(c->product);
	c->product = NULL;
}

/* Half of the time is over, and the device still has others'. It isn't asked: the life has the other half. */
static bool has_no_turn(struct call *c)
{
	if (!c->product || !accelerator_withdraw(c->product))
		return false;
	c->product = NULL;
	return true;
}

/* The caller needs the rest of its time. */
static void on_late(struct loop_timer *timer)
{
	struct call *c = LOOP_OWNER(timer, struct call, late);

	if (has_no_turn(c)) {
		answer_empty(c, 503);
	} else if (c->product && clock_mono_ns() < c->until_ns) {
		(void)loop_timer_set(c->hub->loop, &c->late, c->until_ns);
	} else {
		forget_product(c);
		answer_empty(c, 504);
	}
}

/* ---------------------------------------------------------------- questions */

static struct service *find(struct hub *hub, struct mf_str name)
{
	struct service *s = hub->services;

	while (s && !mf_str_is(name, s->name))
		s = s->next;
	for (unsigned i = 0; s && i < s->manifest.triggers_count; i++)
		if (s->manifest.triggers[i].type == TRIGGER_CALL)
			return s;
	return NULL;
}

/* The event's id: the caller's, and the how manyth call; another one where a rerun asks something else. False: it
 * would be too long. */
static bool name_event(const struct task *caller, const struct call *c, char id[STORE_ID_MAX + 1])
{
	unsigned attempt = c->other ? caller->attempt + caller->races : 0;
	int n = snprintf(id, STORE_ID_MAX + 1, attempt > 0 ? "%s/%u.%u" : "%s/%u", caller->id,
		caller->calls->made, attempt);

	return n <= (int)STORE_ID_MAX;
}

static bool write_event(struct task *task, const struct task *caller, const struct effect *e)
{
	char who[MFI_NAME_MAX + 16];
	int n = snprintf(who, sizeof(who), "service:%s", caller->service->name);
	struct mf_str name = mf_str_of(who, (size_t)n);

	task->head.hops = (uint16_t)(caller->head.hops + 1);
	return event_span(&task->writer, &task->head.peer, name) &&
		event_span(&task->writer, &task->head.content_type, e->field[MF_FIELD_TYPE]) &&
		event_attribute(&task->writer, MF_STR(MF_CLIENT), name) &&
		event_span(&task->writer, &task->head.payload, e->field[MF_FIELD_BODY]);
}

/* Would it wait for a life above it, which waits for it? */
static bool in_a_circle(const struct task *task)
{
	if (task->order.state != ORDER_BEHIND)
		return false;
	while (task->origin == &origin) {
		const struct task *caller = ((const struct call *)task->context)->caller;

		if (!caller)
			return false;
		if (caller->service == task->service && caller->order.key == task->order.key)
			return true;
		task = caller;
	}
	return false;
}

static void on_joined(struct task *task)
{
	struct call *c = task->context;

	if (!c->caller || c->answered || !in_a_circle(task))
		return;
	answer_empty(c, 508);
	service_refuse(task, REFUSED_LATE);
}

/* For how long the caller can wait. */
static uint64_t patience(const struct task *caller, uint64_t limit_ns, uint64_t now)
{
	uint64_t left = caller->deadline_ns > now ? caller->deadline_ns - now : 0;

	left -= left / 8;
	return limit_ns > 0 && limit_ns < left ? limit_ns : left;
}

static void submit(struct call *c, struct task *task, uint64_t limit_ns)
{
	uint64_t now = clock_mono_ns();
	struct task *caller = c->caller;
	uint64_t until = now + patience(caller, limit_ns, now);

	c->task = task;
	task->origin = &origin;
	task->context = c;
	if (!(caller->identity & TASK_IDENTITY) && !caller->named)
		task->identity = 0; /* its id is as random as its caller's */
	else
		task->identity |= TASK_KEEP;
	memcpy(task->request, c->asked, sizeof(task->request));
	task->most_ns = until - now;
	(void)loop_timer_set(c->hub->loop, &c->late, until);
	service_submit(task);
}

static void on_product(void *context, uint32_t status, struct mf_str body)
{
	struct call *c = context;

	c->product = NULL;
	answer(c, status, body);
}

/* Special hardware is no service: there is no event. It has half of the time that is left, so that a life can compute
 * itself in the other half; the program ends itself when that is over. */
static void ask_accelerator(struct call *c, const struct effect *e)
{
	uint64_t now = clock_mono_ns();
	uint64_t most = patience(c->caller, 0, now);
	const char *why = "";
	uint32_t status = 404;

	if (c->caller->calls->made > CALL_MOST)
		status = 508;
	else if (c->caller->service->suspended > CALL_WAITING)
		status = 503;
	else if (c->hub->accelerator && c->caller->area >= 0)
		c->product = accelerator_ask(c->caller, e->field[MF_FIELD_META],
			e->field[MF_FIELD_BODY], most / 2, on_product, c, &status, &why);
	c->until_ns = now + most;
	if (c->product)
		(void)loop_timer_set(c->hub->loop, &c->late, now + most / 2);
	else
		answer(c, status, mf_str_of(why, strlen(why)));
}

static void ask(struct call *c, const struct effect *e)
{
	struct task *caller = c->caller, *task;
	struct service *to = find(c->hub, e->field[MF_FIELD_NAME]);
	char id[STORE_ID_MAX + 1];
	enum refusal why;

	if (c->hardware) {
		ask_accelerator(c, e);
		return;
	}
	if (!to) {
		answer_empty(c, 404);
		return;
	}
	if (caller->head.hops >= CALL_HOPS || caller->calls->made > CALL_MOST ||
		!name_event(caller, c, id)) {
		answer_empty(c, 508);
		return;
	}
	if (caller->service->suspended > CALL_WAITING) {
		answer_empty(c, 503);
		return;
	}
	task = service_begin_as(to, MF_SOURCE_CALL, MF_STR("call"), e->field[MF_FIELD_META],
		mf_str_of(id, strlen(id)), &why);
	if (!task) {
		service_refused(to, why);
		answer_empty(c, statuses[why]);
	} else if (!write_event(task, caller, e) || !paid_inherit(caller, task, is_awaited)) {
		service_cancel(task);
		service_refused(to, REFUSED_TOO_BIG);
		answer_empty(c, 413);
	} else {
		submit(c, task, e->value);
	}
}

/* ------------------------------------------------------------- of one caller */

static void let_go(struct call *c)
{
	loop_timer_clear(c->hub->loop, &c->late);
	forget_product(c);
	if (c->task)
		c->caller = NULL; /* it is freed when the event ends */
	else
		free_call(c);
}

/* This one and those behind it. */
static void forget_from(struct calls *calls, struct call *c)
{
	struct call **at = &calls->first, *next;

	calls->last = NULL;
	while (*at != c) {
		calls->last = *at;
		at = &(*at)->next;
	}
	*at = NULL;
	for (; c; c = next) {
		next = c->next;
		let_go(c);
	}
}

static struct call *nth(const struct calls *calls, unsigned n)
{
	struct call *c = calls->first;

	while (c && n-- > 0)
		c = c->next;
	return c;
}

static struct call *add(
	struct task *task, const struct effect *e, const uint8_t asked[static ASKED], bool other)
{
	struct mf_str service = e->field[MF_FIELD_NAME], path = e->field[MF_FIELD_META];
	struct calls *calls = task->calls;
	struct call *c = calloc(1, sizeof(*c) + service.n + path.n);

	if (!c)
		return NULL;
	memcpy(c->text, service.p, service.n);
	if (path.n > 0)
		memcpy(c->text + service.n, path.p, path.n);
	c->service_n = (uint32_t)service.n;
	c->path_n = (uint32_t)path.n;
	c->since_ns = clock_mono_ns();
	c->hub = task->service->hub;
	c->caller = task;
	c->late.fire = on_late;
	c->other = other;
	c->hardware = mf_str_is(service, MF_ACCELERATOR);
	memcpy(c->asked, asked, ASKED);
	*(calls->last ? &calls->last->next : &calls->first) = c;
	calls->last = c;
	return c;
}

/* What it wrote went with the output of the life that ran before. */
static void ask_again(struct call *c, const struct effect *e)
{
	loop_timer_clear(c->hub->loop, &c->late);
	forget_product(c);
	free(c->body);
	c->body = NULL;
	c->body_n = 0;
	c->answered = false;
	c->since_ns = clock_mono_ns();
	ask(c, e);
}

static bool begin(struct task *task)
{
	if (!task->calls)
		task->calls = calloc(1, sizeof(*task->calls));
	if (!task->calls)
		return false;
	if (task->calls->made++ == 0)
		task->calls->bytes = task->head.bytes;
	return true;
}

void call_make(struct task *task, const struct effect *effect)
{
	static const struct call no_memory = {.status = 503};
	struct service *s = task->service;
	uint8_t asked[ASKED];
	int slot = task->slot;
	struct call *c;
	bool other = false;

	s->suspended++;
	s->counts.calls++;
	if (!begin(task)) {
		service_refuse(task, REFUSED_MEMORY);
		call_drop(s, slot);
		return;
	}
	capsule_asked(effect, asked);
	c = nth(task->calls, task->calls->made - 1);
	if (c && memcmp(c->asked, asked, ASKED) != 0) {
		forget_from(task->calls, c);
		c = NULL;
		other = true;
	}
	if (c) { /* a life before asked the same */
		task->calls->waits = c;
		if (c->hardware)
			ask_again(c, effect);
		else if (c->answered)
			give(task, c);
		return;
	}
	c = add(task, effect, asked, other);
	if (!c) {
		give(task, &no_memory);
		return;
	}
	task->calls->waits = c;
	ask(c, effect);
}

unsigned call_count(const struct task *task)
{
	return task->calls ? task->calls->made : 0;
}

void call_again(struct task *task)
{
	struct calls *calls = task->calls;

	if (!calls || calls->made == 0)
		return;
	task->head = call_event(task);
	calls->made = 0;
	calls->waits = NULL;
}

void call_drop(struct service *service, int slot)
{
	service->suspended--;
	link_post(service->link, slot, MFW_DROP, 0);
	loop_later(service->hub->loop, &service->kick);
}

void call_leave(struct task *task)
{
	if (!task->calls || !task->calls->waits || task->phase != TASK_POSTED)
		return;
	task->calls->waits = NULL;
	call_drop(task->service, task->slot);
}

void call_end(struct task *task)
{
	struct calls *calls = task->calls;

	if (!calls)
		return;
	call_leave(task);
	task->calls = NULL;
	if (calls->first)
		forget_from(calls, calls->first);
	free(calls);
}

bool call_answer(const struct task *task, unsigned i, struct capsule_call *call)
{
	const struct call *c = task->calls ? nth(task->calls, i) : NULL;

	if (!c || !c->answered || i >= task->calls->made)
		return false;
	*call = (struct capsule_call){
		.service = mf_str_of(c->text, c->service_n),
		.path = mf_str_of(c->text + c->service_n, c->path_n),
		.body = mf_str_of(c->body, c->body_n),
		.status = c->status,
		.took_ns = c->took_ns,
	};
	if (c->hardware) { /* a life that runs again elsewhere computes itself */
		call->status = 404;
		call->body = mf_str_of(NULL, 0);
	}
	memcpy(call->asked, c->asked, ASKED);
	return true;
}

struct mf_event call_event(const struct task *task)
{
	struct mf_event head = task->head;

	if (!task->calls || task->calls->made == 0)
		return head;
	head.bytes = task->calls->bytes;
	head.answer = (struct mf_span){0, 0};
	head.answer_status = 0;
	return head;
}
