/*
 * hub/service_parts.h - what the files of a service share with each other and with nobody else: service_in.c,
 * service.c, service_time.c.
 */
#ifndef HUB_SERVICE_PARTS_H
#define HUB_SERVICE_PARTS_H

#include <stdbool.h>

#include "sys/clock.h"
#include "sys/loop.h"

struct service;
struct task;

/* A worker that has lives and is silent for longer than they may take has hung. */
#define SERVICE_SILENCE_NS (2 * CLOCK_S)

/* To memory of our own; the slot is the caller's to return. The event as it was, but for what the worker may
 * have written into its payload: that can fool nobody but this service. False: no memory, nothing changed. */
bool service_move_from_slot(struct task *task);

/* A slot to write an event into; -1: none is free, or there is no room for another one (waiting.h). */
int service_slot(struct service *service);

/* The worker is done with this slot, where `task` lived (NULL: nobody knows), and has put its areas back if that went
 * `well`. */
void service_slot_over(struct service *service, int slot, const struct task *task, bool well);
/* Nobody sends any more from what the `lives`-th life in this area left. */
void service_wipe(struct service *service, int area, uint64_t lives);

/* Into the queue, in its order. */
void service_join(struct service *service, struct task *task);

/* service->timer's. */
void service_tick(struct loop_timer *timer);

#endif
