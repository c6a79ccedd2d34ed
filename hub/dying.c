/* hub/dying.c - see dying.h */
#include "hub/dying.h"

#include <stdlib.h>

#include "hub/hub.h"
#include "hub/spawn.h"
#include "sys/fd.h"

struct dying {
	struct dying *next;
	struct loop_source ended;
	struct hub *hub;
	int pidfd, group;
};

static void remove_group(struct hub *hub, int group)
{
	if (group > 0)
		cgroup_remove(&hub->groups, group - 1);
}

/* It is in no list any more. */
static void reap(struct dying *d)
{
	loop_remove(d->hub->loop, d->pidfd, &d->ended);
	(void)spawn_end(d->pidfd);
	fd_close(&d->pidfd);
	remove_group(d->hub, d->group);
	free(d);
}

static void on_ended(struct loop_source *source, uint32_t events)
{
	struct dying *d = LOOP_OWNER(source, struct dying, ended), **at = &d->hub->dying;

	(void)events;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	reap(d);
}

void dying_take(struct hub *hub, int pidfd, int group)
{
	struct dying *d = pidfd < 0 ? NULL : calloc(1, sizeof(*d));

	if (pidfd < 0) {
		remove_group(hub, group);
		return;
	}
	if (!d || loop_add(hub->loop, pidfd, EPOLLIN, &d->ended) < 0) {
		(void)spawn_end(pidfd); /* then it is waited for */
		fd_close(&pidfd);
		remove_group(hub, group);
		free(d);
		return;
	}
	d->ended.ready = on_ended;
	d->hub = hub;
	d->pidfd = pidfd;
	d->group = group;
	d->next = hub->dying;
	hub->dying = d;
}

void dying_close(struct hub *hub)
{
	struct dying *d;

	while ((d = hub->dying)) {
		hub->dying = d->next;
		reap(d);
	}
}
