/*
 * hub/schedule.h - events that services scheduled for themselves (mf_schedule): when one is due it becomes an
 * event whose source is MF_SOURCE_SCHEDULE, subject the name under which it was scheduled, type and payload
 * what the life gave. It goes by elapsed time (hub/time.h), so no clock on a wall can put it off.
 *
 * They are in the database and nowhere else: here is the time of the next one, and those that are due, at most
 * SCHEDULE_MOST. One is deleted in the transaction of its own life, with the id that it has had since it was
 * scheduled: so its effects happen once, whatever is killed when. If a life wrote nothing, or failed, it is
 * deleted then. What the service refuses for the time being (busy, down, its circuit open, no database) is tried again.
 */
#ifndef HUB_SCHEDULE_H
#define HUB_SCHEDULE_H

#include "store/store.h"

#define SCHEDULE_MOST 64u

struct hub;
struct schedule;
struct task;

/* The hub's store is open. -ENOMEM. */
int schedule_open(struct hub *hub);
void schedule_close(struct hub *hub);
/* What is due begins; waits for the next. Services may have come, or time passed that nobody felt. */
void schedule_look(struct hub *hub);
/* Into the transaction of a life: if its event was one of these, it is done. */
void schedule_done(struct task *task, struct store_tx *tx);

#endif
