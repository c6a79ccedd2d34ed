/*
 * tests/unit/monitor/service.h - a probing guest (tests/guest/NAME) with one shell,
 * for the monitor's tests. MAYFLY_GUESTS says where the images are; build/guest.
 */
#ifndef TESTS_UNIT_MONITOR_SERVICE_H
#define TESTS_UNIT_MONITOR_SERVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "monitor/monitor.h"

struct service {
	struct image image;
	struct monitor *monitor;
	struct shell *shell;
	char error[MONITOR_ERROR_MAX];
};

/* Descriptor of /dev/kvm, -1 where there is none. Tests skip then. */
int kvm_fd(void);
/* Is this the machine of tests/svm, whose emulator knows neither ICEBP nor exceptions of SSE? */
bool emulated(void);
/* Calls skip() where the backend can't run. */
void need_backend(enum mfw_backend backend);

/* Returns what monitor_open or shell_open does; 0 is success. A life may take 50 times what
 * its manifest says, for emulated machines. */
int service_try(struct service *s, const char *name, enum mfw_backend backend,
	enum mfw_birth_mode birth, struct mf_str data);
void service_open(struct service *s, const char *name, enum mfw_backend backend);
/* For a debugger. */
void service_open_held(struct service *s, const char *name, enum mfw_backend backend);
void service_close(struct service *s);
/* Other limits from its next life on: processor time and time. Not while one is under way. */
void service_limit(struct service *s, uint64_t cpu_ns, uint64_t wall_ns);

/* One life for an event with this payload. */
struct life service_ask(struct service *s, struct mf_str payload);
struct life service_ask_text(struct service *s, const char *payload);
/* The body of its reply; p is NULL if there is none. Asserts that the effects are sound. */
struct mf_str service_reply(const struct life *life);

#endif
