/*
 * tests/unit/client/c/server.h - something that answers HTTP as it is told, on a port of its own: one turn a
 * request, the last one for all that follow. What came is kept.
 */
#ifndef TESTS_UNIT_CLIENT_C_SERVER_H
#define TESTS_UNIT_CLIENT_C_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_SEEN 512
#define SERVER_HEAD 4096

struct turn {
	const char *answer; /* sent as it is; NULL: none */
	size_t size;        /* of it; 0: it is a text */
	bool unread;        /* the body isn't read before */
	bool close;         /* afterwards */
	bool wait;          /* before: until server_release */
};

struct seen {
	char head[SERVER_HEAD];
	char *body;
	size_t size;
};

struct server;
struct server *server_start(const struct turn *turns, size_t count);
void server_stop(struct server *server);
void server_release(struct server *server);
unsigned server_port(const struct server *server);
/* How many requests came; connections that ended. */
size_t server_count(struct server *server);
size_t server_gone(struct server *server);
/* The i-th, which is whole. */
const struct seen *server_seen(struct server *server, size_t i);
/* Does a header line of it say that? "Name: value" */
bool server_heard(struct server *server, size_t i, const char *line);

#endif
