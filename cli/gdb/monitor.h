/*
 * cli/gdb/monitor.h - what gdb's `monitor` tells of a life beyond registers and memory.
 */
#ifndef CLI_GDB_MONITOR_H
#define CLI_GDB_MONITOR_H

#include <stddef.h>

#include "image/image.h"
#include "monitor/debug.h"

/* Answers `words` ("effects", "map", anything else: help) with text, cut to fit. */
void gdb_monitor(const struct debug *debug, const struct image *image, const char *words,
	char *text, size_t size);

#endif
