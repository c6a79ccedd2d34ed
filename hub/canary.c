/* hub/canary.c - see canary.h */
#include "hub/canary.h"

#include <string.h>

#include "hub/config.h"
#include "hub/hub.h"
#include "hub/pricing.h"
#include "hub/worker.h"
#include "sys/random.h"

/* Of the two, less time than this isn't worth another try. */
#define LEAST_NS CLOCK_MS

/* FNV-1a, then mixed so that ids which differ in their last letter only are spread. Whoever chooses his ids may choose
 * his version; that gains him nothing. */
static uint64_t lot_of(struct mf_str id)
{
	uint64_t h = 0xcbf29ce484222325u;

	if (!id.p) {
		random_bytes(&h, sizeof(h));
		return h;
	}
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ id.p[i]) * 0x100000001b3u;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 33;
}

struct service *canary_choose(struct service *service, enum mf_source source, struct mf_str id)
{
	struct service *new = service->canary;
	enum refusal why;

	if (!new || service->share == 0 || source == MF_SOURCE_JOB)
		return service;
	if (lot_of(id) % CANARY_ALL >= service->share || !service_accepts(new, source, &why))
		return service;
	return new;
}

/* The hub's own reasons, and those that another version can't mend. */
static bool may_go_on(enum refusal why)
{
	return why != REFUSED_STOPPING && why != REFUSED_LATE && why != REFUSED_STORE;
}

bool canary_return(struct task *task, const struct ending *ending)
{
	const struct service *s = task->service;
	struct service *to = s->stable;

	if (!to || (task->phase != TASK_WAITING && task->phase != TASK_POSTED) || task->calls)
		return false;
	if (ending->refused && !may_go_on(ending->why))
		return false;
	if (task->deadline_ns < loop_now(s->hub->loop) + LEAST_NS ||
		task->head.bytes > to->note.event_bytes || !to->areas != !s->areas ||
		!circuit_lets_in(&to->circuit, loop_now(s->hub->loop)))
		return false;
	return service_hand_over(task, to, ending);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_price(const struct manifest *a, const struct manifest *b)
{
	if (!same_text(a->price.unit, b->price.unit) ||
		!same_text(a->price.per_unit, b->price.per_unit) ||
		!same_text(a->price.minimum, b->price.minimum) ||
		a->price.quantities_count != b->price.quantities_count)
		return false;
	for (unsigned i = 0; i < a->price.quantities_count; i++) {
		const struct manifest_quantity *x = &a->price.quantities[i],
					       *y = &b->price.quantities[i];

		if (!same_text(x->path, y->path) ||
			!same_text(price_text(x->formula), price_text(y->formula)))
			return false;
	}
	return true;
}

const char *canary_why_not(const struct service *old, const struct service *new)
{
	if (old->ordered || new->ordered || old->keyed || new->keyed)
		return "its events have an order";
	if (old->stateful || new->stateful)
		return "it reads state";
	if (new->may_write && !old->hub->database)
		return "it needs the database, which isn't open yet";
	if (old->lend || new->lend)
		return "its worker has the UDP socket";
	if (!same_price(&old->manifest, &new->manifest))
		return "its price is another";
	if (new->note.event_bytes < old->note.event_bytes ||
		new->note.input_bytes < old->note.input_bytes || !new->areas != !old->areas)
		return "its memory.event or memory.input is smaller";
	return NULL;
}

void canary_begin(struct service *old, struct service *new)
{
	struct hub *hub = old->hub;

	old->canary = new;
	old->share = 0;
	new->stable = old;
	new->next = hub->canaries;
	hub->canaries = new;
}

static void take_out(struct hub *hub, const struct service *s)
{
	struct service **at = &hub->canaries;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
}

void canary_end(struct service *old)
{
	struct service *new = old->canary;
	struct hub *hub = old->hub;

	if (!new)
		return;
	old->canary = NULL;
	old->share = 0;
	take_out(hub, new);
	new->next = hub->leaving;
	hub->leaving = new;
	if (new->worker == WORKER_STARTING) /* what it was given has not begun */
		worker_retire(new, "its version went back");
	service_refuse_all(new, REFUSED_OPEN); /* which hands them over */
	hub_ended(hub);
}

void canary_promoted(struct hub *hub, struct service *old)
{
	struct service *new = old->canary;

	if (!new)
		return;
	take_out(hub, new);
	new->stable = NULL;
	old->canary = NULL;
	old->share = 0;
}

static void forget_in(struct service *s, const struct service *gone)
{
	for (; s; s = s->next) {
		if (s->stable == gone)
			s->stable = NULL;
		if (s->canary == gone) {
			s->canary = NULL;
			s->share = 0;
		}
	}
}

void canary_forget(struct hub *hub, const struct service *gone)
{
	forget_in(hub->services, gone);
	forget_in(hub->canaries, gone);
	forget_in(hub->leaving, gone);
}
