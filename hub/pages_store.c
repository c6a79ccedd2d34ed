/* hub/pages_store.c - see pages_store.h */
#include "hub/pages_store.h"

#include "hub/hub.h"
#include "hub/outbox.h"
#include "hub/pages_json.h"
#include "store/store.h"

json_t *pages_store(const struct hub *hub)
{
	struct store_counts c;
	json_t *o;

	if (!hub->store)
		return json_null();
	store_look(hub->store, &c);
	o = json_object();
	pages_set(o, "up", json_boolean(store_error(hub->store) == 0));
	pages_set(o, "transactions", pages_count(c.transactions));
	pages_set(o, "lives", pages_count(c.lives));
	pages_set(o, "commits", pages_count(c.commits));
	pages_set(o, "failed_commits", pages_count(c.failed));
	pages_set(o, "failed_flushes", pages_count(c.flushes_failed));
	pages_set(o, "commit_p50_us", pages_quantile(&c.commit, 500));
	pages_set(o, "commit_p99_us", pages_quantile(&c.commit, 990));
	pages_set(o, "flush_p50_us", pages_quantile(&c.flush, 500));
	pages_set(o, "flush_p99_us", pages_quantile(&c.flush, 990));
	pages_set(o, "waiting_bytes", pages_count(c.waiting_bytes));
	pages_set(o, "file_bytes", pages_count(c.file_bytes));
	pages_set(o, "log_bytes", pages_count(c.log_bytes));
	pages_set(o, "history_bytes", pages_count(c.history_bytes));
	pages_set(o, "ids", pages_count(c.ids));
	pages_set(o, "retries", pages_count(c.retries));
	pages_set(o, "dead_letters", pages_count(c.dead));
	pages_set(o, "scheduled", pages_count(c.later));
	return o;
}

json_t *pages_outbox(const struct hub *hub)
{
	struct outbox_counts c;
	json_t *all, *o;

	if (!hub->outbox)
		return json_null();
	all = json_object();
	for (unsigned to = 1; to < OUTBOX_DESTINATIONS; to++) {
		outbox_look(hub->outbox, to, &c);
		o = json_object();
		pages_set(o, "messages", pages_count(c.in));
		pages_set(o, "arrived", pages_count(c.arrived));
		pages_set(o, "again", pages_count(c.again));
		pages_set(o, "dropped_full", pages_count(c.dropped_full));
		pages_set(o, "dropped_old", pages_count(c.dropped_old));
		pages_set(o, "waiting", pages_count(c.waiting));
		pages_set(o, "waiting_bytes", pages_count(c.waiting_bytes));
		pages_set(o, "oldest_s", json_real((double)c.oldest_ns / 1e9));
		pages_set(all, outbox_names[to], o);
	}
	return all;
}
