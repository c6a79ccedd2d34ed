/*
 * cli/core.h - write what a life left as a core file, and take the event out of one.
 */
#ifndef CLI_CORE_H
#define CLI_CORE_H

#include "cli/life.h"
#include "monitor/monitor.h"

/* The shell as the life left it, with all of its memory, into FILE, which only its owner may read.
 * 0 or -errno. */
int core_write(const char *file, const struct shell *shell, const struct life *life,
	const struct life_setup *setup);

/* The event of the core takes the place of setup->event. 0 or an exit status, having said why. */
int core_take_event(struct life_setup *setup, const struct life_options *options, const char *file);

#endif
