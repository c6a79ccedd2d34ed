/* cli/market/desk.c - see desk.h */
#include "cli/market/desk.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/market/book.h"
#include "cli/out.h"
#include "market/desk.h"
#include "sys/clock.h"

#define OPTIONS_MOST 40u
#define NAME_MOST    24u

enum { OPT_STATE = 0x200, OPT_CURRENCY, OPT_MEMBER };

struct args {
	const struct desk_command *command;
	struct client_options hub;
	const char *state, *currency;
	json_t *members;
	const struct desk_word *word;
	struct desk_ask ask;
};

/* -------------------------------------------------------------------- options */

struct options {
	struct option list[OPTIONS_MOST];
	char names[OPTIONS_MOST][NAME_MOST];
};

/* Ours, and a long option for each member that a word may have. */
static void make_options(struct options *o)
{
	static const struct option own[] = {CLIENT_LONG_OPTIONS,
		{"state", required_argument, NULL, OPT_STATE},
		{"currency", required_argument, NULL, OPT_CURRENCY}};
	unsigned n = sizeof(own) / sizeof(*own);
	const char *name;
	bool flag;

	memset(o, 0, sizeof(*o));
	memcpy(o->list, own, sizeof(own));
	for (size_t i = 0; (name = desk_member(i, &flag)) && n + 1 < OPTIONS_MOST; i++, n++) {
		(void)snprintf(o->names[n], NAME_MOST, "%s", name);
		for (char *p = o->names[n]; *p; p++)
			*p = *p == '_' ? '-' : *p;
		o->list[n] = (struct option){o->names[n], flag ? no_argument : required_argument,
			NULL, OPT_MEMBER + (int)i};
	}
}

static int take_member(struct args *a, const char *name, const char *text)
{
	json_t *value = json_string(text);

	if (!value)
		return out_say(a->command->noun, STATUS_USAGE, "%s: no UTF-8", name);
	json_object_set_new(a->members, name, value);
	return STATUS_OK;
}

static int take(struct args *a, int c)
{
	bool flag = false;
	const char *name = c >= OPT_MEMBER ? desk_member((size_t)(c - OPT_MEMBER), &flag) : NULL;

	if (name)
		return take_member(a, name, flag ? "true" : optarg);
	if (c == OPT_STATE)
		a->state = optarg;
	else
		a->currency = optarg;
	return STATUS_OK;
}

/* ------------------------------------------------------------------- operands */

/* The next of a list of operands, "name amount" or "account?": its length. */
static size_t next_operand(const char *list, bool *needed)
{
	size_t n = strcspn(list, " ?");

	*needed = list[n] != '?';
	return n;
}

/* False: there are too few words, or too many. */
static bool take_operands(struct args *a, int argc, char **argv, int *status)
{
	const char *list = a->word->operands;
	char name[NAME_MOST];
	bool needed;

	while (*list && *status == STATUS_OK) {
		size_t n = next_operand(list, &needed);

		if (optind == argc)
			return !needed;
		(void)snprintf(name, sizeof(name), "%.*s", (int)n, list);
		*status = take_member(a, name, argv[optind++]);
		list += strcspn(list, " ");
		list += *list == ' ';
	}
	return *status != STATUS_OK || optind == argc;
}

static int read_words(struct args *a, int argc, char **argv)
{
	const char *verb = optind < argc ? argv[optind++] : "";
	char error[DESK_ERROR_MAX];
	int status = STATUS_OK;

	a->word = desk_find(a->command->noun, verb);
	if (!a->word || !take_operands(a, argc, argv, &status))
		return out_say(
			a->command->noun, STATUS_USAGE, "say what to do: %s", a->command->say);
	if (status == STATUS_OK && desk_read(a->word, a->members, "--", &a->ask, error) < 0)
		return out_say(a->command->noun, STATUS_USAGE, "%s", error);
	if (status == STATUS_OK && a->hub.hub && (a->state || a->currency))
		return out_say(a->command->noun, STATUS_USAGE,
			"--%s is for a ledger that is opened where it lies: not with --hub",
			a->state ? "state" : "currency");
	return status;
}

/* False: end with *status. */
static bool parse(struct args *a, int argc, char **argv, int *status)
{
	struct options options;
	const struct client_usage usage = {a->command->noun, a->command->help, "o:h", options.list};
	int c;

	make_options(&options);
	*status = STATUS_OK;
	while (*status == STATUS_OK &&
		(c = client_option(&a->hub, &usage, argc, argv, status)) >= 0)
		*status = take(a, c);
	if (*status != STATUS_OK || c == -2)
		return false;
	*status = read_words(a, argc, argv);
	return *status == STATUS_OK;
}

/* ------------------------------------------------------------------------- do */

static int status_of(int error)
{
	switch (error) {
	case -ENOENT: return STATUS_NOT_FOUND;
	case -EINVAL: return STATUS_USAGE;
	default: return STATUS_FAILED;
	}
}

/* In the ledger itself. */
static int ask_ledger(struct args *a, json_t **answer)
{
	struct book book = {
		.command = a->command->noun, .directory = a->state, .currency = a->currency};
	char error[DESK_ERROR_MAX];
	int status = book_begin(&book, !(a->word->flags & DESK_MAKES)), e;

	if (status != STATUS_OK)
		return status;
	e = desk_run(&a->ask, book.ledger, clock_wall_ns(), answer, error);
	if (e < 0)
		status = out_say(a->command->noun, status_of(e), "%s", error);
	status = book_end(&book, status);
	if (status != STATUS_OK) {
		json_decref(*answer);
		*answer = NULL;
	}
	return status;
}

/* Whatever is in a question to look has letters that need no escape. */
static void put_query(const struct args *a, char page[static CLIENT_PAGE])
{
	const char *name;
	json_t *value;

	json_object_foreach(a->members, name, value)
	{
		client_parameter(page, CLIENT_PAGE, name, json_string_value(value));
	}
}

static int ask_hub(const struct args *a, json_t **answer)
{
	const bool changes = a->word->flags & DESK_CHANGES;
	char *body = changes ? json_dumps(a->members, JSON_COMPACT) : NULL;
	char page[CLIENT_PAGE];
	struct client client;
	int status = client_open(&client, a->command->noun, &a->hub);

	(void)snprintf(page, sizeof(page), "/v1/%s", a->word->page);
	if (!changes)
		put_query(a, page);
	client.body = body;
	client.body_n = body ? strlen(body) : 0;
	if (status == STATUS_OK)
		status = client_ask(&client, changes ? "POST" : "GET", page, answer, NULL);
	client_close(&client);
	free(body);
	return status;
}

int desk_main(const struct desk_command *command, int argc, char **argv)
{
	struct args a = {.command = command, .members = json_object()};
	json_t *answer = NULL;
	int status;

	if (parse(&a, argc, argv, &status))
		status = a.hub.hub ? ask_hub(&a, &answer) : ask_ledger(&a, &answer);
	desk_forget(&a.ask);
	json_decref(a.members);
	if (status != STATUS_OK || !answer) /* there is none then */
		return status;
	if (a.hub.json)
		return out_json(command->noun, status, answer);
	command->tell(a.word->verb, answer);
	json_decref(answer);
	return out_end(command->noun, status);
}
