/* hub/pages.c - services, figures and lines as JSON, one service or line at a time, so that
 * no page is held in memory more than once. */
#include "hub/pages.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/version.h"
#include "hub/hub.h"
#include "hub/http/router.h"
#include "hub/in_coap.h"
#include "hub/in_http.h"
#include "hub/in_timer.h"
#include "hub/journal.h"
#include "hub/life.h"
#include "hub/metrics.h"
#include "hub/http/blobs.h"
#include "hub/pages_blobs.h"
#include "hub/pages_center.h"
#include "hub/pages_dead.h"
#include "hub/pages_deploy.h"
#include "hub/pages_jobs.h"
#include "hub/pages_events.h"
#include "hub/pages_accelerator.h"
#include "hub/pages_json.h"
#include "hub/pages_market.h"
#include "hub/pages_state.h"
#include "hub/pages_store.h"
#include "hub/reload.h"
#include "sys/clock.h"
#include "sys/usage.h"

/* ------------------------------------------------------------------- the hub */

static json_t *hub_object(const struct hub *hub)
{
	char started[32];
	time_t seconds = (time_t)(hub->started_ns / (int64_t)CLOCK_S);
	struct tm tm;
	json_t *o = json_object();

	gmtime_r(&seconds, &tm);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	pages_set(o, "pid", json_integer(getpid()));
	pages_set(o, "version", json_string(MAYFLY_VERSION));
	pages_set(o, "config", pages_text_or_null(hub->options.config));
	pages_set(o, "started", json_string(started));
	pages_set(o, "uptime_s", json_real((double)(clock_wall_ns() - hub->started_ns) / 1e9));
	pages_set(o, "stopping", json_boolean(hub->stopping));
	return o;
}

void pages_health(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	json_t *o = hub_object(hub);

	(void)request;
	reply->content_type = pages_as_json;
	pages_set(o, "status", json_string(hub->stopping ? "stopping" : "ok"));
	pages_put(reply->body, o);
}

/* ------------------------------------------------------------------ services */

static const char *state_name(const struct service *s)
{
	static const char *const names[] = {
		[WORKER_NONE] = "idle",
		[WORKER_STARTING] = "starting",
		[WORKER_READY] = "ready",
		[WORKER_ENDING] = "ending",
	};

	return names[s->worker];
}

static json_t *worker_object(const struct service *s)
{
	json_t *o;

	if (!s->link)
		return json_null();
	o = json_object();
	pages_set(o, "pid", json_integer(link_pid(s->link)));
	pages_set(o, "uptime_s", json_real((double)(clock_mono_ns() - s->started_ns) / 1e9));
	pages_set(o, "lives", pages_count(s->worker_lives));
	return o;
}

static json_t *circuit_object(const struct service *s)
{
	static const char *const names[] = {
		[CIRCUIT_CLOSED] = "closed",
		[CIRCUIT_OPEN] = "open",
		[CIRCUIT_TRYING] = "trying",
	};
	json_t *o = json_object();

	pages_set(o, "state", json_string(names[s->circuit.state]));
	pages_set(o, "wait_s", json_real((double)circuit_wait(&s->circuit, clock_mono_ns()) / 1e9));
	pages_set(o, "openings", pages_count(s->counts.circuits));
	return o;
}

static bool has(const json_t *list, const json_t *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) if (json_equal(one, text)) return true;
	return false;
}

/* Of a listener that several share: what leads to this one, whatever the method. */
static void add_routes(json_t *list, const struct input *in, const struct service *s)
{
	const struct router *router =
		strncmp(in->ops->name, "coap", 4) == 0 ? in_coap_router(in) : in_http_router(in);
	const struct route *r;

	for (size_t i = 0; (r = router_at(router, i)); i++) {
		json_t *text;

		if (r->service != s)
			continue;
		text = json_sprintf("%s %s%s%s%s", in->ops->name, in->text, r->path,
			r->host ? " for " : "", r->host ? r->host : "");
		if (has(list, text))
			json_decref(text);
		else
			json_array_append_new(list, text);
	}
}

static json_t *listeners_of(const struct hub *hub, const struct service *s)
{
	json_t *list = json_array();
	char timer[256];

	for (const struct input *in = hub->inputs; in; in = in->next)
		if (in->service == s)
			json_array_append_new(list, json_sprintf("%s %s", in->ops->name, in->text));
		else if (!in->service && !in->own && !in->apart)
			add_routes(list, in, s);
	if (s->stable)
		json_array_append_new(
			list, json_sprintf("%g %% of its events", s->stable->share / 100.0));
	for (unsigned i = 0; timers_text(hub, s, i, timer, sizeof(timer)) > 0; i++)
		json_array_append_new(list, json_string(timer));
	return list;
}

static uint64_t refused(const struct service *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < REFUSALS; i++)
		n += s->counts.refused[i];
	return n;
}

/* What `mayfly ps` shows. */
static json_t *service_object(const struct hub *hub, const struct service *s)
{
	const struct histogram *run = s->times ? &s->times->run : NULL;
	json_t *o = json_object();

	pages_set(o, "name", json_string(s->name));
	pages_set(o, "version", pages_text_or_null(s->manifest.version));
	pages_set(o, "image", pages_text_or_null(s->image_path));
	pages_set(o, "signed_by", pages_text_or_null(s->verdict.verified ? s->verdict.key : NULL));
	pages_set(o, "counter",
		pages_count(s->verdict.verified ? s->verdict.counter : s->note.counter));
	pages_set(o, "backend", json_string(report_backend(s->head.backend)));
	pages_set(o, "state", json_string(state_name(s)));
	pages_set(o, "circuit", circuit_object(s));
	pages_set(o, "worker", worker_object(s));
	pages_set(o, "share", json_real((s->stable ? s->stable->share : 10000 - s->share) / 100.0));
	pages_set(o, "queued", pages_count(s->queue.count));
	pages_set(o, "queued_limit", pages_count(s->queue_most));
	pages_set(o, "running", pages_count(s->running.count + s->committing.count));
	pages_set(o, "accepted", pages_count(s->counts.accepted));
	pages_set(o, "lives", pages_count(s->counts.lives));
	pages_set(o, "replied", pages_count(s->counts.replied));
	pages_set(o, "refused", pages_count(refused(s)));
	pages_set(o, "cold", pages_count(s->counts.cold));
	pages_set(o, "calls", pages_count(s->counts.calls));
	pages_set(o, "scheduled", pages_count(s->counts.scheduled));
	pages_set(o, "ticks", pages_count(s->counts.ticks));
	pages_set(o, "ticks_missed", pages_count(s->counts.ticks_missed));
	pages_set(o, "run_p50_us", pages_quantile(run, 500));
	pages_set(o, "run_p99_us", pages_quantile(run, 990));
	pages_set(o, "listeners", listeners_of(hub, s));
	return o;
}

/* ------------------------------------------------------------------- figures */

static json_t *times_object(const struct service_times *times)
{
	static const struct {
		const char *name;
		size_t offset;
	} of[] = {
		{"queue", offsetof(struct service_times, queue)},
		{"birth", offsetof(struct service_times, birth)},
		{"run", offsetof(struct service_times, run)},
		{"total", offsetof(struct service_times, total)},
	};
	json_t *o = json_object();

	for (unsigned i = 0; times && i < sizeof(of) / sizeof(of[0]); i++) {
		const struct histogram *h = (const void *)((const char *)times + of[i].offset);
		uint64_t n = histogram_count(h);
		json_t *one = json_object();

		pages_set(one, "count", pages_count(n));
		pages_set(one, "mean_us", n > 0 ? pages_us(h->sum_ns / n) : json_null());
		pages_set(one, "p50_us", pages_quantile(h, 500));
		pages_set(one, "p90_us", pages_quantile(h, 900));
		pages_set(one, "p99_us", pages_quantile(h, 990));
		pages_set(o, of[i].name, one);
	}
	return o;
}

static json_t *refusals_object(const struct service *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < REFUSALS; i++)
		if (s->counts.refused[i] > 0)
			pages_set(o, refusal_names[i], pages_count(s->counts.refused[i]));
	return o;
}

static json_t *results_object(const struct service *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < MFW_RESULTS; i++)
		if (s->counts.results[i] > 0)
			pages_set(o, life_result_name(i), pages_count(s->counts.results[i]));
	if (s->counts.denied > 0)
		pages_set(o, "denied", pages_count(s->counts.denied));
	return o;
}

/* What `mayfly stats` shows besides. */
static json_t *full_object(const struct hub *hub, const struct service *s)
{
	json_t *o = service_object(hub, s), *workers = json_object();

	pages_set(o, "silent", pages_count(s->counts.silent));
	pages_set(o, "turned_away", pages_count(s->counts.turned_away));
	pages_set(o, "reruns", pages_count(s->counts.reruns));
	pages_set(o, "races", pages_count(s->counts.races));
	pages_set(o, "overruns", pages_count(s->counts.overruns));
	pages_set(o, "errors", pages_count(s->counts.errors));
	pages_set(o, "returned", pages_count(s->counts.returned));
	pages_set(o, "duplicates", pages_count(s->counts.duplicates));
	pages_set(o, "commits", pages_count(s->counts.commits));
	pages_set(o, "retries", pages_count(s->counts.retries));
	pages_set(o, "dead", pages_count(s->counts.dead));
	pages_set(o, "upstream_unsent", pages_count(s->counts.unsent));
	pages_set(o, "results", results_object(s));
	pages_set(o, "refusals", refusals_object(s));
	pages_set(workers, "started", pages_count(s->counts.workers));
	pages_set(workers, "unstarted", pages_count(s->counts.unstarted));
	pages_set(workers, "lost", pages_count(s->counts.lost));
	pages_set(workers, "resident_bytes",
		pages_count(s->link ? usage_resident(link_pid(s->link)) : 0));
	pages_set(o, "workers", workers);
	pages_set(o, "times", times_object(s->times));
	return o;
}

/* Who asked and may not. */
static uint64_t denied(const struct input_counts *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ACCESS_RESULTS; i++)
		n += c->denied[i];
	return n;
}

static json_t *listener_object(const struct input *in)
{
	const struct input_counts *c = &in->counts;
	json_t *o = json_object();

	pages_set(o, "transport", json_string(in->ops->name));
	pages_set(o, "address", json_string(in->text));
	pages_set(o, "service", pages_text_or_null(in->service ? in->service->name : NULL));
	pages_set(o, "open", pages_count(c->open));
	pages_set(o, "connections", pages_count(c->connections));
	pages_set(o, "events", pages_count(c->events));
	pages_set(o, "requests", pages_count(c->requests));
	pages_set(o, "bad", pages_count(c->bad));
	pages_set(o, "denied", pages_count(denied(c)));
	pages_set(o, "replies", pages_count(c->replies));
	pages_set(o, "unsent", pages_count(c->unsent));
	pages_set(o, "dropped", pages_count(c->dropped));
	pages_set(o, "received_bytes", pages_count(c->bytes_in));
	pages_set(o, "sent_bytes", pages_count(c->bytes_out));
	return o;
}

static json_t *hub_figures(const struct hub *hub)
{
	json_t *o = hub_object(hub);
	struct usage usage;

	usage_self(&usage);
	pages_set(o, "resident_bytes", pages_count(usage.resident_bytes));
	pages_set(o, "cpu_s", json_real((double)usage.cpu_ns / 1e9));
	pages_set(o, "idle_percent", json_integer(loop_idle(hub->loop)));
	pages_set(o, "descriptors", pages_count(usage.descriptors));
	pages_set(o, "descriptors_limit", pages_count(usage.descriptors_most));
	pages_set(o, "connections", pages_count(hub->connections));
	pages_set(o, "connections_limit", pages_count(hub->connections_most));
	pages_set(o, "held_bytes", pages_count(hub->held.held));
	pages_set(o, "held_limit_bytes", pages_count(hub->held.most));
	pages_set(o, "waiting_bytes", pages_count(hub->waiting.events));
	pages_set(o, "shared_bytes", pages_count(hub->waiting.shared));
	pages_set(o, "waiting_limit_bytes", pages_count(hub->waiting.most));
	pages_set(o, "kept_answers", pages_count(hub->answers.count));
	pages_set(o, "kept_answers_bytes", pages_count(hub->answers.bytes));
	pages_set(o, "kept_answers_replayed", pages_count(hub->answers.replayed));
	pages_set(o, "kept_answers_conflicts", pages_count(hub->answers.conflicts));
	pages_set(o, "reloads", pages_count(hub->reloads.done));
	pages_set(o, "reloads_failed", pages_count(hub->reloads.failed));
	pages_set(o, "store", pages_store(hub));
	pages_set(o, "blobs", pages_blobs(hub));
	pages_set(o, "outbox", pages_outbox(hub));
	pages_set(o, "accelerator", pages_accelerator(hub));
	pages_set(o, "center", pages_center(hub));
	return o;
}

/* --------------------------------------------------------------------- pages */

typedef json_t *service_writer(const struct hub *hub, const struct service *service);

/* [...] of all services, or of the one that the query names. False: there is none of that name. */
static bool put_services(
	const struct hub *hub, struct mf_str name, FILE *to, service_writer *object)
{
	const char *before = "[";

	for (const struct service *s = hub->services; s; s = s->next) {
		if (name.p && !mf_str_is(name, s->name))
			continue;
		fputs(before, to);
		pages_put(to, object(hub, s));
		before = ",";
		if (s->canary) {
			fputs(before, to);
			pages_put(to, object(hub, s->canary));
		}
	}
	if (*before == '[')
		fputs("[", to);
	fputs("]", to);
	return !name.p || *before == ',';
}

static bool is_service(const struct hub *hub, struct mf_str name)
{
	for (const struct service *s = hub->services; s; s = s->next)
		if (mf_str_is(name, s->name))
			return true;
	return !name.p;
}

static bool find_service(const struct hub *hub, const struct page_request *request,
	struct page_reply *reply, struct mf_str *name)
{
	char clean[64];

	*name = page_parameter(request->query, "service");
	reply->content_type = pages_as_json;
	if (is_service(hub, *name))
		return true;
	log_clean(clean, sizeof(clean), name->p, name->n);
	pages_refuse(reply, 404, "Not Found", json_sprintf("there is no service '%s'", clean));
	return false;
}

void pages_services(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name;

	if (!find_service(hub, request, reply, &name))
		return;
	lend_look_at_all(hub);
	fputs("{\"hub\":", reply->body);
	pages_put(reply->body, hub_object(hub));
	fputs(",\"services\":", reply->body);
	put_services(hub, name, reply->body, service_object);
	fputs("}\n", reply->body);
}

static void put_listeners(const struct hub *hub, struct mf_str name, FILE *to)
{
	const char *before = "";

	fputs("[", to);
	for (const struct input *in = hub->inputs; in; in = in->next) {
		if (name.p && !(in->service && mf_str_is(name, in->service->name)))
			continue;
		fputs(before, to);
		pages_put(to, listener_object(in));
		before = ",";
	}
	fputs("]", to);
}

void pages_stats(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name;

	if (!find_service(hub, request, reply, &name))
		return;
	lend_look_at_all(hub);
	fputs("{\"hub\":", reply->body);
	pages_put(reply->body, hub_figures(hub));
	fputs(",\"listeners\":", reply->body);
	put_listeners(hub, name, reply->body);
	fputs(",\"services\":", reply->body);
	put_services(hub, name, reply->body, full_object);
	fputs("}\n", reply->body);
}

/* ---------------------------------------------------------------------- logs */

static bool parse_level(struct mf_str text, enum log_level *level)
{
	for (unsigned i = 0; i < LOG_LEVELS; i++)
		if (mf_str_is(text, log_level_names[i])) {
			*level = i;
			return true;
		}
	return false;
}

static bool parse_filter(
	const struct page_request *request, struct journal_filter *f, struct page_reply *reply)
{
	struct mf_str after = page_parameter(request->query, "after");
	struct mf_str level = page_parameter(request->query, "level");

	*f = (struct journal_filter){.service = page_parameter(request->query, "service")};
	if (after.p && !num_parse(after, &f->after))
		pages_refuse(
			reply, 400, "Bad Request", json_string("after: it is no number of a line"));
	else if (level.p && !parse_level(level, &f->least))
		pages_refuse(reply, 400, "Bad Request",
			json_string("level: it is none of debug, info, warning, error"));
	else
		return true;
	return false;
}

/* `next` is what to ask for after this, `missed` how many lines behind `after` are gone. */
void pages_logs(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	const struct journal *j = hub->options.journal;
	const struct journal_line *line = NULL;
	struct journal_filter filter;
	uint64_t first = j && j->first ? j->first->number : 1;
	char text[JOURNAL_JSON_MOST];
	const char *before = "";

	if (!parse_filter(request, &filter, reply))
		return;
	reply->content_type = pages_as_json;
	fprintf(reply->body, "{\"pid\":%d,\"next\":%llu,\"missed\":%llu,\"lines\":[", getpid(),
		(unsigned long long)(j ? j->number : 0),
		(unsigned long long)(first > filter.after + 1 ? first - filter.after - 1 : 0));
	while (j && (line = journal_next(j, line, &filter))) {
		journal_json(text, line, true);
		fprintf(reply->body, "%s\n%s", before, text);
		before = ",";
	}
	fputs("]}\n", reply->body);
}

/* ------------------------------------------------------------- reload, stop */

void pages_reload(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	char error[HUB_ERROR_MAX], clean[HUB_ERROR_MAX];

	(void)request;
	if (hub_reload(hub, error) != 0) {
		log_clean(clean, sizeof(clean), error, strlen(error));
		pages_refuse(reply, 422, "Unprocessable Content", json_string(clean));
		return;
	}
	reply->content_type = pages_as_json;
	pages_put(reply->body, json_pack("{si}", "pid", (int)getpid()));
}

void pages_stop(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	bool now = mf_str_is(page_parameter(request->query, "now"), "1");

	log_info("asked to stop%s", now ? " now" : "");
	reply->content_type = pages_as_json;
	pages_put(reply->body, json_pack("{si sb}", "pid", (int)getpid(), "now", (int)now));
	hub_stop_soon(hub, now);
}

int pages_add(struct router *router, struct access *look, struct access *change)
{
	static const struct route routes[] = {
		{.method = "GET", .path = "/v1/health", .page = pages_health},
		{.method = "GET", .path = "/v1/services", .page = pages_services},
		{.method = "GET", .path = "/v1/stats", .page = pages_stats},
		{.method = "GET", .path = "/v1/logs", .page = pages_logs},
		{.method = "GET", .path = "/v1/state", .page = pages_state_list},
		{.method = "GET", .path = "/v1/state/get", .page = pages_state_get},
		{.method = "POST",
			.path = "/v1/state/put",
			.page = pages_state_put,
			.changes = true},
		{.method = "POST",
			.path = "/v1/state/rm",
			.page = pages_state_remove,
			.changes = true},
		{.method = "POST", .path = "/v1/reload", .page = pages_reload, .changes = true},
		{.method = "POST", .path = "/v1/stop", .page = pages_stop, .changes = true},
		{.method = "GET", .path = "/v1/events", .page = pages_events},
		{.method = "GET", .path = "/v1/events/#", .page = pages_event},
		{.method = "GET", .path = "/v1/lives", .page = pages_lives},
		{.method = "GET", .path = "/v1/dead", .page = pages_dead},
		{.method = "GET", .path = "/v1/dead/get", .page = pages_dead_get},
		{.method = "POST",
			.path = "/v1/dead/retry",
			.page = pages_dead_retry,
			.changes = true},
		{.method = "POST",
			.path = "/v1/dead/rm",
			.page = pages_dead_remove,
			.changes = true},
		{.method = "GET", .path = "/v1/jobs", .page = pages_jobs},
		{.method = "GET", .path = "/v1/jobs/get", .page = pages_jobs_get},
		{.method = "POST",
			.path = "/v1/jobs/cancel",
			.page = pages_jobs_cancel,
			.changes = true},
		{.method = "GET", .path = "/v1/blobs", .page = pages_blobs_list},
		{.method = "POST",
			.path = "/v1/blobs/rm",
			.page = pages_blobs_remove,
			.changes = true},
		{.method = "GET", .path = BLOBS_PATH "+", .blobs = true},
		{.method = "PUT", .path = BLOBS_PATH "+", .blobs = true, .changes = true},
		{.method = "GET", .path = "/v1/deploys", .page = pages_deploys},
		{.method = "POST", .path = "/v1/deploys", .page = pages_deploy, .changes = true},
		{.method = "POST",
			.path = "/v1/deploys/rollback",
			.page = pages_rollback,
			.changes = true},
		{.method = "POST",
			.path = "/v1/deploys/piece",
			.page = pages_deploy_piece,
			.changes = true},
		{.method = "GET",
			.path = "/v1/deploys/image",
			.page = pages_deploy_image,
			.changes = true},
		{.method = "GET", .path = "/metrics", .page = metrics_page},
	};
	int err = 0;

	for (unsigned i = 0; err == 0 && i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct route route = routes[i];
		const struct route *other;

		route.access = route.changes ? change : look;
		err = router_add(router, &route, &other);
	}
	return err == 0 ? pages_market_add(router, look, change) : err;
}
