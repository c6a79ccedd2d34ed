/* cli/hub/tell.c - see tell.h */
#include "cli/hub/tell.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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

static void print_effects(struct mf_str effects)
{
	const char *head = "did";
	struct effects_reader r;
	struct effect e;
	uint32_t record;

	if (effects.n == 0 || effects_open(&r, effects.p, effects.n, ~0u, &record))
		return;
	for (; effects_next(&r, &e); head = "") {
		printf("%-9s", head);
		run_print_effect(stdout, &e);
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
	print_effects(c->effects);
}
