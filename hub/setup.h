/*
 * hub/setup.h - from what hub.yaml says about a service to a service that is ready for its
 * first event: image, manifest, attached data, limits.
 *
 * Functions return 0 or the exit status that mayflyd ends with, having written one line.
 */
#ifndef HUB_SETUP_H
#define HUB_SETUP_H

#include "hub/http/tls.h"
#include "hub/hub.h"

struct config_listener;
struct config_service;
struct trust;

enum setup_status {
	SETUP_FAILED = 1,
	SETUP_USAGE = 2,
	SETUP_NOT_FOUND = 3,
	SETUP_DENIED = 4,
};

/* The caller's, who ends it with service_close; it is in no list. */
int setup_service(struct hub *hub, const struct config_service *config, const struct trust *trust,
	struct service **service, char error[static HUB_ERROR_MAX]);
/* Would a worker of one do for the other: the same image, data, settings and limits? */
bool setup_same(const struct service *a, const struct service *b);
/* What certificates a listener has and asks for. */
struct tls_files setup_tls(const struct config_listener *listener);
/* The status for a file that can't be used, by its -errno. */
int setup_status_of(int err);
/* Writes "place: ..." and returns status. */
int setup_bad(const char *place, char error[static HUB_ERROR_MAX], int status, const char *format,
	...) __attribute__((format(printf, 4, 5)));

#endif
