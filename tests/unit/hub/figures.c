/* tests/unit/hub/figures - see figures.h */
#include "tests/unit/hub/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/clock.h"

struct hub hub;
static struct journal journal;
static struct input input;
static const struct input_ops ops = {.name = "udp"};

static char *copy(const char *text)
{
	char *to = malloc(strlen(text) + 1);

	assert_non_null(to);
	return strcpy(to, text);
}

struct service *figures_service(const char *name)
{
	struct service **end = &hub.services, *s = malloc(sizeof(*s));

	assert_non_null(s);
	service_init(s, &hub);
	s->name = copy(name);
	s->image_path = copy("none.mfy");
	s->manifest.version = copy("1.0");
	s->head.backend = MFW_BACKEND_PROCESS;
	s->queue_most = 8;
	while (*end)
		end = &(*end)->next;
	*end = s;
	return s;
}

int figures_begin(void **state)
{
	struct service *s;

	(void)state;
	hub_init(&hub);
	assert_int_equal(loop_open(&hub.loop), 0);
	assert_int_equal(report_open(&hub.report, hub.loop, false, false), 0);
	journal = (struct journal){0};
	hub.options.journal = &journal;
	s = figures_service("first");
	input = (struct input){.ops = &ops, .hub = &hub, .service = s};
	strcpy(input.text, "127.0.0.1:53");
	hub.inputs = &input;
	return 0;
}

int figures_end(void **state)
{
	(void)state;
	hub.inputs = NULL; /* it is ours */
	for (struct service *s = hub.services; s; s = s->next)
		free(s->manifest.version);
	for (struct service *s = hub.services; s; s = s->next)
		s->manifest.version = NULL;
	hub_close(&hub);
	return 0;
}

struct input *figures_input(void)
{
	return &input;
}

void figures_ended(struct service *s, uint64_t birth_ns, uint64_t run_ns)
{
	const struct task task = {.service = s, .accepted_ns = clock_mono_ns()};
	const struct ending ending = {.result = "ok", .birth_ns = birth_ns, .run_ns = run_ns};

	metrics_life(s, &task, &ending);
}

const char *figures_page(
	page_answer *page, const char *query, unsigned *status, const char **content_type)
{
	static char *text;
	static size_t n;
	const struct page_request request = {.query = mf_str_of(query, query ? strlen(query) : 0)};
	struct page_reply reply = {.status = 200};

	free(text);
	text = NULL;
	reply.body = open_memstream(&text, &n);
	assert_non_null(reply.body);
	page(&hub, &request, &reply);
	assert_int_equal(fclose(reply.body), 0);
	*status = reply.status;
	*content_type = reply.content_type;
	return text;
}
