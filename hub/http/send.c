/* hub/http/send.c - answers go out. */
#include <errno.h>
#include <sys/uio.h>

#include "hub/http/conn.h"
#include "hub/http/tls.h"
#include "hub/hub.h"
#include "sys/clock.h"

#define PARTS     4
#define SEND_MOST (1u << 20) /* a round, of one connection, from an area */

static ssize_t put_plain(struct conn *c, struct iovec *iov, int count)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)count};
	ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

/* How many bytes the client's side took, 0 too; -errno: it is gone. */
static ssize_t put(struct conn *c, struct iovec *iov, int count)
{
	ssize_t n = c->tls ? tls_write(c->tls, iov, count) : put_plain(c, iov, count);

	return n == -EAGAIN || n == -EINTR ? 0 : n;
}

/* What isn't taken at once waits in `out`. False: the connection is closed. */
static bool put_or_keep(struct conn *c, struct iovec *iov, int count)
{
	struct bytes_total *held = &c->http->input.hub->held;
	ssize_t sent = bytes_left(&c->out) == 0 ? put(c, iov, count) : 0;
	bool kept = sent >= 0;

	for (int i = 0; i < count && kept; i++) {
		size_t skip = (size_t)sent < iov[i].iov_len ? (size_t)sent : iov[i].iov_len;

		sent -= (ssize_t)skip;
		if (skip < iov[i].iov_len)
			kept = bytes_add(&c->out, held, (uint8_t *)iov[i].iov_base + skip,
				iov[i].iov_len - skip);
	}
	if (!kept)
		conn_close(c);
	return kept;
}

bool send_waits(const struct conn *c)
{
	return bytes_left(&c->out) > 0 || c->rest.n > 0;
}

/* The answer is out. */
static void finished(struct conn *c)
{
	areas_release(&c->output);
	if (c->keep_alive) {
		conn_enter(c, CONN_IDLE);
		if (bytes_left(&c->in) > c->taken || (c->tls && tls_pending(c->tls)))
			loop_later(c->http->input.hub->loop, &c->resume);
		return;
	}
	/* What the client sends to a socket that is closed resets the connection, and may take the
	 * answer from it (RFC 9112, 9.6): it closes first, or has had time to. */
	if (c->ended) {
		conn_close(c);
		return;
	}
	bytes_free(&c->in, &c->http->input.hub->held);
	if (c->tls)
		tls_bye(c->tls);
	shutdown(c->fd, SHUT_WR);
	conn_enter(c, CONN_LINGER);
}

/* False: the connection is closed. */
static bool put_answer(struct conn *c, struct response *r, struct mf_str lines, struct mf_str body,
	uint64_t length)
{
	struct input *in = &c->http->input;
	char head[RESPONSE_HEAD_MOST];
	struct iovec iov[PARTS];

	if (c->http->stopping || (c->ended && bytes_left(&c->in) <= c->taken))
		c->keep_alive = false;
	r->minor = c->minor;
	r->keep_alive = c->keep_alive;
	r->length = length;
	r->now = clock_wall_ns() / (int64_t)CLOCK_S;
	iov[0] = (struct iovec){head, response_head(r, head)};
	iov[1] = (struct iovec){(void *)(uintptr_t)lines.p, lines.n};
	iov[2] = (struct iovec){(void *)(uintptr_t) "\r\n", 2};
	iov[3] = (struct iovec){(void *)(uintptr_t)body.p, body.n};
	c->expects = false;
	if (!put_or_keep(c, iov, PARTS)) {
		in->counts.unsent++;
		return false;
	}
	in->counts.replies++;
	in->counts.bytes_out += body.n;
	in->counts.requests++;
	return true;
}

void send_answer(struct conn *c, struct response *r, struct mf_str lines, struct mf_str body)
{
	const bool has_body = response_has_body(r->status) && !c->bodiless;
	const bool lent = has_body && c->output.areas;

	if (!put_answer(c, r, lines, mf_str_of(body.p, has_body && !lent ? body.n : 0), body.n))
		return;
	if (lent) {
		c->http->input.counts.bytes_out += body.n;
		c->rest = body;
	}
	if (!send_waits(c)) {
		finished(c);
		return;
	}
	conn_enter(c, CONN_SEND);
	if (lent)
		send_more(c);
}

void send_stream(struct conn *c, struct response *r, struct mf_str lines, struct stream *s)
{
	const bool has_body = s->left > 0 && !c->bodiless;
	const uint64_t length = s->left < STREAM_ENDLESS ? s->left : RESPONSE_NO_LENGTH;

	if (length == RESPONSE_NO_LENGTH)
		c->keep_alive = false;
	if (!put_answer(c, r, lines, (struct mf_str){NULL, 0}, length) || !has_body) {
		s->ops->drop(s);
		if (c->fd < 0)
			return;
		if (bytes_left(&c->out) > 0)
			conn_enter(c, CONN_SEND);
		else
			finished(c);
		return;
	}
	c->stream = s;
	conn_enter(c, CONN_SEND);
	if (bytes_left(&c->out) == 0)
		send_more(c);
}

void send_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = {(void *)(uintptr_t)text, sizeof(text) - 1};

	put_or_keep(c, &iov, 1);
}

/* Once: others want their turn. */
static void send_some(struct conn *c)
{
	struct stream *s = c->stream;
	size_t most = 0;
	const uint8_t *p = s->ops->next(s, &most);
	struct iovec iov = {(void *)(uintptr_t)p, most < s->left ? most : (size_t)s->left};
	ssize_t n = p ? put(c, &iov, 1) : 0;

	if (n < 0) {
		c->http->input.counts.unsent++;
		conn_close(c);
		return;
	}
	c->moved += (size_t)n;
	c->http->input.counts.bytes_out += (uint64_t)n;
	s->left -= (uint64_t)n;
	if (n > 0)
		s->ops->sent(s, (size_t)n);
	if (s->left > 0)
		return;
	c->stream = NULL;
	s->ops->drop(s);
	finished(c);
}

void send_more(struct conn *c)
{
	const size_t kept = bytes_left(&c->out);
	struct iovec iov[2] = {{c->out.p + c->out.at, kept},
		{(void *)(uintptr_t)c->rest.p, c->rest.n < SEND_MOST ? c->rest.n : SEND_MOST}};
	ssize_t n;
	size_t first;

	if (!send_waits(c) && c->stream) {
		send_some(c);
		return;
	}
	n = put(c, iov, 2);

	if (n < 0) {
		c->http->input.counts.unsent++;
		conn_close(c);
		return;
	}
	c->moved += (size_t)n;
	first = (size_t)n < kept ? (size_t)n : kept;
	if (first > 0)
		bytes_use(&c->out, &c->http->input.hub->held, first);
	c->rest = mf_str_of(c->rest.p + ((size_t)n - first), c->rest.n - ((size_t)n - first));
	if (!send_waits(c) && !c->stream && c->phase == CONN_SEND)
		finished(c);
}
