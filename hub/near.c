/* hub/near.c - hold a worker on our core, or let it go. */
#include "hub/near.h"

#include <sched.h>

/* So many events under way are "one after another". */
#define FEW 1u
/* A hub that works for more of the time has no core to share. */
#define IDLE 50u
/* After so many handovers of one kind the worker is moved: moving costs some, too. */
#define QUIET_RUN 128u
#define BUSY_RUN  3u

void near_reset(struct near *near, bool off)
{
	*near = (struct near){.core = -1, .off = off};
}

/* Its one thread that runs lives is its first. Refused: so be it. */
static void allow(struct near *near, pid_t worker, const cpu_set_t *set, int core)
{
	near->off = sched_setaffinity(worker, sizeof(*set), set) < 0;
	near->core = near->off ? -1 : core;
	near->quiet = near->busy = 0;
}

static void hold(struct near *near, pid_t worker)
{
	int core = sched_getcpu();
	cpu_set_t set;

	if (core < 0 || core >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	allow(near, worker, &set, core);
}

static void let_go(struct near *near, pid_t worker)
{
	cpu_set_t set;

	/* what the hub itself may use */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		allow(near, worker, &set, -1);
}

void near_handover(struct near *near, pid_t worker, unsigned under_way, unsigned idle)
{
	if (near->off)
		return;
	if (under_way > FEW || idle < IDLE) {
		near->quiet = 0;
		near->busy++;
	} else {
		near->busy = 0;
		near->quiet++;
	}
	if (near->core >= 0 && near->busy >= BUSY_RUN)
		let_go(near, worker);
	else if (near->quiet >= QUIET_RUN && near->core != sched_getcpu())
		hold(near, worker); /* also when the hub itself has moved */
}
