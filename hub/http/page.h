/*
 * hub/http/page.h - what the hub itself answers over HTTP: metrics, and what `mayfly ps` and
 * the like ask on the admin socket. A page is answered at once, on the loop's thread, from
 * memory; it must not wait for anything.
 */
#ifndef HUB_HTTP_PAGE_H
#define HUB_HTTP_PAGE_H

#include <stdio.h>

#include "base/str.h"

struct hub;

struct page_request {
	struct mf_str method, path, query, body; /* gone when the page has answered */
};

struct page_reply {
	unsigned status; /* 200 unless set */
	const char *content_type;
	FILE *body; /* written by the page, in memory; what fails to be written is a 500 */
};

typedef void page_answer(
	struct hub *hub, const struct page_request *request, struct page_reply *reply);

/* The value of NAME in "a=1&NAME=value": as it stands there, not decoded; empty if there is no
 * "="; p NULL: absent. */
struct mf_str page_parameter(struct mf_str query, const char *name);

#endif
