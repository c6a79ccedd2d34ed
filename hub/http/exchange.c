/* hub/http/exchange.c - a request becomes a page or an event, and gets its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/canary.h"
#include "hub/http/access.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/jobs.h"
#include "hub/http/keys.h"
#include "hub/http/problem.h"
#include "hub/http/router.h"
#include "hub/http/token.h"
#include "hub/hub.h"
#include "sys/clock.h"

#define PAGE_BODY_MOST 65536u
#define VALUE_MOST     8192u /* of a header that a guest gets */

/* What OPTIONS * says; what a path allows, its routes say. */
#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

/* ------------------------------------------------------------------- answers */

static const struct mf_str nothing = {NULL, 0};

/* Sends `r` with problem details as its body. */
static void answer_problem(struct conn *c, const struct problem *p, struct response *r)
{
	char text[PROBLEM_MOST], id[TASK_ID + 1];

	if (!r->event) {
		task_make_id(id);
		r->event = id;
	}
	r->status = p->status;
	r->retry_after = p->retry_after;
	r->content_type = MF_STR(PROBLEM_TYPE);
	send_answer(c, r, r->lines, mf_str_of(text, problem_write(p, r->members, r->event, text)));
	r->event = NULL;
}

void exchange_problem(struct conn *c, const struct problem *problem)
{
	struct response r = {0};

	answer_problem(c, problem, &r);
}

/* What makes the request impossible, and all that comes behind it on this connection. */
void exchange_refuse(struct conn *c, unsigned status, const char *detail)
{
	const struct problem p = {
		.status = status, .retry_after = status == 503 ? 1 : 0, .detail = detail};
	struct response r = {0};

	intake_drop(c);
	c->keep_alive = false;
	c->http->input.counts.bad++;
	answer_problem(c, &p, &r);
}

void exchange_turn_away(struct conn *c, const struct problem *problem, struct response *r)
{
	if (c->unread) /* its body isn't waited for */
		c->keep_alive = false;
	c->http->input.counts.bad++;
	answer_problem(c, problem, r);
}

/* What is wrong with this request only. */
static bool turn_away(
	struct conn *c, unsigned status, const char *detail, const char *allow, const char *coding)
{
	const struct problem p = {.status = status, .detail = detail};
	struct response r = {.allow = allow, .coding = coding};

	exchange_turn_away(c, &p, &r);
	return false;
}

static bool answer_options(struct conn *c, const char *allow)
{
	struct response r = {.status = 204, .allow = allow};
	char id[TASK_ID + 1];

	if (c->unread)
		c->keep_alive = false;
	task_make_id(id);
	r.event = id;
	send_answer(c, &r, nothing, nothing);
	return false;
}

/* -------------------------------------------------------------------- routes */

/* Pages are the hub's own business, not events. */
static void note_nobody(struct conn *c, const struct request *request, enum router_result found)
{
	const struct input *in = &c->http->input;

	if (!in->own)
		recent_note(&in->hub->recent,
			&(struct recent_note){.source = in->ops->name,
				.subject = request->path,
				.result = found == ROUTER_NO_PATH ? "no service" : "no method",
				.refused = true,
				.times = 1});
}

/* NULL: the request was answered. */
static const struct route *find(struct conn *c, const struct request *request)
{
	char allow[ROUTER_ALLOW_MAX] = "";
	const struct route *route;
	enum router_result found;

	if (request->path.p[0] == '*') {
		answer_options(c, METHODS);
		return NULL;
	}
	found = router_find(
		c->http->router, request->host, request->method, request->path, &route, allow);
	if (found == ROUTER_FOUND)
		return route;
	if (found == ROUTER_NO_METHOD && mf_str_is(request->method, "OPTIONS")) {
		answer_options(c, allow);
		return NULL;
	}
	note_nobody(c, request, found);
	if (found == ROUTER_NO_PATH)
		turn_away(c, 404, "nothing is here", NULL, NULL);
	else
		turn_away(c, 405, "this path has other methods", allow, NULL);
	return NULL;
}

/* What opens the route is between the client and the hub. */
static bool is_withheld(const struct route *route, struct mf_str name)
{
	return token_is(name, MF_CLIENT) || keys_withhold(route, name) ||
		(access_has_tokens(route->access) && token_is(name, "authorization"));
}

bool exchange_names(const struct route *route, const char *lower)
{
	if (is_withheld(route, mf_str_of(lower, strlen(lower))))
		return false;
	for (unsigned i = 0; i < route->headers_count; i++)
		if (token_is(mf_str_of(route->headers[i], strlen(route->headers[i])), lower))
			return true;
	return false;
}

/* In HTTP's words, with the time after which another try makes sense. */
static struct problem refusal(const struct service *service, enum refusal why)
{
	struct problem p = *problem_of(why);

	if (p.retry_after > 0)
		p.retry_after =
			(unsigned)((service_retry_ns(service, why) + CLOCK_S - 1) / CLOCK_S);
	return p;
}

/* For people: how large a body may be that goes into an input area. */
static const char *too_large(const struct service *service)
{
	static char text[160];

	if (!service)
		return "the body is larger than the service takes";
	snprintf(text, sizeof(text),
		"the body is larger than the %llu bytes that the service takes: memory.input in "
		"its mayfly.yaml",
		(unsigned long long)service->note.input_bytes);
	return text;
}

void exchange_refuse_large(struct conn *c)
{
	exchange_refuse(c, 413, too_large(c->spool.areas ? spool_service(&c->spool) : NULL));
}

/* It wouldn't be taken, so its body needn't come. False: it was answered. */
static bool is_welcome(struct conn *c, struct service *service)
{
	enum refusal why;
	struct problem p;
	struct response r = {0};

	if (service_accepts(service, MF_SOURCE_HTTP, &why))
		return true;
	service_refused(service, why);
	p = refusal(service, why);
	exchange_turn_away(c, &p, &r);
	return false;
}

bool exchange_admit(
	struct conn *c, const struct request *request, size_t *most, struct service **service)
{
	const struct route *route = find(c, request);
	struct mf_str who;
	bool job, bodiless = false;

	*service = NULL;
	operands_drop(c);
	c->keep_ns = 0;
	if (route && route->blobs)
		return guard_admits_blobs(c, route, request) && blob_admit(c, request, most);
	if (route && route->jobs)
		return job_admit(c, route, request, most);
	if (!route || !guard_admits(c, route, request, &who))
		return false;
	if (quote_wanted(route, request) && !quote_admit(c, request, &bodiless))
		return false;
	if (keys_wanted(c, route, request) && !keys_admit(c, route, request))
		return false;
	*service = !bodiless && route->service && route->service->note.input_bytes > 0
		? canary_choose(route->service, MF_SOURCE_HTTP, nothing)
		: NULL;
	*most = *service         ? (*service)->note.input_bytes
		: route->service ? route->service->note.event_bytes
				 : PAGE_BODY_MOST;
	job = job_post_wanted(c, route, request);
	if (request->length > *most && !job) {
		if (route->service)
			service_refused(route->service, REFUSED_TOO_BIG);
		return turn_away(c, 413, too_large(*service), NULL, NULL);
	}
	if (*service && !is_welcome(c, *service))
		return false;
	/* Nobody here decodes a body; who gets it as it is must be able to see that. */
	if (request->content_encoding.p && !token_is(request->content_encoding, "identity") &&
		!exchange_names(route, "content-encoding"))
		return turn_away(c, 415, "the service takes no Content-Encoding", NULL, "identity");
	if (job) {
		*service = NULL;
		return job_post_admit(c, route, request, who);
	}
	return !*service || (keep_read(c, request) && operands_admit(c, request, *most));
}

/* -------------------------------------------------------------------- pages */

static void answer_page(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str body)
{
	const struct page_request asked = {request->method, request->path, request->query, body};
	struct page_reply reply;

	if (!page_open(&reply, c)) {
		turn_away(c, 500, "the hub has no memory", NULL, NULL);
		return;
	}
	route->page(c->http->input.hub, &asked, &reply);
	if (!page_send(&reply))
		turn_away(c, 500, "the page could not be written", NULL, NULL);
}

/* ------------------------------------------------------------------- events */

/* The hub's own lines go before the service's: *with has both, and what is to be freed. */
static char *add_receipt(const struct task *task, const struct reply *reply, struct reply *with)
{
	size_t n = 0;
	char *lines;

	if (!task->paid || !task->paid->charged)
		return NULL;
	*with = reply ? *reply : (struct reply){.status = 204};
	lines = keys_lines(&task->paid->paying, with->headers, &n);
	if (lines)
		with->headers = mf_str_of(lines, n);
	return lines;
}

static void give_reply(struct task *task, const struct reply *reply)
{
	struct conn *c = task->context;
	struct response r = {
		.status = 204, .event = task->id, .version = task->service->manifest.version};

	c->task = NULL;
	r.replayed = task->paid && task->paid->replayed;
	if (r.replayed) /* another one may have given it: its receipt says which */
		r.version = NULL;
	if (reply) {
		r.status = reply->status;
		r.content_type = reply->content_type;
	}
	if (reply && keep_reply(c, task, reply))
		return;
	again_keep(c, task->id, task->service->manifest.version, reply);
	if (c->fd >= 0 && reply && reply->output && reply->body.n > 0)
		areas_hold_more(&c->output, reply->output);
	if (c->fd < 0)
		c->http->input.counts.unsent++;
	else
		send_answer(c, &r, reply ? reply->headers : nothing, reply ? reply->body : nothing);
	c->http->input.tasks--;
	c->holds--;
	conn_settle(c);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct reply with;
	char *lines = add_receipt(task, reply, &with);

	give_reply(task, lines ? &with : reply);
	free(lines);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct conn *c = task->context;
	struct response r = {.event = task->id, .version = task->service->manifest.version};
	struct problem p = refusal(task->service, why);
	struct keys_problem k;

	if (why == REFUSED_UNPAID && task->paid) {
		keys_refusal(task->paid, &k);
		p = k.problem;
		r.authenticate = k.authenticate;
		r.members = k.problem.status == 402 ? k.members : NULL;
	}
	c->task = NULL;
	again_drop(c);
	if (c->fd < 0)
		c->http->input.counts.unsent++;
	else
		answer_problem(c, &p, &r);
	c->http->input.tasks--;
	c->holds--;
	conn_settle(c);
}

static const struct origin_ops origin = {.source = "http", .reply = on_reply, .refuse = on_refuse};

/* Nobody else would have anything of it: it does nothing but answer, and the answer isn't kept. */
static bool is_his_alone(const struct conn *c)
{
	const struct task *task = c->task;

	return task->phase != TASK_COMMITTING && task->phase != TASK_HOLDING &&
		task->service->areas && !c->entry && !(task->paid && task->paid->asked_twice) &&
		c->keep_ns == 0 && service_only_answers(task->service);
}

void exchange_gone(struct conn *c)
{
	const bool alone = c->task && is_his_alone(c);

	/* who isn't charged gets no answer either, though he may still listen */
	if (alone || (c->task && paid_is_his_alone(c->task)))
		conn_close(c);
	if (!alone)
		return;
	service_refuse_for(c->task, REFUSED_STOPPING, "its client went away");
}

/* Several headers of one name are one, with commas (RFC 9110, 5.3), or semicolons for Cookie
 * (RFC 6265, 5.4). False: it doesn't fit. */
static bool write_attribute(struct task *task, const struct request *request, const char *name)
{
	static uint8_t joined[VALUE_MOST];
	char lower[64];
	size_t n = strlen(name), used = 0;
	unsigned next = 0;
	struct mf_str value, more;

	if (n >= sizeof(lower))
		return false;
	for (size_t i = 0; i <= n; i++)
		lower[i] = (char)mf_lower((uint8_t)name[i]);
	value = request_header(request, lower, &next);
	if (!value.p)
		return true;
	while ((more = request_header(request, lower, &next)).p) {
		const char *separator = strcmp(lower, "cookie") == 0 ? "; " : ", ";

		if (value.n + 2 + more.n > sizeof(joined))
			return false;
		if (used == 0)
			memcpy(joined, value.p, value.n);
		memcpy(joined + value.n, separator, 2);
		memcpy(joined + value.n + 2, more.p, more.n);
		used = value.n + 2 + more.n;
		value = mf_str_of(joined, used);
	}
	return event_attribute(&task->writer, mf_str_of(name, n), value);
}

/* False: it doesn't fit. */
static bool write_event(struct task *task, struct conn *c, const struct route *route,
	const struct request *request, struct mf_str who, struct mf_str body)
{
	struct event_writer *w = &task->writer;

	if (!event_span(w, &task->head.method, request->method) ||
		!event_span(w, &task->head.query, request->query) ||
		!event_span(w, &task->head.peer, mf_str_of(c->peer, c->peer_n)) ||
		!event_span(w, &task->head.content_type, request->content_type))
		return false;
	if (who.p && !event_attribute(w, MF_STR(MF_CLIENT), who))
		return false;
	for (unsigned i = 0; i < route->headers_count; i++) {
		const char *name = route->headers[i];

		if (!is_withheld(route, mf_str_of(name, strlen(name))) &&
			!write_attribute(task, request, name))
			return false;
	}
	return c->spool.areas || event_span(w, &task->head.payload, body);
}

/* For a body in an area: it is the service's that was asked for then, though the route may be another's by now. */
static struct service *service_of(const struct conn *c, const struct route *route)
{
	return c->spool.areas ? spool_service(&c->spool) : route->service;
}

static void make_event(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str who, struct mf_str body)
{
	struct problem p;
	enum refusal why;
	struct task *task;

	/* what says that it is the same request again */
	struct mf_str same = c->spool.hash ? spool_digest(&c->spool) : body;
	struct service *service = service_of(c, route);
	const bool pays = keys_wanted(c, route, request);
	struct paid *paid = pays ? keys_begin(c, service, route, request) : NULL;

	if (pays ? !paid : !again_begin(c, route, request, who, same))
		return;
	c->http->input.counts.events++;
	task = service_begin(service, MF_SOURCE_HTTP, MF_STR("http.request"), request->path, &why);
	if (task && !write_event(task, c, route, request, who, body)) {
		service_cancel(task);
		task = NULL;
		why = REFUSED_TOO_BIG;
	}
	if (!task) {
		service_refused(service, why);
		paid_free(paid);
		again_drop(c);
		p = refusal(service, why);
		exchange_problem(c, &p);
		return;
	}
	if (c->spool.areas)
		spool_give(&c->spool, task);
	again_identify(c, task, route, request, who, same);
	task->paid = paid;
	task->origin = &origin;
	task->context = c;
	c->task = task;
	c->holds++;
	c->http->input.tasks++;
	service_submit(task);
}

void exchange_run(struct conn *c, const struct request *request, struct mf_str body)
{
	const struct route *route = find(c, request); /* again: routes may have changed */
	struct mf_str who;

	if (c->sink && route && route->service && job_post_run(c))
		return;
	if (c->sink && (!route || !route->blobs)) { /* its body went elsewhere */
		intake_drop(c);
		if (route)
			turn_away(c, 503, "the routes changed while the body came", NULL, NULL);
		return;
	}
	if (route && route->blobs) {
		if (guard_admits_blobs(c, route, request))
			blob_run(c, request);
		return;
	}
	if (route && route->jobs) {
		job_run(c, route, request);
		return;
	}
	if (!route || !guard_admits(c, route, request, &who))
		return;
	if (quote_wanted(route, request))
		quote_run(c, route, request, body);
	else if (route->service)
		make_event(c, route, request, who, body);
	else
		answer_page(c, route, request, body);
}
