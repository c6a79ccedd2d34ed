/* hub/metrics */
#include "hub/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hub/figures.h"

static const char *page(void)
{
	const char *type, *text;
	unsigned status;

	text = figures_page(metrics_page, NULL, &status, &type);
	assert_int_equal(status, 200);
	assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
	return text;
}

/* Does the page have exactly this line? */
static bool has(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = strstr(text, line); p; p = strstr(p + 1, line))
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return true;
	return false;
}

static void counts_of_a_service(void **state)
{
	struct service *s = hub.services;
	const char *text;

	(void)state;
	s->counts.accepted = 9;
	s->counts.lives = 8;
	s->counts.results[MFW_OK] = 4;
	s->counts.results[MFW_ERR_CRASHED] = 1;
	s->counts.denied = 1;
	s->counts.refused[REFUSED_BUSY] = 3;
	s->circuit.state = CIRCUIT_OPEN;
	text = page();
	assert_true(has(text, "mayfly_events_accepted_total{service=\"first\"} 9"));
	assert_true(has(text, "mayfly_lives_total{service=\"first\",result=\"ok\"} 4"));
	assert_true(has(text, "mayfly_lives_total{service=\"first\",result=\"crashed\"} 1"));
	assert_true(has(text, "mayfly_lives_total{service=\"first\",result=\"denied\"} 1"));
	/* what is missing to the lives there were */
	assert_true(has(text, "mayfly_lives_total{service=\"first\",result=\"late\"} 2"));
	assert_true(has(text, "mayfly_refusals_total{service=\"first\",reason=\"busy\"} 3"));
	assert_true(has(text, "mayfly_refusals_total{service=\"first\",reason=\"late\"} 0"));
	assert_true(has(text, "mayfly_worker_state{service=\"first\",state=\"idle\"} 1"));
	assert_true(has(text, "mayfly_worker_state{service=\"first\",state=\"ready\"} 0"));
	assert_true(has(text, "mayfly_circuit_open{service=\"first\"} 1"));
}

static void a_worker_that_counts_nonsense(void **state)
{
	(void)state;
	hub.services->counts.lives = 1;
	hub.services->counts.results[MFW_OK] = 5;
	assert_true(has(page(), "mayfly_lives_total{service=\"first\",result=\"late\"} 0"));
}

static void times_are_cumulative(void **state)
{
	const char *text;

	(void)state;
	text = page();
	assert_null(strstr(text, "mayfly_life_run_seconds_bucket")); /* none ended */
	figures_ended(hub.services, 4000, 7000);
	figures_ended(hub.services, 4000, 30000);
	figures_ended(hub.services, 0, 0); /* refused: there was no life */
	text = page();
	assert_true(has(text, "mayfly_life_run_seconds_bucket{service=\"first\",le=\"5e-06\"} 0"));
	assert_true(has(text, "mayfly_life_run_seconds_bucket{service=\"first\",le=\"1e-05\"} 1"));
	assert_true(
		has(text, "mayfly_life_run_seconds_bucket{service=\"first\",le=\"2.5e-05\"} 1"));
	assert_true(has(text, "mayfly_life_run_seconds_bucket{service=\"first\",le=\"5e-05\"} 2"));
	assert_true(has(text, "mayfly_life_run_seconds_bucket{service=\"first\",le=\"10\"} 2"));
	assert_true(has(text, "mayfly_life_run_seconds_bucket{service=\"first\",le=\"+Inf\"} 2"));
	assert_true(has(text, "mayfly_life_run_seconds_sum{service=\"first\"} 0.000037000"));
	assert_true(has(text, "mayfly_life_run_seconds_count{service=\"first\"} 2"));
	assert_true(has(text, "mayfly_life_birth_seconds_count{service=\"first\"} 2"));
	assert_true(has(text, "mayfly_event_duration_seconds_count{service=\"first\"} 3"));
	assert_true(has(text, "mayfly_event_queue_seconds_count{service=\"first\"} 3"));
}

static void listeners(void **state)
{
	struct input *in = figures_input();
	const char *text;

	(void)state;
	in->counts.events = 5;
	in->counts.bytes_out = 1ull << 40;
	in->counts.open = 2;
	text = page();
	assert_true(has(text,
		"mayfly_listener_events_total{transport=\"udp\",address=\"127.0.0.1:53\","
		"service=\"first\"} 5"));
	assert_true(has(text,
		"mayfly_listener_sent_bytes_total{transport=\"udp\","
		"address=\"127.0.0.1:53\",service=\"first\"} 1099511627776"));
	in->service = NULL; /* shared */
	assert_true(has(page(),
		"mayfly_listener_connections{transport=\"udp\","
		"address=\"127.0.0.1:53\"} 2"));
}

static void labels_are_escaped(void **state)
{
	struct service *s = hub.services;

	(void)state;
	free(s->manifest.version);
	s->manifest.version = malloc(32);
	strcpy(s->manifest.version, "1\"\\\n2");
	assert_non_null(strstr(page(), "version=\"1\\\"\\\\\\n2\",image="));
}

static void the_hub_itself(void **state)
{
	unsigned long long bytes = 0;
	const char *text, *found;

	(void)state;
	hub.reloads.done = 2;
	hub.reloads.failed = 1;
	hub.started_ns = 1500000000250000000;
	text = page();
	assert_non_null(strstr(text, "\nmayfly_build_info{version=\""));
	assert_true(has(text, "mayfly_start_time_seconds 1500000000.250000000"));
	assert_true(has(text, "mayfly_config_reloads_total{result=\"ok\"} 2"));
	assert_true(has(text, "mayfly_config_reloads_total{result=\"failed\"} 1"));
	found = strstr(text, "\nprocess_resident_memory_bytes ");
	assert_non_null(found);
	assert_int_equal(sscanf(found, "\nprocess_resident_memory_bytes %llu", &bytes), 1);
	assert_true(bytes > 100000);
	found = strstr(text, "\nprocess_open_fds ");
	assert_int_equal(sscanf(found, "\nprocess_open_fds %llu", &bytes), 1);
	assert_in_range(bytes, 3, 100);
}

/* Each family has one head, and its samples follow it. */
static void families_are_together(void **state)
{
	char family[128] = "", name[128];
	const char *line;

	(void)state;
	figures_service("second");
	figures_ended(hub.services, 1000, 1000);
	figures_ended(hub.services->next, 1000, 1000);
	line = page();
	while (*line) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line + 7, "%127[a-z_]", family), 1);
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_int_equal(sscanf(line + 7, "%127[a-z_]", name), 1);
			assert_string_equal(name, family);
		} else {
			assert_int_equal(strncmp(line, family, strlen(family)), 0);
			assert_non_null(strchr("{_ ", line[strlen(family)]));
		}
		line = strchr(line, '\n') + 1;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, figures_begin, figures_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_of_a_service),
		TEST(a_worker_that_counts_nonsense),
		TEST(times_are_cumulative),
		TEST(listeners),
		TEST(labels_are_escaped),
		TEST(the_hub_itself),
		TEST(families_are_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
