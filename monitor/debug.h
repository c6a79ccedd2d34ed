/*
 * monitor/debug.h - a life that a debugger holds: it stands still, shows its registers and
 * memory, and goes on when it is told to. For `mayfly run --gdb` alone: mayfly-worker is linked
 * without this file's sources, so no hub can stop a life or look into it.
 *
 * The guest needs nothing for it and can't prevent it: breakpoints are `int3` in this process's
 * copy of the image, which the guest can't write; single steps are the processor's. Neither the
 * watchdog nor a limit runs meanwhile.
 *
 * One thread, the one that opened the shell. Addresses are the guest's; a debugger sees its
 * memory from the information page on, and may write from the text on.
 */
#ifndef MONITOR_DEBUG_H
#define MONITOR_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/monitor.h"

struct debug;

enum debug_why {
	DEBUG_STEPPED,    /* one instruction is done */
	DEBUG_BREAKPOINT, /* it stands at one */
	DEBUG_WATCHED,    /* the instruction before changed what is at `watched` */
	DEBUG_FAULT, /* an exception: `vector`, `touched`; going on as it is would crash again */
	DEBUG_WOKEN, /* wake_fd became readable */
	DEBUG_ENDED, /* the life is over: debug_life */
};

struct debug_stop {
	enum debug_why why;
	uint32_t vector;
	uint64_t touched, watched;
};

/* What a processor shows of vector registers: the first 512 bytes of FXSAVE's area. */
#define DEBUG_FXSAVE 512u
struct debug_registers {
	struct mfw_registers main;
	uint8_t fxsave[DEBUG_FXSAVE];
};

#define DEBUG_BREAKPOINTS 256u
#define DEBUG_WATCHES     8u
#define DEBUG_WATCH_BYTES 64u

/* Puts the event into the shell and lets the life run to the image's first instruction. -errno
 * with a line in error. The shell is good for nothing else afterwards. */
int debug_open(struct debug **debug, struct shell *shell, const void *event, size_t size,
	char error[MONITOR_ERROR_MAX]);
void debug_close(struct debug *debug);

struct debug_registers *debug_registers(struct debug *debug);
/* After the registers were written to: what the life goes on with. */
void debug_registers_changed(struct debug *debug);

/* How many of n bytes could be copied. */
size_t debug_read(const struct debug *debug, uint64_t address, void *to, size_t n);
size_t debug_write(struct debug *debug, uint64_t address, const void *from, size_t n);

/* 0, -EFAULT: no code is there, -ENOSPC: too many. A second time at one place is none. */
int debug_break(struct debug *debug, uint64_t address);
int debug_unbreak(struct debug *debug, uint64_t address);
/* Has the life stop behind the instruction that changes these bytes. While there is one it goes
 * step by step, some thousand instructions a second: not every KVM gives a guest debug
 * registers (KVM-PVM takes them and doesn't heed them), and single steps all have. -EFAULT: no
 * memory is there; -ENOSPC: too many, or too long. */
int debug_watch(struct debug *debug, uint64_t address, size_t bytes);
int debug_unwatch(struct debug *debug, uint64_t address, size_t bytes);

/* Runs one instruction, or until something happens. wake_fd: a socket. 0, or -errno: the machine
 * failed. Once it has ended it can't be called again. */
int debug_resume(struct debug *debug, bool step, int wake_fd, struct debug_stop *stop);
/* Ends a life that stands at a fault, as that fault would have. */
void debug_crash(struct debug *debug, const struct debug_stop *stop);
/* Removes all breakpoints and lets the life run to its end, within its limits from here on. */
void debug_leave(struct debug *debug);

/* After the end: how it went, as of shell_live. */
const struct life *debug_life(const struct debug *debug);

#endif
