/*
 * hub/setup.h - from what hub.yaml says about a service to a service that is ready for its
 * first event: image, manifest, attached data, limits, listening sockets.
 *
 * Functions return 0 or the exit status that mayflyd ends with, having written one line.
 */
#ifndef HUB_SETUP_H
#define HUB_SETUP_H

#include "hub/hub.h"

struct config_service;

enum setup_status {
	SETUP_FAILED = 1,
	SETUP_USAGE = 2,
	SETUP_NOT_FOUND = 3,
	SETUP_DENIED = 4,
};

int setup_service(struct hub *hub, const struct config_service *config, struct service **service,
	char error[static HUB_ERROR_MAX]);
/* Opens what it listens to, appending to hub->inputs. */
int setup_inputs(struct service *service, const struct config_service *config,
	char error[static HUB_ERROR_MAX]);

#endif
