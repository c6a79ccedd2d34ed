/* hub/worker.c - start a worker, listen to it, end it. */
#include "hub/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/config.h"
#include "hub/call.h"
#include "hub/dying.h"
#include "hub/hub.h"
#include "hub/kept.h"
#include "hub/life.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sandbox.h"

/* A worker that ends before it has done so much, in so short a time, was of no use. */
#define EARLY_NS    (100 * CLOCK_MS)
#define EARLY_LIVES 8u

/* Now and then a waking finds that its message was taken before; in a row that is no accident. */
#define EMPTY_WAKES_MOST 1000u

/* Tries again at once, or lets nothing in for a while. */
static void failed(struct service *s, bool never_ran, const char *why)
{
	enum circuit_news news = circuit_worker_failed(&s->circuit, never_ran, clock_mono_ns());

	report_circuit(&s->hub->report, s, news, why);
	if (s->circuit.state == CIRCUIT_OPEN)
		service_refuse_all(s, service_open_why(s));
	else
		service_pump(s);
}

/* It never ran: that will not be better at once. */
static void failed_to_start(struct service *s, const char *why)
{
	uint64_t skipped;

	s->counts.unstarted++;
	if (log_allowed(&s->fails, clock_mono_ns(), &skipped))
		log_about(LOG_ERROR, s->name, NULL, "can't start: %s", why);
	failed(s, true, why);
}

/* Has the worker been of no use? */
static bool is_early(struct service *s)
{
	lend_look(s);
	return s->worker_lives == 0 ||
		(s->worker_lives < EARLY_LIVES && clock_mono_ns() - s->started_ns < EARLY_NS);
}

/* It ran and died. Once is bad luck; early and again and again is the service's own doing. */
static void died(struct service *s, bool early, const char *how)
{
	if (early) {
		failed(s, false, how);
		return;
	}
	circuit_worker_useful(&s->circuit);
	service_pump(s);
}

/* ------------------------------------------------------------------ limits */

/* Descriptors of a worker: its own, and those of its shells. */
#define DESCRIPTORS        48u
#define DESCRIPTORS_THREAD 8u

/* Address space: several times what it should need, for image, data, snapshot and rings, and for each
 * thread's shells and stack; with sanitizers, which take terabytes, no limit. */
#define MEMORY        (512ull << 20)
#define MEMORY_THREAD (96ull << 20)
#define MEMORY_SHELL  (4ull << 20)

/* Of lives that stand still, and of those that follow; with areas, one for each of these. */
static unsigned more_shells(const struct service *s)
{
	if (s->head.areas > 0)
		return s->head.areas;
	return s->note.grants & MFI_GRANT(MF_EFFECT_CALL) ? CALL_WAITING + 8 : 0;
}

/* What its areas take if all are used. */
static uint64_t areas_most(const struct service *s)
{
	return s->head.areas * (MFW_AREA(s->note.input_bytes) + MFW_AREA(s->note.output_bytes));
}

static uint64_t memory_most(const struct service *s)
{
#if SANDBOX_SANITIZED
	(void)s;
	return 0;
#else
	struct stat image = {0}, data = {0};

	(void)fstat(s->image_fd, &image);
	if (s->data_fd >= 0)
		(void)fstat(s->data_fd, &data);
	return MEMORY + 4 * (uint64_t)(image.st_size + data.st_size) + 4 * s->note.init_bytes +
		MFW_SLOTS * ((uint64_t)s->head.event_area + s->head.effects_area + 2 * MF_PAGE) +
		s->head.threads * (MEMORY_THREAD + 6 * s->note.window_bytes) +
		more_shells(s) * (MEMORY_SHELL + 6 * s->note.window_bytes) + 2 * areas_most(s);
#endif
}

/* Memory that it may have in use, by its control group, where it has one: what its threads need twice
 * over, and each memory that it shares with the hub or that its service is made of. */
#define USED        (24ull << 20)
#define USED_THREAD (4ull << 20)

static uint64_t memory_needed(const struct service *s)
{
	struct stat image = {0}, data = {0};

	if (SANDBOX_SANITIZED) /* which need more than can be said */
		return 1ull << 50;
	(void)fstat(s->image_fd, &image);
	if (s->data_fd >= 0)
		(void)fstat(s->data_fd, &data);
	return USED + 3 * (uint64_t)(image.st_size + data.st_size) + 3 * s->note.init_bytes +
		MFW_SLOTS * ((uint64_t)s->head.event_area + s->head.effects_area + 2 * MF_PAGE) +
		(s->head.threads + more_shells(s)) * (USED_THREAD + 4 * s->note.window_bytes) +
		areas_most(s);
}

/* ----------------------------------------------------------------- the end */

/* The process ends, what it had is taken back. */
static void forget(struct service *s)
{
	struct loop *loop = s->hub->loop;

	loop_remove(loop, link_wake_fd(s->link), &s->wake);
	loop_remove(loop, link_process_fd(s->link), &s->process);
	loop_remove(loop, link_words_fd(s->link), &s->words);
	loop_later_cancel(loop, &s->more);
	s->worker = WORKER_ENDING;
	lend_ended(s);
	service_take_back(s);
	if (s->areas)
		areas_without_worker(s->areas);
	dying_take(s->hub, link_leave(s->link), s->group);
	s->group = 0;
	waiting_share(&s->hub->waiting, &s->shared, 0);
	s->link = NULL;
	s->worker = WORKER_NONE;
	kept_after(s);
}

void worker_retire(struct service *service, const char *why)
{
	if (service->worker == WORKER_NONE)
		return;
	report_worker_ended(&service->hub->report, service, why);
	circuit_worker_useful(&service->circuit);
	forget(service);
	if (service_quiet(service))
		order_rest(&service->order);
}

void worker_lost(struct service *service, const char *wrong)
{
	bool early = is_early(service);

	if (service->worker == WORKER_NONE)
		return;
	service->counts.lost++;
	report_worker_lost(&service->hub->report, service, wrong);
	kept_drop(service); /* whoever took it over may have written it */
	forget(service);
	died(service, early, wrong);
}

/* ------------------------------------------------------------- listening */

/* False: it isn't the one that it should be, and is gone. */
static bool check_started(struct service *s)
{
	struct mfw_status status;

	if (s->worker != WORKER_STARTING)
		return true;
	if (link_status(s->link, &status) < 0 || status.state != MFW_READY)
		return true; /* a worker that failed ends, and is read then */
	if (memcmp(status.snapshot, s->snapshot, sizeof(s->snapshot)) != 0) {
		forget(s);
		failed_to_start(s, "its image changed on disk: reload the hub to use it");
		return false;
	}
	s->worker = WORKER_READY;
	report_worker_started(&s->hub->report, s, &status);
	return true;
}

static bool take_message(struct service *s, const struct mfw_message *m)
{
	if (m->kind == MFW_DEATH || m->kind == MFW_SUSPENDED)
		return life_ended(s, m);
	return lend_message(s, m);
}

/* As much as a turn allows, or all that a ring can hold: a child of a dead worker may go on filling
 * it. False: the worker was lost on the way. */
static bool drain(struct service *s, bool all)
{
	unsigned left = MFW_RING;
	struct mfw_message m;
	int n;

	s->heard_ns = loop_now(s->hub->loop);
	s->empty_wakes++;
	while ((n = link_receive(s->link, &m)) > 0) {
		s->empty_wakes = 0;
		if (!take_message(s, &m))
			break;
		if (all && --left == 0)
			return true;
		if (!all && !turn_goes_on(&s->turn)) {
			loop_later(s->hub->loop, &s->more);
			return true;
		}
	}
	if (n == 0 && s->empty_wakes < EMPTY_WAKES_MOST)
		return true;
	worker_lost(s, n == 0 ? "wakes the hub for nothing" : "wrote nonsense into its ring");
	return false;
}

/* Its ring has messages, most likely. */
static void listen_once(struct service *s)
{
	if (!turn_begin(&s->turn, s->hub->loop)) {
		loop_later(s->hub->loop, &s->more);
		return;
	}
	if (!check_started(s) || !drain(s, false))
		return;
	service_pump(s);
	service_wake_by(s, s->active_ns + s->idle_ns);
	turn_end(&s->turn);
}

static void on_wake(struct loop_source *source, uint32_t events)
{
	(void)events;
	listen_once(LOOP_OWNER(source, struct service, wake));
}

static void on_more(struct loop_later *later)
{
	struct service *s = LOOP_OWNER(later, struct service, more);

	if (s->worker == WORKER_STARTING || s->worker == WORKER_READY)
		listen_once(s);
}

/* What it wrote to standard error: at most a pipe's worth at a time, line by line. */
static void on_words(struct loop_source *source, uint32_t events)
{
	struct service *s = LOOP_OWNER(source, struct service, words);
	char text[1024], *line = text;
	ssize_t n = read(link_words_fd(s->link), text, sizeof(text) - 1);
	uint64_t skipped;

	if (n <= 0) {
		if (n == 0 || (events & (EPOLLHUP | EPOLLERR)))
			loop_remove(s->hub->loop, link_words_fd(s->link), &s->words);
		return;
	}
	text[n] = '\0';
	while (*line) {
		size_t length = strcspn(line, "\n");

		if (length > 0 && log_allowed(&s->says, loop_now(s->hub->loop), &skipped))
			log_about(LOG_WARN, s->name, NULL, "its worker says: %.*s", (int)length,
				line);
		line += length + (line[length] == '\n');
	}
}

static void describe(const struct service *s, int how, char *to, size_t size)
{
	if (how == SIGKILL && s->group > 0 && cgroup_ran_out(&s->hub->groups, s->group - 1))
		snprintf(to, size, "needed more than the %llu MiB of memory that it may have",
			(unsigned long long)(memory_needed(s) >> 20));
	else if (how > 0)
		snprintf(to, size, "was killed by signal %d (%s)", how, strsignal(how));
	else
		snprintf(to, size, "exited with status %d", -how);
}

static void on_process(struct loop_source *source, uint32_t events)
{
	struct service *s = LOOP_OWNER(source, struct service, process);
	struct mfw_status status;
	char how[96], why[sizeof(status.message) + 128];
	int killed = link_ended(s->link);
	bool starting, early;

	(void)events;
	on_words(&s->words, 0); /* its last */
	if (!check_started(s) || !drain(s, true))
		return;
	describe(s, killed, how, sizeof(how));
	early = is_early(s);
	starting = s->worker == WORKER_STARTING;
	if (link_status(s->link, &status) < 0)
		status.state = MFW_STARTING;
	if (!starting) {
		s->counts.lost++;
		report_worker_lost(&s->hub->report, s, how);
		if (killed != SIGKILL) /* somebody's, or for want of memory: no fault of its own */
			kept_drop(s);
	}
	forget(s);
	snprintf(why, sizeof(why), "its worker %s", how);
	if (starting && status.state == MFW_FAILED)
		failed_to_start(s, status.message);
	else if (starting && killed != SIGKILL)
		failed_to_start(s, why);
	else
		died(s, early, how);
}

/* ------------------------------------------------------------------- start */

static int listen_to(struct service *s)
{
	struct loop *loop = s->hub->loop;
	int err;

	s->wake.ready = on_wake;
	s->process.ready = on_process;
	s->words.ready = on_words;
	s->more.run = on_more;
	err = loop_add(loop, link_wake_fd(s->link), EPOLLIN | EPOLLET, &s->wake);
	if (err == 0)
		err = loop_add(loop, link_process_fd(s->link), EPOLLIN, &s->process);
	if (err == 0)
		err = loop_add(loop, link_words_fd(s->link), EPOLLIN, &s->words);
	return err;
}

/* What can be done about it. */
static const char *advice(int err)
{
	switch (err) {
	case -EMFILE: return ": raise LimitNOFILE (ulimit -n), or lower limits.connections";
	case -ENFILE: return ": the whole machine has no more: raise fs.file-max";
	case -EAGAIN: return ": raise TasksMax, or the user's limit of processes (ulimit -u)";
	case -ENOMEM: return ": the machine or the hub's cgroup has no memory left";
	case -EACCES: return ": everybody must be allowed to run it (chmod 755)";
	case -EOWNERDEAD: return ": the process that starts workers is gone";
	case -ETIMEDOUT: return ": the process that starts workers doesn't answer: was it stopped?";
	default: return "";
	}
}

/* *fd: of a control group with its limit; 0: there are none. */
static int join_group(struct service *s, int *fd)
{
	struct cgroups *groups = &s->hub->groups;
	int number;

	*fd = 0;
	if (groups->path[0] == '\0')
		return 0;
	number = cgroup_make(groups, memory_needed(s), fd);
	if (number < 0)
		return number;
	s->group = number + 1;
	return 0;
}

bool worker_start(struct service *service)
{
	struct hub *hub = service->hub;
	struct link_options options = {
		.nursery = hub->options.nursery,
		.name = service->name,
		.head = service->head,
		.image_fd = service->image_fd,
		.data_fd = service->data_fd,
		.kvm_fd = service->head.backend == MFW_BACKEND_KVM ? hub->kvm_fd : -1,
		.cpuid_fd = service->head.backend == MFW_BACKEND_KVM ? hub->machine.cpuid_fd : -1,
		.null_fd = hub->null_fd,
		.cpu = service->core == CORE_HUB ? hub_core(hub)
			: service->core >= 0     ? service->core
						 : -1,
	};
	char why[256];
	int err;

	options.descriptors =
		DESCRIPTORS + DESCRIPTORS_THREAD * (service->head.threads + more_shells(service));
	options.memory = memory_most(service);
	options.kept_fd = kept_descriptor(service);
	options.socket_fd = lend_descriptor(service, &options.head);
	options.input_fd = options.output_fd = -1;
	err = join_group(service, &options.group);
	if (err == 0 && service->areas)
		err = areas_for_worker(service->areas, &options.input_fd, &options.output_fd);
	if (err == 0)
		err = link_open(&service->link, &options);
	if (options.group > 0)
		fd_close(&options.group);
	if (err < 0) {
		if (service->areas)
			areas_without_worker(service->areas);
		dying_take(hub, -1, service->group);
		service->group = 0;
		snprintf(why, sizeof(why), "%s: %s%s", hub->options.worker_program, strerror(-err),
			advice(err));
		failed_to_start(service, why);
		return false;
	}
	service->worker = WORKER_STARTING;
	/* with several threads there is no one place for them */
	near_reset(&service->near, service->core != CORE_AUTO || service->head.threads > 1);
	service->counts.workers++;
	service->worker_lives = 0;
	service->empty_wakes = 0;
	service->started_ns = service->heard_ns = service->active_ns = clock_mono_ns();
	err = listen_to(service);
	if (err < 0) {
		forget(service);
		failed_to_start(service, strerror(-err));
		return false;
	}
	service_wake_by(service, service->active_ns + service->idle_ns);
	return true;
}
