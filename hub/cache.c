/* hub/cache.c - see cache.h */
#include "hub/cache.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/plan.h"
#include "hub/setup.h"
#include "store/blobs.h"
#include "sys/clock.h"
#include "sys/log.h"

#define TIDY_NS  (60 * CLOCK_S)
#define DRAIN_MS 10000 /* without a report: whoever waits for more waits in vain */

struct cache {
	struct hub *hub;
	struct loop_source source;
	struct loop_timer tidy;
	struct log_rate damages;
	bool closing;
};

bool cache_needed(const struct service *service)
{
	return service->note.input_bytes > 0;
}

bool cache_wanted(const struct plan *plan)
{
	if (!plan->config->state || plan->hub->blobs)
		return false;
	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (cache_needed(plan->services[i]))
			return true;
	return false;
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct cache *cache = LOOP_OWNER(source, struct cache, source);

	(void)events;
	blobs_reap(cache->hub->blobs);
}

static void on_tidy(struct loop_timer *timer)
{
	struct cache *cache = LOOP_OWNER(timer, struct cache, tidy);

	blobs_tidy(cache->hub->blobs);
	(void)loop_timer_set(cache->hub->loop, timer, loop_now(cache->hub->loop) + TIDY_NS);
}

int cache_open(struct hub *hub, uint64_t most, char error[static HUB_ERROR_MAX])
{
	const struct blobs_options options = {.directory = hub->state, .most = most};
	struct cache *cache = calloc(1, sizeof(*cache));
	char why[BLOB_ERROR_MAX] = "no memory";
	int err = cache ? blobs_open(&hub->blobs, &options, why) : -ENOMEM;

	if (err == 0)
		err = loop_add(hub->loop, blobs_fd(hub->blobs), EPOLLIN, &cache->source);
	if (err < 0) {
		snprintf(error, HUB_ERROR_MAX, "can't open the disk cache: %s", why);
		blobs_close(hub->blobs);
		hub->blobs = NULL;
		free(cache);
		return SETUP_FAILED;
	}
	cache->hub = hub;
	cache->source.ready = on_ready;
	cache->tidy.fire = on_tidy;
	cache->damages.burst = 5;
	hub->cache = cache;
	(void)loop_timer_set(hub->loop, &cache->tidy, loop_now(hub->loop) + TIDY_NS);
	return 0;
}

void cache_drain(struct hub *hub)
{
	struct pollfd fd = {.events = POLLIN};

	if (!hub->cache)
		return;
	hub->cache->closing = true;
	while (blobs_waiting(hub->blobs) > 0) {
		fd.fd = blobs_fd(hub->blobs);
		if (poll(&fd, 1, DRAIN_MS) <= 0)
			break;
		blobs_reap(hub->blobs);
	}
}

void cache_close(struct hub *hub)
{
	struct cache *cache = hub->cache;

	if (!cache)
		return;
	loop_timer_clear(hub->loop, &cache->tidy);
	loop_remove(hub->loop, blobs_fd(hub->blobs), &cache->source);
	blobs_close(hub->blobs);
	hub->blobs = NULL;
	hub->cache = NULL;
	free(cache);
}

bool cache_closing(const struct hub *hub)
{
	return hub->cache->closing;
}

void cache_note(struct hub *hub, const struct blob *blob, int error)
{
	char name[BLOB_NAME + 1];
	uint64_t skipped;

	if (error == 0 || !log_allowed(&hub->cache->damages, loop_now(hub->loop), &skipped))
		return;
	blob_name(blob_hash(blob), name);
	log_warn("the disk cache: blob %s: %s; %llu more since the last such line", name,
		error == -EUCLEAN          ? "somebody altered its file; it is gone"
			: error == -ENOENT ? "somebody took its file away"
					   : strerror(-error),
		(unsigned long long)skipped);
}
