/*
 * cli/run.c - mayfly run: one life on the command line. The body of its reply
 * goes to stdout as it is, all talk to stderr.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/core.h"
#include "cli/errand.h"
#include "cli/fault.h"
#include "cli/gdb/session.h"
#include "cli/life.h"
#include "cli/out.h"
#include "cli/outcome.h"
#include "cli/run_json.h"
#include "image/capsule.h"
#include "image/symbols.h"
#include "sys/log.h"

static const char usage[] =
	"usage: mayfly run IMAGE [options]\n"
	"  --event FILE|-          the event's payload (default: empty)\n"
	"  --data [NAME=]FILE      attach a file; or a directory; NAME: else its basename\n"
	"  --config KEY=VALUE      set a key of the manifest's config\n"
	"  --state KEY=VALUE       attach state, as a hub does by the manifest's reads\n"
	"  --backend auto|kvm|process\n"
	"  --birth pooled|fresh    (default: what the manifest says)\n"
	"  --exact                 the image itself, no variant of it that lies beside\n"
	"  --source run|udp|tcp    what the event pretends to be\n"
	"  --http 'METHOD /PATH'   the event is this request, its body --event's\n"
	"  -H 'Name: value'        a header of it; status and headers go to stderr\n"
	"  --seed HEX, --time NS   the same seed and clock give the same life\n"
	"  --core FILE             if it crashes, its registers and memory, for gdb NAME.debug "
	"FILE\n"
	"  --event-of FILE         the event of such a core, seed and time and all\n"
	"  --capsule FILE          keep all that made this life, for mayfly replay FILE\n"
	"  --gdb PORT|ADDR:PORT    wait there for gdb, which then holds the life (port 0: a free "
	"one)\n"
	"  --gdb-anyone            ADDR may be one that others than this machine reach\n"
	"  -o text|json\n"
	"The reply's body goes to stdout. Exit status: 0 ok, 1 the service failed,\n"
	"2 usage, 3 not found, 4 denied, 124 deadline, 137 memory.\n";

enum { OPT_GDB = LIFE_OPT_OWN, OPT_GDB_ANYONE, OPT_CORE, OPT_EVENT_OF, OPT_CAPSULE };

static const struct option long_options[] = {LIFE_LONG_OPTIONS,
	{"birth", required_argument, NULL, LIFE_OPT_BIRTH},
	{"gdb", required_argument, NULL, OPT_GDB},
	{"gdb-anyone", no_argument, NULL, OPT_GDB_ANYONE},
	{"core", required_argument, NULL, OPT_CORE},
	{"capsule", required_argument, NULL, OPT_CAPSULE},
	{"event-of", required_argument, NULL, OPT_EVENT_OF}, {"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}};

/* Options that other commands haven't. */
struct own {
	const char *gdb; /* where to listen; NULL: nobody debugs */
	bool gdb_anyone;
	const char *core;     /* file to write */
	const char *event_of; /* core to read */
	const char *capsule;  /* file to write */
};

static int take_own(struct own *own, struct life_options *o, int c, const char *value)
{
	switch (c) {
	case OPT_GDB: own->gdb = value; return 0;
	case OPT_GDB_ANYONE: own->gdb_anyone = true; return 0;
	case OPT_CORE: own->core = value; return 0;
	case OPT_CAPSULE: own->capsule = value; return 0;
	case OPT_EVENT_OF: own->event_of = value; return 0;
	case LIFE_OPT_BIRTH:
		return life_birth(o, value)
			? 0
			: out_say(o->command, STATUS_USAGE,
				  "--birth \"%s\": write one of pooled, fresh", value);
	default: return life_option(o, c, value);
	}
}

/* 0: go on; else an exit status plus one (so that 1 is --help's 0). */
static int parse(struct life_options *o, struct own *own, int argc, char **argv)
{
	int c, status;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:H:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return STATUS_OK + 1;
		}
		if (c == '?') {
			status = out_say(o->command, STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly run --help",
				argv[optind - 1]);
			return status + 1;
		}
		status = take_own(own, o, c, optarg);
		if (status != 0)
			return status + 1;
	}
	status = life_operand(o, argc, argv);
	return status == 0 ? 0 : status + 1;
}

/* Of a request: what stands before the body. Header lines were checked by nobody yet. */
static void tell_head(const struct life_options *o, const char *name, const struct effect *reply)
{
	struct mf_str type = reply->field[MF_FIELD_TYPE], lines = reply->field[MF_FIELD_META];
	char clean[256];

	out_say(o->command, 0, "%s: %u %s", name, reply->status,
		log_clean(clean, sizeof(clean), type.p, type.n));
	while (lines.n > 0) {
		const uint8_t *end = memmem(lines.p, lines.n, "\r\n", 2);
		size_t n = end ? (size_t)(end - lines.p) : lines.n;

		fprintf(stderr, "  %s\n", log_clean(clean, sizeof(clean), lines.p, n));
		n += end ? 2 : 0;
		lines = mf_str_of(lines.p + n, lines.n - n);
	}
}

static int write_reply(const struct life_options *o, const char *name, const struct effect *reply)
{
	const struct mf_str *body = &reply->field[MF_FIELD_BODY];

	if (o->http_line)
		tell_head(o, name, reply);
	fwrite(body->p, 1, body->n, stdout);
	return out_end(o->command, STATUS_OK);
}

static int tell(
	const struct life_options *o, const struct life_setup *s, const struct run_record *r)
{
	const struct outcome *out = &r->outcome;
	const char *name = s->image.note.name;

	run_print_effects(stderr, name, r->init_effects, r->init_bytes);
	if (out->readable)
		run_print_effects(stderr, name, r->effects, r->life.bytes);
	if (out->exit != STATUS_OK) {
		fprintf(stderr, "mayfly: run: %s: %s: %s\n", name, out->name, out->message);
		if (r->fault.trace.count > 0)
			fault_print(stderr, &s->image, &r->fault, &r->life);
		return out->exit;
	}
	if (!out->replied) {
		out_say(o->command, 0, "%s ended without a reply", name);
		return STATUS_OK;
	}
	return write_reply(o, name, &out->reply);
}

/* What to type. */
static int tell_gdb(const struct life_options *o, const struct life_setup *s, const char *where)
{
	char *path = symbols_path(o->image_path);
	bool other = false;
	struct symbols *symbols = symbols_beside(o->image_path, &s->image, SYMBOLS_MOST, &other);

	if (symbols == NULL)
		out_say(o->command, 0, "\"%s\" %s: gdb will know no names", path,
			other ? "is of another build of this image"
			      : "isn't there, or isn't readable");
	out_say(o->command, 0, "waits for gdb: gdb %s -ex 'target remote %s'",
		symbols ? path : o->image_path, where);
	symbols_close(symbols);
	free(path);
	return 0;
}

/* Before the life, so that what is wrong is said at once. */
static int wait_for_gdb(const struct life_options *o, const struct life_setup *s,
	const struct own *own, struct gdb_link **gdb)
{
	char error[GDB_ERROR_MAX], where[NET_TEXT];
	struct net_address address;
	sigset_t children;
	int rc;

	if (own->gdb == NULL)
		return 0;
	*gdb = malloc(sizeof(**gdb));
	if (*gdb == NULL)
		return out_say(o->command, STATUS_FAILED, "no memory");
	rc = gdb_listen(*gdb, own->gdb, own->gdb_anyone, &address, error);
	if (rc < 0)
		return out_say(o->command,
			rc == -EINVAL           ? STATUS_USAGE
				: rc == -EACCES ? STATUS_DENIED
						: STATUS_FAILED,
			"%s", error);
	/* in all threads: a held process's stops are read from a descriptor */
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	net_text(&address, where);
	return tell_gdb(o, s, where);
}

static void tell_of_core(
	const struct life_options *o, const struct own *own, const struct run_record *r)
{
	if (own->core == NULL || r->fault.trace.count == 0)
		return;
	if (r->core[0] != '\0')
		out_say(o->command, 0, "--core \"%s\": not written: %s", own->core, r->core);
	else
		out_say(o->command, 0,
			"\"%s\" has its memory, and the event: gdb NAME.debug %s; mayfly run IMAGE "
			"--event-of %s",
			own->core, own->core, own->core);
}

/* What the life was and did, into a file that is its owner's alone. */
static int keep_capsule(const char *file, const struct life_setup *s, const struct run_record *r)
{
	const struct image *image = &s->image;
	struct capsule c = {
		.result = r->outcome.result,
		.denied = r->outcome.denied,
		.times = {.birth_ns = r->life.birth_ns, .run_ns = r->life.run_ns},
		.service = mf_str_of(image->note.name, strlen(image->note.name)),
		.release = mf_str_of(s->manifest.version, strlen(s->manifest.version)),
		.why = mf_str_of(r->outcome.message, strlen(r->outcome.message)),
		.event = mf_str_of(s->event, s->event_size),
		.input = s->input,
		.effects = mf_str_of(r->effects, r->life.bytes),
	};
	size_t size;
	uint8_t *bytes;
	int rc = -ENOMEM;

	memcpy(c.image, image->digest, sizeof(c.image));
	memcpy(c.snapshot, r->snapshot, sizeof(c.snapshot));
	if (c.input.n > CAPSULE_MOST / 2)
		c.input.n = 0;
	size = capsule_size(&c);
	bytes = malloc(size);
	if (bytes != NULL) {
		capsule_write(&c, bytes);
		rc = out_write_secret(file, bytes, size);
	}
	free(bytes);
	return rc == 0 ? 0
		       : out_say("run", STATUS_FAILED, "--capsule \"%s\": %s", file, strerror(-rc));
}

/* What came of it, in all the ways that were asked for. */
static int tell_all(const struct life_options *o, const struct own *own, const struct life_setup *s,
	const struct run_record *r)
{
	int status = o->json ? run_print_json(s, r) : tell(o, s, r);

	tell_of_core(o, own, r);
	if (own->capsule == NULL || r->unborn != MFW_OK)
		return status;
	return keep_capsule(own->capsule, s, r) == 0 ? status : STATUS_FAILED;
}

int cmd_run(int argc, char **argv)
{
	struct life_options o = {.command = "run", .source = MF_SOURCE_RUN};
	struct own own = {0};
	struct gdb_link *gdb = NULL;
	struct life_setup s;
	struct run_record r = {0};
	int status = parse(&o, &own, argc, argv);

	if (status != 0)
		return status - 1;
	status = life_load(&s, &o);
	if (status == 0 && own.event_of != NULL)
		status = core_take_event(&s, &o, own.event_of);
	if (status == 0)
		status = wait_for_gdb(&o, &s, &own, &gdb);
	if (status == 0)
		status = errand_run(
			&(struct errand){.options = &o, .setup = &s, .gdb = gdb, .core = own.core},
			&r);
	if (status == 0)
		status = tell_all(&o, &own, &s, &r);
	if (gdb != NULL)
		gdb_close(gdb);
	free(gdb);
	errand_free(&r);
	life_unload(&s);
	return status;
}
