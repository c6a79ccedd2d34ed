/* mayflyd - the hub: events come in, lives are born for them, their effects go out. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hub/config.h"
#include "hub/hub.h"
#include "hub/journal.h"
#include "hub/nursery.h"
#include "hub/reload.h"
#include "hub/setup.h"
#include "sys/memory.h"
#include "sys/systemd.h"

struct args {
	struct hub_options hub;
};

struct signals {
	struct loop_source source;
	struct hub *hub;
	int fd;
};

static const char usage[] = "usage: mayflyd -c hub.yaml [-o json] [--trace] [--check]\n"
			    "  -c FILE   services, what is attached to them, where they listen\n"
			    "  -o json   start-up and workers as JSON lines on standard output\n"
			    "  --trace   a JSON line a life there\n"
			    "  --check   only look whether FILE can be used\n"
			    "mayflyd(8) and hub.yaml(5) say more.\n";

static int parse_args(int argc, char **argv, struct args *args)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"output", required_argument, NULL, 'o'},
		{"trace", no_argument, NULL, 't'},
		{"check", no_argument, NULL, 'k'},
		{"as", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': args->hub.file = optarg; break;
		case 'o':
			args->hub.json = strcmp(optarg, "json") == 0;
			if (args->hub.json || strcmp(optarg, "text") == 0)
				break;
			log_error("-o: \"%s\": it is either text or json", optarg);
			return SETUP_USAGE;
		case 't': args->hub.trace = true; break;
		case 'k': args->hub.check = true; break;
		case 'a': args->hub.as = optarg; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); return SETUP_USAGE;
		}
	}
	if (args->hub.file && optind == argc)
		return 0;
	fputs(usage, stderr);
	return SETUP_USAGE;
}

/* A connection is a descriptor, and the usual limit of 1024 is for programs that use select. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

#define PROGRAM_MOST (4096 + 32)

/* They lie beside this program, or where MAYFLY_WORKER and MAYFLY_ACCELERATOR say. */
static const char *find_program(const char *name, const char *variable, char path[PROGRAM_MOST])
{
	const char *given = getenv(variable);
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (given)
		return given;
	if (n < 0)
		return name;
	self[n] = '\0';
	snprintf(path, PROGRAM_MOST, "%s/%.24s", dirname(self), name);
	return path;
}

static void find_programs(struct hub_options *options)
{
	static char worker[PROGRAM_MOST], accelerator[PROGRAM_MOST];

	options->worker_program = find_program("mayfly-worker", "MAYFLY_WORKER", worker);
	options->accelerator_program =
		find_program("mayfly-accelerator", "MAYFLY_ACCELERATOR", accelerator);
}

/* First of all: what it has no use for isn't in memory yet. */
static int start_nursery(struct args *args, struct nursery *nursery)
{
	int err;

	if (args->hub.check)
		return 0;
	args->hub.nursery = nursery;
	err = nursery_open(nursery, args->hub.worker_program);
	if (err == 0)
		return 0;
	log_error("\"%s\": %s%s", args->hub.worker_program, strerror(-err),
		err == -ENOENT ? ": it belongs beside mayflyd" : "");
	return err == -ENOENT ? SETUP_NOT_FOUND : SETUP_FAILED;
}

/* ------------------------------------------------------------------ signals */

static void on_signal(struct loop_source *source, uint32_t events)
{
	struct signals *s = LOOP_OWNER(source, struct signals, source);
	struct signalfd_siginfo info;
	char error[HUB_ERROR_MAX];

	(void)events;
	if (read(s->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		(void)hub_reload(s->hub, error); /* which says what is wrong */
	else
		hub_stop(s->hub);
}

/* Blocked from the start, read on the loop: a signal is an event like others. */
static void block_signals(sigset_t *set)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int take_signals(struct signals *s, const sigset_t *set)
{
	s->source.ready = on_signal;
	s->fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->fd < 0 ? -errno : loop_add(s->hub->loop, s->fd, EPOLLIN, &s->source);
}

/* ---------------------------------------------------------- service manager */

struct watchdog {
	struct loop_timer timer;
	struct hub *hub;
};

/* From the loop's own thread: who hears it knows that the loop goes round. Twice as often as
 * asked for, as sd_watchdog_enabled(3) advises. */
static void on_watchdog(struct loop_timer *timer)
{
	struct watchdog *w = LOOP_OWNER(timer, struct watchdog, timer);

	systemd_alive();
	(void)loop_timer_set(
		w->hub->loop, timer, loop_now(w->hub->loop) + systemd_watchdog_ns() / 2);
}

static void tell_ready(struct watchdog *watchdog)
{
	hub_tell_ready(watchdog->hub);
	watchdog->timer.fire = on_watchdog;
	if (systemd_watchdog_ns() > 0)
		on_watchdog(&watchdog->timer);
}

/* --------------------------------------------------------------------- main */

static int serve(struct hub *hub, const sigset_t *set)
{
	/* the loop keeps them until the hub is closed */
	static struct watchdog watchdog;
	static struct signals signals;
	int err;

	watchdog.hub = signals.hub = hub;
	err = take_signals(&signals, set);

	if (err == 0) {
		memory_settle();
		tell_ready(&watchdog);
	}
	if (err == 0)
		err = loop_run(hub->loop);
	loop_timer_clear(hub->loop, &watchdog.timer); /* which lies here */
	if (err < 0) {
		log_error("can't go on: %s", strerror(-err));
		return SETUP_FAILED;
	}
	hub_end_workers(hub);
	report_stopped(&hub->report, hub);
	return hub->failed ? SETUP_FAILED : 0;
}

int main(int argc, char **argv)
{
	static struct hub hub;
	static struct journal journal;
	struct args args = {0};
	struct nursery nursery = {.socket = -1};
	char path[PATH_MAX];
	struct config config;
	sigset_t set;
	char error[HUB_ERROR_MAX];
	int status, rc;

	log_setup("mayflyd", LOG_INFO);
	status = parse_args(argc, argv, &args);
	if (status != 0)
		return status;
	if (args.hub.as)
		log_setup(args.hub.as, LOG_INFO);
	block_signals(&set);
	find_programs(&args.hub);
	status = start_nursery(&args, &nursery);
	if (status != 0)
		return status;
	journal_open(&journal, false);
	args.hub.journal = &journal;
	if (!args.hub.as)
		args.hub.config = realpath(args.hub.file, path);
	if (systemd_open(error) < 0) {
		log_error("%s", error);
		return SETUP_USAGE;
	}
	rc = config_open(&config, args.hub.file, args.hub.as, error);
	if (rc < 0) {
		log_error("%s", error);
		return rc == -ENOENT ? SETUP_NOT_FOUND : SETUP_USAGE;
	}
	journal_set_json(&journal, config.log == CONFIG_LOG_JSON);
	raise_limits();
	status = hub_open(&hub, &config, &args.hub, error);
	config_close(&config);
	if (status != 0)
		log_error("%s", error);
	else if (args.hub.check)
		log_info("\"%s\" can be used", args.hub.file);
	else
		status = serve(&hub, &set);
	hub_close(&hub);
	nursery_close(&nursery);
	journal_close(&journal);
	return status;
}
