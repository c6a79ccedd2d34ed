/*
 * hub/pages_trigger.h - which of a service's triggers an event came by, in words: "mqtt home/+/button", "http
 * 127.0.0.1:8080 /start/+", "timer night cron 0 3 * * *". As the configuration is now; null: none of them fits.
 */
#ifndef HUB_PAGES_TRIGGER_H
#define HUB_PAGES_TRIGGER_H

#include <jansson.h>

#include "abi/guest.h"
#include "base/str.h"

struct hub;
struct service;

json_t *pages_trigger(const struct hub *hub, const struct service *service, enum mf_source source,
	struct mf_str subject);

#endif
