/*
 * hub/http/page.h - what the hub itself answers over HTTP: metrics, and what `mayfly ps` and
 * the like ask on the admin socket. A page is answered on the loop's thread: at once, from memory; or, where somebody
 * else must be waited for (the ledger's thread), later: nothing blocks meanwhile but its own connection.
 */
#ifndef HUB_HTTP_PAGE_H
#define HUB_HTTP_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

struct conn;
struct hub;

struct page_request {
	struct mf_str method, path, query, body; /* gone when the page has answered */
};

struct page_reply {
	unsigned status; /* 200 unless set */
	const char *content_type;
	FILE *body;        /* written by the page, in memory; what fails to be written is a 500 */
	struct conn *conn; /* page.c's, with the two below */
	char *text;
	size_t n;
	bool waits;
};

typedef void page_answer(
	struct hub *hub, const struct page_request *request, struct page_reply *reply);

/* The page answers later: it returns with nothing written, fills in what it gets here, and ends it, once, on the loop's thread; also
 * if the client is gone by then. NULL: no memory; it must answer now. */
struct page_reply *page_wait(struct page_reply *now);
void page_end(struct page_reply *later);

/* The value of NAME in "a=1&NAME=value": as it stands there, not decoded; empty if there is no
 * "="; p NULL: absent. */
struct mf_str page_parameter(struct mf_str query, const char *name);

/* For exchange.c: `reply` is made, and sent when the page has answered; false, with nothing sent: it couldn't be written, or there is no memory. */
bool page_open(struct page_reply *reply, struct conn *conn);
bool page_send(struct page_reply *reply);

#endif
