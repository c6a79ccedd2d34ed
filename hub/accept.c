/* hub/accept.c - connections come in. */
#include "hub/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/fd.h"

/* When no descriptor is left, how long to wait for one. */
#define PAUSE_NS (100 * CLOCK_MS)

#define ACCEPT_MOST 16u /* connections a round */

/* Connections to each of the hub's own listeners, which limits.connections doesn't keep out. */
#define OWN_MOST 64u

/* Closes the connection that has been idle for longest. False: none is. */
static bool make_room(struct hub *hub)
{
	struct input *idlest = NULL;
	uint64_t since = UINT64_MAX;

	for (struct input *i = hub->inputs; i; i = i->next) {
		uint64_t at = i->ops->idle_since ? i->ops->idle_since(i) : UINT64_MAX;

		if (at < since) {
			since = at;
			idlest = i;
		}
	}
	if (idlest)
		idlest->ops->make_room(idlest);
	return idlest != NULL;
}

/* The same among its own. */
static bool make_room_in(struct input *input)
{
	if (input->ops->idle_since(input) == UINT64_MAX)
		return false;
	input->ops->make_room(input);
	return true;
}

static rlim_t descriptors_most(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/* Connections leave so many descriptors to services that have no worker yet: what a start takes
 * for a moment, and what each worker keeps. */
#define START_TAKES  16u
#define WORKER_KEEPS 4u
static bool is_short(const struct hub *hub, int fd)
{
	rlim_t most = descriptors_most(), spare = START_TAKES;
	bool all_run = true;

	for (const struct service *s = hub->services; s; s = s->next) {
		all_run &= s->worker != WORKER_NONE;
		spare += s->worker == WORKER_NONE ? WORKER_KEEPS : 0;
	}
	if (spare > most / 2)
		spare = most / 2;
	return !all_run && (rlim_t)fd >= most - spare;
}

static void tell_shortage(struct hub *hub)
{
	uint64_t skipped;

	if (log_allowed(&hub->shortages, loop_now(hub->loop), &skipped))
		log_warn("no descriptor is left for another connection, the limit is %llu: raise "
			 "LimitNOFILE (ulimit -n), or lower limits.connections",
			(unsigned long long)descriptors_most());
}

/* No descriptor is left, so the listening socket would be ready for ever. */
static void pause_accepting(struct acceptor *a)
{
	struct loop *loop = a->input->hub->loop;

	tell_shortage(a->input->hub);
	if (make_room(a->input->hub))
		return;
	loop_change(loop, a->fd, 0, &a->source);
	(void)loop_timer_set(loop, &a->resume, loop_now(loop) + PAUSE_NS);
}

/* May this one stay? *fd may become another number. */
static bool find_room(struct acceptor *a, int *fd)
{
	struct hub *hub = a->input->hub;
	int lower;

	if (a->input->own) /* whoever looks after the hub gets in when it is full */
		return a->input->counts.open < OWN_MOST || make_room_in(a->input);
	if (hub->connections >= hub->connections_most)
		return make_room(hub);
	if (!is_short(hub, *fd))
		return true;
	tell_shortage(hub);
	if (!make_room(hub))
		return false;
	lower = fcntl(*fd, F_DUPFD_CLOEXEC, 0); /* the number of the one that went */
	if (lower < 0)
		return false;
	close(*fd);
	*fd = lower;
	return true;
}

/* False: nobody else waits. */
static bool accept_one(struct acceptor *a)
{
	struct net_address peer = {.size = sizeof(peer.v6)};
	int fd = accept4(a->fd, &peer.any, &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_accepting(a);
		return false;
	}
	if (!find_room(a, &fd) || a->take(a->input, fd, &peer) < 0) {
		a->input->counts.dropped++;
		close(fd);
	}
	return true;
}

static void on_acceptable(struct loop_source *source, uint32_t events)
{
	struct acceptor *a = LOOP_OWNER(source, struct acceptor, source);

	(void)events;
	for (unsigned i = 0; i < ACCEPT_MOST && accept_one(a); i++)
		;
}

static void on_resume(struct loop_timer *timer)
{
	struct acceptor *a = LOOP_OWNER(timer, struct acceptor, resume);

	loop_change(a->input->hub->loop, a->fd, EPOLLIN, &a->source);
}

void acceptor_take_all(struct acceptor *acceptor)
{
	for (unsigned i = 0; acceptor->fd >= 0 && i < SOMAXCONN && accept_one(acceptor); i++)
		;
}

int acceptor_open(struct acceptor *acceptor, struct input *input, int fd)
{
	int err;

	acceptor->input = input;
	acceptor->source.ready = on_acceptable;
	acceptor->resume.fire = on_resume;
	acceptor->fd = -1;
	err = loop_add(input->hub->loop, fd, EPOLLIN, &acceptor->source);
	if (err == 0)
		acceptor->fd = fd;
	return err;
}

void acceptor_close(struct acceptor *acceptor)
{
	struct loop *loop = acceptor->input->hub->loop;

	if (acceptor->fd < 0)
		return;
	loop_timer_clear(loop, &acceptor->resume);
	loop_remove(loop, acceptor->fd, &acceptor->source);
	fd_close(&acceptor->fd);
}

void accept_count(struct input *input)
{
	input->hub->connections++;
	input->counts.connections++;
	input->counts.open++;
}

void accept_uncount(struct input *input)
{
	struct hub *hub = input->hub;

	hub->connections--;
	input->counts.open--;
	hub_ended(hub);
}
