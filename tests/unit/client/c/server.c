/* tests/unit/client/c/server.c - see server.h */
#include "tests/unit/client/c/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 600

struct server {
	int fd, stop[2];
	unsigned port;
	const struct turn *turns;
	size_t turns_count;
	pthread_t thread, threads[CONNECTIONS];
	size_t threads_count;
	pthread_mutex_t mutex;
	pthread_cond_t released;
	bool release, stopping;
	size_t next, gone, count;
	struct seen seen[SERVER_SEEN];
};

struct connection {
	struct server *server;
	int fd;
};

/* False: it ended. */
static bool fill(const struct server *s, int fd, char *to, size_t *n, size_t most)
{
	struct pollfd both[2] = {
		{.fd = fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
	ssize_t got;

	if (*n == most || poll(both, 2, -1) < 0 || both[1].revents)
		return false;
	got = recv(fd, to + *n, most - *n, 0);
	if (got <= 0)
		return false;
	*n += (size_t)got;
	return true;
}

/* A head, and of the body what came along. */
static char *read_head(const struct server *s, int fd, char *to, size_t *n)
{
	char *end;

	for (*n = 0, to[0] = '\0'; !(end = strstr(to, "\r\n\r\n")); to[*n] = '\0')
		if (!fill(s, fd, to, n, SERVER_HEAD - 1))
			return NULL;
	return end + 4;
}

static size_t length_of(const char *head)
{
	const char *line = strstr(head, "\r\nContent-Length: ");

	return line ? strtoul(line + 18, NULL, 10) : 0;
}

static bool read_request(struct server *s, int fd, struct seen *seen, bool unread)
{
	static _Thread_local char text[SERVER_HEAD];
	size_t n, came;
	char *body = read_head(s, fd, text, &n);

	if (!body)
		return false;
	came = n - (size_t)(body - text);
	memcpy(seen->head, text, (size_t)(body - text));
	seen->head[body - text] = '\0';
	seen->size = length_of(seen->head);
	seen->body = malloc(seen->size + 1);
	if (!seen->body || came > seen->size)
		abort();
	memcpy(seen->body, body, came);
	while (!unread && came < seen->size)
		if (!fill(s, fd, seen->body, &came, seen->size))
			return false;
	return true;
}

static const struct turn *take_turn(struct server *s)
{
	const struct turn *turn;

	pthread_mutex_lock(&s->mutex);
	turn = &s->turns[s->next < s->turns_count ? s->next : s->turns_count - 1];
	s->next++;
	pthread_mutex_unlock(&s->mutex);
	return turn;
}

static void keep(struct server *s, struct seen *seen)
{
	pthread_mutex_lock(&s->mutex);
	if (s->count < SERVER_SEEN)
		s->seen[s->count] = *seen;
	else
		free(seen->body);
	s->count++;
	pthread_mutex_unlock(&s->mutex);
}

static void wait_for_release(struct server *s)
{
	pthread_mutex_lock(&s->mutex);
	while (!s->release && !s->stopping)
		pthread_cond_wait(&s->released, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
}

static void send_all(int fd, const char *text, size_t n)
{
	ssize_t sent;

	for (; n > 0; n -= (size_t)sent, text += sent)
		if ((sent = send(fd, text, n, MSG_NOSIGNAL)) <= 0)
			return;
}

static void *serve(void *context)
{
	struct connection *c = context;
	struct server *s = c->server;
	bool goes_on = true;

	while (goes_on) {
		struct seen seen = {.body = NULL};
		struct pollfd both[2] = {
			{.fd = c->fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
		const struct turn *turn;
		char byte;

		if (poll(both, 2, -1) < 0 || both[1].revents ||
			recv(c->fd, &byte, 1, MSG_PEEK) <= 0)
			break;
		turn = take_turn(s);
		if (!read_request(s, c->fd, &seen, turn->unread)) {
			free(seen.body);
			break;
		}
		keep(s, &seen);
		if (turn->wait)
			wait_for_release(s);
		if (turn->answer)
			send_all(c->fd, turn->answer,
				turn->size > 0 ? turn->size : strlen(turn->answer));
		goes_on = !turn->close;
	}
	close(c->fd);
	free(c);
	pthread_mutex_lock(&s->mutex);
	s->gone++;
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

static void *take_connections(void *context)
{
	struct server *s = context;
	struct pollfd both[2] = {
		{.fd = s->fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};

	while (poll(both, 2, -1) >= 0 && !both[1].revents) {
		struct connection *c = malloc(sizeof(*c));

		if (!c || s->threads_count == CONNECTIONS)
			abort();
		*c = (struct connection){s, accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)};
		if (pthread_create(&s->threads[s->threads_count++], NULL, serve, c) != 0)
			abort();
	}
	return NULL;
}

struct server *server_start(const struct turn *turns, size_t count)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->turns = turns;
	s->turns_count = count;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->released, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || pipe(s->stop) < 0 || bind(s->fd, (struct sockaddr *)&address, size) < 0 ||
		listen(s->fd, 256) < 0 ||
		getsockname(s->fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	s->port = ntohs(address.sin_port);
	if (pthread_create(&s->thread, NULL, take_connections, s) != 0)
		abort();
	return s;
}

void server_release(struct server *s)
{
	pthread_mutex_lock(&s->mutex);
	s->release = true;
	pthread_cond_broadcast(&s->released);
	pthread_mutex_unlock(&s->mutex);
}

void server_stop(struct server *s)
{
	pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	pthread_cond_broadcast(&s->released);
	pthread_mutex_unlock(&s->mutex);
	if (write(s->stop[1], "", 1) != 1)
		abort();
	pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->threads_count; i++)
		pthread_join(s->threads[i], NULL);
	for (size_t i = 0; i < s->count && i < SERVER_SEEN; i++)
		free(s->seen[i].body);
	close(s->fd);
	close(s->stop[0]);
	close(s->stop[1]);
	pthread_mutex_destroy(&s->mutex);
	pthread_cond_destroy(&s->released);
	free(s);
}

unsigned server_port(const struct server *s)
{
	return s->port;
}

size_t server_count(struct server *s)
{
	size_t n;

	pthread_mutex_lock(&s->mutex);
	n = s->count;
	pthread_mutex_unlock(&s->mutex);
	return n;
}

size_t server_gone(struct server *s)
{
	size_t n;

	pthread_mutex_lock(&s->mutex);
	n = s->gone;
	pthread_mutex_unlock(&s->mutex);
	return n;
}

const struct seen *server_seen(struct server *s, size_t i)
{
	return i < server_count(s) && i < SERVER_SEEN ? &s->seen[i] : NULL;
}

bool server_heard(struct server *s, size_t i, const char *line)
{
	const struct seen *seen = server_seen(s, i);
	char whole[512];

	snprintf(whole, sizeof(whole), "\r\n%s\r\n", line);
	return seen && strstr(seen->head, whole);
}
