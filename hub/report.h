/*
 * hub/report.h - what the operator hears: lines on standard error, and, if asked for, JSON
 * lines on standard output: `listening`, `ready`, `worker_started`, `worker_ended`, `stopped`
 * and, with --trace, one `life` a life. mayflyd(8) lists their members.
 */
#ifndef HUB_REPORT_H
#define HUB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "abi/worker.h"
#include "base/str.h"
#include "hub/circuit.h"
#include "sys/loop.h"

struct hub;
struct input;
struct plan_counts;
struct route;
struct service;
struct task;
struct ending;

#define REPORT_BUFFER 65536

struct report {
	struct loop *loop;
	bool json, trace;
	char *buffer; /* lines of this round; one write at its end */
	size_t used;
	struct loop_later flush;
};

int report_open(struct report *report, struct loop *loop, bool json, bool trace);
void report_close(struct report *report); /* writes what is left */

const char *report_backend(unsigned backend); /* enum mfw_backend: "kvm" */

void report_listening(struct report *report, const struct input *input);
/* HTTP: who answers there. `example` is the manifest's, or NULL. */
void report_route(struct report *report, const struct input *input, const struct route *route,
	const char *example);
/* A timer that is new, in words: "every 10s". */
void report_timer(
	struct report *report, const struct service *service, const char *name, const char *text);
/* It is born by messages on these topics of a broker. */
void report_topics(struct report *report, const struct input *input, const char *const *topics,
	unsigned count, const char *command);
void report_ready(struct report *report, const struct hub *hub);
/* The configuration was read again; `wrong` NULL: and taken. */
void report_reload(struct report *report, const struct plan_counts *counts, const char *wrong);
void report_stopped(struct report *report, const struct hub *hub);

void report_worker_started(
	struct report *report, const struct service *service, const struct mfw_status *status);
void report_worker_ended(struct report *report, const struct service *service, const char *why);
/* Something was wrong with it. */
void report_worker_lost(struct report *report, struct service *service, const char *wrong);

/* The circuit opened, or is closed again; `last` is what failed last. */
void report_circuit(
	struct report *report, struct service *service, enum circuit_news news, const char *last);

/* A life went wrong; at most a few lines a second and service. */
void report_failure(struct report *report, struct service *service, const struct task *task,
	const struct mfw_message *message, enum mfw_result result, const char *words);
/* `line` is the reply's header line that is wrong, if one is. */
void report_effects(struct report *report, struct service *service, const struct task *task,
	const char *wrong, uint32_t record, struct mf_str line);
void report_denied(
	struct report *report, struct service *service, const struct task *task, const char *what);
/* It metered more than was quoted for its event; what is above isn't charged. */
void report_overrun(struct report *report, struct service *service, const struct task *task);
/* What a life logged. */
void report_log(struct report *report, struct service *service, const struct task *task,
	enum mf_level level, struct mf_str text);

/* The trace. */
void report_life(struct report *report, const struct task *task, const struct ending *ending);

#endif
