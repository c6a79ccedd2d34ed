/*
 * hub/call.h - a life asks another service (mf_call): it stands still, its question is an event there, and what
 * that comes to is the answer with which it goes on (docs/decisions/042).
 *
 *	life.c ── MFW_SUSPENDED, granted ──▶ call_make ──▶ service_submit ... reply ──▶ MFW_ANSWER
 *
 * The answers are the caller's task's, in the order of its calls: a life that runs again, since its worker was lost or state
 * had changed, gets them again without a second event, as long as it asks the same. The event's id is the
 * caller's with "/1", "/2" ... behind it. A refusal is an answer too, with a status as in HTTP: 404 there is no such service,
 * or it answers no calls; 413 too big; 502 its life failed; 503 busy, down or stopped; 504 late; 507 the answer doesn't fit into
 * the caller's event area; 508 calls that go round in a circle, or are too many.
 *
 * The caller has an answer when 7/8 of its time are over at the latest, so that it can still give its own. It waits without a
 * thread; nobody waits for its caller but that.
 *
 * A call to MF_ACCELERATOR is no event (accelerator.h): it is asked again with each life, and what a capsule keeps of it is that
 * there was none.
 */
#ifndef HUB_CALL_H
#define HUB_CALL_H

#include <stdbool.h>

#include "abi/guest.h"
#include "base/str.h"
#include "image/capsule.h"
#include "wire/effects.h"

#define CALL_HOPS    8u  /* calls above an event */
#define CALL_MOST    64u /* of one life */
#define CALL_WAITING 32u /* lives of one service that stand still */

struct calls;
struct task;

/* The task's life stands still for this call, which it may make: it will be answered, or dropped. */
void call_make(struct task *task, const struct effect *effect);
/* How many it has made. */
unsigned call_count(const struct task *task);
/* It will run again from its beginning. */
void call_again(struct task *task);
/* The hub gives up its life: if that stands still, it is dropped. */
void call_leave(struct task *task);
/* The task ends: nobody waits for answers any more. */
void call_end(struct task *task);
/* Ends a life that stands still in this slot; its worker says when. */
struct service;
void call_drop(struct service *service, int slot);

/* The i-th call, from 0, of the life at hand, which was answered; false: there is none. It points into the task's. */
bool call_answer(const struct task *task, unsigned i, struct capsule_call *call);
/* The header of the task's event as its life began with it: without answers. */
struct mf_event call_event(const struct task *task);

#endif
