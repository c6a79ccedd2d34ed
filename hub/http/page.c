/* hub/http/page.c - see page.h */
#include "hub/http/page.h"

#include <stdlib.h>
#include <string.h>

#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/hub.h"
#include "wire/http_text.h"

struct mf_str page_parameter(struct mf_str query, const char *name)
{
	return http_parameter(query, name);
}

bool page_open(struct page_reply *reply, struct conn *conn)
{
	*reply = (struct page_reply){.status = 200, .content_type = "text/plain", .conn = conn};
	reply->body = open_memstream(&reply->text, &reply->n);
	return reply->body != NULL;
}

static bool close_body(struct page_reply *reply)
{
	const bool written = !ferror(reply->body);

	return fclose(reply->body) == 0 && written;
}

bool page_send(struct page_reply *reply)
{
	const struct mf_str none = {NULL, 0};
	const bool written = close_body(reply);
	struct response r = {.status = reply->status};
	char id[TASK_ID + 1];

	if (written && !reply->waits) {
		task_make_id(id);
		r.event = id;
		r.content_type = mf_str_of(reply->content_type, strlen(reply->content_type));
		send_answer(reply->conn, &r, none, mf_str_of(reply->text, reply->n));
	}
	free(reply->text);
	return written;
}

struct page_reply *page_wait(struct page_reply *now)
{
	struct page_reply *later = malloc(sizeof(*later));

	if (!later || !page_open(later, now->conn)) {
		free(later);
		return NULL;
	}
	now->waits = true;
	now->conn->holds++;
	now->conn->http->input.tasks++;
	return later;
}

void page_end(struct page_reply *later)
{
	static const struct problem unwritten = {
		.status = 500, .detail = "the page could not be written"};
	struct conn *c = later->conn;
	struct hub *hub = c->http->input.hub;

	if (c->fd < 0) {
		c->http->input.counts.unsent++;
		later->waits = true; /* nobody is there */
		(void)page_send(later);
	} else if (!page_send(later)) {
		exchange_problem(c, &unwritten);
	}
	free(later);
	c->http->input.tasks--;
	c->holds--;
	conn_settle(c);
	hub_ended(hub);
}
