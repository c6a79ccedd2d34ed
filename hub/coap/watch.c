/* hub/coap/watch.c - see watch.h */
#include "hub/coap/watch.h"

#include <stdlib.h>
#include <string.h>

#include "hub/coap/listener.h"
#include "hub/coap/speech.h"
#include "hub/hub.h"
#include "sys/clock.h"

/* A confirmable message is sent again for at most so long (MAX_TRANSMIT_WAIT, RFC 7252, 4.8.2), and so many may
 * be under way to one observer: the others are sent once, so that nothing piles up for one that is gone. */
#define PENDING_NS   (93 * CLOCK_S)
#define PENDING_MOST 4u

/* After a refusal of the hub's: later. */
#define AGAIN_NS CLOCK_S

struct watcher {
	struct watcher *next;
	struct in_coap *in;
	struct engine_peer *peer; /* held */
	uint8_t token[MESSAGE_TOKEN], token_n;
	uint8_t szx;
	bool ready;                         /* its first answer is given */
	uint64_t changes;                   /* of its resource, when it asked */
	uint64_t confirmable[PENDING_MOST]; /* when the last ones were sent */
	unsigned sent;
};

struct resource {
	struct resource *next;
	struct service *service; /* NULL: it is no more */
	char *name;              /* the service's */
	struct mf_str path, query;
	uint32_t accept;
	bool has_accept;
	bool dirty, running;
	uint64_t changes;
	uint32_t sequence; /* of notifications, 24 bits */
	struct watcher *watchers;
};

struct watches {
	struct hub *hub;
	struct resource *first;
	unsigned count, running;
	struct loop_later later;
	struct loop_timer timer;
};

/* ------------------------------------------------------------------ resources */

static void free_resource(struct resource *r)
{
	free((void *)(uintptr_t)r->path.p);
	free((void *)(uintptr_t)r->query.p);
	free(r->name);
	free(r);
}

static bool copy(struct mf_str *to, struct mf_str from)
{
	uint8_t *bytes = malloc(from.n + 1);

	if (!bytes)
		return false;
	if (from.n > 0)
		memcpy(bytes, from.p, from.n);
	*to = mf_str_of(bytes, from.n);
	return true;
}

static struct resource *make_resource(
	struct watches *w, struct service *service, const struct coap_message *request)
{
	struct resource *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->name = strdup(service->name);
	if (!copy(&r->path, request->path) || !copy(&r->query, request->query) || !r->name) {
		free_resource(r);
		return NULL;
	}
	r->service = service;
	r->has_accept = request->given & HAS_ACCEPT;
	r->accept = request->accept;
	/* so that one who observes again after a while sees that it is newer (RFC 7641, 3.4) */
	r->sequence = (uint32_t)(loop_now(w->hub->loop) / CLOCK_S) & 0xffffff;
	r->next = w->first;
	w->first = r;
	return r;
}

static struct resource *find_resource(
	struct watches *w, const struct service *service, const struct coap_message *request)
{
	struct resource *r = w->first;

	while (r &&
		(r->service != service || !mf_str_eq(r->path, request->path) ||
			!mf_str_eq(r->query, request->query) ||
			r->has_accept != !!(request->given & HAS_ACCEPT) ||
			(r->has_accept && r->accept != request->accept)))
		r = r->next;
	return r;
}

/* Those that nobody observes are gone, unless a life is at work for them. */
static void sweep(struct watches *w)
{
	for (struct resource **at = &w->first; *at;) {
		struct resource *r = *at;

		if (r->watchers || r->running) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free_resource(r);
	}
}

static void drop_watcher(struct watches *w, struct watcher **at)
{
	struct watcher *one = *at;

	*at = one->next;
	engine_drop(one->in->engine, one->peer);
	free(one);
	w->count--;
}

static void drop_all(struct watches *w, struct resource *r)
{
	while (r->watchers)
		drop_watcher(w, &r->watchers);
}

/* ---------------------------------------------------------------------- telling */

/* May one more be under way to it until it is acknowledged? */
static bool may_confirm(struct watcher *one, uint64_t now)
{
	uint64_t *oldest = &one->confirmable[one->sent % PENDING_MOST];

	if (*oldest != 0 && *oldest + PENDING_NS > now)
		return false;
	*oldest = now;
	one->sent++;
	return true;
}

static void tell(
	struct watches *w, struct resource *r, struct watcher *one, const struct coap_message *news)
{
	struct coap_message m = *news;

	m.type = may_confirm(one, loop_now(w->hub->loop)) ? MESSAGE_CON : MESSAGE_NON;
	m.token_n = one->token_n;
	memcpy(m.token, one->token, sizeof(m.token));
	if (MESSAGE_CLASS(m.code) == 2) {
		m.given |= HAS_OBSERVE;
		m.observe = r->sequence;
	}
	coap_cut(one->in, one->peer,
		coap_body_key(one->in, one->peer, METHOD_GET, r->path, r->query), &m, one->szx);
	coap_say(one->in, one->peer, &m);
}

/* An answer that isn't 2.xx is the last one (RFC 7641, 4.2). */
static void tell_all(struct watches *w, struct resource *r, const struct coap_message *news)
{
	r->sequence = (r->sequence + 1) & 0xffffff;
	for (struct watcher *one = r->watchers; one; one = one->next)
		if (one->ready)
			tell(w, r, one, news);
	if (MESSAGE_CLASS(news->code) != 2)
		drop_all(w, r);
}

/* ------------------------------------------------------------------ its own lives */

static void mark(struct watches *w, struct resource *r)
{
	r->changes++;
	r->dirty = true;
	loop_later(w->hub->loop, &w->later);
}

static void ended(struct watches *w, struct resource *r)
{
	r->running = false;
	w->running--;
	if (r->dirty)
		loop_later(w->hub->loop, &w->later);
	else
		sweep(w);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct resource *r = task->context;
	struct watches *w = task->service->hub->watches;
	struct coap_message news;

	coap_reply(&news, METHOD_GET, reply);
	tell_all(w, r, &news);
	ended(w, r);
}

static void try_later(struct watches *w, struct resource *r)
{
	struct loop *loop = w->hub->loop;

	r->dirty = true;
	if (w->timer.place == 0)
		(void)loop_timer_set(loop, &w->timer, loop_now(loop) + AGAIN_NS);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct resource *r = task->context;
	struct watches *w = task->service->hub->watches;

	(void)why;
	r->running = false;
	w->running--;
	try_later(w, r);
}

static const struct origin_ops origin = {.source = "coap", .reply = on_reply, .refuse = on_refuse};

static bool write_event(struct task *task, const struct resource *r)
{
	struct event_writer *w = &task->writer;

	return event_span(w, &task->head.method, MF_STR("GET")) &&
		event_span(w, &task->head.query, r->query);
}

static void look(struct watches *w, struct resource *r)
{
	enum refusal why = REFUSED_TOO_BIG;
	struct task *task;

	r->dirty = false;
	task = service_begin(r->service, MF_SOURCE_COAP, MF_STR("coap.request"), r->path, &why);
	if (task && !write_event(task, r)) {
		service_cancel(task);
		task = NULL;
	}
	if (!task) {
		service_refused(r->service, why);
		try_later(w, r);
		return;
	}
	task->origin = &origin;
	task->context = r;
	r->running = true;
	w->running++;
	service_submit(task);
}

static void look_at_all(struct watches *w)
{
	struct resource *next;

	sweep(w);
	for (struct resource *r = w->first; r; r = next) {
		next = r->next; /* what is submitted may end at once, and sweep only takes those that don't run */
		if (r->dirty && !r->running && r->service && !w->hub->stopping)
			look(w, r);
	}
}

static void on_later(struct loop_later *later)
{
	look_at_all(LOOP_OWNER(later, struct watches, later));
}

static void on_timer(struct loop_timer *timer)
{
	struct watches *w = LOOP_OWNER(timer, struct watches, timer);

	loop_later(w->hub->loop, &w->later);
}

/* ------------------------------------------------------------------- observers */

static struct watches *all(struct hub *hub)
{
	struct watches *w = hub->watches;

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->hub = hub;
	w->later.run = on_later;
	w->timer.fire = on_timer;
	hub->watches = w;
	return w;
}

static struct watcher **find(struct watches *w, const struct in_coap *in,
	const struct engine_peer *peer, const uint8_t *token, unsigned token_n,
	struct resource **resource)
{
	for (struct resource *r = w ? w->first : NULL; r; r = r->next)
		for (struct watcher **at = &r->watchers; *at; at = &(*at)->next)
			if ((*at)->in == in && (*at)->peer == peer && (*at)->token_n == token_n &&
				memcmp((*at)->token, token, token_n) == 0) {
				*resource = r;
				return at;
			}
	return NULL;
}

bool watch_add(struct in_coap *in, struct engine_peer *peer, struct service *service,
	const struct coap_message *request)
{
	struct watches *w = all(in->input.hub);
	struct watcher *one;
	struct resource *r;

	watch_cancel(in, peer, request->token, request->token_n);
	if (!w || w->count >= WATCH_MOST)
		return false;
	r = find_resource(w, service, request);
	if (!r)
		r = make_resource(w, service, request);
	one = r ? calloc(1, sizeof(*one)) : NULL;
	if (!one)
		return false;
	one->in = in;
	one->peer = peer;
	engine_hold(in->engine, peer);
	one->token_n = request->token_n;
	memcpy(one->token, request->token, sizeof(one->token));
	one->szx = request->given & HAS_BLOCK2 ? request->block2.szx : BLOCK_SZX_MOST;
	one->changes = r->changes;
	one->next = r->watchers;
	r->watchers = one;
	w->count++;
	return true;
}

void watch_answered(struct in_coap *in, struct engine_peer *peer,
	const struct coap_message *request, struct coap_message *answer)
{
	struct watches *w = in->input.hub->watches;
	struct resource *r;
	struct watcher **at = find(w, in, peer, request->token, request->token_n, &r);

	if (!at)
		return;
	if (MESSAGE_CLASS(answer->code) != 2) {
		drop_watcher(w, at);
		return;
	}
	(*at)->ready = true;
	answer->given |= HAS_OBSERVE;
	answer->observe = r->sequence;
	if (r->changes != (*at)->changes) /* after its life, before now */
		mark(w, r);
}

void watch_cancel(
	struct in_coap *in, const struct engine_peer *peer, const uint8_t *token, unsigned token_n)
{
	struct watches *w = in->input.hub->watches;
	struct resource *r;
	struct watcher **at = find(w, in, peer, token, token_n, &r);

	if (at)
		drop_watcher(w, at);
}

void watch_leave(struct in_coap *in)
{
	struct watches *w = in->input.hub->watches;

	for (struct resource *r = w ? w->first : NULL; r; r = r->next)
		for (struct watcher **at = &r->watchers; *at;)
			if ((*at)->in == in)
				drop_watcher(w, at);
			else
				at = &(*at)->next;
	if (w)
		sweep(w);
}

/* ---------------------------------------------------------------------- changes */

static struct mf_str span_of(const struct task *task, struct mf_span span)
{
	return mf_str_of(task->writer.base + span.off, span.len);
}

void watch_lived(struct hub *hub, const struct task *task)
{
	struct watches *w = hub->watches;
	struct mf_str method, subject;

	if (!w || w->count == 0)
		return;
	method = span_of(task, task->head.method);
	if (mf_str_is(method, "GET") || mf_str_is(method, "HEAD") || mf_str_is(method, "FETCH"))
		return;
	subject = span_of(task, task->head.subject);
	for (struct resource *r = w->first; r; r = r->next)
		if (r->service == service_in_place(task->service) && mf_str_eq(r->path, subject))
			mark(w, r);
}

unsigned watch_emitted(struct hub *hub, struct mf_str path, struct mf_str media, struct mf_str body)
{
	struct watches *w = hub->watches;
	const struct reply reply = {.status = 200, .content_type = media, .body = body};
	struct coap_message news;
	unsigned told = 0;

	coap_reply(&news, METHOD_GET, &reply);
	for (struct resource *r = w ? w->first : NULL; r; r = r->next) {
		if (!r->watchers || !mf_str_eq(r->path, path))
			continue;
		tell_all(w, r, &news);
		for (const struct watcher *one = r->watchers; one; one = one->next)
			told++;
	}
	return told;
}

/* ------------------------------------------------------------------------- ends */

static struct service *named(const struct hub *hub, const char *name)
{
	struct service *s = hub->services;

	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

void watch_reload(struct hub *hub)
{
	static const struct coap_message gone = {.code = MESSAGE_CODE(4, 4)};
	struct watches *w = hub->watches;

	for (struct resource *r = w ? w->first : NULL; r; r = r->next) {
		struct service *now = named(hub, r->name);

		if (now == r->service)
			continue;
		r->service = now;
		if (now)
			mark(w, r);
		else
			tell_all(w, r, &gone);
	}
}

unsigned watch_count(const struct hub *hub)
{
	return hub->watches ? hub->watches->count : 0;
}

void watch_close(struct hub *hub)
{
	struct watches *w = hub->watches;

	if (!w)
		return;
	for (struct resource *r = w->first; r; r = r->next)
		drop_all(w, r);
	w->running = 0;
	loop_later_cancel(hub->loop, &w->later);
	loop_timer_clear(hub->loop, &w->timer);
	while (w->first) {
		struct resource *r = w->first;

		w->first = r->next;
		free_resource(r);
	}
	free(w);
	hub->watches = NULL;
}
