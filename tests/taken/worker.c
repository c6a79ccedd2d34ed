/*
 * tests/taken/worker.c - a mayfly-worker that somebody has taken over: the product's, source for
 * source, but that an event whose payload begins with '!' is no life. It is an order, obeyed inside the
 * jail with all that the worker has: its descriptors, its memory, the ring. What came of it is the reply
 * (or there is none, where the order was to break something). tests/e2e/test_taken.py gives the orders.
 *
 * Two things are made before the jail is entered, as help for the test: a handler of SIGSYS, so that one
 * forbidden system call isn't the last, and a thread that scribbles over the shared memory when told to.
 * Both make it stronger than what it stands for.
 */
#include "tests/taken/taken.h"

/* The one call that begins a life, and where the program begins. */
void taken_live(struct shell *shell, const void *event, size_t size, struct life *life);
int worker_main(void);
#define shell_begin taken_live
#define main        worker_main
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type" /* of main alone it isn't needed */
#include "monitor/worker_main.c"
#pragma GCC diagnostic pop
#undef shell_begin
#undef main

struct taken taken;

/* A reply, or whatever effects are written by hand, as `life` would have left them. */
static union {
	struct mf_effects head;
	uint8_t bytes[MF_EFFECTS_DEFAULT];
} effects;

static void begin_effects(void)
{
	memset(&effects, 0, sizeof(effects));
	effects.head.bytes = sizeof(effects.head);
	effects.head.outcome = MF_OUTCOME_OK;
}

void taken_effect(unsigned kind, uint32_t status, const char *name, const void *body, uint32_t n)
{
	struct mf_effects *head = &effects.head;
	struct mf_effect *e = (void *)(effects.bytes + head->bytes);
	uint32_t name_n = (uint32_t)strlen(name);

	*e = (struct mf_effect){.kind = (uint16_t)kind, .status = status};
	e->len[MF_FIELD_NAME] = name_n;
	e->len[MF_FIELD_BODY] = n;
	e->value = kind == MF_EFFECT_SCHEDULE || kind == MF_EFFECT_CALL;
	memcpy(e + 1, name, name_n);
	memcpy((uint8_t *)(e + 1) + name_n, body, n);
	e->size = ((uint32_t)sizeof(*e) + name_n + n + 7) & ~7u;
	head->bytes += e->size;
	head->count++;
}

void taken_live(struct shell *shell, const void *event, size_t size, struct life *life)
{
	const struct mf_event *ev = event;
	const char *order = (const char *)event + ev->payload.off;
	char text[4096];

	if (ev->payload.len == 0 || ev->payload.len >= sizeof(text) || order[0] != '!') {
		shell_begin(shell, event, size, life);
		return;
	}
	memcpy(text, order, ev->payload.len);
	text[ev->payload.len] = '\0';
	*life = (struct life){.result = MFW_OK, .effects = effects.bytes};
	begin_effects();
	taken.slot = (uint32_t)((const uint8_t *)event - ring_event(&worker.ring, 0)) /
		(worker.ring.head.event_area + worker.ring.head.effects_area);
	taken_obey(text + 1, life);
	life->bytes = effects.head.bytes;
	if (taken.remains > 0) {
		life->effects = ring_effects(taken.ring, taken.slot);
		life->bytes = taken.remains;
		taken.remains = 0;
	}
}

int main(void)
{
	taken.ring = &worker.ring;
	taken_prepare();
	return worker_main();
}
