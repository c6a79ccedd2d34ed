/*
 * cli/hub/rehearse.c - mayfly rehearse: the last real events of a service on a candidate image. Nothing that it asks
 * for is done; what would differ is shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/again.h"
#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/fetch.h"
#include "cli/out.h"
#include "sys/log.h"

#define LAST_MOST 100000ul

static const char help[] =
	"usage: mayfly rehearse IMAGE [--last N] [options]\n"
	"Runs the last N events of a service, as a hub kept them, on another image of it, and "
	"shows what\n"
	"would differ: - then, + with this image. Nothing is committed, nothing leaves.\n"
	"  --last N                how many; default 100\n"
	"  --service NAME          whose events; default: the image's own name\n"
	"  --data [NAME=]FILE      attached to the image, as for mayfly run\n"
	"  --config KEY=VALUE      the same\n"
	"  --backend auto|kvm|process\n"
	"  --hub PATH              the hub's admin socket; else $MAYFLY_HUB, else the only one\n"
	"  -o text|json\n"
	"Lives that only reply aren't kept, so services that write nothing have nothing to "
	"rehearse.\n"
	"Exit status: 0 all the same, 1 some differ, 2 usage, 3 no events, 4 denied, 6 no hub.\n";

enum { OPT_LAST = LIFE_OPT_OWN, OPT_SERVICE, OPT_HUB };

static const struct option long_options[] = {{"last", required_argument, NULL, OPT_LAST},
	{"service", required_argument, NULL, OPT_SERVICE},
	{"hub", required_argument, NULL, OPT_HUB}, {"data", required_argument, NULL, LIFE_OPT_DATA},
	{"config", required_argument, NULL, LIFE_OPT_CONFIG},
	{"backend", required_argument, NULL, LIFE_OPT_BACKEND},
	{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}};

struct rehearsal {
	struct life_options life;
	struct client_options client;
	struct life_setup setup;
	const char *service;
	unsigned long last, ran, same;
	json_t *list; /* with -o json: what differs */
};

static int take_last(struct rehearsal *r, const char *text)
{
	char *end;

	r->last = strtoul(text, &end, 10);
	if (*text >= '1' && *text <= '9' && !*end && r->last <= LAST_MOST)
		return 0;
	return out_say("rehearse", STATUS_USAGE, "--last \"%s\": write a number from 1 to %lu",
		text, LAST_MOST);
}

/* 0: go on; else an exit status plus one (so that 1 is --help's 0). */
static int parse(struct rehearsal *r, int argc, char **argv)
{
	int c, status = 0;

	optind = 0;
	opterr = 0;
	while (status == 0 && (c = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
		switch (c) {
		case 'h': fputs(help, stdout); return STATUS_OK + 1;
		case OPT_LAST: status = take_last(r, optarg); break;
		case OPT_SERVICE: r->service = optarg; break;
		case OPT_HUB: r->client.hub = optarg; break;
		case '?':
			status = out_say("rehearse", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly rehearse "
				"--help",
				argv[optind - 1]);
			break;
		default: status = life_option(&r->life, c, optarg);
		}
	}
	if (status == 0)
		status = life_operand(&r->life, argc, argv);
	return status == 0 ? 0 : status + 1;
}

/* ------------------------------------------------------------------ one life */

static void tell(struct rehearsal *r, const struct capsule *c, const struct again *again)
{
	struct mf_event e = capsule_event(c);
	struct mf_str id = capsule_text(c, e.id), subject = capsule_text(c, e.subject);
	char clean[256];
	json_t *j;

	if (r->list) {
		j = json_object();
		json_object_set_new(j, "id", json_stringn((const char *)id.p, id.n));
		compare_json(j, &again->compare);
		json_array_append_new(r->list, j);
		return;
	}
	printf("%.*s %s\n", (int)id.n, (const char *)id.p,
		log_clean(clean, sizeof(clean), subject.p, subject.n));
	compare_print(stdout, &again->compare);
}

static int rehearse(struct rehearsal *r, const json_t *life)
{
	const char *id = client_text(life, "id");
	struct again again = {0};
	struct capsule capsule;
	uint8_t *bytes;
	int status;

	if (fetch_capsule(life, &bytes, &capsule) < 0)
		return out_say(
			"rehearse", STATUS_FAILED, "\"%s\": its capsule is damaged", id ? id : "?");
	status = again_run(&again, &r->life, &r->setup, &capsule, id ? id : "?");
	if (status == 0) {
		r->ran++;
		r->same += again.compare.same;
		if (!again.compare.same)
			tell(r, &capsule, &again);
	}
	again_free(&again);
	free(bytes);
	return status;
}

/* ------------------------------------------------------------------ all of them */

/* The next page of lives; *before is where to go on, 0: there are no more. */
static int rehearse_page(struct rehearsal *r, struct client *client, unsigned long long *before)
{
	json_t *answer, *life;
	int status = fetch_lives(client, r->service, before, &answer);
	size_t i;

	json_array_foreach(json_object_get(answer, "lives"), i, life)
	{
		if (status != STATUS_OK || r->ran == r->last)
			break;
		status = rehearse(r, life);
	}
	json_decref(answer);
	return status;
}

static int rehearse_all(struct rehearsal *r)
{
	unsigned long long before = 0;
	struct client client;
	int status = client_open(&client, "rehearse", &r->client);

	if (status == STATUS_OK)
		do
			status = rehearse_page(r, &client, &before);
		while (status == STATUS_OK && before != 0 && r->ran < r->last);
	client_close(&client);
	return status;
}

static int tell_sum(struct rehearsal *r)
{
	int status = r->same == r->ran ? STATUS_OK : STATUS_FAILED;

	if (r->ran == 0)
		return out_say("rehearse", STATUS_NOT_FOUND,
			"the hub has kept no event of a service \"%s\"", r->service);
	if (!r->list) {
		printf("%lu of %lu are the same\n", r->same, r->ran);
		return out_end("rehearse", status);
	}
	return out_json("rehearse", status,
		json_pack("{ss sI sI sO}", "service", r->service, "events", (json_int_t)r->ran,
			"same", (json_int_t)r->same, "differ", r->list));
}

int cmd_rehearse(int argc, char **argv)
{
	struct rehearsal r = {.life = {.command = "rehearse", .source = MF_SOURCE_RUN},
		.setup = {.kvm_fd = -1},
		.last = 100};
	int status = parse(&r, argc, argv);

	if (status != 0)
		return status - 1;
	status = life_load(&r.setup, &r.life);
	if (status == 0 && r.service)
		status = client_service("rehearse", r.service);
	if (!r.service)
		r.service = r.setup.image.note.name;
	if (r.life.json)
		r.list = json_array();
	if (status == 0)
		status = rehearse_all(&r);
	if (status == 0)
		status = tell_sum(&r);
	json_decref(r.list);
	life_unload(&r.setup);
	return status;
}
