/*
 * cli/hub/events.c - mayfly events: the newest events of a hub, and what became of each.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/table.h"
#include "cli/out.h"
#include "sys/log.h"

#define POLL_NS 300000000L

static const char help[] =
	"usage: mayfly events [-f] [--service NAME] [--hub PATH] [-o text|json]\n"
	"The newest events of a hub, the oldest first: when, id, from where, which service, what "
	"for, what\n"
	"became of it, how long it took from its acceptance to its end. The hub remembers 512.\n"
	"What never became a life stands there too: refused at the door, for no service, ticks "
	"that\n"
	"were missed, events that came again.\n"
	"  -f, --follow     go on with what comes, until Ctrl-C or the hub's end\n"
	"  --service NAME   only its events\n" CLIENT_HELP
	"                 json: an object a line\n"
	"Why one of them ended so: mayfly trace ID\n"
	"Exit status: 0 ok, 2 usage, 4 denied, 6 no hub, or it ended.\n";

enum { OPT_SERVICE = 0x200 };

static const struct option options[] = {CLIENT_LONG_OPTIONS, {"follow", no_argument, NULL, 'f'},
	{"service", required_argument, NULL, OPT_SERVICE}, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"events", help, "o:fh", options};

struct events {
	struct client_options common;
	bool follow;
	const char *service;
	unsigned long long after;
};

/* False: end with *status. */
static bool parse(struct events *e, int argc, char **argv, int *status)
{
	int c;

	while ((c = client_option(&e->common, &usage, argc, argv, status)) != -1) {
		if (c == -2)
			return false;
		if (c == 'f') {
			e->follow = true;
			continue;
		}
		e->service = optarg;
		*status = client_service("events", optarg);
		if (*status != STATUS_OK)
			return false;
	}
	*status = client_operands("events", argc, argv, NULL);
	return *status == STATUS_OK;
}

/* "09:30:11.123", of today or not. */
static void clock_text(char to[static 16], json_int_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t n;

	localtime_r(&seconds, &tm);
	n = strftime(to, 16, "%H:%M:%S", &tm);
	snprintf(to + n, 16 - n, ".%03d", (int)(ns / 1000000 % 1000));
}

static void print_event(const json_t *e)
{
	const char *id = client_text(e, "id"), *subject = client_text(e, "subject");
	const char *source = client_text(e, "source"), *service = client_text(e, "service");
	json_int_t times = client_integer(e, "times");
	char when[16], total[TABLE_CELL], what[400];

	clock_text(when, client_integer(e, "time_ns"));
	log_clean(what, sizeof(what), subject ? subject : "", subject ? strlen(subject) : 0);
	printf("%s  %-32s  %-6s %-16s %s%s%s%s", when, id ? id : "-", source ? source : "-",
		service ? service : "-", what, what[0] ? ": " : "",
		json_is_true(json_object_get(e, "refused")) ? "refused: " : "",
		client_text(e, "result"));
	if (times != 1)
		printf(", %lld times", (long long)times);
	if (id && !json_is_true(json_object_get(e, "again")))
		printf(", %s", table_us(total, json_object_get(e, "total_us")));
	putchar('\n');
}

static int print_events(struct events *e, const json_t *answer)
{
	json_t *event;
	size_t i;

	json_array_foreach(json_object_get(answer, "events"), i, event)
	{
		if (e->common.json) {
			json_dumpf(event, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			putchar('\n');
		} else {
			print_event(event);
		}
	}
	e->after = (unsigned long long)client_integer(answer, "next");
	return out_end("events", STATUS_OK);
}

static int ask(struct events *e, struct client *client, bool *gone)
{
	char page[256] = "/v1/events", number[32];
	json_t *answer;
	int status;

	snprintf(number, sizeof(number), "%llu", e->after);
	client_parameter(page, sizeof(page), "after", number);
	if (e->service)
		client_parameter(page, sizeof(page), "service", e->service);
	status = client_ask(client, "GET", page, &answer, gone);
	if (status != STATUS_OK)
		return status;
	status = print_events(e, answer);
	json_decref(answer);
	return status;
}

int cmd_events(int argc, char **argv)
{
	const struct timespec pause = {0, POLL_NS};
	struct events e = {0};
	struct client client;
	bool gone = false;
	int status;

	if (!parse(&e, argc, argv, &status))
		return status;
	status = client_open(&client, "events", &e.common);
	if (status == STATUS_OK)
		status = ask(&e, &client, NULL);
	while (status == STATUS_OK && e.follow) {
		nanosleep(&pause, NULL);
		status = ask(&e, &client, &gone);
		if (gone)
			status = out_say("events", STATUS_UNREACHABLE, "the hub has ended");
	}
	client_close(&client);
	return status;
}
