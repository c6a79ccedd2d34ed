/*
 * hub/hub.h - what all parts of the daemon share: the loop, the services, the inputs, what
 * the operator asked for. One thread owns all of it.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/worker.h"
#include "hub/answers.h"
#include "hub/bytes.h"
#include "hub/clocks.h"
#include "hub/counters.h"
#include "hub/deployed.h"
#include "hub/input.h"
#include "hub/machine.h"
#include "hub/recent.h"
#include "hub/report.h"
#include "hub/service.h"
#include "hub/task.h"
#include "hub/upstream.h"
#include "hub/waiting.h"
#include "hub/walls.h"
#include "sys/cgroup.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define HUB_ERROR_MAX 1024

struct accelerator;
struct admin;
struct blobs;
struct cache;
struct center;
struct config;
struct failed;
struct jobs;
struct journal;
struct dying;
struct mqtt;
struct nursery;
struct proof;
struct till;
struct timer;
struct database;
struct deploy;
struct ids;
struct outbox;
struct schedule;
struct states;
struct store;
struct store_later;
struct watches;
struct emit;
struct emit_settings;

struct hub_options {
	const char *worker_program;      /* mayfly-worker */
	const char *accelerator_program; /* mayfly-accelerator */
	bool json;                       /* start-up lines as JSON on standard output */
	bool trace;                      /* a JSON line a life */
	const char *file, *as;           /* its configuration, as config_open wants them */
	bool check;                      /* only look whether the configuration can be used */
	struct nursery *nursery;         /* starts workers; NULL with check */
	struct journal *journal;         /* what the hub said of late; NULL: isn't kept */
	const char *config;              /* the file, absolute; NULL: none, or nobody ever saw it */
};

/* How often the configuration was read again, by SIGHUP or `mayfly reload`. */
struct hub_reloads {
	uint64_t done, failed;
	int64_t last_ns; /* wall, of the last that was done; 0: none */
};

/* Limits where hub.yaml says nothing. */
#define HUB_CONNECTIONS    1024u
#define HUB_MEMORY         (32u << 20)
#define HUB_WAITING        (8u << 20)
#define HUB_HTTP_HEADER    (16u << 10)
#define HUB_HTTP_REQUEST   (30 * CLOCK_S)
#define HUB_HTTP_KEEPALIVE (60 * CLOCK_S)

/* What HTTP's clients may take, all services alike. */
struct http_limits {
	size_t header;         /* bytes of a request's first line and headers */
	uint64_t request_ns;   /* from its first byte to its last */
	uint64_t keepalive_ns; /* a connection without a request */
};

struct hub {
	struct loop *loop;
	struct hub_options options;
	struct report report;
	struct service *services; /* list */
	struct dying *dying;      /* list (dying.h) */
	struct input *inputs;     /* list */
	/* Taken away by a reload: they finish what they accepted, and are in no other list. */
	struct service *leaving;
	struct service *canaries; /* versions on trial, beside those in `services` (canary.h) */
	struct input *leaving_inputs;
	struct timer *timers; /* list */
	struct clocks clocks;
	struct task_pool tasks;
	struct waiting waiting;         /* what their events take */
	uint8_t order_seed[ORDER_SEED]; /* of the hashes of keys */
	uint8_t *scratch; /* the effects of the life at hand, out of the worker's reach */
	size_t scratch_size;
	unsigned connections, connections_most; /* of all TCP inputs */
	struct bytes_total held;                /* by those connections */
	struct log_rate shortages;              /* of descriptors */
	struct http_limits http;
	struct recent recent;           /* what became of the newest events */
	struct answers answers;         /* to requests with an Idempotency-Key */
	struct watches *watches;        /* observers over CoAP; NULL: there were none */
	int kvm_fd, kvm_error, null_fd; /* kvm_fd -1: none, kvm_error says why */
	int core;                       /* where the hub stays; -1: anywhere */
	uint64_t kept_bytes;            /* of all services' snapshots (kept.h) */
	struct machine machine;         /* what workers on it needn't ask */
	int state_fd;                   /* its directory is locked; -1: it has none */
	char *state;                    /* as configured; NULL: none */
	struct counters counters;       /* of the releases that ran */
	struct deployments deployments; /* of versions that came by `mayfly deploy` */
	struct deploy *deploys;         /* what became of the newest, list (deploy.h) */
	uint64_t deployed, went_back;   /* how many ended so */
	unsigned cores;                 /* how many of them are kept there; 0: none */
	uint64_t core_ns;               /* when the last one was written */
	/* The database and what lies above it (database.h); NULL, all: nothing here needs one. */
	struct database *database;
	struct store *store;
	struct states *states;
	struct ids *ids;
	struct emit *emit; /* the outbox's way to addresses */
	struct emit_settings
		*emit_settings; /* of the configuration; never NULL once there is one */
	struct outbox *outbox;
	struct schedule *schedule;
	struct blobs *blobs;    /* the disk cache (cache.h); NULL: nobody here needs one */
	struct cache *cache;    /* the same */
	struct jobs *jobs;      /* NULL: there is no database, or no disk cache */
	struct center *center;  /* NULL: nothing is charged here */
	struct till *till;      /* the same */
	struct proof *proof;    /* NULL: nobody looks at the whole ledger just now */
	struct failed *retries; /* NULL: there is no database */
	/* An event that a service scheduled for itself is in the database. NULL: nobody wants to know. */
	void (*on_later)(struct hub *hub, const struct store_later *later);
	bool stopping;
	bool failed;                       /* it stops because it can't go on */
	bool enclosed;                     /* it reads below some directories only */
	struct walls walls;                /* which stand */
	struct cgroups groups;             /* of workers, where there are any */
	struct loop_source nursery_source; /* ready: it answers late, or is gone */
	int64_t started_ns;                /* wall */
	struct hub_reloads reloads;
	struct admin *admin;             /* NULL: none */
	struct accelerator *accelerator; /* the same */
	struct mqtt *mqtt;               /* the broker; NULL: none */
	struct upstream upstream;
	struct loop_timer stop_timer;
	struct loop_later ended;
	struct loop_later stop_soon;
	bool stop_now;
};

/* A hub without loop, services and inputs, with the limits above: hub_open starts with it, and so do tests. */
void hub_init(struct hub *hub);
/* Makes all that `config` asks for and listens (with options.check: throws it away). 0, or an exit status with one line in error;
 * hub_close in both cases. */
int hub_open(struct hub *hub, const struct config *config, const struct hub_options *options,
	char error[static HUB_ERROR_MAX]);
void hub_close(struct hub *hub);
/* The database, and what goes by the times that are kept there. */
int hub_open_database(struct hub *hub, char error[static HUB_ERROR_MAX]);
/* Ends all workers; nothing may be running. */
void hub_end_workers(struct hub *hub);

/* Tells the service manager that all that was asked for is there. */
void hub_tell_ready(const struct hub *hub);
/* An event, or a connection, ended: something that waited for it may be over. */
void hub_ended(struct hub *hub);
/* The core of `core: hub`, on which the hub stays from now on. */
int hub_core(struct hub *hub);

/* Accepts nothing more, finishes what it has, then stops the loop. A second call doesn't wait. */
void hub_stop(struct hub *hub);
/* The same at the end of the loop's round, when whoever asked for it has got an answer; `now`:
 * without waiting. */
void hub_stop_soon(struct hub *hub, bool now);

#endif
