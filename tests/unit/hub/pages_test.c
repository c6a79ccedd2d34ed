/* hub/pages, hub/http/page */
#include "hub/pages.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/http/router.h"
#include "sys/clock.h"
#include "tests/unit/hub/figures.h"

static json_t *answer;

static json_t *ask(page_answer *page, const char *query, unsigned wanted)
{
	const char *type, *text;
	unsigned status;
	json_error_t error;

	json_decref(answer);
	text = figures_page(page, query, &status, &type);
	assert_int_equal(status, wanted);
	assert_string_equal(type, wanted < 400 ? "application/json" : "application/problem+json");
	answer = json_loads(text, 0, &error);
	assert_non_null(answer);
	return answer;
}

static json_t *only(json_t *o)
{
	assert_int_equal(json_array_size(json_object_get(o, "services")), 1);
	return json_array_get(json_object_get(o, "services"), 0);
}

static const char *word(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t figure(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static void services(void **state)
{
	struct service *s = hub.services;
	json_t *o;

	(void)state;
	o = ask(pages_services, NULL, 200);
	assert_int_equal(figure(json_object_get(o, "hub"), "pid"), getpid());
	assert_true(json_is_null(json_object_get(json_object_get(o, "hub"), "config")));
	o = only(o);
	assert_string_equal(word(o, "name"), "first");
	assert_string_equal(word(o, "state"), "idle");
	assert_string_equal(word(o, "backend"), "process");
	assert_string_equal(word(json_object_get(o, "circuit"), "state"), "closed");
	assert_true(json_is_null(json_object_get(o, "worker")));
	assert_true(json_is_null(json_object_get(o, "run_p50_us")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "listeners"), 0)),
		"udp 127.0.0.1:53");
	s->counts.refused[REFUSED_LATE] = 2;
	s->counts.refused[REFUSED_BUSY] = 3;
	s->worker = WORKER_READY;
	figures_ended(s, 4000, 7000);
	o = only(ask(pages_services, NULL, 200));
	s->worker = WORKER_NONE;
	assert_string_equal(word(o, "state"), "ready");
	assert_int_equal(figure(o, "refused"), 5);
	assert_in_range(json_number_value(json_object_get(o, "run_p50_us")), 5, 10);
}

static void an_open_circuit_says_for_how_long(void **state)
{
	json_t *o;

	(void)state;
	hub.services->circuit.state = CIRCUIT_OPEN;
	hub.services->circuit.until_ns = clock_mono_ns() + 100 * CLOCK_S;
	o = json_object_get(only(ask(pages_services, NULL, 200)), "circuit");
	assert_string_equal(word(o, "state"), "open");
	assert_in_range(json_number_value(json_object_get(o, "wait_s")), 90, 100);
}

static void stats_of_one_or_all(void **state)
{
	struct service *second = figures_service("second");
	json_t *o;

	(void)state;
	second->counts.results[MFW_ERR_CRASHED] = 4;
	second->counts.refused[REFUSED_FAILED] = 4;
	figures_ended(second, 1000, 2000);
	o = ask(pages_stats, "", 200);
	assert_int_equal(json_array_size(json_object_get(o, "services")), 2);
	assert_int_equal(json_array_size(json_object_get(o, "listeners")), 1);
	assert_true(figure(json_object_get(o, "hub"), "resident_bytes") > 0);
	o = ask(pages_stats, "service=second", 200);
	assert_int_equal(json_array_size(json_object_get(o, "listeners")), 0);
	o = only(o);
	assert_string_equal(word(o, "name"), "second");
	assert_int_equal(figure(json_object_get(o, "results"), "crashed"), 4);
	assert_int_equal(json_object_size(json_object_get(o, "results")), 1);
	assert_int_equal(figure(json_object_get(o, "refusals"), "failed"), 4);
	o = json_object_get(json_object_get(o, "times"), "run");
	assert_int_equal(figure(o, "count"), 1);
	assert_true(json_number_value(json_object_get(o, "mean_us")) == 2.0);
}

static void a_service_that_there_is_not(void **state)
{
	json_t *o;

	(void)state;
	o = ask(pages_services, "service=fir\x1bst", 404);
	assert_string_equal(word(o, "detail"), "there is no service 'fir\\x1bst'");
	assert_int_equal(figure(o, "status"), 404);
	ask(pages_stats, "service=", 404);
	ask(pages_stats, "service=firs", 404);
}

static json_int_t lines(const char *query)
{
	return (json_int_t)json_array_size(json_object_get(ask(pages_logs, query, 200), "lines"));
}

static void logs(void **state)
{
	struct journal *j = hub.options.journal;
	int real = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
	json_t *o;

	(void)state;
	assert_int_equal(lines(NULL), 0);
	assert_int_equal(figure(answer, "next"), 0);
	assert_int_equal(figure(answer, "missed"), 0);
	dup2(null, STDERR_FILENO);
	journal_open(j, false);
	log_info("one");
	log_about(LOG_WARN, "first", "0123", "two \"%s\"", "\xff");
	assert_int_equal(lines("after=0"), 2);
	assert_int_equal(figure(answer, "next"), 2);
	o = json_array_get(json_object_get(answer, "lines"), 1);
	assert_int_equal(figure(o, "number"), 2);
	assert_string_equal(word(o, "text"), "two \"\\xff\"");
	assert_string_equal(word(o, "event"), "0123");
	assert_int_equal(lines("after=1"), 1);
	assert_int_equal(lines("after=2&level=debug"), 0);
	assert_int_equal(lines("level=warning"), 1);
	assert_int_equal(lines("level=error"), 0);
	assert_int_equal(lines("service=first"), 1);
	assert_int_equal(lines("service=second"), 0); /* it may have been there before a reload */
	for (unsigned i = 0; i < JOURNAL_LINES; i++)
		log_line(LOG_INFO, "more");
	assert_int_equal(lines("after=1"), JOURNAL_LINES);
	assert_int_equal(figure(answer, "missed"), 1); /* line 2 */
	journal_close(j);
	*j = (struct journal){0};
	dup2(real, STDERR_FILENO);
	close(real);
	close(null);
}

static void what_logs_do_not_understand(void **state)
{
	(void)state;
	ask(pages_logs, "after=x", 400);
	ask(pages_logs, "after=", 400);
	ask(pages_logs, "after=-1", 400);
	ask(pages_logs, "after=99999999999999999999999", 400);
	ask(pages_logs, "level=loud", 400);
}

static void health(void **state)
{
	(void)state;
	assert_string_equal(word(ask(pages_health, NULL, 200), "status"), "ok");
	hub.stopping = true;
	assert_string_equal(word(ask(pages_health, NULL, 200), "status"), "stopping");
}

static void stop_answers_before_it_stops(void **state)
{
	(void)state;
	log_to(NULL, NULL);
	assert_int_equal(figure(ask(pages_stop, NULL, 200), "pid"), getpid());
	assert_true(json_is_false(json_object_get(answer, "now")));
	assert_false(hub.stopping);
	assert_true(json_is_true(json_object_get(ask(pages_stop, "now=1", 200), "now")));
	hub.inputs = NULL; /* its operations are not there */
	assert_int_equal(loop_run(hub.loop), 0);
	assert_true(hub.stopping);
}

static void each_page_has_its_route(void **state)
{
	const struct route *route;
	char allow[ROUTER_ALLOW_MAX];
	struct router *router;

	(void)state;
	assert_int_equal(router_open(&router), 0);
	assert_int_equal(pages_add(router, NULL, NULL), 0);
	assert_int_equal(router_find(router, MF_STR("hub"), MF_STR("GET"), MF_STR("/v1/logs"),
				 &route, allow),
		ROUTER_FOUND);
	assert_ptr_equal(route->page, pages_logs);
	assert_int_equal(router_find(router, MF_STR("hub"), MF_STR("GET"), MF_STR("/v1/stop"),
				 &route, allow),
		ROUTER_NO_METHOD);
	router_close(router);
}

static bool parameter(const char *query, const char *name, const char *value)
{
	struct mf_str got = page_parameter(mf_str_of(query, strlen(query)), name);

	return value ? got.p && mf_str_is(got, value) : got.p == NULL;
}

static void parameters(void **state)
{
	(void)state;
	assert_true(parameter("a=1&b=2", "a", "1"));
	assert_true(parameter("a=1&b=2", "b", "2"));
	assert_true(parameter("a=1&b=", "b", ""));
	assert_true(parameter("a=1&a=2", "a", "1"));
	assert_true(parameter("aa=1", "a", NULL));
	assert_true(parameter("b=a=1", "a", NULL));
	assert_true(parameter("a", "a", ""));
	assert_true(parameter("", "a", NULL));
	assert_true(parameter("&&a=1", "a", "1"));
	assert_null(page_parameter(mf_str_of(NULL, 0), "a").p);
}

static int end(void **state)
{
	json_decref(answer);
	answer = NULL;
	return figures_end(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, figures_begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(services),
		TEST(an_open_circuit_says_for_how_long),
		TEST(stats_of_one_or_all),
		TEST(a_service_that_there_is_not),
		TEST(logs),
		TEST(what_logs_do_not_understand),
		TEST(health),
		TEST(stop_answers_before_it_stops),
		TEST(each_page_has_its_route),
		TEST(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
