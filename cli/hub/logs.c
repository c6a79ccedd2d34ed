/*
 * cli/hub/logs.c - mayfly logs: the lines that a hub remembers, and those that come.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/out.h"
#include "sys/log.h"

#define POLL_NS 300000000L

static const char help[] =
	"usage: mayfly logs [-f] [--service NAME] [--level LEVEL] [--since N] [--hub PATH] [-o "
	"json]\n"
	"What a hub said of late, the oldest line first: it remembers 2048 lines or 256 KiB.\n"
	"  -f, --follow     go on with what comes, until Ctrl-C or the hub's end\n"
	"  --service NAME   only lines about it\n"
	"  --level LEVEL    of this level or a higher one: debug, info, warning, error\n"
	"  --since N        only those behind line N (with -o json lines have a "
	"number)\n" CLIENT_HELP "                 json: an object a line\n"
	"Exit status: 0 ok, 2 usage, 3 no such service, 4 denied, 6 no hub, or it ended.\n";

enum { OPT_SERVICE = 0x200, OPT_LEVEL, OPT_SINCE };

static const struct option options[] = {CLIENT_LONG_OPTIONS, {"follow", no_argument, NULL, 'f'},
	{"service", required_argument, NULL, OPT_SERVICE},
	{"level", required_argument, NULL, OPT_LEVEL},
	{"since", required_argument, NULL, OPT_SINCE}, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"logs", help, "o:fh", options};

struct logs {
	struct client_options common;
	bool follow;
	const char *service, *level;
	unsigned long long after;
};

static int take_since(struct logs *l, const char *text)
{
	char *end;

	l->after = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end)
		return STATUS_OK;
	return out_say("logs", STATUS_USAGE, "--since \"%s\": write the number of a line", text);
}

static int take_level(struct logs *l, const char *text)
{
	for (unsigned i = 0; i < LOG_LEVELS; i++)
		if (strcmp(text, log_level_names[i]) == 0) {
			l->level = text;
			return STATUS_OK;
		}
	return out_say("logs", STATUS_USAGE,
		"--level \"%s\": write one of debug, info, warning, error", text);
}

static int parse(struct logs *l, int argc, char **argv, bool *end)
{
	int c, status = STATUS_OK;

	while (status == STATUS_OK &&
		(c = client_option(&l->common, &usage, argc, argv, &status)) != -1) {
		*end = c == -2;
		if (*end)
			return status;
		status = STATUS_OK;
		if (c == 'f')
			l->follow = true;
		else if (c == OPT_LEVEL)
			status = take_level(l, optarg);
		else if (c == OPT_SINCE)
			status = take_since(l, optarg);
		else {
			l->service = optarg;
			status = client_service("logs", optarg);
		}
	}
	*end = status != STATUS_OK;
	return *end ? status : client_operands("logs", argc, argv, NULL);
}

/* --------------------------------------------------------------------- lines */

static void print_line(const json_t *line, bool json)
{
	const char *service = client_text(line, "service"), *event = client_text(line, "event");
	const char *level = client_text(line, "level");

	if (json) {
		json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		return;
	}
	printf("%s %s%s%s%s%s%s%s%s\n", client_text(line, "time"),
		strcmp(level, "info") == 0 ? "" : level, strcmp(level, "info") == 0 ? "" : ": ",
		service ? service : "", service ? ": " : "", event ? "[" : "", event ? event : "",
		event ? "] " : "", client_text(line, "text"));
}

static int print_lines(struct logs *l, const json_t *answer)
{
	json_int_t missed = client_integer(answer, "missed");
	json_t *line;
	size_t i;

	if (missed > 0 && l->after > 0)
		out_say("logs", 0, "%lld lines came and were forgotten before they were read",
			(long long)missed);
	json_array_foreach(json_object_get(answer, "lines"), i, line)
		print_line(line, l->common.json);
	l->after = (unsigned long long)client_integer(answer, "next");
	return out_end("logs", STATUS_OK);
}

static int ask(struct logs *l, struct client *client, json_t **answer, bool *gone)
{
	char page[512] = "/v1/logs", number[32];

	snprintf(number, sizeof(number), "%llu", l->after);
	client_parameter(page, sizeof(page), "after", number);
	if (l->service)
		client_parameter(page, sizeof(page), "service", l->service);
	if (l->level)
		client_parameter(page, sizeof(page), "level", l->level);
	return client_ask(client, "GET", page, answer, gone);
}

static int follow(struct logs *l, struct client *client)
{
	const struct timespec pause = {0, POLL_NS};
	int status = STATUS_OK;
	json_t *answer;
	bool gone = false;

	while (status == STATUS_OK) {
		nanosleep(&pause, NULL);
		status = ask(l, client, &answer, &gone);
		if (gone)
			return out_say("logs", STATUS_UNREACHABLE, "the hub has ended");
		if (status != STATUS_OK)
			break;
		status = print_lines(l, answer);
		json_decref(answer);
	}
	return status;
}

int cmd_logs(int argc, char **argv)
{
	struct logs l = {0};
	struct client client;
	json_t *answer;
	bool end = false;
	int status = parse(&l, argc, argv, &end);

	if (end || status != STATUS_OK)
		return status;
	status = client_open(&client, "logs", &l.common);
	if (status == STATUS_OK)
		status = ask(&l, &client, &answer, NULL);
	if (status == STATUS_OK) {
		status = print_lines(&l, answer);
		json_decref(answer);
		if (l.follow && status == STATUS_OK)
			status = follow(&l, &client);
	}
	client_close(&client);
	return status;
}
