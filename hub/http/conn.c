/* hub/http/conn.c - phases of a connection, time, reading, closing. */
#include "hub/http/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/chunked.h"
#include "hub/http/tls.h"
#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/pace.h"

#define READ_MOST 65536u /* bytes a round, of one connection */
/* The same of a body that goes straight to where it is needed. */
#define SPOOL_MOST (4 * READ_MOST)
/* Bytes that may wait while a request is at work, before the socket is left to wait too. */
#define AHEAD_MOST 16384u
/* A client must take at least so much of an answer, or send so much of a body in CONN_SPOOL, in this time. */
#define SEND_NS    (10 * CLOCK_S)
#define SEND_LEAST 10240u
/* Who holds an area moves at least so much in that time, or sends so much in the time of a request: others
 * wait for it. */
#define AREA_LEAST   (256u << 10)
#define UPLOAD_LEAST (1u << 20)
/* And has so long to read the last answer before the connection is closed. */
#define LINGER_NS (2 * CLOCK_S)

static uint8_t read_buffer[READ_MOST]; /* one thread, one connection at a time */

/* -------------------------------------------------------------------- phases */

/* A request has its time as a whole, so head and body share a list. */
static struct conn_list *list_of(const struct conn *c)
{
	return &c->http->phases[c->phase == CONN_BODY ? CONN_HEAD : c->phase];
}

static void list_remove(struct conn *c)
{
	struct conn_list *list = list_of(c);

	*(c->prev ? &c->prev->next : &list->first) = c->next;
	*(c->next ? &c->next->prev : &list->last) = c->prev;
}

static void list_append(struct conn *c)
{
	struct conn_list *list = list_of(c);

	c->next = NULL;
	c->prev = list->last;
	*(c->prev ? &c->prev->next : &list->first) = c;
	list->last = c;
}

/* How long a connection may be in a phase; 0: for ever. */
static uint64_t patience(const struct in_http *http, enum conn_phase phase)
{
	switch (phase) {
	case CONN_HANDSHAKE:
	case CONN_WAIT:
	case CONN_HEAD: return http->input.hub->http.request_ns;
	case CONN_IDLE: return http->input.hub->http.keepalive_ns;
	case CONN_SPOOL:
	case CONN_SEND: return SEND_NS;
	case CONN_LINGER: return LINGER_NS;
	default: return 0; /* a task has a deadline of its own */
	}
}

static void wake_by(struct in_http *http, uint64_t at)
{
	if (http->timer.place == 0 || http->timer.at > at)
		(void)loop_timer_set(http->input.hub->loop, &http->timer, at);
}

static void start_phase(struct conn *c, enum conn_phase phase)
{
	uint64_t most = patience(c->http, phase == CONN_BODY ? CONN_HEAD : phase);

	c->phase = (uint8_t)phase;
	c->since_ns = loop_now(c->http->input.hub->loop);
	c->moved = 0;
	list_append(c);
	if (most > 0)
		wake_by(c->http, c->since_ns + most);
}

void conn_enter(struct conn *c, enum conn_phase phase)
{
	if (c->fd < 0 || (c->phase == phase && phase != CONN_IDLE)) /* idle anew, from now on */
		return;
	if (c->phase == CONN_HEAD && phase == CONN_BODY) {
		c->phase = CONN_BODY;
		return;
	}
	if (c->phase == CONN_WAIT) /* or one that was refused meanwhile takes the turn of another */
		areas_wait_no_more(&c->wait);
	list_remove(c);
	start_phase(c, phase);
}

/* ------------------------------------------------------------ what is waited for */

void conn_close(struct conn *c)
{
	struct hub *hub = c->http->input.hub;

	if (c->fd < 0)
		return;
	if (c->tls)
		tls_close(c->tls);
	c->tls = NULL;
	intake_drop(c);
	if (c->stream)
		c->stream->ops->drop(c->stream);
	c->stream = NULL;
	loop_remove(hub->loop, c->fd, &c->source);
	loop_later_cancel(hub->loop, &c->resume);
	upload_end(c);
	areas_release(&c->output);
	c->rest = mf_str_of(NULL, 0);
	fd_close(&c->fd);
	bytes_free(&c->in, &hub->held);
	bytes_free(&c->out, &hub->held);
	free(c->chunked);
	c->chunked = NULL;
	list_remove(c);
	accept_uncount(&c->http->input);
}

static bool may_read(const struct conn *c)
{
	if (c->ended || c->phase == CONN_WAIT)
		return false;
	if (c->phase == CONN_SPOOL)
		return intake_ready(c);
	return c->phase == CONN_BODY || c->phase == CONN_HEAD || c->phase == CONN_LINGER ||
		bytes_left(&c->in) < AHEAD_MOST;
}

/* Has its stream something that could go now? */
static bool flows(const struct conn *c)
{
	size_t n;

	return c->stream && c->stream->left > 0 && c->stream->ops->next(c->stream, &n) != NULL;
}

static uint32_t wanted(const struct conn *c)
{
	if (c->phase == CONN_HANDSHAKE)
		return tls_wants_write(c->tls) ? EPOLLOUT : EPOLLIN;
	return (may_read(c) ? EPOLLIN : 0) | (send_waits(c) || flows(c) ? EPOLLOUT : 0);
}

void conn_settle(struct conn *c)
{
	if (c->task && (c->ended || c->fd < 0)) {
		c->holds++;
		exchange_gone(c);
		c->holds--;
	}
	/* The client sends no more, so a request that isn't whole never will be. */
	if (c->fd >= 0 && c->ended && c->phase != CONN_WORK && c->phase != CONN_SEND &&
		c->phase != CONN_WAIT && !c->resume.queued)
		conn_close(c);
	if (c->fd < 0) {
		if (c->holds == 0)
			free(c);
		return;
	}
	if (wanted(c) != c->events &&
		loop_change(c->http->input.hub->loop, c->fd, wanted(c), &c->source) == 0)
		c->events = wanted(c);
}

/* ------------------------------------------------------------------- reading */

/* Where what comes next goes. */
static uint8_t *buffer_for(struct conn *c, size_t *most)
{
	uint8_t *p;

	if (upload_room(c, &p, most))
		return p;
	if (c->phase == CONN_SPOOL && !c->chunked) {
		p = intake_room(c, most);

		*most = *most < SPOOL_MOST ? *most : SPOOL_MOST;
		return p;
	}
	/* while a request is at work no more than may wait */
	*most = may_read(c) && c->phase != CONN_WORK && c->phase != CONN_SEND ? READ_MOST
									      : AHEAD_MOST;
	return read_buffer;
}

static ssize_t read_some(struct conn *c, uint8_t *to, size_t most)
{
	ssize_t n;

	if (c->tls)
		return tls_read(c->tls, to, most);
	n = recv(c->fd, to, most, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static void take(struct conn *c, const uint8_t *from, size_t n)
{
	c->http->input.counts.bytes_in += n;
	if (c->phase == CONN_LINGER)
		return;
	if (c->phase == CONN_SPOOL)
		c->moved += n;
	if (from == read_buffer)
		intake_bytes(c, read_buffer, n);
	else if (c->phase == CONN_SPOOL)
		intake_took(c, n);
	else
		upload_took(c, n);
}

static void receive(struct conn *c)
{
	bool more = true;

	while (more) {
		size_t most = 0;
		uint8_t *to = buffer_for(c, &most);
		ssize_t n = to ? read_some(c, to, most) : -EAGAIN;

		if (n > 0)
			take(c, to, (size_t)n);
		else if (n == 0)
			c->ended = true;
		else if (n != -EAGAIN && n != -EINTR)
			conn_close(c);
		/* What OpenSSL holds already, no event will tell of. */
		more = n > 0 && c->fd >= 0 && c->tls && tls_pending(c->tls) && may_read(c);
	}
}

/* Why its certificate won't do, TLS has told the client; who closes now may take that from it, for
 * it may have sent a request already (send.c does the same). */
static void refuse_certificate(struct conn *c, const char *why)
{
	guard_refused_tls(c, why);
	tls_close(c->tls);
	c->tls = NULL;
	shutdown(c->fd, SHUT_WR);
	conn_enter(c, CONN_LINGER);
}

static void shake_hands(struct conn *c)
{
	const char *why = NULL;
	int err = tls_handshake(c->tls, &why);

	if (err == 0) {
		conn_enter(c, CONN_IDLE);
	} else if (err == -EPROTONOSUPPORT) {
		tls_close(c->tls);
		c->tls = NULL;
		exchange_refuse(c, 400, "TLS is spoken here: ask with https");
	} else if (err != -EAGAIN) {
		c->http->input.counts.bad++;
		if (err == -EACCES)
			refuse_certificate(c, why);
		else
			conn_close(c);
	}
}

static void on_conn(struct loop_source *source, uint32_t events)
{
	struct conn *c = LOOP_OWNER(source, struct conn, source);
	struct input *input = &c->http->input;

	if (!turn_begin(&input->turn, input->hub->loop))
		return; /* it is ready in the next round too */
	c->holds++;
	if (events & (EPOLLERR | EPOLLHUP))
		conn_close(c);
	else if (c->phase == CONN_HANDSHAKE)
		shake_hands(c);
	if (c->fd >= 0 && (events & EPOLLOUT) && (send_waits(c) || c->stream))
		send_more(c);
	if (c->fd >= 0 && (events & EPOLLIN) && c->phase != CONN_HANDSHAKE)
		receive(c);
	c->holds--;
	conn_settle(c);
	turn_end(&input->turn);
}

static void on_resume(struct loop_later *later)
{
	struct conn *c = LOOP_OWNER(later, struct conn, resume);
	struct input *input = &c->http->input;

	if (!turn_begin(&input->turn, input->hub->loop)) {
		loop_later(input->hub->loop, later);
		return;
	}
	c->holds++;
	intake(c);
	if (c->fd >= 0 && c->tls && tls_pending(c->tls) && may_read(c))
		receive(c);
	c->holds--;
	conn_settle(c);
	turn_end(&input->turn);
}

void conn_stream(struct conn *c)
{
	c->holds++;
	if (c->fd >= 0 && c->stream && bytes_left(&c->out) == 0)
		send_more(c);
	c->holds--;
	conn_settle(c);
}

int conn_open(struct input *input, int fd, const struct net_address *peer)
{
	struct in_http *http = LOOP_OWNER(input, struct in_http, input);
	struct conn *c = calloc(1, sizeof(*c));
	int on = 1, err;

	if (!c)
		return -ENOMEM;
	c->http = http;
	c->fd = fd;
	c->source.ready = on_conn;
	c->resume.run = on_resume;
	c->events = EPOLLIN;
	if (peer->any.sa_family == AF_UNIX) {
		c->peer_n = 4;
		memcpy(c->peer, "unix", 4);
	} else {
		c->peer_n = net_text(peer, c->peer);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		pace_not(fd, &peer->any);
	}
	err = http->tls ? tls_open(&c->tls, http->tls, fd) : 0;
	if (err == 0)
		err = loop_add(input->hub->loop, fd, c->events, &c->source);
	if (err < 0) {
		if (c->tls)
			tls_close(c->tls);
		free(c);
		return err;
	}
	accept_count(input);
	start_phase(c, c->tls ? CONN_HANDSHAKE : CONN_IDLE);
	return 0;
}

/* ---------------------------------------------------------------------- room */

/* Whoever has been waited for longest, with no request at work and no answer to take. */
static struct conn *idlest(const struct in_http *http)
{
	static const enum conn_phase waiting[] = {
		CONN_IDLE, CONN_HEAD, CONN_HANDSHAKE, CONN_LINGER, CONN_SPOOL};
	struct conn *found = NULL;

	for (int i = 0; i < 5; i++) {
		struct conn *c = http->phases[waiting[i]].first;

		if (c && !c->resume.queued && c->holds == 0 &&
			(!found || c->since_ns < found->since_ns))
			found = c;
	}
	return found;
}

uint64_t conn_idle_since(const struct input *input)
{
	const struct conn *c = idlest(LOOP_OWNER(input, struct in_http, input));

	return c ? c->since_ns : UINT64_MAX;
}

void conn_make_room(struct input *input)
{
	struct conn *c = idlest(LOOP_OWNER(input, struct in_http, input));

	conn_close(c);
	conn_settle(c);
}

/* ---------------------------------------------------------------------- time */

static void too_late(struct conn *c)
{
	c->holds++;
	switch ((enum conn_phase)c->phase) {
	case CONN_HEAD: exchange_refuse(c, 408, "the head of the request took too long"); break;
	case CONN_SPOOL:
	case CONN_BODY: exchange_refuse(c, 408, "the body of the request took too long"); break;
	case CONN_WAIT:
		exchange_refuse(c, 503, "the service has as many large requests at work as it can");
		break;
	case CONN_SEND:
		c->http->input.counts.unsent++;
		conn_close(c);
		break;
	default: conn_close(c);
	}
	c->holds--;
	conn_settle(c);
}

/* What is large may take its time as long as it moves, or it is us who it waits for. */
static bool moves(const struct conn *c)
{
	if (c->phase == CONN_BODY)
		return c->spool.areas && c->moved >= UPLOAD_LEAST;
	if (c->phase == CONN_SPOOL)
		return c->moved >= SEND_LEAST || !intake_ready(c);
	if (c->phase != CONN_SEND)
		return false;
	return c->moved >= (c->output.areas ? AREA_LEAST : SEND_LEAST) ||
		(c->stream && bytes_left(&c->out) == 0 && !flows(c));
}

void conn_on_timer(struct loop_timer *timer)
{
	struct in_http *http = LOOP_OWNER(timer, struct in_http, timer);
	uint64_t now = loop_now(http->input.hub->loop);

	for (int i = 0; i < CONN_PHASES; i++) {
		struct conn_list *list = &http->phases[i];
		uint64_t most = patience(http, (enum conn_phase)i);

		if (most == 0)
			continue;
		while (list->first && list->first->since_ns + most <= now) {
			struct conn *c = list->first;

			if (moves(c)) {
				list_remove(c);
				start_phase(c, (enum conn_phase)c->phase);
			} else {
				too_late(c);
			}
		}
		if (list->first)
			wake_by(http, list->first->since_ns + most);
	}
}

/* ----------------------------------------------------------------------- end */

/* Has it sent something that was not looked at? */
static bool has_sent(struct conn *c)
{
	uint8_t byte;

	return bytes_left(&c->in) > 0 || recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* A request that came just now, or a part of one, is refused in words, not by a reset. */
static void stop(struct conn *c)
{
	c->bodiless = false;
	if (c->phase == CONN_HEAD || c->phase == CONN_WAIT ||
		(c->phase == CONN_IDLE && has_sent(c)))
		exchange_refuse(c, 503, "this listener is closing");
	else
		conn_close(c);
}

void conn_stop_all(struct in_http *http)
{
	static const enum conn_phase waiting[] = {
		CONN_HANDSHAKE, CONN_IDLE, CONN_HEAD, CONN_WAIT, CONN_SPOOL};

	for (int i = 0; i < 5; i++) {
		struct conn *next;

		for (struct conn *c = http->phases[waiting[i]].first; c; c = next) {
			next = c->next;
			c->holds++;
			stop(c);
			c->holds--;
			conn_settle(c);
		}
	}
}

void conn_close_all(struct in_http *http)
{
	for (int i = 0; i < CONN_PHASES; i++) {
		while (http->phases[i].first) {
			struct conn *c = http->phases[i].first;

			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a freed one is in no list */
			conn_close(c);
			conn_settle(c);
		}
	}
}
