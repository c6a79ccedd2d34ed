/*
 * cli/hub/dlq.c - mayfly dlq: dead letters: events whose lives failed as often as their service may try.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/fetch.h"
#include "cli/hub/table.h"
#include "cli/hub/tell.h"
#include "cli/out.h"
#include "sys/log.h"

static const char help[] =
	"usage: mayfly dlq ls\n"
	"       mayfly dlq show NUMBER [--capsule FILE]\n"
	"       mayfly dlq retry NUMBER|--all\n"
	"       mayfly dlq rm NUMBER|--all\n"
	"The dead letters of a hub: events whose lives failed as often as their service tries "
	"(retry in\n"
	"mayfly.yaml), or asked for what they may not have. What one was and why it failed; that\n"
	"it is tried again, perhaps on another release of the service; that it is removed.\n"
	"  --capsule FILE   keep its life there, for mayfly replay FILE\n"
	"  --all            each of them\n" CLIENT_HELP
	"Exit status: 0 ok, 1 it can't be written, 2 usage, 3 no such letter, 4 denied, 6 no "
	"hub.\n";

enum { OPT_CAPSULE = 0x200, OPT_ALL };
static const struct option options[] = {{"capsule", required_argument, NULL, OPT_CAPSULE},
	{"all", no_argument, NULL, OPT_ALL}, CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"dlq", help, "o:h", options};

struct dlq {
	struct client client;
	const char *number, *capsule;
	bool all, json;
};

static int ask(struct dlq *d, const char *method, const char *path, const char *name,
	const char *value, json_t **answer)
{
	char page[128];

	snprintf(page, sizeof(page), "%s", path);
	client_parameter(page, sizeof(page), name, value);
	return client_ask(&d->client, method, page, answer, NULL);
}

/* ------------------------------------------------------------------------- ls */

/* Calls `work` for each letter, until one says no. */
static int each(struct dlq *d, int (*work)(struct dlq *d, const json_t *letter, void *context),
	void *context)
{
	char after[24] = "0";
	int status = STATUS_OK;
	bool more = true;

	while (status == STATUS_OK && more) {
		json_t *answer = NULL, *letter;
		size_t i;

		status = ask(d, "GET", "/v1/dead", "after", after, &answer);
		if (status != STATUS_OK)
			break;
		json_array_foreach(json_object_get(answer, "letters"), i,
			letter) if (status == STATUS_OK) status = work(d, letter, context);
		more = json_is_true(json_object_get(answer, "more"));
		snprintf(after, sizeof(after), "%lld", (long long)client_integer(answer, "last"));
		json_decref(answer);
	}
	return status;
}

static int list_one(struct dlq *d, const json_t *letter, void *context)
{
	char number[TABLE_CELL], lives[TABLE_CELL], when[32];
	const char *const cells[] = {
		table_count(number, client_integer(letter, "number")),
		tell_when(when, client_integer(letter, "time_ns")),
		client_text(letter, "service"),
		client_text(letter, "subject"),
		table_count(lives, client_integer(letter, "lives")),
		client_text(letter, "why"),
	};

	if (d->json) {
		json_dumpf(letter, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		table_row(context, cells);
	}
	return STATUS_OK;
}

static int list(struct dlq *d)
{
	static const char *const heads[] = {
		">NUMBER", "WHEN", "SERVICE", "SUBJECT", ">LIVES", "WHY"};
	struct table table;
	int status;

	if (d->json) {
		status = each(d, list_one, NULL);
		return status == STATUS_OK ? out_end("dlq", STATUS_OK) : status;
	}
	table_open(&table, heads, sizeof(heads) / sizeof(heads[0]));
	status = each(d, list_one, &table);
	table_close(&table, stdout);
	return status == STATUS_OK ? out_end("dlq", STATUS_OK) : status;
}

/* ----------------------------------------------------------------------- show */

static int keep(const struct dlq *d, const uint8_t *bytes, const struct capsule *c)
{
	int rc = d->capsule ? out_write_secret(d->capsule, bytes, capsule_size(c)) : 0;

	return rc == 0
		? STATUS_OK
		: out_say("dlq", STATUS_FAILED, "--capsule \"%s\": %s", d->capsule, strerror(-rc));
}

static int show(struct dlq *d)
{
	json_t *answer = NULL;
	struct capsule c;
	uint8_t *bytes = NULL;
	int status = ask(d, "GET", "/v1/dead/get", "number", d->number, &answer);

	if (status != STATUS_OK)
		return status;
	if (fetch_capsule(answer, &bytes, &c) < 0)
		status = out_say("dlq", STATUS_FAILED, "%s: its capsule is damaged", d->number);
	if (status == STATUS_OK)
		status = keep(d, bytes, &c);
	if (status == STATUS_OK && d->json) {
		tell_json(answer, &c);
		status = out_json("dlq", STATUS_OK, json_incref(answer));
	} else if (status == STATUS_OK) {
		tell_capsule(&c);
		printf("%-9s%lld\n", "lives", (long long)client_integer(answer, "lives"));
		tell_line("why", c.why);
		status = out_end("dlq", STATUS_OK);
	}
	free(bytes);
	json_decref(answer);
	return status;
}

/* ------------------------------------------------------------------ retry, rm */

struct change {
	const char *page;
	unsigned long count;
};

static int change_one(struct dlq *d, const json_t *letter, void *context)
{
	struct change *c = context;
	char number[24];
	json_t *answer = NULL;
	int status;

	snprintf(number, sizeof(number), "%lld", (long long)client_integer(letter, "number"));
	status = ask(d, "POST", c->page, "number", number, &answer);
	if (status != STATUS_OK)
		return status;
	json_decref(answer);
	c->count++;
	return STATUS_OK;
}

static int change(struct dlq *d, const char *page)
{
	struct change c = {.page = page};
	json_t *answer = NULL;
	int status;

	if (d->all) {
		status = each(d, change_one, &c);
		out_say("dlq", 0, "%lu letters", c.count);
		return status;
	}
	status = ask(d, "POST", page, "number", d->number, &answer);
	if (status == STATUS_OK)
		json_decref(answer);
	return status;
}

/* ------------------------------------------------------------------- command */

static int run(struct dlq *d, const char *verb)
{
	static const char *const known = "write ls, show, retry or rm";
	bool one = strcmp(verb, "ls") != 0;

	if (one && strcmp(verb, "show") != 0 && strcmp(verb, "retry") != 0 &&
		strcmp(verb, "rm") != 0)
		return out_say("dlq", STATUS_USAGE, "\"%s\": %s", verb, known);
	if (one && !d->number == !(d->all && strcmp(verb, "show") != 0))
		return out_say("dlq", STATUS_USAGE,
			"which letter? mayfly dlq %s NUMBER; mayfly dlq ls lists them", verb);
	if (d->number && d->number[strspn(d->number, "0123456789")])
		return out_say(
			"dlq", STATUS_USAGE, "\"%s\": write the number of a letter", d->number);
	switch (verb[0]) {
	case 'l': return list(d);
	case 's': return show(d);
	default: return change(d, verb[1] == 'e' ? "/v1/dead/retry" : "/v1/dead/rm");
	}
}

int cmd_dlq(int argc, char **argv)
{
	struct client_options o = {0};
	const char *verb = NULL;
	struct dlq d = {0};
	int c, status;

	while ((c = client_option(&o, &usage, argc, argv, &status)) != -1) {
		if (c == -2)
			return status;
		if (c == OPT_ALL)
			d.all = true;
		else
			d.capsule = optarg;
	}
	if (optind < argc)
		verb = argv[optind++];
	status = client_operands("dlq", argc, argv, &d.number);
	if (status != STATUS_OK)
		return status;
	if (!verb)
		return out_say("dlq", STATUS_USAGE, "what? mayfly dlq ls|show|retry|rm");
	d.json = o.json;
	status = client_open(&d.client, "dlq", &o);
	if (status == STATUS_OK)
		status = run(&d, verb);
	client_close(&d.client);
	return status;
}
