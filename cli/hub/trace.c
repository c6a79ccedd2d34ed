/*
 * cli/hub/trace.c - mayfly trace: one event: what it was, what its life saw and did, how long each step
 * took, or why nothing ran.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/again.h"
#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/fetch.h"
#include "cli/hub/table.h"
#include "cli/hub/tell.h"
#include "cli/out.h"
#include "sys/log.h"

static const char help[] =
	"usage: mayfly trace ID [--capsule FILE] [--hub PATH] [-o text|json]\n"
	"One event of a hub: what it was, which service, version and image ran, what state was "
	"attached, what\n"
	"its life asked for, how long each step took; or why nothing ran. mayfly events has the "
	"ids.\n"
	"  --capsule FILE   keep its life there, for mayfly replay FILE\n" CLIENT_HELP
	"Exit status: 0 ok, 2 usage, 3 no such event, 4 denied, 6 no hub.\n";

enum { OPT_CAPSULE = 0x200 };

static const struct option options[] = {
	CLIENT_LONG_OPTIONS, {"capsule", required_argument, NULL, OPT_CAPSULE}, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"trace", help, "o:h", options};

/* "queue 12us": nothing where it took no time. */
static void print_part(const char *before, const char *name, double us)
{
	json_t *number = json_real(us);
	char text[TABLE_CELL];

	if (us > 0)
		printf("%s%s %s", before, name, table_us(text, number));
	json_decref(number);
}

static double us_of(const json_t *e, const char *key)
{
	return e ? json_number_value(json_object_get(e, key)) : 0;
}

/* By the capsule, or where there is none by what is listed; how long it waited is what remains. */
static void print_times(const json_t *e, const struct capsule *c)
{
	double birth = us_of(e, "birth_us"), run = us_of(e, "run_us"), calls = 0, queue;
	double commit = us_of(e, "commit_us"), total = us_of(e, "total_us");
	struct capsule_call call;
	size_t at = 0;

	if (c) {
		birth = (double)c->times.birth_ns / 1e3;
		run = (double)c->times.run_ns / 1e3;
		while (capsule_next_call(c, &at, &call))
			calls += (double)call.took_ns / 1e3;
	}
	queue = c ? (double)c->times.queue_ns / 1e3 : total - birth - run - commit;
	print_part("took     ", "queue", queue > 0 ? queue : 0.1);
	print_part(", ", "birth", birth);
	print_part(", ", "run", run);
	print_part(", ", "calls", calls);
	print_part(", ", "commit", commit);
	print_part(", ", "in all", total);
	if (e && json_is_true(json_object_get(e, "cold")))
		fputs("; a worker had to start", stdout);
	putchar('\n');
}

/* Of an event without a capsule: a pure life, or none. */
static void print_listed(const json_t *e)
{
	const char *subject = client_text(e, "subject"), *source = client_text(e, "source");
	char when[32];

	printf("%-9s%s\n", "id", client_text(e, "id"));
	printf("%-9s%s UTC\n", "when", tell_when(when, client_integer(e, "time_ns")));
	printf("%-9s%s ", "event", source ? source : "?");
	tell_text(mf_str_of(subject, subject ? strlen(subject) : 0));
	printf("\n%-9s%s, image %.16s\n", "service", client_text(e, "service"),
		client_text(e, "image"));
}

/* Why it ended so; nothing, if it went well and all of it is shown. */
static void print_why(const struct fetched *f, const char *result)
{
	const char *why = f->event ? client_text(f->event, "why") : NULL;

	if (f->bytes && f->capsule.why.n > 0) {
		tell_line("why", f->capsule.why);
		return;
	}
	if (!why)
		why = tell_why(result);
	if (!why && !f->bytes)
		why = "its life was only to reply: nothing more is kept";
	if (why)
		tell_line("why", mf_str_of(why, strlen(why)));
}

/* Where no capsule has them. */
static void print_lines(const struct fetched *f)
{
	const char *head = "said", *text;
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(f->answer, "lines"), i, line)
	{
		text = client_text(line, "text");
		printf("%-9s%s: ", head, client_text(line, "level"));
		tell_text(mf_str_of(text, text ? strlen(text) : 0));
		putchar('\n');
		head = "";
	}
}

static void print_result(const struct fetched *f)
{
	bool listed = f->event && !(f->bytes && json_is_true(json_object_get(f->event, "again")));
	const char *result = listed ? client_text(f->event, "result") : again_result(&f->capsule);
	json_int_t again = client_integer(f->answer, "again");

	printf("%-9s%s%s", "result",
		listed && json_is_true(json_object_get(f->event, "refused")) ? "refused: " : "",
		result);
	if (listed && client_integer(f->event, "races") > 0)
		printf(", after %lld lives that saw state which changed meanwhile",
			(long long)client_integer(f->event, "races"));
	if (listed && client_integer(f->event, "attempt") > 0)
		fputs(", after a worker that ended with it", stdout);
	putchar('\n');
	print_why(f, result);
	if (again > 0)
		printf("%-9s%lld times it came once more, and nothing ran\n", "again",
			(long long)again);
}

static int keep(const struct fetched *f, const char *file, const char *id)
{
	int rc;

	if (!f->bytes)
		return out_say(
			"trace", STATUS_NOT_FOUND, "\"%s\": nothing was kept of its life", id);
	rc = out_write_secret(file, f->bytes, capsule_size(&f->capsule));
	return rc == 0
		? STATUS_OK
		: out_say("trace", STATUS_FAILED, "--capsule \"%s\": %s", file, strerror(-rc));
}

static int show(const struct fetched *f, bool json)
{
	const char *trigger = client_text(f->answer, "trigger");

	if (json) {
		if (f->bytes)
			tell_json(json_object_get(f->answer, "life"), &f->capsule);
		return out_json("trace", STATUS_OK, json_incref(f->answer));
	}
	if (f->bytes)
		tell_capsule(&f->capsule);
	else
		print_listed(f->event);
	if (trigger)
		tell_line("trigger", mf_str_of(trigger, strlen(trigger)));
	print_lines(f);
	print_times(f->event, f->bytes ? &f->capsule : NULL);
	print_result(f);
	return out_end("trace", STATUS_OK);
}

int cmd_trace(int argc, char **argv)
{
	const char *id = NULL, *capsule = NULL;
	struct client_options o = {0};
	struct fetched f;
	int c, status;

	while ((c = client_option(&o, &usage, argc, argv, &status)) != -1) {
		if (c == -2)
			return status;
		capsule = optarg;
	}
	status = client_operands("trace", argc, argv, &id);
	if (status == STATUS_OK && !id)
		status = out_say("trace", STATUS_USAGE,
			"which event? mayfly trace ID; mayfly events lists the newest");
	if (status != STATUS_OK)
		return status;
	status = fetch_event(&f, "trace", &o, id);
	if (status == STATUS_OK && capsule)
		status = keep(&f, capsule, id);
	if (status == STATUS_OK)
		status = show(&f, o.json);
	fetch_free(&f);
	return status;
}
