/*
 * hub/deploy_inner.h - what the files of a deploy share with each other and with nobody else: deploy.c, deploy_make.c.
 */
#ifndef HUB_DEPLOY_INNER_H
#define HUB_DEPLOY_INNER_H

#include "hub/deploy.h"

/* NULL: there is none. */
struct deploy *deploy_find(const struct hub *hub, const char *name);
struct service *deploy_service(const struct hub *hub, const char *name);

/* Makes the version of deploy->digest, and puts it beside the one that runs: deploy->old and ->new. 0, or an exit status. */
int deploy_make(struct deploy *deploy, char error[static HUB_ERROR_MAX]);
/* A step begins: what both did until now doesn't count. */
void deploy_mark(struct deploy *deploy);
/* deploy->timer's. */
void deploy_tick(struct loop_timer *timer);
/* What is on trial gets nothing more; that is the end, and why. */
void deploy_go_back(struct deploy *deploy, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* WATCH: the version that it replaced comes again. */
void deploy_return(struct deploy *deploy, const char *why);
/* Out of the hub's list, and gone. */
void deploy_drop(struct hub *hub, struct deploy *deploy);

#endif
