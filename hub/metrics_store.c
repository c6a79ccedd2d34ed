/* hub/metrics_store.c - what is written down, what has to go out, the broker, the schedule. */
#include "hub/metrics_parts.h"

#include <string.h>

#include "hub/hub.h"
#include "hub/jobs/jobs.h"
#include "hub/mqtt/mqtt.h"
#include "hub/mqtt/publisher.h"
#include "hub/outbox.h"
#include "store/store.h"

/* ------------------------------------------------------------------- outbox */

#define OUT(member) offsetof(struct outbox_counts, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
} of_outbox[] = {
	{"mayfly_outbox_messages_total", "counter", "Messages that were to go.", OUT(in)},
	{"mayfly_outbox_arrived_total", "counter",
		"Those that were acknowledged, or that can't ever be.", OUT(arrived)},
	{"mayfly_outbox_again_total", "counter",
		"Messages that were handed over and have to be sent again.", OUT(again)},
	{"mayfly_outbox_waiting", "gauge", "Messages that wait or are under way.", OUT(waiting)},
	{"mayfly_outbox_waiting_bytes", "gauge", "What they take.", OUT(waiting_bytes)},
};

static void write_dropped(
	struct metrics_text *t, enum outbox_destination to, const char *why, uint64_t n)
{
	metrics_put(t, "mayfly_outbox_dropped_total");
	metrics_label(t, '{', "to", outbox_names[to]);
	metrics_label(t, ',', "why", why);
	metrics_number(t, n);
}

static void write_outbox(struct metrics_text *t)
{
	struct outbox_counts counts[OUTBOX_DESTINATIONS];

	if (!t->hub->outbox)
		return;
	for (unsigned to = 1; to < OUTBOX_DESTINATIONS; to++)
		outbox_look(t->hub->outbox, to, &counts[to]);
	for (unsigned i = 0; i < sizeof(of_outbox) / sizeof(of_outbox[0]); i++) {
		metrics_family(t, of_outbox[i].name, of_outbox[i].type, of_outbox[i].help);
		for (unsigned to = 1; to < OUTBOX_DESTINATIONS; to++)
			metrics_by(t, of_outbox[i].name, "to", outbox_names[to],
				*(const uint64_t *)(const void *)((const char *)&counts[to] +
					of_outbox[i].offset));
	}
	metrics_family(t, "mayfly_outbox_dropped_total", "counter",
		"Messages that were dropped: there was no room, or they were too old.");
	for (unsigned to = 1; to < OUTBOX_DESTINATIONS; to++) {
		write_dropped(t, to, "full", counts[to].dropped_full);
		write_dropped(t, to, "old", counts[to].dropped_old);
	}
	metrics_family(t, "mayfly_outbox_oldest_seconds", "gauge", "Age of the oldest that waits.");
	for (unsigned to = 1; to < OUTBOX_DESTINATIONS; to++) {
		metrics_put(t, "mayfly_outbox_oldest_seconds");
		metrics_label(t, '{', "to", outbox_names[to]);
		metrics_seconds(t, "} ", counts[to].oldest_ns);
	}
}

/* -------------------------------------------------------------------- store */

#define STORE(member) offsetof(struct store_counts, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
} of_store[] = {
	{"mayfly_store_transactions_total", "counter", "Transactions that were committed.",
		STORE(transactions)},
	{"mayfly_store_lives_total", "counter", "Lives that were kept as capsules.", STORE(lives)},
	{"mayfly_store_commits_total", "counter", "Commits: many transactions share one.",
		STORE(commits)},
	{"mayfly_store_failed_commits_total", "counter", "Commits that failed.", STORE(failed)},
	{"mayfly_store_failed_flushes_total", "counter", "Flushes of the log that failed.",
		STORE(flushes_failed)},
	{"mayfly_store_waiting_bytes", "gauge", "Transactions that aren't committed yet.",
		STORE(waiting_bytes)},
	{"mayfly_store_file_bytes", "gauge", "The database.", STORE(file_bytes)},
	{"mayfly_store_log_bytes", "gauge", "What isn't written back to it yet.", STORE(log_bytes)},
	{"mayfly_store_history_bytes", "gauge", "Lives that are kept as capsules.",
		STORE(history_bytes)},
	{"mayfly_store_ids", "gauge", "Ids of events that are kept.", STORE(ids)},
	{"mayfly_store_retries", "gauge", "Events that wait to be tried again.", STORE(retries)},
	{"mayfly_store_dead_letters", "gauge", "Dead letters.", STORE(dead)},
	{"mayfly_store_scheduled", "gauge", "Events that lives scheduled and that aren't due yet.",
		STORE(later)},
};

static void write_store(struct metrics_text *t)
{
	struct store_counts counts;

	if (!t->hub->store)
		return;
	store_look(t->hub->store, &counts);
	metrics_plain(t, "mayfly_store_up", "gauge", "1: the database can be written.",
		store_error(t->hub->store) == 0);
	for (unsigned i = 0; i < sizeof(of_store) / sizeof(of_store[0]); i++)
		metrics_plain(t, of_store[i].name, of_store[i].type, of_store[i].help,
			*(const uint64_t *)(const void *)((const char *)&counts +
				of_store[i].offset));
	metrics_family(t, "mayfly_store_commit_seconds", "histogram", "How long commits took.");
	metrics_histogram(t, "mayfly_store_commit_seconds", NULL, NULL, &counts.commit);
	metrics_family(t, "mayfly_store_flush_seconds", "histogram",
		"How long flushes of the log took that weren't part of a commit.");
	metrics_histogram(t, "mayfly_store_flush_seconds", NULL, NULL, &counts.flush);
}

/* ---------------------------------------------------------------------- jobs */

static void write_jobs(struct metrics_text *t)
{
	struct jobs_counts c;

	if (!t->hub->jobs)
		return;
	jobs_count(t->hub, &c);
	metrics_plain(t, "mayfly_jobs", "gauge", "Jobs that haven't ended.", c.working);
	metrics_plain(t, "mayfly_jobs_begun_total", "counter", "Jobs that were taken.", c.begun);
	metrics_plain(
		t, "mayfly_jobs_done_total", "counter", "Jobs that came to a result.", c.done);
	metrics_plain(t, "mayfly_jobs_failed_total", "counter", "Jobs that failed.", c.failed);
	metrics_plain(t, "mayfly_jobs_cancelled_total", "counter", "Jobs that were cancelled.",
		c.cancelled);
	metrics_plain(
		t, "mayfly_job_tasks_total", "counter", "Tasks of jobs that were done.", c.tasks);
	metrics_plain(t, "mayfly_job_task_failures_total", "counter",
		"Lives of tasks that failed, or were refused.", c.task_failures);
}

/* -------------------------------------------------------------------- broker */

/* Each connection's own figures are those of its listener. */
static void write_mqtt(struct metrics_text *t)
{
	const struct mqtt *mqtt = t->hub->mqtt;

	if (!mqtt || !mqtt->publisher)
		return;
	metrics_plain(t, "mayfly_mqtt_up", "gauge",
		"1: the connection to the broker that publishes is there.",
		publisher_is_up(mqtt->publisher));
	metrics_plain(t, "mayfly_mqtt_connects_total", "counter", "How often it came to be.",
		mqtt->publisher->counts.connections);
}

void metrics_store(struct metrics_text *t)
{
	write_store(t);
	write_outbox(t);
	write_jobs(t);
	write_mqtt(t);
}
