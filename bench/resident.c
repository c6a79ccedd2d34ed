/*
 * bench/resident.c - what services/button answers to a press, from a server that stays: the hub's
 * own loop, listener, parser, router and writer, and a function in place of a life. So bench/hub sees
 * what a birth adds, and what HTTP costs without one.
 *
 *	resident ADDRESS
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/in_http.h"

static void press(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	size_t at = request->path.n;

	(void)hub;
	while (at > 0 && request->path.p[at - 1] != '/')
		at--;
	reply->content_type = "text/plain; charset=utf-8";
	fprintf(reply->body, "%.*s: short\n", (int)(request->path.n - at),
		(const char *)request->path.p + at);
}

int main(int argc, char **argv)
{
	static struct hub hub;
	const struct route route = {
		.method = "POST", .path = "/button/+", .page = press, .place = "here"};
	const struct route *other;
	struct net_address address;
	struct router *router;
	char error[HTTP_ERROR_MAX] = "";

	if (argc != 2 || net_parse(&address, argv[1]) < 0) {
		fprintf(stderr, "usage: resident ADDRESS\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	hub_init(&hub);
	if (loop_open(&hub.loop) < 0 || router_open(&router) < 0 ||
		router_add(router, &route, &other) < 0 ||
		in_http_open(&hub.inputs, &hub, &address, NULL, router, error) < 0) {
		fprintf(stderr, "resident: %s: can't listen: %s\n", argv[1], error);
		return 1;
	}
	return loop_run(hub.loop) < 0;
}
