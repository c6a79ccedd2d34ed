/* hub/database.c - see database.h */
#include "hub/database.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/config.h"
#include "hub/emit.h"
#include "hub/ids.h"
#include "hub/mqtt/mqtt.h"
#include "hub/outbox.h"
#include "hub/in_timer.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "hub/states.h"
#include "image/grants.h"
#include "sys/clock.h"

#define PROBE_NS CLOCK_S
#define FULL_BYTES                                                                                 \
	(4u << 20)     /* of transactions that wait; the store itself takes four times as much */
#define DRAIN_MS 10000 /* without a report: whoever waits for more waits in vain */

struct database {
	struct hub *hub;
	struct loop_source source;
	struct loop_timer probe;
	int error;           /* of the last commit that was reported; 0: it went well */
	uint64_t generation; /* as of what lies above */
	bool held;           /* services wait until less waits for the store */
	bool probing, listens;
};

/* -------------------------------------------------------------- what needs it */

bool database_needed(const struct service *service)
{
	return grants_store(&service->note, &service->manifest);
}

uint32_t database_service(struct service *service)
{
	if (service->number == 0)
		service->number = store_service(
			service->hub->store, mf_str_of(service->name, strlen(service->name)));
	return service->number;
}

/* ------------------------------------------------------------------- reports */

static void tell(struct database *db, int error)
{
	const char *why = error == -ENOSPC ? "there is no space left: make some"
		: error == -EUCLEAN ? "it is damaged: stop the hub and put a copy in its place"
				    : strerror(-error);

	if (error == db->error)
		return;
	db->error = error;
	if (error < 0)
		log_error("the database \"%s/mayfly.db\" can't be written: %s; events for services "
			  "that may write are refused until it can",
			db->hub->state, why);
	else
		log_info("the database can be written again");
}

void database_done(struct hub *hub, struct store_tx *tx, int error)
{
	struct database *db = hub->database;

	if (error == 0) {
		states_committed(hub->states, tx);
		if (hub->outbox)
			outbox_committed(hub->outbox, tx);
	} else {
		if (db->generation != store_generation(hub->store))
			states_forget(hub->states); /* once for all that failed together */
		db->generation = store_generation(hub->store);
		if (db->probe.place == 0)
			(void)loop_timer_set(hub->loop, &db->probe, loop_now(hub->loop) + PROBE_NS);
	}
	tell(db, error);
}

static void probed(struct store_tx *tx, int error)
{
	struct hub *hub = store_context(tx);

	hub->database->probing = false;
	database_done(hub, tx, error);
}

/* A transaction that writes something, whatever. */
static void on_probe(struct loop_timer *timer)
{
	struct database *db = LOOP_OWNER(timer, struct database, probe);
	struct hub *hub = db->hub;
	struct store_tx *tx;

	if (db->error == 0)
		return;
	tx = db->probing ? NULL : store_begin(hub->store, STORE_SYNC, probed, hub);
	if (tx) {
		db->probing = true;
		store_tick(tx, 0, MF_STR("probe"), (int64_t)loop_now(hub->loop));
		store_submit(tx);
		return;
	}
	(void)loop_timer_set(hub->loop, timer, loop_now(hub->loop) + PROBE_NS);
}

static void pump_all(struct service *s)
{
	for (; s; s = s->next)
		service_pump(s);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct database *db = LOOP_OWNER(source, struct database, source);
	struct hub *hub = db->hub;

	(void)events;
	store_reap(hub->store);
	if (!db->held || store_waiting(hub->store) > FULL_BYTES / 2)
		return;
	db->held = false;
	pump_all(hub->services);
	pump_all(hub->leaving);
	pump_all(hub->canaries);
}

int database_down(const struct hub *hub)
{
	return hub->database ? hub->database->error : 0;
}

bool database_full(struct hub *hub)
{
	if (!hub->store || store_waiting(hub->store) < FULL_BYTES)
		return false;
	hub->database->held = true;
	return true;
}

/* -------------------------------------------------------------- open, close */

struct service *database_find(struct hub *hub, uint32_t number)
{
	struct service *s = hub->services;

	while (s && database_service(s) != number)
		s = s->next;
	return s;
}

int64_t database_elapsed(const struct hub *hub)
{
	return (int64_t)time_elapsed(&hub->clocks.kept);
}

static int64_t elapsed_ns(void *context)
{
	struct hub *hub = context;

	clocks_look(hub);
	return database_elapsed(hub);
}

static bool wall_ns(void *context, int64_t *now)
{
	const struct timekept *kept = &((const struct hub *)context)->clocks.kept;

	*now = time_wall(kept);
	return !kept->wrong;
}

static int open_all(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	const struct store_options options = {.directory = hub->state};
	struct outbox_options outbox = {
		.loop = hub->loop,
		.elapsed_ns = elapsed_ns,
		.wall_ns = wall_ns,
		.context = hub,
	};
	char why[STORE_ERROR_MAX] = "";
	int rc = store_open(&hub->store, &options, why);

	if (rc < 0) {
		hub->store = NULL;
		snprintf(error, HUB_ERROR_MAX, "%s", why[0] ? why : strerror(-rc));
		return rc;
	}
	outbox.store = hub->store;
	rc = states_open(&hub->states, hub->store);
	if (rc == 0)
		rc = ids_open(&hub->ids, hub->store);
	if (rc == 0)
		rc = outbox_open(&hub->outbox, &outbox);
	if (rc == 0)
		rc = emit_open(hub);
	if (rc == 0)
		rc = loop_add(hub->loop, store_fd(hub->store), EPOLLIN, &hub->database->source);
	hub->database->listens = rc == 0;
	if (rc < 0)
		snprintf(error, HUB_ERROR_MAX, "\"%s/mayfly.db\": %s", hub->state, strerror(-rc));
	return rc;
}

int database_open(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	struct database *db = calloc(1, sizeof(*db));

	if (!db) {
		snprintf(error, HUB_ERROR_MAX, "no memory");
		return SETUP_FAILED;
	}
	db->hub = hub;
	db->source.ready = on_ready;
	db->probe.fire = on_probe;
	hub->database = db;
	if (open_all(hub, error) == 0) {
		mqtt_attach(hub);
		upstream_attach(hub);
		return 0;
	}
	database_close(hub);
	return SETUP_FAILED;
}

/* Jobs are kept where there is a place for it (hub/jobs/jobs.h). */
static bool takes_jobs(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (cache_needed(plan->services[i]))
			return true;
	return false;
}

int database_wanted(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	const struct service *s = NULL;
	struct hub *hub = plan->hub;

	for (unsigned i = 0; i < plan->config->services_count && !s; i++)
		if (database_needed(plan->services[i]))
			s = plan->services[i];
	plan->database = (s || (hub->state && (timers_remember(plan) || takes_jobs(plan))) ||
				 plan->upstream.kind) &&
		!hub->store;
	if (!plan->database || hub->state || !s) /* an upstream has a state: hub/config_mqtt.c */
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"%s: state: what %s may put, emit, schedule or meter is kept in a database: add "
		"'state: DIRECTORY' for it",
		hub->options.file, s->name);
	return SETUP_USAGE;
}

void database_drain(struct hub *hub)
{
	struct pollfd fd = {.events = POLLIN};

	while (hub->store && store_waiting(hub->store) > 0) {
		fd.fd = store_fd(hub->store);
		if (poll(&fd, 1, DRAIN_MS) <= 0)
			break;
		store_reap(hub->store);
	}
}

void database_close(struct hub *hub)
{
	struct database *db = hub->database;

	if (!db)
		return;
	loop_timer_clear(hub->loop, &db->probe);
	if (db->listens)
		loop_remove(hub->loop, store_fd(hub->store), &db->source);
	emit_close(hub);
	if (hub->outbox)
		outbox_close(hub->outbox);
	hub->outbox = NULL;
	if (hub->store)
		store_close(hub->store);
	hub->store = NULL;
	ids_close(hub->ids);
	states_close(hub->states);
	hub->ids = NULL;
	hub->states = NULL;
	hub->database = NULL;
	free(db);
}

void database_unheard(struct store_tx *tx, int error)
{
	database_done(store_context(tx), tx, error);
}
