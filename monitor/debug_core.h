/*
 * monitor/debug_core.h - what debug.c shares with the two machines below it, debug_kvm.c
 * and debug_process.c. Nobody else includes it.
 */
#ifndef MONITOR_DEBUG_CORE_H
#define MONITOR_DEBUG_CORE_H

#include "monitor/core.h"
#include "monitor/debug.h"

#define DEBUG_TRAP_FLAG 0x100ull /* RFLAGS.TF: an exception after each instruction */

struct debug_watchpoint {
	uint64_t address;
	size_t bytes; /* 0: none */
	uint8_t was[DEBUG_WATCH_BYTES];
};

struct debug_machine;

struct debug {
	struct shell *shell;
	const struct debug_machine *machine;
	struct debug_registers registers;
	bool changed; /* the machine must be told of them */
	bool began;   /* it has run */
	int wake_fd;  /* of the resume at hand; -1: none */
	struct {
		uint64_t address;
		uint8_t byte; /* that `int3` stands for */
	} breakpoint[DEBUG_BREAKPOINTS];
	unsigned breakpoints;
	struct debug_watchpoint watch[DEBUG_WATCHES];
	struct life life;
	struct kvm_sregs sregs; /* kvm: what the life goes on with */
	int children;           /* process: a signalfd for SIGCHLD */
	int signal;             /* process: that it goes on with */
};

/* Functions return 0 or -errno. */
struct debug_machine {
	int (*open)(struct debug *debug);
	void (*close)(struct debug *debug);
	/* Runs, fills in *stop and debug->registers. A breakpoint is reported as exception 3, `rip`
	 * behind it; ended: the guest has asked for shell->operation. */
	int (*resume)(struct debug *debug, bool step, struct debug_stop *stop);
	/* Runs to the end, watched by the watchdog; fills debug->life as backend->run does. */
	int (*leave)(struct debug *debug);
};
extern const struct debug_machine debug_kvm, debug_process;

/* wake_fd is readable. */
bool debug_woken(const struct debug *debug);

#endif
