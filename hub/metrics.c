/* hub/metrics.c - the page for Prometheus: a family is a name, a type and its samples. */
#include "hub/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "abi/guest.h"
#include "abi/image.h"
#include "base/version.h"
#include "hub/coap/watch.h"
#include "hub/coap/way.h"
#include "hub/emit.h"
#include "hub/hub.h"
#include "hub/in_coap.h"
#include "hub/journal.h"
#include "hub/lend.h"
#include "hub/life.h"
#include "hub/web/poster.h"
#include "sys/clock.h"
#include "sys/usage.h"

/* ------------------------------------------------------------------- times */

struct service_times *metrics_times(struct service *service)
{
	if (!service->times)
		service->times = calloc(1, sizeof(*service->times));
	return service->times;
}

void metrics_life(struct service *service, const struct task *task, const struct ending *ending)
{
	uint64_t total = clock_mono_ns() - task->accepted_ns;
	uint64_t ran = ending->birth_ns + ending->run_ns;
	struct service_times *times = metrics_times(service);

	if (!times) /* no memory: not noted */
		return;
	histogram_add(&times->total, total);
	histogram_add(&times->queue, total > ran ? total - ran : 0);
	if (ran == 0) /* there was no life */
		return;
	histogram_add(&times->birth, ending->birth_ns);
	histogram_add(&times->run, ending->run_ns);
}

/* ------------------------------------------------------------------- samples */

/* A page has hundreds of kilobytes where there are many services, and the loop waits for it:
 * so it is put together in a buffer, without stdio's formatting and locks. */
struct page {
	FILE *to;
	const struct hub *hub;
	struct usage usage;
	size_t used;
	char buffer[4096];
};

static void flush(struct page *p)
{
	fwrite(p->buffer, 1, p->used, p->to);
	p->used = 0;
}

static void put_n(struct page *p, const char *text, size_t n)
{
	if (n > sizeof(p->buffer) - p->used)
		flush(p);
	if (n > sizeof(p->buffer)) {
		fwrite(text, 1, n, p->to);
		return;
	}
	memcpy(p->buffer + p->used, text, n);
	p->used += n;
}

static void put(struct page *p, const char *text)
{
	put_n(p, text, strlen(text));
}

static void put_number(struct page *p, uint64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	put_n(p, digits + at, sizeof(digits) - at);
}

static void family(struct page *p, const char *name, const char *type, const char *help)
{
	put(p, "# HELP ");
	put(p, name);
	put(p, " ");
	put(p, help);
	put(p, "\n# TYPE ");
	put(p, name);
	put(p, " ");
	put(p, type);
	put(p, "\n");
}

/* ,KEY="VALUE" or, as the first, {KEY="VALUE" */
static void label(struct page *p, char before, const char *key, const char *value)
{
	put_n(p, &before, 1);
	put(p, key);
	put(p, "=\"");
	for (;;) {
		size_t plain = strcspn(value, "\"\\\n");

		put_n(p, value, plain);
		value += plain;
		if (!*value)
			break;
		put(p, "\\");
		put_n(p, *value == '\n' ? "n" : value, 1);
		value++;
	}
	put(p, "\"");
}

static void number(struct page *p, uint64_t value)
{
	put(p, "} ");
	put_number(p, value);
	put(p, "\n");
}

static void seconds(struct page *p, const char *before, uint64_t ns)
{
	char part[16];

	put(p, before);
	put_number(p, ns / CLOCK_S);
	snprintf(part, sizeof(part), ".%09u\n", (unsigned)(ns % CLOCK_S));
	put(p, part);
}

static void plain(
	struct page *p, const char *name, const char *type, const char *help, uint64_t value)
{
	family(p, name, type, help);
	put(p, name);
	put(p, " ");
	put_number(p, value);
	put(p, "\n");
}

static void plain_time(
	struct page *p, const char *name, const char *type, const char *help, uint64_t ns)
{
	family(p, name, type, help);
	put(p, name);
	seconds(p, " ", ns);
}

static void begin(struct page *p, const char *name, const struct service *s)
{
	put(p, name);
	label(p, '{', "service", s->name);
}

/* ------------------------------------------------------------------ services */

static void write_info(struct page *p)
{
	static const char name[] = "mayfly_service_info";
	char digest[65];

	family(p, name, "gauge", "The services there are; always 1.");
	for (const struct service *s = p->hub->services; s; s = s->next) {
		for (unsigned i = 0; i < 32; i++)
			sprintf(digest + 2 * i, "%02x", s->digest[i]);
		begin(p, name, s);
		label(p, ',', "version", s->manifest.version ? s->manifest.version : "");
		label(p, ',', "image", digest);
		label(p, ',', "backend", report_backend(s->head.backend));
		number(p, 1);
	}
}

static void write_lives(struct page *p)
{
	static const char name[] = "mayfly_lives_total";

	family(p, name, "counter", "Lives that ended, by how they did.");
	for (const struct service *s = p->hub->services; s; s = s->next) {
		uint64_t known = s->counts.denied;

		for (unsigned i = 0; i < MFW_RESULTS; i++) {
			begin(p, name, s);
			label(p, ',', "result", life_result_name(i));
			number(p, s->counts.results[i]);
			known += s->counts.results[i];
		}
		begin(p, name, s);
		label(p, ',', "result", "denied");
		number(p, s->counts.denied);
		begin(p, name, s);
		label(p, ',', "result", "late"); /* its event had been refused before */
		/* a worker that has the socket counts by itself, and may lie */
		number(p, s->counts.lives > known ? s->counts.lives - known : 0);
	}
}

static void write_refusals(struct page *p)
{
	static const char name[] = "mayfly_refusals_total";

	family(p, name, "counter", "Events that were refused, by why.");
	for (const struct service *s = p->hub->services; s; s = s->next)
		for (unsigned i = 0; i < REFUSALS; i++) {
			begin(p, name, s);
			label(p, ',', "reason", refusal_names[i]);
			number(p, s->counts.refused[i]);
		}
}

static void write_states(struct page *p)
{
	static const char name[] = "mayfly_worker_state";
	static const struct {
		enum service_worker state;
		const char *name;
	} states[] = {
		{WORKER_NONE, "idle"}, {WORKER_STARTING, "starting"}, {WORKER_READY, "ready"}};

	family(p, name, "gauge", "1 for the state in which the worker is; idle: there is none.");
	for (const struct service *s = p->hub->services; s; s = s->next)
		for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
			begin(p, name, s);
			label(p, ',', "state", states[i].name);
			number(p, s->worker == states[i].state);
		}
}

#define COUNTED(member)                                                                            \
	static uint64_t member(const struct service *s)                                            \
	{                                                                                          \
		return s->counts.member;                                                           \
	}
COUNTED(accepted)
COUNTED(replied)
COUNTED(silent)
COUNTED(turned_away)
COUNTED(reruns)
COUNTED(races)
COUNTED(duplicates)
COUNTED(commits)
COUNTED(retries)
COUNTED(dead)
COUNTED(unsent)
COUNTED(cold)
COUNTED(calls)
COUNTED(scheduled)
COUNTED(ticks)
COUNTED(ticks_missed)
COUNTED(workers)
COUNTED(unstarted)
COUNTED(lost)
COUNTED(circuits)
static uint64_t queued(const struct service *s)
{
	return s->queue.count;
}
static uint64_t queue_most(const struct service *s)
{
	return s->queue_most;
}
static uint64_t running(const struct service *s)
{
	return s->running.count + s->committing.count;
}
static uint64_t worker_resident(const struct service *s)
{
	return s->link ? usage_resident(link_pid(s->link)) : 0;
}
static uint64_t circuit_open(const struct service *s)
{
	return s->circuit.state != CIRCUIT_CLOSED;
}

static const struct {
	const char *name, *type, *help;
	uint64_t (*value)(const struct service *service);
} of_service[] = {
	{"mayfly_events_accepted_total", "counter", "Events that were taken.", accepted},
	{"mayfly_events_replied_total", "counter", "Events that were answered by their life.",
		replied},
	{"mayfly_events_silent_total", "counter", "Events whose life gave no reply.", silent},
	{"mayfly_events_turned_away_total", "counter",
		"Events that were refused before they were taken.", turned_away},
	{"mayfly_events_rerun_total", "counter",
		"Events that ran again: their worker was lost, or state had changed.", reruns},
	{"mayfly_events_raced_total", "counter", "Of those: state that they saw had changed.",
		races},
	{"mayfly_events_duplicate_total", "counter",
		"Events that were dealt with before, and not taken again.", duplicates},
	{"mayfly_lives_committed_total", "counter", "Lives whose effects were written.", commits},
	{"mayfly_events_retried_total", "counter",
		"Events kept to be tried again, for their lives failed.", retries},
	{"mayfly_events_dead_total", "counter", "Events that became dead letters.", dead},
	{"mayfly_upstream_unsent_total", "counter",
		"Messages for the upstream that were dropped, for there is none.", unsent},
	{"mayfly_events_cold_total", "counter", "Events for which a worker had to start.", cold},
	{"mayfly_calls_total", "counter", "Calls of other services that its lives made.", calls},
	{"mayfly_scheduled_events_total", "counter", "Events that its lives had scheduled.",
		scheduled},
	{"mayfly_timer_ticks_total", "counter", "Ticks of timers that became events.", ticks},
	{"mayfly_timer_ticks_missed_total", "counter", "Ticks that didn't.", ticks_missed},
	{"mayfly_events_queued", "gauge", "Events that wait for the worker.", queued},
	{"mayfly_events_queued_limit", "gauge", "How many may wait.", queue_most},
	{"mayfly_events_running", "gauge", "Events that the worker has.", running},
	{"mayfly_worker_starts_total", "counter", "Workers that were started.", workers},
	{"mayfly_worker_failed_starts_total", "counter", "Those that didn't come to run lives.",
		unstarted},
	{"mayfly_worker_losses_total", "counter", "Those that died, or were ended for a fault.",
		lost},
	{"mayfly_worker_resident_bytes", "gauge", "Memory of the worker.", worker_resident},
	{"mayfly_circuit_open", "gauge",
		"1 if events are refused since lives or workers fail in a row.", circuit_open},
	{"mayfly_circuit_openings_total", "counter", "How often that began.", circuits},
};

static void write_numbers(struct page *p)
{
	for (unsigned i = 0; i < sizeof(of_service) / sizeof(of_service[0]); i++) {
		family(p, of_service[i].name, of_service[i].type, of_service[i].help);
		for (const struct service *s = p->hub->services; s; s = s->next) {
			begin(p, of_service[i].name, s);
			number(p, of_service[i].value(s));
		}
	}
}

static const struct {
	const char *name, *help;
	size_t offset;
} of_times[] = {
	{"mayfly_event_queue_seconds", "From acceptance to the life, a worker's start included.",
		offsetof(struct service_times, queue)},
	{"mayfly_life_birth_seconds", "Putting the machine back to the snapshot.",
		offsetof(struct service_times, birth)},
	{"mayfly_life_run_seconds", "In the guest.", offsetof(struct service_times, run)},
	{"mayfly_event_duration_seconds", "From acceptance to the reply or refusal.",
		offsetof(struct service_times, total)},
};

/* "5e-06" ... "10": the bounds, written once. */
static const char *bound_text(unsigned i)
{
	static char text[HISTOGRAM_BUCKETS][16];

	if (!text[i][0])
		snprintf(text[i], sizeof(text[i]), "%g", (double)histogram_bound(i) / 1e9);
	return text[i];
}

static void write_bucket(struct page *p, const char *name, const struct service *s,
	const char *bound, uint64_t below)
{
	put(p, name);
	begin(p, "_bucket", s);
	label(p, ',', "le", bound);
	number(p, below);
}

static void write_histogram(
	struct page *p, const char *name, const struct service *s, const struct histogram *h)
{
	uint64_t below = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += h->bucket[i];
		write_bucket(p, name, s, bound_text(i), below);
	}
	below += h->bucket[HISTOGRAM_BUCKETS];
	write_bucket(p, name, s, "+Inf", below);
	put(p, name);
	begin(p, "_sum", s);
	seconds(p, "} ", h->sum_ns);
	put(p, name);
	begin(p, "_count", s);
	number(p, below);
}

static void write_times(struct page *p)
{
	for (unsigned i = 0; i < sizeof(of_times) / sizeof(of_times[0]); i++) {
		family(p, of_times[i].name, "histogram", of_times[i].help);
		for (const struct service *s = p->hub->services; s; s = s->next)
			if (s->times)
				write_histogram(p, of_times[i].name, s,
					(const struct histogram *)(const void *)((const char *)
											 s->times +
						of_times[i].offset));
	}
}

/* ----------------------------------------------------------------- listeners */

#define COUNT(member) offsetof(struct input_counts, member)

static const struct {
	const char *name, *help;
	size_t offset;
} of_input[] = {
	{"mayfly_listener_events_total", "Events that came in.", COUNT(events)},
	{"mayfly_listener_requests_total", "Requests that were answered.", COUNT(requests)},
	{"mayfly_listener_bad_total", "What came in but was no event.", COUNT(bad)},
	{"mayfly_listener_replies_total", "Replies that went out.", COUNT(replies)},
	{"mayfly_listener_unsent_total", "Replies that nobody took.", COUNT(unsent)},
	{"mayfly_listener_dropped_total",
		"Events that were refused without a word, connections that were turned away.",
		COUNT(dropped)},
	{"mayfly_listener_received_bytes_total", "Of events.", COUNT(bytes_in)},
	{"mayfly_listener_sent_bytes_total", "Of replies.", COUNT(bytes_out)},
	{"mayfly_listener_connections_total", "Connections that were accepted.",
		COUNT(connections)},
};

static void begin_input(struct page *p, const char *name, const struct input *in)
{
	put(p, name);
	label(p, '{', "transport", in->ops->name);
	label(p, ',', "address", in->text);
	if (in->service)
		label(p, ',', "service", in->service->name);
}

static void write_inputs(struct page *p)
{
	static const char open[] = "mayfly_listener_connections";

	for (unsigned i = 0; i < sizeof(of_input) / sizeof(of_input[0]); i++) {
		family(p, of_input[i].name, "counter", of_input[i].help);
		for (const struct input *in = p->hub->inputs; in; in = in->next) {
			begin_input(p, of_input[i].name, in);
			number(p,
				*(const uint64_t *)(const void *)((const char *)&in->counts +
					of_input[i].offset));
		}
	}
	family(p, open, "gauge", "Connections that are open.");
	for (const struct input *in = p->hub->inputs; in; in = in->next) {
		begin_input(p, open, in);
		number(p, in->counts.open);
	}
}

#define COAP(member) offsetof(struct in_coap_counts, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
} of_coap[] = {
	{"mayfly_coap_duplicates_total", "counter",
		"Requests that came again and got no second life.", COAP(doubles)},
	{"mayfly_coap_forgotten_total", "counter",
		"Requests that were forgotten before their time, for want of room.",
		COAP(forgotten)},
	{"mayfly_coap_handshakes_total", "counter",
		"DTLS: clients that named themselves; those that had the key became connections.",
		COAP(handshakes)},
	{"mayfly_coap_strangers_total", "counter", "DTLS: of those, that nobody knows.",
		COAP(strangers)},
	{"mayfly_coap_kept", "gauge", "Requests that are remembered, and their answers.",
		COAP(kept)},
	{"mayfly_coap_kept_bytes", "gauge", "What they take.", COAP(kept_bytes)},
};

static bool speaks_coap(const struct input *in)
{
	return strncmp(in->ops->name, "coap", 4) == 0;
}

static void write_coap(struct page *p)
{
	struct in_coap_counts counts;
	const struct input *in = p->hub->inputs;

	while (in && !speaks_coap(in))
		in = in->next;
	if (!in)
		return;
	for (unsigned i = 0; i < sizeof(of_coap) / sizeof(of_coap[0]); i++) {
		family(p, of_coap[i].name, of_coap[i].type, of_coap[i].help);
		for (in = p->hub->inputs; in; in = in->next) {
			if (!speaks_coap(in))
				continue;
			in_coap_look(in, &counts);
			begin_input(p, of_coap[i].name, in);
			number(p,
				*(const uint64_t *)(const void *)((const char *)&counts +
					of_coap[i].offset));
		}
	}
	plain(p, "mayfly_coap_observers", "gauge", "Clients that are told of changes.",
		watch_count(p->hub));
}

static void write_way(struct page *p)
{
	struct poster_counts http;
	struct way_counts counts;

	if (!p->hub->emit)
		return;
	emit_look(p->hub, &counts, &http);
	plain(p, "mayfly_coap_sent_total", "counter",
		"Messages to devices and observers that arrived.", counts.arrived);
	plain(p, "mayfly_coap_sent_refused_total", "counter",
		"Of those, that were answered with an error of the sender's.", counts.refused);
	plain(p, "mayfly_coap_sent_again_total", "counter",
		"Messages to devices that were put off.", counts.again);
	plain(p, "mayfly_coap_given_up_total", "counter", "Messages to devices that were given up.",
		counts.given_up);
	plain(p, "mayfly_http_sent_total", "counter",
		"Messages to http:// and https:// that arrived.", http.arrived);
	plain(p, "mayfly_http_sent_again_total", "counter", "Of those messages, that were put off.",
		http.again);
	plain(p, "mayfly_http_given_up_total", "counter",
		"Of those messages, that were given up: answered with what would be the same "
		"again.",
		http.given_up);
	plain(p, "mayfly_http_requests", "gauge", "Requests with such messages that are under way.",
		http.running);
}

/* Who asked and may not, where anybody is asked who he is. */
static void write_denials(struct page *p)
{
	static const char name[] = "mayfly_listener_denied_total";

	family(p, name, "counter", "Clients that may not ask, by why.");
	for (const struct input *in = p->hub->inputs; in; in = in->next)
		for (unsigned i = ACCESS_GRANTED + 1; i < ACCESS_RESULTS; i++)
			if (in->counts.denied[i] > 0) {
				begin_input(p, name, in);
				label(p, ',', "reason", access_result_names[i]);
				number(p, in->counts.denied[i]);
			}
}

/* ------------------------------------------------------------------- the hub */

static void write_build(struct page *p)
{
	char line[192];

	family(p, "mayfly_build_info", "gauge", "What runs; always 1.");
	snprintf(line, sizeof(line),
		"mayfly_build_info{version=\"" MAYFLY_VERSION
		"\",guest_abi=\"%u\",image_format=\"%u\",worker_abi=\"%u\"} 1\n",
		MF_ABI_VERSION, MFI_VERSION, MFW_VERSION);
	put(p, line);
}

static void by(struct page *p, const char *name, const char *key, const char *word, uint64_t value)
{
	put(p, name);
	label(p, '{', key, word);
	number(p, value);
}

static void write_reloads(struct page *p)
{
	static const char name[] = "mayfly_config_reloads_total";
	const struct hub_reloads *r = &p->hub->reloads;

	family(p, name, "counter", "How often the configuration was read again.");
	by(p, name, "result", "ok", r->done);
	by(p, name, "result", "failed", r->failed);
	plain_time(p, "mayfly_config_last_reload_timestamp_seconds", "gauge",
		"When the configuration was last taken, at the start or by a reload.",
		(uint64_t)(r->last_ns ? r->last_ns : p->hub->started_ns));
}

static void write_lines(struct page *p)
{
	static const char name[] = "mayfly_log_lines_total";
	const struct journal *j = p->hub->options.journal;

	if (!j)
		return;
	family(p, name, "counter", "Lines that the hub said.");
	for (unsigned i = LOG_INFO; i < LOG_LEVELS; i++)
		by(p, name, "level", log_level_names[i], j->lines[i]);
}

static void write_walls(struct page *p)
{
	family(p, "mayfly_wall", "gauge",
		"1: it stands round the workers or the hub; 0: it is missing.");
	for (unsigned i = 0; i < WALLS; i++) {
		put(p, "mayfly_wall");
		label(p, '{', "wall", walls_name(i));
		number(p, p->hub->walls.missing[i] == 0);
	}
}

static void write_answers(struct page *p)
{
	const struct answers *a = &p->hub->answers;

	plain(p, "mayfly_kept_answers", "gauge", "Answers kept for their Idempotency-Keys.",
		a->count);
	plain(p, "mayfly_kept_answers_bytes", "gauge", "What they take.", a->bytes);
	plain(p, "mayfly_kept_answers_limit_bytes", "gauge", "How much that may be.",
		ANSWERS_BYTES);
	plain(p, "mayfly_kept_answers_replayed_total", "counter",
		"Requests that got such an answer, and no life.", a->replayed);
	plain(p, "mayfly_kept_answers_conflicts_total", "counter",
		"Requests with the key of another one.", a->conflicts);
}

static void write_hub(struct page *p)
{
	const struct hub *hub = p->hub;

	write_build(p);
	plain_time(p, "mayfly_start_time_seconds", "gauge", "When the hub started.",
		(uint64_t)hub->started_ns);
	write_reloads(p);
	write_lines(p);
	plain(p, "mayfly_connections_limit", "gauge", "How many connections may be open.",
		hub->connections_most);
	plain(p, "mayfly_held_bytes", "gauge",
		"Half messages and replies not taken, of all connections.", hub->held.held);
	plain(p, "mayfly_kept_bytes", "gauge",
		"Snapshots of services that have no worker now, or had none.", hub->kept_bytes);
	plain(p, "mayfly_held_limit_bytes", "gauge", "How much that may be.", hub->held.most);
	plain(p, "mayfly_waiting_bytes", "gauge",
		"Events that were taken and have not ended, of all services.", hub->waiting.events);
	plain(p, "mayfly_shared_bytes", "gauge",
		"Events and effects at workers, in memory shared with them.", hub->waiting.shared);
	plain(p, "mayfly_waiting_limit_bytes", "gauge",
		"How much the two may be: three quarters and one.", hub->waiting.most);
	write_walls(p);
	write_answers(p);
}

/* The names that all programs give these. */
static void write_process(struct page *p)
{
	const struct usage *u = &p->usage;

	plain_time(p, "process_cpu_seconds_total", "counter",
		"Processor time of the hub, without its workers.", u->cpu_ns);
	plain(p, "process_resident_memory_bytes", "gauge",
		"Memory of the hub, without its workers.", u->resident_bytes);
	plain(p, "process_virtual_memory_bytes", "gauge", "Address space of the hub.",
		u->virtual_bytes);
	plain(p, "process_open_fds", "gauge", "Descriptors that are open.", u->descriptors);
	plain(p, "process_max_fds", "gauge", "How many may be.", u->descriptors_most);
}

void metrics_write(const struct hub *hub, FILE *to)
{
	struct page page = {.to = to, .hub = hub};

	usage_self(&page.usage);
	write_hub(&page);
	write_process(&page);
	write_info(&page);
	write_numbers(&page);
	write_lives(&page);
	write_refusals(&page);
	write_states(&page);
	write_times(&page);
	write_inputs(&page);
	write_denials(&page);
	write_coap(&page);
	write_way(&page);
	flush(&page);
}

void metrics_page(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	(void)request;
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
	lend_look_at_all(hub);
	metrics_write(hub, reply->body);
}
