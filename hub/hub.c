/* hub/hub.c - make the services and their inputs; stop them in good order. */
#include "hub/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/accelerator.h"
#include "hub/admin.h"
#include "hub/cache.h"
#include "hub/canary.h"
#include "hub/center.h"
#include "hub/coap/watch.h"
#include "hub/config.h"
#include "hub/confine.h"
#include "hub/deploy.h"
#include "hub/dying.h"
#include "hub/in_timer.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/peers.h"
#include "hub/database.h"
#include "hub/emit.h"
#include "hub/mqtt/mqtt.h"
#include "hub/plan.h"
#include "hub/proof.h"
#include "hub/failed.h"
#include "hub/schedule.h"
#include "hub/setup.h"
#include "hub/state.h"
#include "hub/till.h"
#include "hub/worker.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/random.h"
#include "sys/systemd.h"

/* Who doesn't take a reply in this time after we were asked to stop does without. */
#define STOP_NS (2 * CLOCK_S)

/* -------------------------------------------------------------------- stop */

static void end_all(struct service *s)
{
	for (; s; s = s->next) {
		while (s->running.first)
			service_refuse(s->running.first, REFUSED_STOPPING);
		service_refuse_all(s, REFUSED_STOPPING);
	}
}

static bool have_work(const struct service *s)
{
	for (; s; s = s->next)
		if (!service_quiet(s))
			return true;
	return false;
}

static bool have_replies(const struct input *i)
{
	for (; i; i = i->next)
		if (i->ops->busy(i))
			return true;
	return false;
}

/* Those that were held up by it. */
static void pump_after(struct service *s, const struct service *gone)
{
	for (; s; s = s->next) {
		if (s->after != gone)
			continue;
		s->after = NULL;
		service_pump(s);
	}
}

/* Its figures live on in the service that took its place. */
static void forget(struct hub *hub, struct service *service)
{
	struct service *heir = hub->services;

	while (heir && strcmp(heir->name, service->name) != 0)
		heir = heir->next;
	if (heir)
		service_inherit(heir, service);
	pump_after(hub->services, service);
	pump_after(hub->leaving, service);
	canary_forget(hub, service);
	worker_retire(service, heir ? "its service was replaced" : "its service was removed");
	service_close(service);
}

/* What a reload took away is gone when it has done what it accepted. */
static void part(struct hub *hub)
{
	for (struct service **at = &hub->leaving; *at;) {
		struct service *s = *at;

		if (!service_quiet(s)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		forget(hub, s);
	}
	for (struct input **at = &hub->leaving_inputs; *at;) {
		struct input *i = *at;

		if (i->tasks > 0 || i->ops->busy(i)) {
			at = &i->next;
			continue;
		}
		*at = i->next;
		i->ops->close(i);
	}
}

static void on_ended(struct loop_later *later)
{
	struct hub *hub = LOOP_OWNER(later, struct hub, ended);

	part(hub);
	if (hub->stopping && !have_work(hub->services) && !have_work(hub->leaving) &&
		!have_work(hub->canaries) && !have_replies(hub->inputs) &&
		!have_replies(hub->leaving_inputs))
		loop_stop(hub->loop);
}

void hub_ended(struct hub *hub)
{
	if (hub->stopping || hub->leaving || hub->leaving_inputs)
		loop_later(hub->loop, &hub->ended);
}

static void stop_now(struct loop_timer *timer)
{
	struct hub *hub = LOOP_OWNER(timer, struct hub, stop_timer);

	end_all(hub->canaries);
	end_all(hub->services);
	end_all(hub->leaving);
	loop_stop(hub->loop);
}

/* All that was accepted has a deadline; the last of them, and a little for slow peers. */
static uint64_t last_deadline(const struct service *s, uint64_t last)
{
	for (; s; s = s->next) {
		if (s->queue.last && s->queue.last->deadline_ns > last)
			last = s->queue.last->deadline_ns;
		if (s->running.last && s->running.last->deadline_ns > last)
			last = s->running.last->deadline_ns;
		if (lend_is_out(s) && loop_now(s->hub->loop) + s->deadline_ns > last)
			last = loop_now(s->hub->loop) + s->deadline_ns;
	}
	return last;
}

void hub_stop(struct hub *hub)
{
	uint64_t last = loop_now(hub->loop);

	if (hub->stopping) {
		loop_stop(hub->loop);
		return;
	}
	hub->stopping = true;
	for (struct input *i = hub->inputs; i; i = i->next)
		i->ops->stop(i);
	timers_stop(hub);
	jobs_stop(hub);
	deploys_stop(hub);
	last = last_deadline(hub->leaving, last_deadline(hub->services, last));
	last = last_deadline(hub->canaries, last);
	(void)loop_timer_set(hub->loop, &hub->stop_timer, last + STOP_NS);
	systemd_stopping(last + STOP_NS - loop_now(hub->loop));
	hub_ended(hub);
}

static void stop_soon(struct loop_later *later)
{
	struct hub *hub = LOOP_OWNER(later, struct hub, stop_soon);

	hub_stop(hub);
	if (hub->stop_now)
		loop_stop(hub->loop);
}

void hub_stop_soon(struct hub *hub, bool now)
{
	hub->stop_now |= now;
	loop_later(hub->loop, &hub->stop_soon);
}

/* What was held for a life that won't be is released. */
static void drain(struct hub *hub)
{
	database_drain(hub);
	till_drain(hub->till);
	end_all(hub->canaries);
	end_all(hub->services);
	end_all(hub->leaving);
	till_drain(hub->till);
}

void hub_end_workers(struct hub *hub)
{
	end_all(hub->canaries);
	end_all(hub->services);
	end_all(hub->leaving);
	drain(hub);
	part(hub);
	for (struct service *s = hub->services; s; s = s->next)
		worker_retire(s, "the hub ends");
	for (struct service *s = hub->canaries; s; s = s->next)
		worker_retire(s, "the hub ends");
}

static void close_inputs(struct input *i)
{
	for (struct input *next; i; i = next) {
		next = i->next;
		i->ops->close(i);
	}
}

static void close_services(struct service *s)
{
	for (struct service *next; s; s = next) {
		next = s->next;
		service_close(s);
	}
}

void hub_close(struct hub *hub)
{
	end_all(hub->canaries);
	end_all(hub->services);
	end_all(hub->leaving);
	deploys_close(hub);
	timers_close(hub);
	clocks_keep(hub);
	drain(hub);
	schedule_close(hub);
	failed_close(hub);
	cache_drain(hub);
	till_drain(hub->till); /* what was read then may have been for a job that is paid */
	jobs_leave_watches(hub);
	proof_close(hub);
	close_inputs(hub->inputs);
	close_inputs(hub->leaving_inputs);
	close_services(hub->services);
	close_services(hub->leaving);
	close_services(hub->canaries);
	watch_close(hub);
	accelerator_close(hub);
	hub->inputs = hub->leaving_inputs = NULL;
	hub->services = hub->leaving = hub->canaries = NULL;
	dying_close(hub);
	mqtt_close(hub->mqtt);
	hub->mqtt = NULL;
	admin_close(hub);
	answers_close(&hub->answers);
	recent_close(&hub->recent);
	task_pool_close(&hub->tasks);
	report_close(&hub->report);
	free(hub->scratch);
	machine_close(&hub->machine);
	fd_close(&hub->kvm_fd);
	fd_close(&hub->null_fd);
	jobs_leave_till(hub);
	center_close(hub);
	jobs_close(hub);
	database_close(hub);
	cache_close(hub);
	emit_settings_close(hub->emit_settings);
	hub->emit_settings = NULL;
	counters_close(&hub->counters);
	deployed_close(&hub->deployments);
	fd_close(&hub->state_fd);
	free(hub->state);
	clocks_close(hub);
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

static int open_state(
	struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	int status, rc;

	if (!config->state)
		return 0;
	hub->state = strdup(config->state);
	if (!hub->state) {
		snprintf(error, HUB_ERROR_MAX, "can't start: no memory");
		return SETUP_FAILED;
	}
	status = state_open(hub->state, hub->options.check, &hub->state_fd, error);
	if (status != 0)
		return status;
	rc = counters_open(&hub->counters, hub->state, hub->options.check, error);
	if (rc == 0)
		rc = deployed_open(&hub->deployments, hub->state, error);
	return rc == 0 ? 0 : SETUP_FAILED;
}

static int open_clocks(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	int err = clocks_open(hub);

	if (err == 0)
		return 0;
	snprintf(error, HUB_ERROR_MAX, "can't start: %s", strerror(-err));
	return SETUP_FAILED;
}

int hub_open_database(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	int status = database_open(hub, error);

	if (status != 0)
		return status;
	clocks_go_on(hub);
	timers_go_on(hub);
	if (schedule_open(hub) == 0 && failed_open(hub) == 0)
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
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		hub->core = core;
}

int hub_core(struct hub *hub)
{
	if (hub->core < 0)
		stay_here(hub);
	return hub->core;
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

void hub_tell_ready(const struct hub *hub)
{
	char status[64];
	unsigned n = 0;

	for (const struct service *s = hub->services; s; s = s->next)
		n++;
	snprintf(status, sizeof(status), "%u service%s", n, n == 1 ? "" : "s");
	systemd_ready(status);
}

void hub_init(struct hub *hub)
{
	memset(hub, 0, sizeof(*hub));
	random_bytes(hub->order_seed, sizeof(hub->order_seed));
	hub->kvm_fd = hub->null_fd = hub->core = hub->state_fd = hub->counters.dir = -1;
	hub->deployments.dir = -1;
	machine_init(&hub->machine);
	clocks_init(&hub->clocks);
	hub->connections_most = HUB_CONNECTIONS;
	hub->held.most = HUB_MEMORY;
	hub->waiting.most = HUB_WAITING;
	hub->http = (struct http_limits){HUB_HTTP_HEADER, HUB_HTTP_REQUEST, HUB_HTTP_KEEPALIVE};
	hub->started_ns = clock_wall_ns();
	hub->shortages.burst = 1;
	hub->stop_timer.fire = stop_now;
	hub->ended.run = on_ended;
	hub->stop_soon.run = stop_soon;
}

int hub_open(struct hub *hub, const struct config *config, const struct hub_options *options,
	char error[static HUB_ERROR_MAX])
{
	struct plan plan;
	int status;

	hub_init(hub);
	hub->options = *options;
	confine_prepare(hub, config);
	status = open_shared(hub, error);
	if (status == 0)
		status = open_state(hub, config, error);
	if (status == 0 && !options->check)
		status = open_clocks(hub, error);
	if (status != 0)
		return status;
	status = plan_make(&plan, hub, config, error);
	if (status == 0)
		status = options->check ? admin_check(config, error)
					: admin_take(hub, config, error);
	if (status == 0)
		status = check_handed_over(error);
	if (status == 0)
		status = center_look(&plan, error);
	if (status != 0 || options->check) {
		if (status == 0)
			trust_report(&plan, true);
		plan_drop(&plan);
		return status;
	}
	plan_commit(&plan);
	status = confine(hub, config, error);
	if (status == 0 && plan.database)
		status = hub_open_database(hub, error);
	if (status == 0 && plan.cache)
		status = cache_open(hub, config->blobs, error);
	if (status == 0)
		status = center_open(hub, config, error);
	if (status == 0)
		status = jobs_look(hub, error);
	if (status == 0)
		status = peers_look(hub, config, error);
	if (status == 0)
		deploys_start(hub);
	if (status == 0)
		report_ready(&hub->report, hub);
	return status;
}
