/*
 * hub/in_timer.h - triggers of type timer: a tick that is due becomes an event without a payload, whose
 * source is MF_SOURCE_TIMER, type "timer.tick", subject the timer's name, with the attributes
 *
 *	scheduled   when it was due, "2026-11-22T10:00:00Z" (by the clock as it is now, where it goes by
 *	            elapsed time)
 *	missed      how many ticks before it are gone and will not come; absent: none
 *
 * A timer has one tick under way at most. A tick that comes due meanwhile, that is over a minute late, or whose
 * time passed while the hub didn't run, is missed, and so is, with `missed: skip`, one that the service
 * refuses because it is busy or stopped:
 *
 *	missed: skip   it doesn't come
 *	missed: once   the newest of them comes when it can
 *	missed: all    each comes, one after another, the oldest first; if they are more than TIMER_MADE_UP,
 *	               only the newest
 *
 * Each timer waits for its next tick and nothing else, in the loop's heap.
 */
#ifndef HUB_IN_TIMER_H
#define HUB_IN_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub;
struct plan;
struct service;
struct timer;

#define TIMER_MADE_UP 100u

/* What the configuration's services ask for, beside what runs. 0, or an exit status with one line
 * in error. */
int timers_make(struct plan *plan, char *error);
/* They take the place of the hub's: those that stay the same go on. */
void timers_commit(struct plan *plan);
void timers_drop(struct plan *plan);

/* The store is open: what the last run didn't come to is missed. */
void timers_go_on(struct hub *hub);
/* Some may want to remember their last tick: then `database_wanted` opens it where there is a state directory. */
bool timers_remember(const struct plan *plan);
/* The hub is there: what was missed is made up, the rest waits. */
void timers_look(struct hub *hub);
/* No tick becomes an event any more. */
void timers_stop(struct hub *hub);
void timers_close(struct hub *hub);

/* For people: the i-th timer of this service in words, "timer night cron 0 3 * * *"; 0: there are no more. */
size_t timers_text(
	const struct hub *hub, const struct service *service, unsigned i, char *to, size_t size);

#endif
