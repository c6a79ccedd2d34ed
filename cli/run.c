/*
 * cli/run.c - mayfly run: one life on the command line. The body of its reply
 * goes to stdout as it is, all talk to stderr.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/fault.h"
#include "cli/gdb/session.h"
#include "cli/life.h"
#include "cli/out.h"
#include "cli/outcome.h"
#include "cli/run_json.h"
#include "sys/log.h"

static const char usage[] =
	"usage: mayfly run IMAGE [options]\n"
	"  --event FILE|-          the event's payload (default: empty)\n"
	"  --data [NAME=]FILE      attach a file; or a directory; NAME: else its basename\n"
	"  --config KEY=VALUE      set a key of the manifest's config\n"
	"  --backend auto|kvm|process\n"
	"  --birth pooled|fresh    (default: what the manifest says)\n"
	"  --source run|udp|tcp    what the event pretends to be\n"
	"  --http 'METHOD /PATH'   the event is this request, its body --event's\n"
	"  -H 'Name: value'        a header of it; status and headers go to stderr\n"
	"  --seed HEX, --time NS   the same seed and clock give the same life\n"
	"  --gdb PORT|ADDR:PORT    wait there for gdb, which then holds the life (port 0: a free "
	"one)\n"
	"  --gdb-anyone            ADDR may be one that others than this machine reach\n"
	"  -o text|json\n"
	"The reply's body goes to stdout. Exit status: 0 ok, 1 the service failed,\n"
	"2 usage, 3 not found, 4 denied, 124 deadline, 137 memory.\n";

enum { OPT_GDB = LIFE_OPT_OWN, OPT_GDB_ANYONE };

static const struct option long_options[] = {LIFE_LONG_OPTIONS,
	{"birth", required_argument, NULL, LIFE_OPT_BIRTH},
	{"gdb", required_argument, NULL, OPT_GDB},
	{"gdb-anyone", no_argument, NULL, OPT_GDB_ANYONE}, {"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}};

/* Options that other commands haven't. */
struct own {
	const char *gdb; /* where to listen; NULL: nobody debugs */
	bool gdb_anyone;
};

static int take_own(struct own *own, struct life_options *o, int c, const char *value)
{
	switch (c) {
	case OPT_GDB: own->gdb = value; return 0;
	case OPT_GDB_ANYONE: own->gdb_anyone = true; return 0;
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

/* A thread of its own: where a vCPU runs, the processor's clock faults, and with it
 * the C library's. */
struct errand {
	const struct life_setup *setup;
	struct monitor_options options;
	struct run_record *record;
	struct gdb_link *gdb; /* NULL: nobody debugs */
};

static uint8_t *copy(const uint8_t *from, uint32_t n)
{
	uint8_t *to = from == NULL || n == 0 ? NULL : malloc(n);

	if (to != NULL)
		memcpy(to, from, n);
	return to;
}

static void stop_debugging(struct run_record *r, enum gdb_end end)
{
	static const char *const why[] = {
		[GDB_KILLED] = "gdb ended it",
		[GDB_LOST] = "gdb's connection was lost, so it was ended",
		[GDB_BROKEN] = "the machine failed while gdb held it",
	};

	r->unborn = MFW_ERR_BACKEND;
	snprintf(r->error, sizeof(r->error), "%s", why[end]);
}

/* The same as shell_live, but gdb says when it goes on. */
static void live_held(
	struct shell *shell, const struct life_setup *s, struct gdb_link *gdb, struct run_record *r)
{
	enum gdb_end end = GDB_LOST;
	struct debug *debug;

	if (debug_open(&debug, shell, s->event, s->event_size, r->error) < 0) {
		r->unborn = MFW_ERR_BACKEND;
		return;
	}
	if (gdb_accept(gdb) == 0)
		end = gdb_session(gdb, debug, &s->image);
	r->life = *debug_life(debug);
	if (end != GDB_ENDED)
		stop_debugging(r, end);
	debug_close(debug);
}

static void live(const struct errand *e, struct monitor *m, struct run_record *r)
{
	const struct life_setup *s = e->setup;
	struct shell *shell;
	const uint8_t *init = monitor_init_effects(m, &r->init_bytes);

	r->backend = monitor_backend(m);
	r->init_ns = monitor_init_ns(m);
	memcpy(r->snapshot, monitor_snapshot_digest(m), sizeof r->snapshot);
	r->init_effects = copy(init, r->init_bytes);
	if (r->init_effects == NULL)
		r->init_bytes = 0;
	r->unborn = (enum mfw_result)shell_open(&shell, m, r->error);
	if (r->unborn != MFW_OK)
		return;
	if (e->gdb == NULL)
		shell_live(shell, s->event, s->event_size, &r->life);
	else
		live_held(shell, s, e->gdb, r);
	r->effects = copy(r->life.effects, r->life.bytes);
	r->life.effects = r->effects;
	if (r->effects == NULL)
		r->life.bytes = 0;
	shell_close(shell);
}

static void *run_errand(void *argument)
{
	struct errand *e = argument;
	const struct life_setup *s = e->setup;
	struct run_record *r = e->record;
	struct monitor *m;

	r->unborn = (enum mfw_result)monitor_open(
		&m, &s->image, s->data, s->data_size, &e->options, r->error);
	if (r->unborn == MFW_OK) {
		live(e, m, r);
		monitor_close(m);
	}
	return NULL;
}

static int run_life(const struct life_options *o, const struct life_setup *s, struct gdb_link *gdb,
	struct run_record *r)
{
	struct errand errand = {s, life_monitor(s, o), r, gdb};
	pthread_t thread;
	int rc;

	errand.options.held = gdb != NULL;
	rc = pthread_create(&thread, NULL, run_errand, &errand);

	if (rc != 0)
		return out_say(o->command, STATUS_FAILED, "no thread: %s", strerror(rc));
	pthread_join(thread, NULL);
	r->birth = errand.options.birth;
	if (r->unborn != MFW_OK)
		outcome_unborn(&r->outcome, r->unborn, r->error);
	else
		outcome_judge(&r->outcome, &s->image, &s->manifest, &r->life);
	return 0;
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

static int tell(const struct life_options *o, const struct life_setup *s,
	const struct run_record *r, const struct symbols *symbols)
{
	const struct outcome *out = &r->outcome;
	const char *name = s->image.note.name;

	run_print_effects(stderr, name, r->init_effects, r->init_bytes);
	if (out->readable)
		run_print_effects(stderr, name, r->effects, r->life.bytes);
	if (out->exit != STATUS_OK) {
		fprintf(stderr, "mayfly: run: %s: %s: %s\n", name, out->name, out->message);
		if (out->result == MFW_ERR_CRASHED)
			fault_print(stderr, &s->image, symbols, &r->life);
		return out->exit;
	}
	if (!out->replied) {
		out_say(o->command, 0, "%s ended without a reply", name);
		return STATUS_OK;
	}
	return write_reply(o, name, &out->reply);
}

/* Before the life, so that what is wrong is said at once. */
static int wait_for_gdb(const struct life_options *o, const struct own *own, struct gdb_link **gdb)
{
	size_t n = strlen(o->image_path);
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
	if (n > 4 && strcmp(o->image_path + n - 4, ".mfy") == 0)
		n -= 4;
	return out_say(o->command, 0, "waits for gdb: gdb %.*s.debug -ex 'target remote %s'",
		(int)n, o->image_path, where);
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
	if (status == 0)
		status = wait_for_gdb(&o, &own, &gdb);
	if (status == 0)
		status = run_life(&o, &s, gdb, &r);
	if (status == 0) {
		struct symbols *symbols =
			r.outcome.result == MFW_ERR_CRASHED ? symbols_beside(o.image_path) : NULL;

		status = o.json ? run_print_json(&s, &r, symbols) : tell(&o, &s, &r, symbols);
		symbols_close(symbols);
	}
	if (gdb != NULL)
		gdb_close(gdb);
	free(gdb);
	free(r.effects);
	free(r.init_effects);
	life_unload(&s);
	return status;
}
