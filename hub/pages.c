/* hub/pages.c - services, figures and lines as JSON, one service or line at a time, so that
 * no page is held in memory more than once. */
#include "hub/pages.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "hub/hub.h"
#include "hub/http/router.h"
#include "hub/in_http.h"
#include "hub/in_timer.h"
#include "hub/journal.h"
#include "hub/life.h"
#include "hub/metrics.h"
#include "hub/reload.h"
#include "sys/clock.h"
#include "sys/usage.h"

static const char as_json[] = "application/json";

static void put(FILE *to, json_t *object)
{
	if (json_dumpf(object, to, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0)
		fputs("null", to); /* no memory; the page is refused for what its body lacks */
	json_decref(object);
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *us(uint64_t ns)
{
	return json_real((double)ns / (double)CLOCK_US);
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

/* RFC 9457. The detail may quote the request: it is JSON, so no harm is done. */
static void refuse(struct page_reply *reply, unsigned status, const char *title, json_t *detail)
{
	reply->status = status;
	reply->content_type = "application/problem+json";
	put(reply->body,
		json_pack("{ss ss si so*}", "type", "about:blank", "title", title, "status",
			(int)status, "detail", detail));
}

/* ------------------------------------------------------------------- the hub */

static json_t *hub_object(const struct hub *hub)
{
	char started[32];
	time_t seconds = (time_t)(hub->started_ns / (int64_t)CLOCK_S);
	struct tm tm;
	json_t *o = json_object();

	gmtime_r(&seconds, &tm);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set(o, "pid", json_integer(getpid()));
	set(o, "version", json_string(MAYFLY_VERSION));
	set(o, "config", text_or_null(hub->options.config));
	set(o, "started", json_string(started));
	set(o, "uptime_s", json_real((double)(clock_wall_ns() - hub->started_ns) / 1e9));
	set(o, "stopping", json_boolean(hub->stopping));
	return o;
}

void pages_health(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	json_t *o = hub_object(hub);

	(void)request;
	reply->content_type = as_json;
	set(o, "status", json_string(hub->stopping ? "stopping" : "ok"));
	put(reply->body, o);
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
	set(o, "pid", json_integer(link_pid(s->link)));
	set(o, "uptime_s", json_real((double)(clock_mono_ns() - s->started_ns) / 1e9));
	set(o, "lives", count(s->worker_lives));
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

	set(o, "state", json_string(names[s->circuit.state]));
	set(o, "wait_s", json_real((double)circuit_wait(&s->circuit, clock_mono_ns()) / 1e9));
	set(o, "openings", count(s->counts.circuits));
	return o;
}

static json_t *quantile(const struct histogram *h, unsigned permille)
{
	return h && histogram_count(h) > 0 ? us(histogram_quantile(h, permille)) : json_null();
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
	const struct router *router = in_http_router(in);
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
		else if (!in->service && !in->own)
			add_routes(list, in, s);
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

	set(o, "name", json_string(s->name));
	set(o, "version", text_or_null(s->manifest.version));
	set(o, "image", text_or_null(s->image_path));
	set(o, "signed_by", text_or_null(s->verdict.verified ? s->verdict.key : NULL));
	set(o, "counter", count(s->verdict.verified ? s->verdict.counter : s->note.counter));
	set(o, "backend", json_string(report_backend(s->head.backend)));
	set(o, "state", json_string(state_name(s)));
	set(o, "circuit", circuit_object(s));
	set(o, "worker", worker_object(s));
	set(o, "queued", count(s->queue.count));
	set(o, "queued_limit", count(s->queue_most));
	set(o, "running", count(s->running.count + s->committing.count));
	set(o, "accepted", count(s->counts.accepted));
	set(o, "lives", count(s->counts.lives));
	set(o, "replied", count(s->counts.replied));
	set(o, "refused", count(refused(s)));
	set(o, "cold", count(s->counts.cold));
	set(o, "ticks", count(s->counts.ticks));
	set(o, "ticks_missed", count(s->counts.ticks_missed));
	set(o, "run_p50_us", quantile(run, 500));
	set(o, "run_p99_us", quantile(run, 990));
	set(o, "listeners", listeners_of(hub, s));
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

		set(one, "count", count(n));
		set(one, "mean_us", n > 0 ? us(h->sum_ns / n) : json_null());
		set(one, "p50_us", quantile(h, 500));
		set(one, "p90_us", quantile(h, 900));
		set(one, "p99_us", quantile(h, 990));
		set(o, of[i].name, one);
	}
	return o;
}

static json_t *refusals_object(const struct service *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < REFUSALS; i++)
		if (s->counts.refused[i] > 0)
			set(o, refusal_names[i], count(s->counts.refused[i]));
	return o;
}

static json_t *results_object(const struct service *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < MFW_RESULTS; i++)
		if (s->counts.results[i] > 0)
			set(o, life_result_name(i), count(s->counts.results[i]));
	if (s->counts.denied > 0)
		set(o, "denied", count(s->counts.denied));
	return o;
}

/* What `mayfly stats` shows besides. */
static json_t *full_object(const struct hub *hub, const struct service *s)
{
	json_t *o = service_object(hub, s), *workers = json_object();

	set(o, "silent", count(s->counts.silent));
	set(o, "turned_away", count(s->counts.turned_away));
	set(o, "reruns", count(s->counts.reruns));
	set(o, "results", results_object(s));
	set(o, "refusals", refusals_object(s));
	set(workers, "started", count(s->counts.workers));
	set(workers, "unstarted", count(s->counts.unstarted));
	set(workers, "lost", count(s->counts.lost));
	set(workers, "resident_bytes", count(s->link ? usage_resident(link_pid(s->link)) : 0));
	set(o, "workers", workers);
	set(o, "times", times_object(s->times));
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

	set(o, "transport", json_string(in->ops->name));
	set(o, "address", json_string(in->text));
	set(o, "service", text_or_null(in->service ? in->service->name : NULL));
	set(o, "open", count(c->open));
	set(o, "connections", count(c->connections));
	set(o, "events", count(c->events));
	set(o, "requests", count(c->requests));
	set(o, "bad", count(c->bad));
	set(o, "denied", count(denied(c)));
	set(o, "replies", count(c->replies));
	set(o, "unsent", count(c->unsent));
	set(o, "dropped", count(c->dropped));
	set(o, "received_bytes", count(c->bytes_in));
	set(o, "sent_bytes", count(c->bytes_out));
	return o;
}

static json_t *hub_figures(const struct hub *hub)
{
	json_t *o = hub_object(hub);
	struct usage usage;

	usage_self(&usage);
	set(o, "resident_bytes", count(usage.resident_bytes));
	set(o, "cpu_s", json_real((double)usage.cpu_ns / 1e9));
	set(o, "idle_percent", json_integer(loop_idle(hub->loop)));
	set(o, "descriptors", count(usage.descriptors));
	set(o, "descriptors_limit", count(usage.descriptors_most));
	set(o, "connections", count(hub->connections));
	set(o, "connections_limit", count(hub->connections_most));
	set(o, "held_bytes", count(hub->held.held));
	set(o, "held_limit_bytes", count(hub->held.most));
	set(o, "kept_answers", count(hub->answers.count));
	set(o, "kept_answers_bytes", count(hub->answers.bytes));
	set(o, "kept_answers_replayed", count(hub->answers.replayed));
	set(o, "kept_answers_conflicts", count(hub->answers.conflicts));
	set(o, "reloads", count(hub->reloads.done));
	set(o, "reloads_failed", count(hub->reloads.failed));
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
		put(to, object(hub, s));
		before = ",";
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
	reply->content_type = as_json;
	if (is_service(hub, *name))
		return true;
	log_clean(clean, sizeof(clean), name->p, name->n);
	refuse(reply, 404, "Not Found", json_sprintf("there is no service '%s'", clean));
	return false;
}

void pages_services(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name;

	if (!find_service(hub, request, reply, &name))
		return;
	lend_look_at_all(hub);
	fputs("{\"hub\":", reply->body);
	put(reply->body, hub_object(hub));
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
		put(to, listener_object(in));
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
	put(reply->body, hub_figures(hub));
	fputs(",\"listeners\":", reply->body);
	put_listeners(hub, name, reply->body);
	fputs(",\"services\":", reply->body);
	put_services(hub, name, reply->body, full_object);
	fputs("}\n", reply->body);
}

/* ---------------------------------------------------------------------- logs */

static bool parse_number(struct mf_str text, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || *n > UINT64_MAX / 10 - 1)
			return false;
		*n = *n * 10 + (text.p[i] - (uint64_t)'0');
	}
	return text.n > 0;
}

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
	if (after.p && !parse_number(after, &f->after))
		refuse(reply, 400, "Bad Request", json_string("after: it is no number of a line"));
	else if (level.p && !parse_level(level, &f->least))
		refuse(reply, 400, "Bad Request",
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
	reply->content_type = as_json;
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
		refuse(reply, 422, "Unprocessable Content", json_string(clean));
		return;
	}
	reply->content_type = as_json;
	put(reply->body, json_pack("{si}", "pid", (int)getpid()));
}

void pages_stop(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	bool now = mf_str_is(page_parameter(request->query, "now"), "1");

	log_info("asked to stop%s", now ? " now" : "");
	reply->content_type = as_json;
	put(reply->body, json_pack("{si sb}", "pid", (int)getpid(), "now", (int)now));
	hub_stop_soon(hub, now);
}

int pages_add(struct router *router, struct access *look, struct access *change)
{
	static const struct route routes[] = {
		{.method = "GET", .path = "/v1/health", .page = pages_health},
		{.method = "GET", .path = "/v1/services", .page = pages_services},
		{.method = "GET", .path = "/v1/stats", .page = pages_stats},
		{.method = "GET", .path = "/v1/logs", .page = pages_logs},
		{.method = "POST", .path = "/v1/reload", .page = pages_reload, .changes = true},
		{.method = "POST", .path = "/v1/stop", .page = pages_stop, .changes = true},
		{.method = "GET", .path = "/metrics", .page = metrics_page},
	};
	int err = 0;

	for (unsigned i = 0; err == 0 && i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct route route = routes[i];
		const struct route *other;

		route.access = route.changes ? change : look;
		err = router_add(router, &route, &other);
	}
	return err;
}
