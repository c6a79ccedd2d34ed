/* hub/accept.c - connections come in. */
#include "hub/accept.h"

#include <errno.h>
#include <unistd.h>

#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/fd.h"

/* When no descriptor is left, how long to wait for one. */
#define PAUSE_NS (100 * CLOCK_MS)

#define ACCEPT_MOST 16u /* connections a round */

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

/* No descriptor is left, so the listening socket would be ready for ever. */
static void pause_accepting(struct acceptor *a)
{
	struct loop *loop = a->input->hub->loop;

	if (make_room(a->input->hub))
		return;
	loop_change(loop, a->fd, 0, &a->source);
	(void)loop_timer_set(loop, &a->resume, loop_now(loop) + PAUSE_NS);
}

/* False: nobody else waits. */
static bool accept_one(struct acceptor *a)
{
	struct hub *hub = a->input->hub;
	struct net_address peer = {.size = sizeof(peer.v6)};
	int fd = accept4(a->fd, &peer.any, &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_accepting(a);
		return false;
	}
	/* whoever looks after the hub gets in when it is full */
	if ((!a->input->own && hub->connections >= hub->connections_most && !make_room(hub)) ||
		a->take(a->input, fd, &peer) < 0) {
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
