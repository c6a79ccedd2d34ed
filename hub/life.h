/*
 * hub/life.h - what becomes of a life: its effects are checked and done, all of them or
 * none; a failure is told to the operator and to whoever waits for the reply.
 */
#ifndef HUB_LIFE_H
#define HUB_LIFE_H

#include <stdbool.h>

#include "abi/worker.h"
#include "wire/effects.h"

struct reply;
struct service;
struct task;

/* "ok", "crashed", "deadline" ... */
const char *life_result_name(enum mfw_result result);

/* The worker sent a message about one of its slots. False: it makes no sense. */
bool life_ended(struct service *service, const struct mfw_message *message);

/* The transaction of a life that went well is in the database: the rest of its effects are done, and the task
 * ends. Or it never will be, and the task is refused. */
void life_kept(struct task *task, const struct mfw_message *message, struct effects_reader effects);
void life_lost(struct task *task, const struct mfw_message *message);
/* It is charged, too (paid.h); or can't be. */
void life_paid(struct task *task, const struct mfw_message *message, struct effects_reader effects);
void life_unpaid(struct task *task, const struct mfw_message *message);
/* The reply among its effects, if there is one; it points where these lie, or to the task's output. */
bool life_reply(const struct task *task, struct effects_reader effects, struct reply *reply);

/* The same, told in short of a life that the hub had no part in (lend.h). */
void life_told(struct service *service, const struct task *task, const struct mfw_message *message);

#endif
