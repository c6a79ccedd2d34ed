/*
 * hub/near.h - where a worker should run. One event after another: on the hub's core, since
 * waking a thread on an idle core costs more than a life. Many at once: anywhere, so that hub
 * and worker run side by side. docs/decisions/ has what was measured.
 */
#ifndef HUB_NEAR_H
#define HUB_NEAR_H

#include <stdbool.h>
#include <sys/types.h>

struct near {
	int core;       /* where the worker is held; -1: anywhere */
	unsigned quiet; /* handovers in a row with next to nothing under way */
	unsigned busy;  /* and with more */
	bool off;       /* it may not be moved */
};

void near_reset(struct near *near, bool off);
/* Before the worker is woken: `under_way` is how many events it has then, `idle` how much of
 * the time the hub sleeps, in percent. */
void near_handover(struct near *near, pid_t worker, unsigned under_way, unsigned idle);

#endif
