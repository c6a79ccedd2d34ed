/* hub/metrics_services.c - what services did, and how long it took. */
#include "hub/metrics_parts.h"

#include <stdio.h>

#include "hub/hub.h"
#include "hub/life.h"
#include "sys/usage.h"

static void begin(struct metrics_text *t, const char *name, const struct service *s)
{
	metrics_put(t, name);
	metrics_label(t, '{', "service", s->name);
}

static void write_info(struct metrics_text *t)
{
	static const char name[] = "mayfly_service_info";
	char digest[65];

	metrics_family(t, name, "gauge", "The services there are; always 1.");
	for (const struct service *s = t->hub->services; s; s = s->next) {
		for (unsigned i = 0; i < 32; i++)
			sprintf(digest + 2 * i, "%02x", s->digest[i]);
		begin(t, name, s);
		metrics_label(t, ',', "version", s->manifest.version ? s->manifest.version : "");
		metrics_label(t, ',', "image", digest);
		metrics_label(t, ',', "backend", report_backend(s->head.backend));
		metrics_number(t, 1);
	}
}

static void write_lives(struct metrics_text *t)
{
	static const char name[] = "mayfly_lives_total";

	metrics_family(t, name, "counter", "Lives that ended, by how they did.");
	for (const struct service *s = t->hub->services; s; s = s->next) {
		uint64_t known = s->counts.denied;

		for (unsigned i = 0; i < MFW_RESULTS; i++) {
			begin(t, name, s);
			metrics_label(t, ',', "result", life_result_name(i));
			metrics_number(t, s->counts.results[i]);
			known += s->counts.results[i];
		}
		begin(t, name, s);
		metrics_label(t, ',', "result", "denied");
		metrics_number(t, s->counts.denied);
		begin(t, name, s);
		metrics_label(t, ',', "result", "late"); /* its event had been refused before */
		/* a worker that has the socket counts by itself, and may lie */
		metrics_number(t, s->counts.lives > known ? s->counts.lives - known : 0);
	}
}

static void write_refusals(struct metrics_text *t)
{
	static const char name[] = "mayfly_refusals_total";

	metrics_family(t, name, "counter", "Events that were refused, by why.");
	for (const struct service *s = t->hub->services; s; s = s->next)
		for (unsigned i = 0; i < REFUSALS; i++) {
			begin(t, name, s);
			metrics_label(t, ',', "reason", refusal_names[i]);
			metrics_number(t, s->counts.refused[i]);
		}
}

static void write_states(struct metrics_text *t)
{
	static const char name[] = "mayfly_worker_state";
	static const struct {
		enum service_worker state;
		const char *name;
	} states[] = {
		{WORKER_NONE, "idle"}, {WORKER_STARTING, "starting"}, {WORKER_READY, "ready"}};

	metrics_family(
		t, name, "gauge", "1 for the state in which the worker is; idle: there is none.");
	for (const struct service *s = t->hub->services; s; s = s->next)
		for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
			begin(t, name, s);
			metrics_label(t, ',', "state", states[i].name);
			metrics_number(t, s->worker == states[i].state);
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
COUNTED(overruns)
COUNTED(errors)
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
	{"mayfly_lives_overrun_total", "counter",
		"Lives that metered more units than were quoted for their event.", overruns},
	{"mayfly_replies_error_total", "counter", "Replies of lives with a status of 500 or more.",
		errors},
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

static void write_numbers(struct metrics_text *t)
{
	for (unsigned i = 0; i < sizeof(of_service) / sizeof(of_service[0]); i++) {
		metrics_family(t, of_service[i].name, of_service[i].type, of_service[i].help);
		for (const struct service *s = t->hub->services; s; s = s->next) {
			begin(t, of_service[i].name, s);
			metrics_number(t, of_service[i].value(s));
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

static void write_times(struct metrics_text *t)
{
	for (unsigned i = 0; i < sizeof(of_times) / sizeof(of_times[0]); i++) {
		metrics_family(t, of_times[i].name, "histogram", of_times[i].help);
		for (const struct service *s = t->hub->services; s; s = s->next)
			if (s->times)
				metrics_histogram(t, of_times[i].name, "service", s->name,
					(const struct histogram *)(const void *)((const char *)
											 s->times +
						of_times[i].offset));
	}
}

void metrics_services(struct metrics_text *t)
{
	write_info(t);
	write_numbers(t);
	write_lives(t);
	write_refusals(t);
	write_states(t);
	write_times(t);
}
