/* client/c/engine.c - libcurl's sockets and times behind one descriptor; curl_multi_socket_action(3). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "client/c/inner.h"

#define MS        UINT64_C(1000000)
#define S         UINT64_C(1000000000)
#define EVENTS    64
#define IDLE_MOST 16u /* engines, each with a connection, that wait for the next mayfly_call */
#define TIMER_FD  (-1)

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------------- libcurl */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
	struct engine *engine = context;
	struct epoll_event event = {.data.fd = fd};

	(void)easy;
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(engine->fd, EPOLL_CTL_DEL, fd, NULL); /* closed: gone by itself */
		return 0;
	}
	(void)curl_multi_assign(engine->multi, fd, engine);
	return epoll_ctl(engine->fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
}

static int on_wait(CURLM *multi, long ms, void *context)
{
	struct engine *engine = context;

	(void)multi;
	engine->curl_when = ms < 0 ? NEVER : now_ns() + (uint64_t)ms * MS;
	return 0;
}

/* Those that libcurl has done with. */
static void collect(struct engine *engine)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(engine->multi, &left))) {
		CURLcode code = message->data.result;
		struct mayfly_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		call_done(call, code);
	}
}

/* ---------------------------------------------------------------------------- work */

static void look_at_sockets(struct engine *engine)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(engine->fd, events, EVENTS, 0), left;

	for (int i = 0; i < n; i++) {
		uint64_t times;
		int bits = 0;

		if (events[i].data.fd == TIMER_FD) {
			(void)!read(engine->timer, &times, sizeof(times));
			continue;
		}
		if (events[i].events & (EPOLLIN | EPOLLHUP))
			bits |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			bits |= CURL_CSELECT_OUT;
		if (events[i].events & EPOLLERR)
			bits |= CURL_CSELECT_ERR;
		(void)curl_multi_socket_action(engine->multi, events[i].data.fd, bits, &left);
	}
}

static void look_at_times(struct engine *engine)
{
	uint64_t now = now_ns();
	int left;

	if (engine->curl_when <= now) {
		engine->curl_when = NEVER;
		(void)curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &left);
	}
	for (struct mayfly_call *call = engine->calls, *next; call; call = next) {
		next = call->next;
		if (call->rest_until <= now)
			call_again(call);
	}
}

/* In the order in which they ended. Whoever is told may finish, cancel and start calls, so each time the list is
 * looked at anew. */
static void tell(struct engine *engine)
{
	while (engine->fresh) {
		struct mayfly_call *call = engine->fresh;
		mayfly_done *done;
		void *context;

		while (call->next)
			call = call->next;
		done = call->request.done;
		context = call->request.context;
		*call->at = call->next;
		if (call->next)
			call->next->at = call->at;
		call->next = engine->ended;
		call->at = &engine->ended;
		if (call->next)
			call->next->at = &call->next;
		engine->ended = call;
		if (done)
			done(context, call);
	}
}

void engine_arm(struct engine *engine)
{
	uint64_t when = engine->fresh ? 1 : engine->curl_when;
	struct itimerspec at = {0};

	for (const struct mayfly_call *call = engine->calls; call; call = call->next)
		if (call->rest_until < when)
			when = call->rest_until;
	if (when != NEVER) {
		at.it_value.tv_sec = (time_t)(when / S);
		at.it_value.tv_nsec = (long)(when % S);
	}
	(void)timerfd_settime(engine->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

void engine_work(struct engine *engine)
{
	look_at_sockets(engine);
	look_at_times(engine);
	collect(engine);
	tell(engine);
	engine_arm(engine);
}

void engine_pause(struct engine *engine, uint64_t until)
{
	struct pollfd fd = {.fd = engine->fd, .events = POLLIN};
	uint64_t now = now_ns();
	struct timespec left = {0};

	if (until > now && until != NEVER) {
		left.tv_sec = (time_t)((until - now) / S);
		left.tv_nsec = (long)((until - now) % S);
	}
	(void)ppoll(&fd, 1, until == NEVER ? NULL : &left, NULL); /* EINTR: the caller asks again */
}

/* ------------------------------------------------------------------- open and close */

static bool watch_timer(struct engine *engine)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = TIMER_FD};

	engine->fd = epoll_create1(EPOLL_CLOEXEC);
	engine->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return engine->fd >= 0 && engine->timer >= 0 &&
		epoll_ctl(engine->fd, EPOLL_CTL_ADD, engine->timer, &event) == 0;
}

struct engine *engine_open(struct mayfly_client *client)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->client = client;
	engine->curl_when = NEVER;
	engine->fd = engine->timer = -1;
	engine->multi = curl_multi_init();
	if (!engine->multi || !watch_timer(engine)) {
		engine_close(engine);
		return NULL;
	}
	(void)curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
	(void)curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_wait);
	(void)curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
	(void)curl_multi_setopt(
		engine->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)client->connections_most);
	(void)curl_multi_setopt(
		engine->multi, CURLMOPT_MAXCONNECTS, (long)client->connections_most);
	return engine;
}

static void free_all(struct mayfly_call **list)
{
	while (*list)
		call_free(*list);
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	free_all(&engine->calls);
	free_all(&engine->fresh);
	free_all(&engine->ended);
	if (engine->multi)
		(void)curl_multi_cleanup(engine->multi);
	if (engine->timer >= 0)
		close(engine->timer);
	if (engine->fd >= 0)
		close(engine->fd);
	free(engine);
}

/* --------------------------------------------------------------- of mayfly_call's threads */

struct engine *engine_take(struct mayfly_client *client)
{
	struct engine *engine;

	pthread_mutex_lock(&client->mutex);
	engine = client->idle;
	if (engine) {
		client->idle = engine->next;
		client->idle_count--;
	}
	pthread_mutex_unlock(&client->mutex);
	return engine ? engine : engine_open(client);
}

void engine_give(struct engine *engine)
{
	struct mayfly_client *client = engine->client;
	bool keep;

	pthread_mutex_lock(&client->mutex);
	keep = client->idle_count < IDLE_MOST;
	if (keep) {
		engine->next = client->idle;
		client->idle = engine;
		client->idle_count++;
	}
	pthread_mutex_unlock(&client->mutex);
	if (!keep)
		engine_close(engine);
}
