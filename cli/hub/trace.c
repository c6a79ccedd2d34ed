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

static void print_times(const json_t *e, const struct capsule *c)
{
	char part[4][TABLE_CELL];
	double total = json_number_value(json_object_get(e, "total_us"));
	double queue = (double)c->times.queue_ns / 1e3, birth = (double)c->times.birth_ns / 1e3;
	double run = (double)c->times.run_ns / 1e3;
	json_t *us[4] = {json_real(queue), json_real(birth), json_real(run),
		json_real(total > queue + birth + run ? total - queue - birth - run : 0)};

	for (unsigned i = 0; i < 4; i++) {
		table_us(part[i], us[i]);
		json_decref(us[i]);
	}
	printf("%-9squeue %s, birth %s, run %s", "took", part[0], part[1], part[2]);
	if (e)
		printf(", commit and answer %s", part[3]);
	if (e && json_is_true(json_object_get(e, "cold")))
		fputs("; a worker had to start", stdout);
	putchar('\n');
}

/* Of an event without a capsule: a pure life, or none. */
static void print_listed(const json_t *e)
{
	const char *subject = client_text(e, "subject"), *source = client_text(e, "source");
	char took[TABLE_CELL], when[32];

	printf("%-9s%s\n", "id", client_text(e, "id"));
	printf("%-9s%s UTC\n", "when", tell_when(when, client_integer(e, "time_ns")));
	printf("%-9s%s ", "event", source ? source : "?");
	tell_text(mf_str_of(subject, subject ? strlen(subject) : 0));
	printf("\n%-9s%s, image %.16s\n", "service", client_text(e, "service"),
		client_text(e, "image"));
	printf("%-9s%s\n", "took", table_us(took, json_object_get(e, "total_us")));
}

static void print_result(const struct fetched *f)
{
	const char *listed = f->event ? client_text(f->event, "result") : NULL;

	printf("%-9s%s%s", "result",
		f->event && json_is_true(json_object_get(f->event, "refused")) ? "refused: " : "",
		listed ? listed : again_result(&f->capsule));
	if (f->event && client_integer(f->event, "races") > 0)
		printf(", after %lld lives that saw state which changed meanwhile",
			(long long)client_integer(f->event, "races"));
	if (f->event && client_integer(f->event, "attempt") > 0)
		fputs(", after a worker that ended with it", stdout);
	putchar('\n');
	if (f->bytes)
		tell_line("why", f->capsule.why);
	else
		printf("%-9sits life was only to reply, or there was none: nothing more is kept\n",
			"");
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
	if (json)
		return out_json("trace", STATUS_OK, json_incref(f->answer));
	if (f->bytes) {
		tell_capsule(&f->capsule);
		print_times(f->event, &f->capsule);
	} else {
		print_listed(f->event);
	}
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
