/*
 * cli/hub/deploy.h - what `mayfly deploy` and `mayfly rollback` share. Private to cli/hub.
 */
#ifndef CLI_HUB_DEPLOY_H
#define CLI_HUB_DEPLOY_H

#include "cli/hub/client.h"

/* Says what becomes of a deploy until it has ended, on standard error; then what it came to. `answer` is the hub's first one, and taken. An exit
 * status. */
int deploy_follow(struct client *client, const char *service, json_t *answer);
/* The image at `path` and its variants go to the hub. *name: what it is called there. An exit status. */
int deploy_send(struct client *client, const char *path, char name[static 65]);
/* May the image at `path` more than the one that runs as `service`? Then it is shown, and refused unless `granted`. An exit
 * status. */
int deploy_compare(struct client *client, const char *service, const char *path, bool granted);

#endif
