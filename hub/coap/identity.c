/* hub/coap/identity.c - which event a request is, for a hub that was started again meanwhile. */
#include "hub/coap/identity.h"

#include <string.h>

#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/time.h"
#include "sys/clock.h"

/* Message ids come again, so an identity ends with the time in which a request may come again (doubles.h). */
#define WINDOW_NS (DOUBLES_CON_S * CLOCK_S)

/* A message's own, then the window's number. */
#define PIECES 7u

struct pieces {
	struct mf_str piece[PIECES];
	uint64_t window;
	uint16_t id;
};

static void fill(
	struct pieces *p, const struct coap_message *asked, struct mf_str peer, struct mf_str body)
{
	p->id = asked->id;
	p->piece[0] = peer;
	p->piece[1] = mf_str_of(&p->id, sizeof(p->id));
	p->piece[2] = mf_str_of(asked->token, asked->token_n);
	p->piece[3] = mf_str_of(&asked->code, 1);
	p->piece[4] = asked->query;
	p->piece[5] = body;
	p->piece[6] = mf_str_of(&p->window, sizeof(p->window));
}

/* Did it come in the window before, and was it done? */
static bool was_before(const struct task *task, struct pieces *p)
{
	char id[TASK_ID + 1];
	struct store_id done;

	p->window--;
	task_identity_id(id, MF_SOURCE_COAP, task->service->name, p->piece, PIECES);
	if (ids_find(task->service->hub->ids, mf_str_of(id, TASK_ID), &done) == IDS_DONE)
		return true;
	p->window++;
	return false;
}

void identity_give(struct task *task, const struct in_coap *in, const struct coap_message *asked,
	struct mf_str body)
{
	struct hub *hub = in->input.hub;
	unsigned flags = asked->type == MESSAGE_CON ? TASK_KEEP : 0;
	char peer[NET_TEXT];
	struct pieces p;

	if (!hub->ids)
		return;
	p.window = time_elapsed(&hub->clocks.kept) / WINDOW_NS;
	fill(&p, asked, mf_str_of(peer, net_text(&task->peer, peer)), body);
	/* what came to this listener since it is there, it remembers by itself */
	if (loop_now(hub->loop) < in->opened_ns + WINDOW_NS) {
		flags |= TASK_CHECK;
		(void)was_before(task, &p);
	}
	memset(task->request, 0, sizeof(task->request));
	task_identify(task, p.piece, PIECES, flags);
}
