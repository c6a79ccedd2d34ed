/* hub/http/upload.c - a body goes from the socket straight into an input area of its service. */
#include <errno.h>
#include <string.h>

#include "hub/http/conn.h"
#include "hub/hub.h"

/* Bytes a round, of one connection. */
#define READ_MOST (512u << 10)

/* One may be free now: the request is admitted anew, for routes and rights may have changed. */
static void on_free(struct areas_wait *wait)
{
	struct conn *c = LOOP_OWNER(wait, struct conn, wait);

	conn_enter(c, CONN_HEAD);
	loop_later(c->http->input.hub->loop, &c->resume);
}

/* A client that sends the same again under one key must have sent the same body: what its hash is for. */
static bool has_key(const struct request *request)
{
	unsigned next = 0;

	return request_header(request, "idempotency-key", &next).p != NULL;
}

bool upload_begin(
	struct conn *c, const struct request *request, size_t head, struct service *service)
{
	int rc = spool_begin(&c->spool, service);

	if (rc == 0 && has_key(request))
		rc = spool_hash(&c->spool);
	if (rc == 0) {
		if (c->operands)
			operands_begin(c);
		return true;
	}
	spool_end(&c->spool);
	if (rc == -EAGAIN) {
		c->head = head;
		c->seen = 0;
		c->wait.ready = on_free;
		areas_wait(service->areas, &c->wait);
		conn_enter(c, CONN_WAIT);
	} else {
		exchange_refuse(c, 503, "the hub has no memory for the body");
	}
	return false;
}

void upload_length(struct conn *c, size_t head, size_t length)
{
	size_t came = bytes_left(&c->in) - head, body = came < length ? came : length;
	uint8_t *at = c->in.p + c->in.at + head;

	c->head = head;
	c->need = c->spool.bytes + length;
	(void)spool_append(&c->spool, at, body); /* exchange_admit has seen that it fits */
	memmove(at, at + body, came - body);
	c->in.n -= body;
	if (body == length) {
		intake_whole(c, head);
		return;
	}
	conn_enter(c, CONN_BODY);
	if (c->expects)
		send_continue(c);
	c->expects = false;
}

bool upload_room(const struct conn *c, uint8_t **to, size_t *n)
{
	size_t left, room;

	if (c->phase != CONN_BODY || !c->spool.areas || c->chunked)
		return false;
	left = c->need - c->spool.bytes;
	*to = spool_room(&c->spool, &room);
	*n = left < READ_MOST ? left : READ_MOST;
	return true;
}

void upload_took(struct conn *c, size_t n)
{
	spool_took(&c->spool, n);
	c->moved += n;
	if (c->spool.bytes == c->need)
		intake_whole(c, c->head);
}

void upload_end(struct conn *c)
{
	areas_wait_no_more(&c->wait);
	operands_drop(c);
	spool_end(&c->spool);
}
