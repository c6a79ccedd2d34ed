/*
 * hub/rights.h - from what hub.yaml says about who may ask to what requests are checked against
 * (http/access.h). A file of tokens is read once a configuration, however many routes name it.
 */
#ifndef HUB_RIGHTS_H
#define HUB_RIGHTS_H

#include "hub/config.h"

struct access;
struct rights_file;

struct rights {
	struct rights_file *files;
};

/* Who may ask by a route: `entry` of a service, or NULL, on `listener`. *access is the caller's, NULL:
 * anybody. 0, or an exit status with one line in error that begins with `place`. */
int rights_make(struct rights *rights, const struct config_listener *listener,
	const struct config_access *entry, const char *place, struct access **access,
	char error[static HUB_ERROR_MAX]);
void rights_close(struct rights *rights);

#endif
