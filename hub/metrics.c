/* hub/metrics.c - the page for Prometheus, and of what it has the hub itself; see metrics_parts.h */
#include "hub/metrics.h"

#include <stdlib.h>

#include "abi/guest.h"
#include "abi/image.h"
#include "base/version.h"
#include "hub/hub.h"
#include "hub/journal.h"
#include "hub/lend.h"
#include "hub/metrics_parts.h"
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

/* ------------------------------------------------------------------- the hub */

static void write_build(struct metrics_text *t)
{
	char line[192];

	metrics_family(t, "mayfly_build_info", "gauge", "What runs; always 1.");
	snprintf(line, sizeof(line),
		"mayfly_build_info{version=\"" MAYFLY_VERSION
		"\",guest_abi=\"%u\",image_format=\"%u\",worker_abi=\"%u\"} 1\n",
		MF_ABI_VERSION, MFI_VERSION, MFW_VERSION);
	metrics_put(t, line);
}

static void write_reloads(struct metrics_text *t)
{
	static const char name[] = "mayfly_config_reloads_total";
	const struct hub_reloads *r = &t->hub->reloads;

	metrics_family(t, name, "counter", "How often the configuration was read again.");
	metrics_by(t, name, "result", "ok", r->done);
	metrics_by(t, name, "result", "failed", r->failed);
	metrics_plain_time(t, "mayfly_config_last_reload_timestamp_seconds", "gauge",
		"When the configuration was last taken, at the start or by a reload.",
		(uint64_t)(r->last_ns ? r->last_ns : t->hub->started_ns));
}

static void write_lines(struct metrics_text *t)
{
	static const char name[] = "mayfly_log_lines_total";
	const struct journal *j = t->hub->options.journal;

	if (!j)
		return;
	metrics_family(t, name, "counter", "Lines that the hub said.");
	for (unsigned i = LOG_INFO; i < LOG_LEVELS; i++)
		metrics_by(t, name, "level", log_level_names[i], j->lines[i]);
}

static void write_walls(struct metrics_text *t)
{
	metrics_family(t, "mayfly_wall", "gauge",
		"1: it stands round the workers or the hub; 0: it is missing.");
	for (unsigned i = 0; i < WALLS; i++) {
		metrics_put(t, "mayfly_wall");
		metrics_label(t, '{', "wall", walls_name(i));
		metrics_number(t, t->hub->walls.missing[i] == 0);
	}
}

static void write_answers(struct metrics_text *t)
{
	const struct answers *a = &t->hub->answers;

	metrics_plain(t, "mayfly_kept_answers", "gauge", "Answers kept for their Idempotency-Keys.",
		a->count);
	metrics_plain(t, "mayfly_kept_answers_bytes", "gauge", "What they take.", a->bytes);
	metrics_plain(t, "mayfly_kept_answers_limit_bytes", "gauge", "How much that may be.",
		ANSWERS_BYTES);
	metrics_plain(t, "mayfly_kept_answers_replayed_total", "counter",
		"Requests that got such an answer, and no life.", a->replayed);
	metrics_plain(t, "mayfly_kept_answers_conflicts_total", "counter",
		"Requests with the key of another one.", a->conflicts);
}

static void write_hub(struct metrics_text *t)
{
	const struct hub *hub = t->hub;

	write_build(t);
	metrics_plain_time(t, "mayfly_start_time_seconds", "gauge", "When the hub started.",
		(uint64_t)hub->started_ns);
	write_reloads(t);
	write_lines(t);
	metrics_plain(t, "mayfly_connections_limit", "gauge", "How many connections may be open.",
		hub->connections_most);
	metrics_plain(t, "mayfly_held_bytes", "gauge",
		"Half messages and replies not taken, of all connections.", hub->held.held);
	metrics_plain(t, "mayfly_kept_bytes", "gauge",
		"Snapshots of services that have no worker now, or had none.", hub->kept_bytes);
	metrics_plain(
		t, "mayfly_held_limit_bytes", "gauge", "How much that may be.", hub->held.most);
	metrics_plain(t, "mayfly_waiting_bytes", "gauge",
		"Events that were taken and have not ended, of all services.", hub->waiting.events);
	metrics_plain(t, "mayfly_shared_bytes", "gauge",
		"Events and effects at workers, in memory shared with them.", hub->waiting.shared);
	metrics_plain(t, "mayfly_waiting_limit_bytes", "gauge",
		"How much the two may be: three quarters and one.", hub->waiting.most);
	write_walls(t);
	write_answers(t);
}

/* The names that all programs give these. */
static void write_process(struct metrics_text *t)
{
	struct usage u;

	usage_self(&u);
	metrics_plain_time(t, "process_cpu_seconds_total", "counter",
		"Processor time of the hub, without its workers.", u.cpu_ns);
	metrics_plain(t, "process_resident_memory_bytes", "gauge",
		"Memory of the hub, without its workers.", u.resident_bytes);
	metrics_plain(t, "process_virtual_memory_bytes", "gauge", "Address space of the hub.",
		u.virtual_bytes);
	metrics_plain(t, "process_open_fds", "gauge", "Descriptors that are open.", u.descriptors);
	metrics_plain(t, "process_max_fds", "gauge", "How many may be.", u.descriptors_most);
}

void metrics_write(const struct hub *hub, FILE *to)
{
	struct metrics_text text = {.to = to, .hub = hub};

	write_hub(&text);
	write_process(&text);
	metrics_services(&text);
	metrics_deploy(&text);
	metrics_inputs(&text);
	metrics_store(&text);
	metrics_blobs(&text);
	metrics_queue(&text);
	metrics_accelerator(&text);
	metrics_center(&text);
	metrics_flush(&text);
}

void metrics_page(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	(void)request;
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
	lend_look_at_all(hub);
	metrics_write(hub, reply->body);
}
