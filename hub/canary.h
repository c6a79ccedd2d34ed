/*
 * hub/canary.h - two versions of a service side by side, while one is on trial (deploy.h, docs/decisions/068-deploy.md): which gets
 * an event, and what becomes of one whose life failed in the new one.
 */
#ifndef HUB_CANARY_H
#define HUB_CANARY_H

#include <stdbool.h>

#include "abi/guest.h"
#include "base/str.h"

struct ending;
struct hub;
struct service;
struct task;

#define CANARY_ALL 10000u /* service->share: every event */

/* Which version is to have an event that comes to `service`: this one or its canary. By the event's id, or by lot where it has
 * none yet (p NULL). Never the canary if it would refuse the event. */
struct service *canary_choose(struct service *service, enum mf_source source, struct mf_str id);

/* An event that isn't to end like this, since it was on trial: it goes to the version in place. False: it isn't such
 * a one, or can't. */
bool canary_return(struct task *task, const struct ending *ending);

/* May the new version get a share of what comes to the old one? NULL; else why not, and it has to take its place at once. */
const char *canary_why_not(const struct service *old, const struct service *new);

/* Side by side from now on; the new one is in hub->canaries, and gets nothing yet. */
void canary_begin(struct service *old, struct service *new);
/* The new one gets nothing more, ends what it has (what waits goes to the old one), and is gone then. */
void canary_end(struct service *old);
/* The new one has taken the old one's place in the hub's list. */
void canary_promoted(struct hub *hub, struct service *old);
/* This service is about to be freed. */
void canary_forget(struct hub *hub, const struct service *gone);

#endif
