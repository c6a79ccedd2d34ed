/*
 * hub/prepare.h - what an event needs of the database before it is queued and before it is posted: was it here
 * before, and which state does it see. service.c's.
 */
#ifndef HUB_PREPARE_H
#define HUB_PREPARE_H

#include <stdbool.h>

struct service;
struct task;

/* It was dealt with before, or its first is at work: then it is gone. What it was is counted by itself, for it never
 * was accepted. */
bool prepare_is_duplicate(struct service *service, struct task *task);

/* Attaches the state that it is to see, in its slot. False: that can't be, and it is refused. */
bool prepare_state(struct service *service, struct task *task);
/* The event as it was before that: it is attached anew. */
void prepare_strip(struct task *task);

#endif
