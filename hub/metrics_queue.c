/* hub/metrics_queue.c - the queue that many hubs share. */
#include "hub/hub.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/peers.h"
#include "hub/metrics_parts.h"

#define OF(member) offsetof(struct peers_counts, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
} of_queue[] = {
	{"mayfly_queue_up", "gauge", "1: the queue's database is there.", OF(up)},
	{"mayfly_queue_hubs", "gauge", "Hubs that were seen lately, this one too.", OF(hubs)},
	{"mayfly_queue_lent", "gauge", "Tasks of this hub's jobs that others may do or do.",
		OF(lent)},
	{"mayfly_queue_borrowed", "gauge", "Tasks of other hubs that are at work here.",
		OF(borrowed)},
	{"mayfly_queue_offered_total", "counter", "Tasks of ours that were offered.", OF(offered)},
	{"mayfly_queue_returned_total", "counter", "And came to something elsewhere.",
		OF(returned)},
	{"mayfly_queue_home_total", "counter",
		"And came back: others couldn't, or the database was away.", OF(home)},
	{"mayfly_queue_taken_total", "counter", "Tasks of other hubs that came here.", OF(taken)},
	{"mayfly_queue_told_total", "counter", "And count.", OF(told)},
	{"mayfly_queue_refused_total", "counter", "And were somebody else's by then.", OF(refused)},
	{"mayfly_queue_fetched_bytes_total", "counter", "Bytes of operands and results that came.",
		OF(fetched)},
	{"mayfly_queue_sent_bytes_total", "counter", "Bytes of results that went.", OF(sent)},
};

void metrics_queue(struct metrics_text *t)
{
	struct peers_counts counts;

	if (!peers_count(t->hub->jobs, &counts))
		return;
	for (unsigned i = 0; i < sizeof(of_queue) / sizeof(of_queue[0]); i++)
		metrics_plain(t, of_queue[i].name, of_queue[i].type, of_queue[i].help,
			*(const uint64_t *)(const void *)((const char *)&counts +
				of_queue[i].offset));
}
