/*
 * cli/replay.c - `mayfly replay`: the life of a capsule once more, and whether it asks for the same.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/again.h"
#include "cli/hub/fetch.h"
#include "cli/out.h"
#include "image/capsule.h"
#include "sys/clock.h"
#include "sys/log.h"

static const char usage[] =
	"usage: mayfly replay CAPSULE|ID [options]\n"
	"  --image IMAGE           the service: the image of then, or another one to compare;\n"
	"                          with the ID of an event, by default what its hub runs now\n"
	"  --hub PATH              the hub that had the event; else $MAYFLY_HUB, else the only "
	"one\n"
	"  --event FILE            its payload, if that was too large to be kept (memory.input)\n"
	"  --data [NAME=]FILE      attached as it was then\n"
	"  --config KEY=VALUE      the same\n"
	"  --backend auto|kvm|process\n"
	"  -o text|json\n"
	"\n"
	"Runs a life again exactly: event, seed, clock, state and answers are those of the "
	"capsule\n"
	"(mayfly run --capsule FILE writes one). Nothing that it asks for is done; what differs "
	"from\n"
	"then is shown, - then, + now.\n"
	"\n"
	"Exit status: 0 the same, 1 it differs, 2 usage, 3 not found.\n";

enum { OPT_IMAGE = LIFE_OPT_OWN, OPT_HUB };

static const struct option long_options[] = {{"image", required_argument, NULL, OPT_IMAGE},
	{"hub", required_argument, NULL, OPT_HUB}, {"data", required_argument, NULL, LIFE_OPT_DATA},
	{"config", required_argument, NULL, LIFE_OPT_CONFIG},
	{"event", required_argument, NULL, LIFE_OPT_EVENT},
	{"backend", required_argument, NULL, LIFE_OPT_BACKEND},
	{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}};

struct replay {
	struct life_options life;
	struct client_options client;
	const char *file;       /* or the id of an event */
	uint8_t *bytes;         /* the file's, owned */
	struct fetched fetched; /* from a hub */
	struct capsule capsule;
};

/* 0: go on; else an exit status plus one (so that 1 is --help's 0). */
static int parse(struct replay *r, int argc, char **argv)
{
	int c, status = 0;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return STATUS_OK + 1;
		}
		if (c == '?')
			status = out_say("replay", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly replay "
				"--help",
				argv[optind - 1]);
		else if (c == OPT_HUB)
			r->client.hub = optarg;
		else if (c == OPT_IMAGE)
			r->life.image_path = optarg;
		else
			status = life_option(&r->life, c, optarg);
		if (status != 0)
			return status + 1;
	}
	if (optind + 1 != argc)
		return 1 +
			out_say("replay", STATUS_USAGE,
				"give it one capsule: mayfly replay "
				"CAPSULE --image IMAGE, or the ID of an event: mayfly "
				"events");
	r->file = argv[optind];
	return 0;
}

static int take_fetched(struct replay *r)
{
	int status = fetch_life(&r->fetched, "replay", &r->client, r->file);

	if (status != 0)
		return status;
	r->capsule = r->fetched.capsule;
	if (r->life.image_path == NULL)
		r->life.image_path = r->fetched.image_path;
	if (r->life.image_path == NULL)
		return out_say("replay", STATUS_USAGE,
			"--image is missing: the hub has no service \"%.*s\" any more",
			(int)r->capsule.service.n, (const char *)r->capsule.service.p);
	return 0;
}

/* A file, if there is one of that name; else the id of an event of a hub. */
static int take_capsule(struct replay *r)
{
	const char *wrong;
	size_t size;
	int rc = out_read_file(r->file, CAPSULE_MOST, &r->bytes, &size);

	if (rc == -ENOENT && fetch_is_id(r->file))
		return take_fetched(r);
	if (r->life.image_path == NULL)
		return out_say("replay", STATUS_USAGE,
			"--image is missing: which image is \"%s\" to run on?", r->file);
	if (rc < 0)
		return out_say("replay", rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_USAGE,
			"\"%s\": %s", r->file, strerror(-rc));
	wrong = capsule_read(&r->capsule, r->bytes, size);
	return wrong == NULL ? 0 : out_say("replay", STATUS_USAGE, "\"%s\": %s", r->file, wrong);
}

/* ------------------------------------------------------------------ telling */

static void tell_event(const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	struct mf_str type = capsule_text(c, e.type), subject = capsule_text(c, e.subject);
	char name[128], what[128], about[256];

	printf("%s %s: %s %s\n", log_clean(name, sizeof(name), c->service.p, c->service.n),
		again_result(c), log_clean(what, sizeof(what), type.p, type.n),
		log_clean(about, sizeof(about), subject.p, subject.n));
}

static void tell_if_other(const struct again *a, const char *image)
{
	if (!a->same_image)
		out_say("replay", 0, "\"%s\" isn't the image of then", image);
	else if (!a->same_snapshot)
		out_say("replay", 0,
			"data or config aren't those of then: give --data and --config as they "
			"were");
}

static int tell(const struct replay *r, const struct again *a)
{
	const struct compare *c = &a->compare;

	tell_event(&r->capsule);
	tell_if_other(a, r->life.image_path);
	if (c->same)
		printf("the same: %s, %u effects\n", c->now.result, c->effects_now.count);
	else
		compare_print(stdout, c);
	if (!c->same && a->record.outcome.message[0] != '\0')
		out_say("replay", 0, "%s", a->record.outcome.message);
	return out_end("replay", c->same ? STATUS_OK : STATUS_FAILED);
}

static int tell_json(const struct replay *r, const struct again *a)
{
	struct mf_event e = capsule_event(&r->capsule);
	struct mf_str id = capsule_text(&r->capsule, e.id);
	json_t *j = json_object();

	json_object_set_new(j, "service",
		json_stringn((const char *)r->capsule.service.p, r->capsule.service.n));
	json_object_set_new(j, "id", json_stringn((const char *)id.p, id.n));
	json_object_set_new(j, "same_image", json_boolean(a->same_image));
	json_object_set_new(j, "same_data", json_boolean(a->same_snapshot || !a->same_image));
	compare_json(j, &a->compare);
	return out_json("replay", a->compare.same ? STATUS_OK : STATUS_FAILED, j);
}

/* Of variants the one that ran then, if it is still there. */
static int load(struct replay *r, struct life_setup *s)
{
	r->life.digest = r->capsule.image;
	return life_load(s, &r->life);
}

int cmd_replay(int argc, char **argv)
{
	struct replay r = {.life = {.command = "replay", .source = MF_SOURCE_RUN}};
	struct life_setup s = {.kvm_fd = -1};
	struct again again = {0};
	int status = parse(&r, argc, argv);

	if (status != 0)
		return status - 1;
	status = take_capsule(&r);
	if (status == 0)
		status = load(&r, &s);
	if (status == 0)
		status = again_run(&again, &r.life, &s, &r.capsule, r.file);
	if (status == 0)
		status = r.life.json ? tell_json(&r, &again) : tell(&r, &again);
	again_free(&again);
	life_unload(&s);
	fetch_free(&r.fetched);
	free(r.bytes);
	return status;
}
