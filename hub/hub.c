/* hub/hub.c - make the services and their inputs; stop them in good order. */
#include "hub/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/config.h"
#include "hub/setup.h"
#include "hub/worker.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/random.h"
#include "sys/systemd.h"

/* Who doesn't take a reply in this time after we were asked to stop does without. */
#define STOP_NS (2 * CLOCK_S)

/* -------------------------------------------------------------------- stop */

static void end_all(struct hub *hub)
{
	for (struct service *s = hub->services; s; s = s->next) {
		while (s->running.first)
			service_refuse(s->running.first, REFUSED_STOPPING);
		service_refuse_all(s, REFUSED_STOPPING);
	}
}

static bool has_work(const struct hub *hub)
{
	for (const struct service *s = hub->services; s; s = s->next)
		if (!service_quiet(s))
			return true;
	return false;
}

static bool has_replies(const struct hub *hub)
{
	for (const struct input *i = hub->inputs; i; i = i->next)
		if (i->ops->busy(i))
			return true;
	return false;
}

static void stop_check(struct loop_later *later)
{
	struct hub *hub = LOOP_OWNER(later, struct hub, stop_check);

	if (!has_work(hub) && !has_replies(hub))
		loop_stop(hub->loop);
}

static void stop_now(struct loop_timer *timer)
{
	struct hub *hub = LOOP_OWNER(timer, struct hub, stop_timer);

	end_all(hub);
	loop_stop(hub->loop);
}

/* All that was accepted has a deadline; the last of them, and a little for slow peers. */
static uint64_t last_deadline(const struct hub *hub)
{
	uint64_t last = loop_now(hub->loop);

	for (const struct service *s = hub->services; s; s = s->next) {
		if (s->queue.last && s->queue.last->deadline_ns > last)
			last = s->queue.last->deadline_ns;
		if (s->running.last && s->running.last->deadline_ns > last)
			last = s->running.last->deadline_ns;
	}
	return last;
}

void hub_stop(struct hub *hub)
{
	uint64_t most;

	if (hub->stopping) {
		loop_stop(hub->loop);
		return;
	}
	hub->stopping = true;
	for (struct input *i = hub->inputs; i; i = i->next)
		i->ops->stop(i);
	most = last_deadline(hub) + STOP_NS;
	(void)loop_timer_set(hub->loop, &hub->stop_timer, most);
	systemd_stopping(most - loop_now(hub->loop));
	loop_later(hub->loop, &hub->stop_check);
}

void hub_end_workers(struct hub *hub)
{
	end_all(hub);
	for (struct service *s = hub->services; s; s = s->next)
		worker_retire(s, "the hub ends");
}

void hub_close(struct hub *hub)
{
	if (hub->loop)
		end_all(hub);
	while (hub->inputs) {
		struct input *i = hub->inputs;

		hub->inputs = i->next;
		i->ops->close(i);
	}
	while (hub->services) {
		struct service *s = hub->services;

		hub->services = s->next;
		service_close(s);
	}
	task_pool_close(&hub->tasks);
	report_close(&hub->report);
	free(hub->scratch);
	fd_close(&hub->kvm_fd);
	fd_close(&hub->null_fd);
	loop_close(hub->loop);
	hub->loop = NULL;
}

/* -------------------------------------------------------------------- start */

static int open_shared(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	int err = loop_open(&hub->loop);

	if (err == 0)
		err = report_open(&hub->report, hub->loop, hub->options.json, hub->options.trace);
	if (err == 0 && access(hub->options.worker_program, X_OK) < 0) {
		snprintf(error, HUB_ERROR_MAX, "\"%s\": %s: it belongs beside mayflyd",
			hub->options.worker_program, strerror(errno));
		return SETUP_NOT_FOUND;
	}
	hub->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (err == 0 && hub->null_fd < 0)
		err = -errno;
	if (err < 0) {
		snprintf(error, HUB_ERROR_MAX, "can't start: %s", strerror(-err));
		return SETUP_FAILED;
	}
	hub->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	hub->kvm_error = hub->kvm_fd < 0 ? errno : 0;
	return 0;
}

/* Effects are copied here before they are believed. */
static int make_scratch(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	for (const struct service *s = hub->services; s; s = s->next)
		if (MFW_ROUND(s->note.effects_bytes) > hub->scratch_size)
			hub->scratch_size = MFW_ROUND(s->note.effects_bytes);
	hub->scratch = malloc(hub->scratch_size);
	if (hub->scratch)
		return 0;
	snprintf(error, HUB_ERROR_MAX, "can't start: no memory");
	return SETUP_FAILED;
}

/* `core: hub`: workers are to stay where the hub is, so it has to stay too. */
static void stay_here(struct hub *hub)
{
	cpu_set_t set;
	int core = sched_getcpu();

	CPU_ZERO(&set);
	if (core < 0)
		return;
	CPU_SET((size_t)core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return;
	for (struct service *s = hub->services; s; s = s->next)
		if (s->core == CORE_HUB)
			s->core = core;
}

static int open_services(
	struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	struct service **end = &hub->services;
	bool stay = false;

	for (unsigned i = 0; i < config->services_count; i++) {
		int status = setup_service(hub, &config->services[i], end, error);

		if (status != 0)
			return status;
		stay |= (*end)->core == CORE_HUB;
		end = &(*end)->next;
	}
	if (stay)
		stay_here(hub);
	return 0;
}

static int open_inputs(
	struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	struct service *s = hub->services;

	for (unsigned i = 0; i < config->services_count; i++, s = s->next) {
		int status = setup_inputs(s, &config->services[i], error);

		if (status != 0)
			return status;
	}
	return 0;
}

/* A socket that nobody serves would take connections and never answer. */
static int check_handed_over(char error[static HUB_ERROR_MAX])
{
	char what[SYSTEMD_ERROR_MAX];

	if (!systemd_unused(what))
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"a socket was handed over for %s, and nothing here listens there: say so in the "
		"configuration, or take it out of the socket unit",
		what);
	return SETUP_USAGE;
}

void hub_init(struct hub *hub)
{
	memset(hub, 0, sizeof(*hub));
	random_bytes(hub->order_seed, sizeof(hub->order_seed));
	hub->kvm_fd = hub->null_fd = -1;
	hub->connections_most = HUB_CONNECTIONS;
	hub->held.most = HUB_MEMORY;
	hub->http = (struct http_limits){HUB_HTTP_HEADER, HUB_HTTP_REQUEST, HUB_HTTP_KEEPALIVE};
	hub->started_ns = clock_wall_ns();
	hub->stop_timer.fire = stop_now;
	hub->stop_check.run = stop_check;
}

int hub_open(struct hub *hub, const struct config *config, const struct hub_options *options,
	char error[static HUB_ERROR_MAX])
{
	int status;

	hub_init(hub);
	hub->options = *options;
	hub->connections_most = config->connections;
	hub->held.most = config->memory;
	hub->http = config->limits;
	status = open_shared(hub, error);
	if (status == 0)
		status = open_services(hub, config, error);
	if (status == 0)
		status = make_scratch(hub, error);
	if (status == 0)
		status = open_inputs(hub, config, error);
	if (status == 0)
		status = check_handed_over(error);
	if (status != 0)
		return status;
	for (const struct input *i = hub->inputs; i; i = i->next)
		report_listening(&hub->report, i);
	report_ready(&hub->report, hub);
	return 0;
}
