/* cli/hub/tell.c - see tell.h */
#include "cli/hub/tell.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/hub/table.h"
#include "cli/out.h"
#include "cli/run_json.h"
#include "sys/log.h"
#include "wire/effects.h"

static const char *const sources[MF_SOURCE_COUNT] = {
	[MF_SOURCE_RUN] = "run",
	[MF_SOURCE_UDP] = "udp",
	[MF_SOURCE_TCP] = "tcp",
	[MF_SOURCE_HTTP] = "http",
	[MF_SOURCE_MQTT] = "mqtt",
	[MF_SOURCE_COAP] = "coap",
	[MF_SOURCE_TIMER] = "timer",
	[MF_SOURCE_PACKETS] = "packets",
	[MF_SOURCE_CALL] = "call",
	[MF_SOURCE_JOB] = "job",
	[MF_SOURCE_SCHEDULE] = "schedule",
};

#define PREVIEW 200u

/* Bytes of a stranger must not steer a terminal. */
void tell_text(struct mf_str s)
{
	char clean[4 * PREVIEW + 1];

	fputs(log_clean(clean, sizeof(clean), s.p, s.n < PREVIEW ? s.n : PREVIEW), stdout);
	if (s.n > PREVIEW)
		printf(" ... (%zu bytes)", s.n);
}

void tell_line(const char *head, struct mf_str s)
{
	if (s.n == 0)
		return;
	printf("%-9s", head);
	tell_text(s);
	putchar('\n');
}

static void print_records(const char *head, const struct capsule *c, struct mf_span span,
	uint32_t count, bool versions)
{
	struct mf_str left = capsule_text(c, span);
	struct mf_record r;

	for (; count > 0; count--) {
		memcpy(&r, left.p, sizeof(r));
		printf("%-9s", head);
		tell_text(mf_str_of(left.p + sizeof(r), r.name_len));
		fputs(" = ", stdout);
		if (versions && r.version == 0)
			fputs("(absent)", stdout);
		tell_text(mf_str_of(left.p + sizeof(r) + r.name_len, r.value_len));
		if (versions && r.version > 0)
			printf(" (version %llu)", (unsigned long long)r.version);
		putchar('\n');
		left = mf_str_of(left.p + r.size, left.n - r.size);
		head = "";
	}
}

const char *tell_when(char to[static 32], int64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(to, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return to;
}

static const struct {
	const char *result, *why;
} meanings[] = {
	{"busy", "as many events as may wait did wait already: queue in hub.yaml"},
	{"down", "no worker of the service can be had: mayfly logs says why"},
	{"stopping", "the hub was being stopped"},
	{"too big", "with all that belongs to it, it doesn't fit the service's memory.event"},
	{"late", "it waited, or ran, longer than limits.deadline allows"},
	{"open",
		"its lives failed again and again: for a while none is tried (the circuit is "
		"open)"},
	{"store",
		"the database can't be written, and this service may write: mayfly logs says why"},
	{"duplicate", "this event was dealt with before: nothing ran"},
	{"missed",
		"ticks that came due while the one before ran, or the hub or the machine stood "
		"still"},
	{"no service", "no service has a route there: mayfly ps lists what there is"},
	{"no method", "a service has that path, with other methods"},
};

const char *tell_why(const char *result)
{
	for (size_t i = 0; result && i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(result, meanings[i].result) == 0)
			return meanings[i].why;
	return NULL;
}

static void print_effects(struct mf_str effects)
{
	const char *head = "did";
	struct effects_reader r;
	struct effect e;
	uint32_t record;

	if (effects.n == 0 || effects_open_either(&r, effects.p, effects.n, &record))
		return;
	for (; effects_next(&r, &e); head = "") {
		printf("%-9s", head);
		run_print_effect(stdout, &e);
	}
}

static void print_calls(const struct capsule *c)
{
	struct capsule_call call;
	char took[TABLE_CELL];
	size_t at = 0;

	for (const char *head = "called"; capsule_next_call(c, &at, &call); head = "") {
		json_t *us = json_real((double)call.took_ns / 1e3);

		printf("%-9s", head);
		tell_text(call.service);
		if (call.path.n > 0)
			putchar(' ');
		tell_text(call.path);
		printf(": %u, %s", call.status, table_us(took, us));
		if (call.body.n > 0)
			fputs(": ", stdout);
		tell_text(call.body);
		putchar('\n');
		json_decref(us);
	}
}

void tell_capsule(const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	char digest[65], when[32];

	tell_line("id", capsule_text(c, e.id));
	printf("%-9s%s.%06d UTC\n", "when", tell_when(when, e.time_ns),
		(int)(e.time_ns / 1000 % 1000000));
	printf("%-9s%s", "event", sources[e.source] ? sources[e.source] : "?");
	if (e.method.len > 0)
		putchar(' ');
	tell_text(capsule_text(c, e.method));
	putchar(' ');
	tell_text(capsule_text(c, e.subject));
	putchar('\n');
	tell_line("from", capsule_text(c, e.peer));
	print_records("attribute", c, e.attributes, e.attributes_count, false);
	tell_line("payload", capsule_text(c, e.payload));
	printf("%-9s%.*s %.*s, image %.16s\n", "service", (int)c->service.n,
		(const char *)c->service.p, (int)c->release.n, (const char *)c->release.p,
		out_hex(c->image, 32, digest));
	print_records("state", c, e.state, e.state_count, true);
	print_calls(c);
	print_effects(c->effects);
}

/* --------------------------------------------------------------------- as JSON */

static json_t *state_json(const struct capsule *c, struct mf_span span, uint32_t count)
{
	struct mf_str left = capsule_text(c, span);
	json_t *all = json_array();
	struct mf_record r;

	for (; count > 0; count--) {
		json_t *one = json_object();

		memcpy(&r, left.p, sizeof(r));
		run_set_text(one, "key", mf_str_of(left.p + sizeof(r), r.name_len));
		if (r.version > 0)
			run_set_text(one, "value",
				mf_str_of(left.p + sizeof(r) + r.name_len, r.value_len));
		json_object_set_new(one, "version", json_integer((json_int_t)r.version));
		json_array_append_new(all, one);
		left = mf_str_of(left.p + r.size, left.n - r.size);
	}
	return all;
}

static json_t *calls_json(const struct capsule *c)
{
	json_t *all = json_array();
	struct capsule_call call;
	size_t at = 0;

	while (capsule_next_call(c, &at, &call)) {
		json_t *one = json_object();

		run_set_text(one, "service", call.service);
		run_set_text(one, "path", call.path);
		json_object_set_new(one, "status", json_integer(call.status));
		json_object_set_new(one, "took_us", json_real((double)call.took_ns / 1e3));
		run_set_text(one, "body", call.body);
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *effects_json(struct mf_str effects)
{
	json_t *all = json_array();
	struct effects_reader r;
	struct effect e;
	uint32_t record;

	if (effects.n > 0 && !effects_open_either(&r, effects.p, effects.n, &record))
		while (effects_next(&r, &e))
			json_array_append_new(all, run_effect_json(&e));
	return all;
}

void tell_json(json_t *to, const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	char digest[65];

	run_set_text(to, "version", c->release);
	json_object_set_new(to, "image", json_string(out_hex(c->image, 32, digest)));
	json_object_set_new(to, "snapshot", json_string(out_hex(c->snapshot, 32, digest)));
	run_set_text(to, "payload", capsule_text(c, e.payload));
	json_object_set_new(to, "state", state_json(c, e.state, e.state_count));
	json_object_set_new(to, "calls", calls_json(c));
	json_object_set_new(to, "effects", effects_json(c->effects));
	run_set_text(to, "why", c->why);
	json_object_set_new(to, "queue_us", json_real((double)c->times.queue_ns / 1e3));
	json_object_set_new(to, "birth_us", json_real((double)c->times.birth_ns / 1e3));
	json_object_set_new(to, "run_us", json_real((double)c->times.run_ns / 1e3));
}
