/*
 * tests/unit/client/c/scene.h - a client and a server that does what it is told: what tests of calls begin with.
 */
#ifndef TESTS_UNIT_CLIENT_C_SCENE_H
#define TESTS_UNIT_CLIENT_C_SCENE_H

#include "client/c/mayfly-client.h"
#include "tests/unit/client/c/server.h"

#define OK    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define EMPTY "Content-Length: 0\r\n\r\n"

struct scene {
	struct server *server;
	struct mayfly_client *client;
};
extern struct scene scene;

/* PLAY({.answer = OK}, ...) begins a test: its turns, one a request. TEST ends the scene after it. */
void scene_play(const struct turn *turns, size_t count);
int scene_end(void **state);
#define PLAY(...)                                                                                  \
	static const struct turn turns[] = {__VA_ARGS__};                                          \
	(void)state;                                                                               \
	scene_play(turns, sizeof(turns) / sizeof(turns[0]))
#define TEST(f) cmocka_unit_test_teardown(f, scene_end)

/* Asks /ask, unless it says otherwise. */
struct mayfly_answer scene_ask(struct mayfly_request request);
/* It went well, and this is its body. */
void scene_is(const struct mayfly_answer *answer, const char *body);

#endif
