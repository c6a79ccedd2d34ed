/*
 * A service that hears of events, on the host: its mf_main on the library OS as it is (tests/unit/libos/guest.h),
 * and what it asks for as text.
 */
#ifndef TESTS_SERVICES_EVENT_H
#define TESTS_SERVICES_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/guest.h"

struct happening {
	enum mf_source source;
	const char *method, *subject, *payload; /* NULL: empty */
	const char *state; /* "KEY=VALUE" lines; a key without '=' doesn't exist; NULL: none */
	int64_t time_s;    /* since 1970, and of the hub's own clock */
	const char *type;  /* of the content; NULL: none */
	bool retained;
};

/* What a life for it asks for, a line each, logs left out: "put lamp/hall = ON", "emit1r light/hall/state = ON" (its QoS,
 * r: retained), "delete KEY", "schedule NAME 60s", "upstream1 SUBJECT = TEXT" (its priority), "reply 200 = TEXT". The
 * life must have ended well. Overwritten by the next. */
const char *happens(const struct happening *happening);
/* What that life logged. */
const char *logged(void);

#endif
