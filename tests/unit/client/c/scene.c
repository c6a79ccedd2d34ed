#include "tests/unit/client/c/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene scene;

void scene_play(const struct turn *turns, size_t count)
{
	char url[64], text[MAYFLY_TEXT];
	struct mayfly_settings settings = {.url = url, .deadline_ms = 30000};

	scene.server = server_start(turns, count);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server_port(scene.server));
	assert_int_equal(mayfly_open(&scene.client, &settings, text), MAYFLY_OK);
}

int scene_end(void **state)
{
	(void)state;
	mayfly_close(scene.client);
	if (scene.server)
		server_stop(scene.server);
	scene = (struct scene){0};
	return 0;
}

struct mayfly_answer scene_ask(struct mayfly_request request)
{
	struct mayfly_answer answer;

	if (!request.path)
		request.path = "/ask";
	(void)mayfly_call(scene.client, &request, &answer);
	return answer;
}

void scene_is(const struct mayfly_answer *answer, const char *body)
{
	assert_string_equal(answer->text, "");
	assert_int_equal(answer->error, MAYFLY_OK);
	assert_int_equal(answer->size, strlen(body));
	assert_memory_equal(answer->body, body, answer->size);
}
