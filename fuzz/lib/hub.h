/*
 * fuzz/lib/hub.h - a hub with one service and whatever inputs a fuzzer opens: the real loop, queue,
 * order, circuit and ring, with the worker of fuzz/lib/worker.h and the time of fuzz/lib/clock.h.
 */
#ifndef FUZZ_LIB_HUB_H
#define FUZZ_LIB_HUB_H

#include "hub/hub.h"

extern struct hub fuzz_hub;
extern struct service *fuzz_service;

#define FUZZ_EVENT   4096u
#define FUZZ_EFFECTS 8192u

/* What it says is formatted and thrown away. */
void fuzz_hub_open(void);
/* Nothing may be left: no task, no byte held, no descriptor. */
void fuzz_hub_close(void);
/* Rounds of the loop that don't wait, and what must hold after each of them. */
void fuzz_hub_rounds(unsigned n);
/* The counts of the service add up. */
void fuzz_hub_check(void);

/* The worker does its work for all that is posted: replies with what the event's payload was, 200
 * and text/plain for HTTP; also gets ready if it isn't. */
void fuzz_hub_serve(void);
/* NULL, or who sees each of these events. */
extern void (*fuzz_hub_served)(const struct mf_event *event);

#endif
