/*
 * cli/replay.c - `mayfly replay`: the life of a capsule once more, and whether it asks for the same.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/compare.h"
#include "cli/errand.h"
#include "cli/out.h"
#include "image/capsule.h"
#include "sys/clock.h"
#include "sys/log.h"

static const char usage[] =
	"usage: mayfly replay CAPSULE --image IMAGE [options]\n"
	"  --image IMAGE           the service: the image of then, or another one to compare\n"
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

enum { OPT_IMAGE = LIFE_OPT_OWN };

static const struct option long_options[] = {{"image", required_argument, NULL, OPT_IMAGE},
	{"data", required_argument, NULL, LIFE_OPT_DATA},
	{"config", required_argument, NULL, LIFE_OPT_CONFIG},
	{"backend", required_argument, NULL, LIFE_OPT_BACKEND},
	{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}};

struct replay {
	struct life_options life;
	const char *file;
	uint8_t *bytes; /* the capsule's, owned */
	struct capsule capsule;
	bool same_image, same_snapshot;
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
				"CAPSULE --image IMAGE");
	r->file = argv[optind];
	if (r->life.image_path == NULL)
		return 1 +
			out_say("replay", STATUS_USAGE,
				"--image is missing: which image is \"%s\" to run on?", r->file);
	return 0;
}

static int take_capsule(struct replay *r)
{
	const char *wrong;
	size_t size;
	int rc = out_read_file(r->file, CAPSULE_MOST, &r->bytes, &size);

	if (rc < 0)
		return out_say("replay", rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_USAGE,
			"\"%s\": %s", r->file, strerror(-rc));
	wrong = capsule_read(&r->capsule, r->bytes, size);
	return wrong == NULL ? 0 : out_say("replay", STATUS_USAGE, "\"%s\": %s", r->file, wrong);
}

/* The capsule's event takes the place of the one that life_load made. */
static int take_event(const struct replay *r, struct life_setup *s)
{
	struct mf_str event = r->capsule.event;

	if (event.n > s->image.note.event_bytes)
		return out_say("replay", STATUS_USAGE,
			"\"%s\": its event has %zu bytes, and memory.event of %s is %u", r->file,
			event.n, s->image.note.name, s->image.note.event_bytes);
	memcpy(s->event, event.p, event.n);
	s->event_size = event.n;
	s->payload = capsule_text(&r->capsule, s->event->payload);
	return 0;
}

static const char *result_then(const struct capsule *c)
{
	struct outcome o;

	if (c->denied)
		return "denied";
	outcome_unborn(&o, c->result, NULL);
	return o.name;
}

/* ------------------------------------------------------------------ telling */

static void tell_event(const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	struct mf_str type = capsule_text(c, e.type), subject = capsule_text(c, e.subject);
	char name[128], what[128], about[256];

	printf("%s %s: %s %s\n", log_clean(name, sizeof(name), c->service.p, c->service.n),
		result_then(c), log_clean(what, sizeof(what), type.p, type.n),
		log_clean(about, sizeof(about), subject.p, subject.n));
}

static void tell_if_other(const struct replay *r, const char *image)
{
	if (!r->same_image)
		out_say("replay", 0, "\"%s\" isn't the image of then", image);
	else if (!r->same_snapshot)
		out_say("replay", 0,
			"data or config aren't those of then: give --data and --config as they "
			"were");
}

static int tell(const struct replay *r, const struct run_record *record, const struct compare *c)
{
	tell_event(&r->capsule);
	tell_if_other(r, r->life.image_path);
	if (c->same)
		printf("the same: %s, %u effects\n", c->now.result, c->effects_now.count);
	else
		compare_print(stdout, c);
	if (!c->same && record->outcome.message[0] != '\0')
		out_say("replay", 0, "%s", record->outcome.message);
	return out_end("replay", c->same ? STATUS_OK : STATUS_FAILED);
}

static int tell_json(const struct replay *r, const struct compare *c)
{
	struct mf_event e = capsule_event(&r->capsule);
	struct mf_str id = capsule_text(&r->capsule, e.id);
	json_t *j = json_object();

	json_object_set_new(j, "service",
		json_stringn((const char *)r->capsule.service.p, r->capsule.service.n));
	json_object_set_new(j, "id", json_stringn((const char *)id.p, id.n));
	json_object_set_new(j, "same_image", json_boolean(r->same_image));
	json_object_set_new(j, "same_data", json_boolean(r->same_snapshot || !r->same_image));
	compare_json(j, c);
	return out_json("replay", c->same ? STATUS_OK : STATUS_FAILED, j);
}

static int compare_and_tell(
	struct replay *r, const struct life_setup *s, const struct run_record *m)
{
	struct compare_side then = {result_then(&r->capsule), r->capsule.effects},
			    now = {m->outcome.name, mf_str_of(m->effects, m->life.bytes)};
	struct compare c;
	int status;

	r->same_image = memcmp(r->capsule.image, s->image.digest, sizeof(r->capsule.image)) == 0;
	r->same_snapshot = memcmp(r->capsule.snapshot, m->snapshot, sizeof(m->snapshot)) == 0;
	if (compare_lives(&c, then, now) < 0)
		status = out_say("replay", STATUS_FAILED, "no memory");
	else
		status = r->life.json ? tell_json(r, &c) : tell(r, m, &c);
	compare_free(&c);
	return status;
}

int cmd_replay(int argc, char **argv)
{
	struct replay r = {.life = {.command = "replay", .source = MF_SOURCE_RUN}};
	struct run_record record = {0};
	struct life_setup s = {.kvm_fd = -1};
	int status = parse(&r, argc, argv);

	if (status != 0)
		return status - 1;
	status = take_capsule(&r);
	if (status == 0)
		status = life_load(&s, &r.life);
	if (status == 0)
		status = take_event(&r, &s);
	if (status == 0)
		status = errand_run(&(struct errand){&r.life, &s, NULL, NULL}, &record);
	if (status == 0)
		status = compare_and_tell(&r, &s, &record);
	errand_free(&record);
	life_unload(&s);
	free(r.bytes);
	return status;
}
