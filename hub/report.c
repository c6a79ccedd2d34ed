/* hub/report.c - lines for people on stderr, JSON lines for programs on stdout. */
#include "hub/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/admin.h"
#include "hub/example.h"
#include "hub/http/router.h"
#include "hub/hub.h"
#include "hub/plan.h"
#include "image/fault.h"
#include "sys/clock.h"
#include "sys/fd.h"

#define LINE_MOST 640 /* of a trace; JSON of start-up lines may be longer */

static const char *const backend_names[] = {
	[MFW_BACKEND_AUTO] = "auto",
	[MFW_BACKEND_KVM] = "kvm",
	[MFW_BACKEND_PROCESS] = "process",
};

const char *report_backend(unsigned backend)
{
	return backend_names[backend];
}

/* ------------------------------------------------------------------- stdout */

static void flush(struct report *r)
{
	/* Whoever read it is gone: stop writing, go on serving. */
	if (r->used > 0 && fd_write_all(STDOUT_FILENO, r->buffer, r->used) < 0)
		r->json = r->trace = false;
	r->used = 0;
}

static void on_flush(struct loop_later *later)
{
	flush(LOOP_OWNER(later, struct report, flush));
}

int report_open(struct report *report, struct loop *loop, bool json, bool trace)
{
	*report = (struct report){.loop = loop, .json = json, .trace = trace};
	report->flush.run = on_flush;
	if (!json && !trace)
		return 0;
	report->buffer = malloc(REPORT_BUFFER);
	return report->buffer ? 0 : -ENOMEM;
}

void report_close(struct report *report)
{
	if (report->loop)
		loop_later_cancel(report->loop, &report->flush);
	if (report->buffer)
		flush(report);
	free(report->buffer);
	report->buffer = NULL;
	report->json = report->trace = false;
}

static void put_line(struct report *r, const char *line, size_t n)
{
	if (n > REPORT_BUFFER)
		return;
	if (r->used + n > REPORT_BUFFER)
		flush(r);
	memcpy(r->buffer + r->used, line, n);
	r->used += n;
	loop_later(r->loop, &r->flush);
}

/* Consumes `object`. */
static void put_json(struct report *r, json_t *object)
{
	char *text = r->json && object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6))
				       : NULL;

	json_decref(object);
	if (!text)
		return;
	put_line(r, text, strlen(text));
	put_line(r, "\n", 1);
	free(text);
	flush(r); /* whoever waits for this line waits for it now */
}

/* ------------------------------------------------------------------ start-up */

static void put_listening(struct report *r, const struct input *input, const char *command)
{
	const char *service = input->service ? input->service->name : NULL;
	char host[NET_TEXT];

	net_host(&input->address, host);
	put_json(r,
		json_pack("{ss ss* ss ss si ss*}", "event", "listening", "service", service,
			"transport", input->ops->name, "address", host, "port",
			(int)net_port(&input->address), "try", command));
}

void report_listening(struct report *report, const struct input *input)
{
	char command[EXAMPLE_MOST];

	if (!input->service) {
		log_info("%s on %s", input->ops->name, input->text);
		put_listening(report, input, NULL);
		return;
	}
	example_command(input, command);
	log_about(LOG_INFO, input->service->name, NULL, "listens on %s %s; try: %s",
		input->ops->name, input->text, command);
	put_listening(report, input, command);
}

void report_route(struct report *report, const struct input *input, const struct route *route,
	const char *example)
{
	char command[EXAMPLE_MOST], host[NET_TEXT];

	example_request(input, route, example, command);
	log_about(LOG_INFO, route->service->name, NULL, "%s%s%s%s on %s; try: %s",
		route->method ? route->method : "", route->method ? " " : "",
		route->host ? route->host : "", route->path, input->text, command);
	net_host(&input->address, host);
	put_json(report,
		json_pack("{ss ss ss ss si ss* ss* ss ss}", "event", "route", "service",
			route->service->name, "transport", input->ops->name, "address", host,
			"port", (int)net_port(&input->address), "host", route->host, "method",
			route->method, "path", route->path, "try", command));
}

void report_timer(
	struct report *report, const struct service *service, const char *name, const char *text)
{
	log_about(LOG_INFO, service->name, NULL, "timer %s %s", name, text);
	put_json(report,
		json_pack("{ss ss ss ss}", "event", "timer", "service", service->name, "name", name,
			"ticks", text));
}

void report_topics(struct report *report, const struct input *input, const char *const *topics,
	unsigned count, const char *command)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++) {
		json_array_append_new(list, json_string(topics[i]));
		log_about(LOG_INFO, input->service->name, NULL, "hears of %s at %s%s%s", topics[i],
			input->text, i == 0 ? "; try: " : "", i == 0 ? command : "");
	}
	put_json(report,
		json_pack("{ss ss ss ss so ss}", "event", "topics", "service", input->service->name,
			"transport", input->ops->name, "broker", input->text, "topics", list, "try",
			command));
}

static json_t *address_object(const struct input *input)
{
	char host[NET_TEXT];

	if (!input)
		return json_null();
	net_host(&input->address, host);
	return json_pack("{ss si}", "address", host, "port", (int)net_port(&input->address));
}

void report_ready(struct report *report, const struct hub *hub)
{
	json_t *services = json_array();

	for (const struct service *s = hub->services; s; s = s->next)
		json_array_append_new(services,
			json_pack("{ss ss}", "name", s->name, "backend",
				backend_names[s->head.backend]));
	put_json(report,
		json_pack("{ss si so so so so}", "event", "ready", "pid", (int)getpid(), "services",
			services, "admin",
			admin_path(hub) ? json_string(admin_path(hub)) : json_null(),
			"admin_listen", address_object(admin_network(hub)), "metrics",
			address_object(admin_metrics(hub))));
	log_info("ready; Ctrl-C ends it");
}

static void put_reload(struct report *r, const struct plan_counts *n)
{
	log_info("reloaded: %u services as they were, %u changed, %u new, %u gone", n->kept,
		n->changed, n->added, n->removed);
	put_json(r,
		json_pack("{ss si si si si}", "event", "reloaded", "kept", (int)n->kept, "changed",
			(int)n->changed, "added", (int)n->added, "removed", (int)n->removed));
}

void report_reload(struct report *report, const struct plan_counts *counts, const char *wrong)
{
	if (!wrong) {
		put_reload(report, counts);
		return;
	}
	log_error("not reloaded, all goes on as it was: %s", wrong);
	put_json(report, json_pack("{ss ss}", "event", "not_reloaded", "why", wrong));
}

void report_stopped(struct report *report, const struct hub *hub)
{
	uint64_t lives = 0;

	for (const struct service *s = hub->services; s; s = s->next)
		lives += s->counts.lives;
	put_json(report, json_pack("{ss sI}", "event", "stopped", "lives", (json_int_t)lives));
	log_info("stopped after %llu lives", (unsigned long long)lives);
}

/* ------------------------------------------------------------------- workers */

void report_worker_started(
	struct report *report, const struct service *service, const struct mfw_status *status)
{
	double took = (double)(clock_mono_ns() - service->started_ns) / (double)CLOCK_MS;
	double init = (double)status->init_ns / (double)CLOCK_MS;
	const char *backend = backend_names[status->backend];
	int pid = link_pid(service->link);

	log_about(LOG_INFO, service->name, NULL,
		"worker %d started in %.1f ms (mf_init %.1f ms), backend %s", pid, took, init,
		backend);
	put_json(report,
		json_pack("{ss ss si ss sf sf}", "event", "worker_started", "service",
			service->name, "pid", pid, "backend", backend, "start_ms", took, "init_ms",
			init));
}

void report_worker_ended(struct report *report, const struct service *service, const char *why)
{
	int pid = link_pid(service->link);

	log_about(LOG_INFO, service->name, NULL, "worker %d ended, %s, after %llu lives", pid, why,
		(unsigned long long)service->worker_lives);
	put_json(report,
		json_pack("{ss ss si ss sI}", "event", "worker_ended", "service", service->name,
			"pid", pid, "why", why, "lives", (json_int_t)service->worker_lives));
}

void report_worker_lost(struct report *report, struct service *service, const char *wrong)
{
	int pid = link_pid(service->link);
	char lives[64] = "";
	uint64_t skipped;

	if (service->running.count > 0)
		snprintf(lives, sizeof(lives), "; its %u lives under way run again, once",
			service->running.count);
	if (log_allowed(&service->fails, clock_mono_ns(), &skipped))
		log_about(LOG_WARN, service->name, NULL, "worker %d %s%s", pid, wrong, lives);
	put_json(report,
		json_pack("{ss ss si ss sI}", "event", "worker_ended", "service", service->name,
			"pid", pid, "why", wrong, "lives", (json_int_t)service->worker_lives));
}

/* What opened the circuit, in words. */
static void circuit_cause(const struct service *s, char *to, size_t size)
{
	const struct circuit *c = &s->circuit;

	if (!c->by_workers)
		snprintf(to, size, "%u lives in a row failed", c->lives);
	else if (c->workers < CIRCUIT_WORKERS)
		snprintf(to, size, "its worker can't start");
	else
		snprintf(to, size, "%u workers in a row were of no use", c->workers);
}

void report_circuit(
	struct report *report, struct service *service, enum circuit_news news, const char *last)
{
	double pause = (double)service->circuit.pause_ns / (double)CLOCK_S;
	char cause[64];

	if (news == CIRCUIT_NO_NEWS)
		return;
	if (news == CIRCUIT_CLOSED_AGAIN) {
		log_about(LOG_INFO, service->name, NULL, "circuit closed: a life went well");
		put_json(report,
			json_pack("{ss ss ss}", "event", "circuit", "service", service->name,
				"state", "closed"));
		return;
	}
	service->counts.circuits++;
	circuit_cause(service, cause, sizeof(cause));
	log_about(LOG_WARN, service->name, NULL, "circuit open: %s; refusing for %g s; last: %s",
		cause, pause, last);
	put_json(report,
		json_pack("{ss ss ss ss sf ss}", "event", "circuit", "service", service->name,
			"state", "open", "why", cause, "pause", pause, "last", last));
}

/* --------------------------------------------------------------------- lives */

/* One line about a life, unless there were too many of late. */
static void __attribute__((format(printf, 4, 5))) about_life(
	struct service *s, struct log_rate *rate, const struct task *task, const char *format, ...)
{
	char text[LOG_LINE], more[64] = "";
	uint64_t skipped;
	va_list args;

	if (!log_allowed(rate, loop_now(s->hub->loop), &skipped))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (skipped > 0)
		snprintf(more, sizeof(more), " (%llu lines like this were left out)",
			(unsigned long long)skipped);
	log_about(LOG_WARN, s->name, task->id, "its life %s%s", text, more);
}

/* Others wait meanwhile. */
#define SYMBOLS_READ (16u << 20)

/* Once, when something crashes: NAME.debug, if it is there and of the very image that runs. */
static void read_symbols(struct service *s)
{
	char error[IMAGE_ERROR_MAX];
	struct image image;
	bool other;

	if (s->symbols_read)
		return;
	s->symbols_read = true;
	if (image_open(&image, s->image_fd, error) < 0)
		return;
	s->symbols = symbols_beside(s->image_path, &image, SYMBOLS_READ, &other);
	image_close(&image);
}

static void crashed(struct service *s, const struct task *task, const struct mfw_message *m)
{
	struct image image = {.note = s->note};
	char name[128];

	read_symbols(s);
	symbols_name(s->symbols, m->address, name, sizeof(name));
	if (m->vector == FAULT_PAGE)
		about_life(s, &s->crashes, task, "crashed: %s at %s touching 0x%llx, %s",
			fault_long(m->vector), name, (unsigned long long)m->touched,
			fault_place(&image, m->touched));
	else
		about_life(s, &s->crashes, task, "crashed: %s at %s", fault_long(m->vector), name);
}

void report_failure(struct report *report, struct service *service, const struct task *task,
	const struct mfw_message *message, enum mfw_result result, const char *words)
{
	(void)report;
	if (result == MFW_ERR_CRASHED)
		crashed(service, task, message);
	else
		about_life(service, &service->crashes, task, "%s", words);
}

void report_effects(struct report *report, struct service *service, const struct task *task,
	const char *wrong, uint32_t record, struct mf_str line)
{
	char text[120];

	(void)report;
	log_clean(text, sizeof(text), line.p, line.n);
	about_life(service, &service->crashes, task, "is refused whole: effect %u: %s%s%s%s",
		record, wrong, line.p ? ": \"" : "", text, line.p ? "\"" : "");
}

void report_denied(
	struct report *report, struct service *service, const struct task *task, const char *what)
{
	(void)report;
	about_life(service, &service->crashes, task, "is refused whole: %s", what);
}

void report_overrun(struct report *report, struct service *service, const struct task *task)
{
	(void)report;
	about_life(service, &service->crashes, task,
		"metered %llu %.60s, and %llu were quoted: what is above isn't charged",
		(unsigned long long)task->price.metered, service->manifest.price.unit,
		(unsigned long long)task->price.quote.units);
}

void report_log(struct report *report, struct service *service, const struct task *task,
	enum mf_level level, struct mf_str text)
{
	static const enum log_level levels[] = {
		[MF_LEVEL_DEBUG] = LOG_DEBUG,
		[MF_LEVEL_INFO] = LOG_INFO,
		[MF_LEVEL_WARN] = LOG_WARN,
		[MF_LEVEL_ERROR] = LOG_ERROR,
	};
	uint64_t skipped;

	(void)report;
	if (!log_allowed(&service->logs, loop_now(service->hub->loop), &skipped))
		return;
	log_about(
		levels[level], service->name, task->id, "%.*s", (int)text.n, (const char *)text.p);
}

static double us(uint64_t ns)
{
	return (double)ns / (double)CLOCK_US;
}

void report_life(struct report *report, const struct task *task, const struct ending *ending)
{
	const char *version = task->service->manifest.version;
	char line[LINE_MOST];
	uint64_t total, ran;
	int n;

	if (!report->trace)
		return;
	total = clock_mono_ns() - task->accepted_ns;
	ran = ending->birth_ns + ending->run_ns;
	n = snprintf(line, sizeof(line),
		"{\"event\":\"life\",\"id\":\"%s\",\"service\":\"%s\",\"version\":\"%s\","
		"\"source\":\"%s\",\"result\":"
		"\"%s\",\"queue_us\":%.1f,\"birth_us\":%.1f,\"run_us\":%.1f,\"total_us\":%.1f,"
		"\"cold\":%s,\"attempt\":%u}\n",
		task->id, task->service->name, version ? version : "", task->origin->source,
		ending->result, us(total > ran ? total - ran : 0), us(ending->birth_ns),
		us(ending->run_ns), us(total), task->cold ? "true" : "false", task->attempt);
	if (n > 0 && (size_t)n < sizeof(line))
		put_line(report, line, (size_t)n);
}
