/*
 * hub/life.h - what becomes of a life: its effects are checked and done, all of them or
 * none; a failure is told to the operator and to whoever waits for the reply.
 */
#ifndef HUB_LIFE_H
#define HUB_LIFE_H

#include <stdbool.h>

#include "abi/worker.h"

struct service;

/* "ok", "crashed", "deadline" ... */
const char *life_result_name(enum mfw_result result);

/* The worker sent a message about one of its slots. False: it makes no sense. */
bool life_ended(struct service *service, const struct mfw_message *message);

#endif
