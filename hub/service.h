/*
 * hub/service.h - a service: its image, what is attached to it, the queue of its events,
 * and its worker, when it has one. Events pass through here in the order of their arrival.
 *
 *	service_begin, service_submit   events come in                 service_in.c
 *	service_pump, service_end       to the worker, and their end   service.c
 *	service_wake_by                 what time brings               service_time.c
 *	worker_start ... worker_end     the process that runs lives    worker.c
 *	life_ended                      what becomes of a life         life.c
 */
#ifndef HUB_SERVICE_H
#define HUB_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "abi/worker.h"
#include "base/histogram.h"
#include "hub/areas.h"
#include "hub/circuit.h"
#include "hub/fingerprint.h"
#include "hub/kept.h"
#include "hub/lend.h"
#include "hub/link.h"
#include "hub/near.h"
#include "hub/order.h"
#include "hub/task.h"
#include "hub/trust.h"
#include "hub/turn.h"
#include "image/key.h"
#include "image/manifest.h"
#include "image/symbols.h"
#include "sys/log.h"
#include "sys/loop.h"

struct hub;

enum service_worker { WORKER_NONE, WORKER_STARTING, WORKER_READY, WORKER_ENDING };

struct service_counts {
	uint64_t accepted, replied, refused[REFUSALS];
	/* accepted = replied + silent + refused - turned_away + returned + those that wait or run */
	uint64_t silent;      /* the life went well and gave no reply */
	uint64_t turned_away; /* of the refused: never accepted */
	uint64_t lives, results[MFW_RESULTS], denied, cold, reruns;
	uint64_t workers;             /* started */
	uint64_t unstarted;           /* of those: that didn't come to run lives */
	uint64_t lost;                /* of those: that died, were killed or ended for a fault */
	uint64_t calls;               /* that its lives made */
	uint64_t scheduled;           /* events that its lives had scheduled */
	uint64_t ticks, ticks_missed; /* of its timers: events; those that never came */
	uint64_t duplicates;          /* of events that were dealt with before; not accepted */
	uint64_t races;    /* lives that ran in vain, for state that they saw had changed */
	uint64_t commits;  /* lives whose effects were written */
	uint64_t retries;  /* events kept to be tried again */
	uint64_t dead;     /* events that became dead letters */
	uint64_t unsent;   /* messages for an upstream that this hub hasn't */
	uint64_t circuits; /* how often the circuit opened */
	uint64_t overruns; /* lives that metered more than was quoted (pricing.h) */
	uint64_t errors;   /* replies of 5xx */
	uint64_t returned; /* events that went on in the version in place (canary.h) */
};

/* How long its events took; there once one has ended. */
struct service_times {
	struct histogram queue; /* from acceptance to the life, a worker's start included */
	struct histogram birth, run;
	struct histogram total; /* from acceptance to the end, refusals included */
};

struct service {
	struct service *next;
	struct hub *hub;
	bool kept;             /* by the plan at hand (hub/plan.h) */
	struct service *after; /* its events wait until this one, which it replaced, is gone */
	/* Another version beside it (canary.h), which gets `share` ten thousandths of its events; NULL: none. Of that one:
	 * the version in place, where an event goes whose life failed here. */
	struct service *canary, *stable;
	unsigned share;
	uint8_t print[FINGERPRINT]; /* of its entry and files; zero: none */
	char *name;
	char *image_path;
	char *entry; /* the image as hub.yaml names it, which gives it no name; NULL: it does */
	/* What it is, fixed when the hub's configuration is read. */
	struct mfi_image note;
	uint8_t digest[32];
	struct trust_verdict verdict;
	uint8_t snapshot[32]; /* SHA-256 of the image's digest and the data's */
	struct manifest manifest;
	int image_fd, data_fd; /* data_fd -1: nothing attached */
	struct mfw_head head;  /* for its workers */
	int core;              /* its worker's; or enum config_core */
	unsigned queue_most;
	struct key key; /* of its events */
	bool keyed;     /* events of one key have an order */
	bool ordered; /* events of one key never run at once: there are several threads, or state */
	bool stateful;  /* state is attached to its events */
	bool may_write; /* its lives may ask for what is kept in the database (database.h) */
	enum manifest_durability durability;
	uint32_t number; /* in the database; 0: not asked for yet */
	uint64_t idle_ns, deadline_ns;
	struct symbols *symbols; /* read when something crashes */
	bool symbols_read;
	uint64_t core_ns; /* when one of its cores was written last */

	/* Its events: those that wait, and those that the worker has. */
	struct task_list holding;        /* until the till holds their price (paid.h) */
	struct task_list queue, running; /* each as they arrived */
	struct task_list
		committing;         /* their lives are over, their effects on the way to the disk */
	struct order order;         /* which of the queue may go */
	struct task *at[MFW_SLOTS]; /* by slot; NULL: none, or given up */
	unsigned posted;            /* slots at the worker */
	unsigned suspended;         /* of those: lives that stand still for a call */
	unsigned reruns;            /* tasks with an attempt behind them */
	size_t waiting;             /* what its events take (waiting.h) */
	size_t shared;              /* what its worker and the hub use together */
	uint64_t life_ns;           /* of the recent ones, about */
	struct kept snap;           /* its snapshot, between two workers */
	struct lend *lend;          /* its worker may read its UDP socket; NULL: it may not */
	struct circuit circuit;     /* closed as long as lives and workers do some good */

	/* Its worker. */
	enum service_worker worker;
	struct link *link;
	struct areas *areas; /* memory.input, memory.output; NULL: it has neither */
	struct loop_source wake, process, words;
	struct loop_timer timer; /* the next thing that time brings */
	struct near near;
	struct loop_later kick; /* tell the worker of what was posted in this round */
	struct loop_later more; /* its ring still has messages */
	struct turn turn;
	uint64_t started_ns;   /* when this worker was */
	uint64_t active_ns;    /* when the last event came or went */
	uint64_t heard_ns;     /* when the worker last gave a sign of life */
	int group;             /* of its worker: one more than its number; 0: none */
	uint64_t worker_lives; /* of this one */
	unsigned empty_wakes;  /* in a row, with nothing in its ring */
	struct log_rate crashes, logs, says, fails;
	struct service_counts counts;
	struct service_times *times; /* NULL: no event has ended */
};

void service_init(struct service *service, struct hub *hub);
void service_close(struct service *service);
/* Itself, or the version beside which it is on trial. */
static inline const struct service *service_in_place(const struct service *service)
{
	return service->stable ? service->stable : service;
}
/* The figures of `from`, which are zero then, are added. */
void service_inherit(struct service *service, struct service *from);

/* A task to write an event of this source into (task->writer, type and subject already set),
 * or NULL with why. */
struct task *service_begin(struct service *service, enum mf_source source, struct mf_str type,
	struct mf_str subject, enum refusal *why);
/* The same with an id of its own, of at most STORE_ID_MAX bytes: a schedule's, a call's. */
struct task *service_begin_as(struct service *service, enum mf_source source, struct mf_str type,
	struct mf_str subject, struct mf_str id, enum refusal *why);
/* Takes back what service_begin gave. */
void service_cancel(struct task *task);
/* The event is written but for peer, id, times and seed. */
void service_submit(struct task *task);
/* The same, once what it may cost is held. */
void service_go_on(struct task *task);
/* Do its lives nothing but answer? */
bool service_only_answers(const struct service *service);
/* After a refusal for this reason: how long until asking again makes sense; never 0. */
uint64_t service_retry_ns(const struct service *service, enum refusal why);
/* Would an event be taken at this moment? Else why not. */
bool service_accepts(struct service *service, enum mf_source source, enum refusal *why);
/* Counts an event that was refused without becoming a task. */
void service_refused(struct service *service, enum refusal why);

/* Sends waiting events to the worker, starting one if there is none. */
void service_pump(struct service *service);
/* Tells the task's origin how it ended; the task is gone. */
struct ending {
	bool refused;
	enum refusal why;          /* if refused */
	bool kept;                 /* the same: it is tried again, or a dead letter (failed.h) */
	const struct reply *reply; /* else; NULL: it gave none */
	const char *result;        /* for the trace: "ok", "crashed", "late" ... */
	const char *detail; /* more than that, for people; NULL: nothing. Until service_end */
	uint64_t birth_ns, run_ns;
};
void service_end(struct task *task, const struct ending *ending);
void service_refuse(struct task *task, enum refusal why);
/* The same, with more to say of it. */
void service_refuse_for(struct task *task, enum refusal why, const char *detail);
/* The life is over, as `ending` says, and what is to be written of it is the store's: the next of its key may run, the
 * slot is no longer its own. False: no memory, nothing changed. */
bool service_commits(struct task *task, const struct ending *ending);
/* The life was in vain: `why`, state has changed. It runs again, alone, or is refused. */
void service_again(struct task *task, const char *why);
/* The event goes on at another version of the service, as if it came there now, with what is left of its deadline;
 * `ending` says what became of its life here. False: no memory, nothing changed. */
bool service_hand_over(struct task *task, struct service *to, const struct ending *ending);
/* The same for all that wait. */
void service_refuse_all(struct service *service, enum refusal why);
/* The worker is gone: what it had goes back to the queue's front, once; then it is refused. */
void service_take_back(struct service *service);
/* See to it that the timer fires at `at` or before. */
void service_wake_by(struct service *service, uint64_t at);
/* Why events are refused while the circuit is open. */
enum refusal service_open_why(const struct service *service);
/* Nothing waits and nothing runs. */
bool service_quiet(const struct service *service);

#endif
