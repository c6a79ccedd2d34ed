/*
 * tests/unit/monitor/worker_hub.h - a test as the hub of mayfly-worker itself, jailed as it is
 * in earnest.
 */
#ifndef TESTS_UNIT_MONITOR_WORKER_HUB_H
#define TESTS_UNIT_MONITOR_WORKER_HUB_H

#include <sys/resource.h>
#include <sys/types.h>

#include "tests/unit/monitor/service.h"

#define SECONDS 20 /* that anything may take here */

struct hub {
	int shared, wake_worker, wake_hub, data, cpuid, socket, kept; /* -1: it gets none */
	int input, output;                                            /* the same; the caller's */
	pid_t worker;
	uint8_t *at;
	struct mfw_head *head;
	struct mfw_status *status;
	struct mfw_socket *own;
	struct mfw_ring *to_worker, *to_hub;
};

void sleep_ms(long ms);
/* What the worker shall find: the caller may change h->head and the descriptors, then starts it. */
void hub_open(struct hub *h, enum mfw_backend backend, uint32_t threads);
/* Waits until it says how the start went. guest: a name in build/guest, or a path. descriptors: how
 * many it may have, 0: as many as this test */
void hub_start(struct hub *h, const char *guest, rlim_t descriptors);
bool is_alive(const struct hub *h);
void hub_close(struct hub *h);

/* Puts a message, and wakes the worker. */
void hub_send(struct hub *h, struct mfw_message message);
/* The next message of the worker. */
struct mfw_message hub_hear(struct hub *h);
/* One life in slot 0; its result. */
enum mfw_result live(struct hub *h);

#endif
