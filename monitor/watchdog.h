/*
 * monitor/watchdog.h - ends lives that run too long. One thread a process looks
 * at every life that is under way; a life itself only counts, so that nothing
 * is paid for a clock or a timer on the way.
 *
 * A life is ended between its limit and WATCHDOG_TICK_NS after it.
 */
#ifndef MONITOR_WATCHDOG_H
#define MONITOR_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define WATCHDOG_TICK_NS 10000000ull

struct shell;

struct watch {
	struct watch *next;
	struct shell *shell;
	void (*kill)(struct shell *shell);
	/* of a life that lasts, since the watchdog finds it under way; once; NULL: nothing is to be done */
	void (*lasts)(struct shell *shell);
	/* counts up: +1 when a life begins (odd), +1 when it ends or is ended by the watchdog */
	_Atomic uint64_t state;
	_Atomic clockid_t clock; /* CPU time of what runs the guest; a new machine has a new one */
	_Atomic uint64_t cpu_ns, wall_ns; /* limits; changed while no life runs */
	/* shared with the hub: this bit there ends a life too; NULL: none does */
	const uint32_t *_Atomic stop;
	uint32_t stop_bit; /* set before `stop` is */
	/* the watchdog's own */
	uint64_t seen, seen_wall, seen_cpu;
};

/* Starts the thread, once a process; 0 or -errno. Before the thread is denied. */
int watchdog_start(void);
void watchdog_add(struct watch *watch);
void watchdog_remove(struct watch *watch);

void watchdog_begin(struct watch *watch);
/* Was it still alive? false: it has been killed; the watchdog has let go of it. */
bool watchdog_end(struct watch *watch);
/* After the end of lives: nor does `lasts` still have to do with one. Before what that one ran in is given back. */
void watchdog_wait(void);

#endif
