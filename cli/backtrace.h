/*
 * cli/backtrace.h - who called whom when a life stopped: by the unwinding tables and lines of
 * NAME.debug, read by libdw. The image has neither.
 */
#ifndef CLI_BACKTRACE_H
#define CLI_BACKTRACE_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/monitor.h"

#define BACKTRACE_MAX 24u

struct backtrace_frame {
	uint64_t at;     /* instruction; of a caller, where it goes on */
	char place[256]; /* "count+0x2f", "main.c:30" */
	char line[160];
};

struct backtrace {
	struct backtrace_frame frame[BACKTRACE_MAX];
	unsigned count;
	bool more;
};

/* A life's memory: how many of n bytes could be read. */
typedef size_t backtrace_read(const void *memory, uint64_t address, void *to, size_t n);

/* path: NAME.debug, of this very image. Without it, or where its tables end, there are fewer
 * frames; the first is always there. */
void backtrace_make(struct backtrace *trace, const char *path,
	const struct mfw_registers *registers, backtrace_read *read, const void *memory);

#endif
