/*
 * hub/life.h - what becomes of a life: its effects are checked and done, all of them or
 * none; a failure is told to the operator and to whoever waits for the reply.
 */
#ifndef HUB_LIFE_H
#define HUB_LIFE_H

#include <stdbool.h>

#include "abi/worker.h"

struct service;
struct task;

/* "ok", "crashed", "deadline" ... */
const char *life_result_name(enum mfw_result result);

/* The worker sent a message about one of its slots. False: it makes no sense. */
bool life_ended(struct service *service, const struct mfw_message *message);

/* The same, told in short of a life that the hub had no part in (lend.h). */
void life_told(struct service *service, const struct task *task, const struct mfw_message *message);

#endif
