/* monitor/debug.c - see debug.h: what is the same on both backends. */
#include "monitor/debug.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/debug_core.h"

#define INT3 0xccu

/* ----------------------------------------------------------------- memory */

size_t debug_read(const struct debug *d, uint64_t address, void *to, size_t n)
{
	return shell_read(d->shell, address, to, n);
}

size_t debug_write(struct debug *d, uint64_t address, const void *from, size_t n)
{
	size_t done = 0, piece;
	uint8_t *to;

	while (done < n && address + done >= MF_ADDR_TEXT) {
		piece = n - done;
		to = shell_memory(d->shell, address + done, &piece);
		if (to == NULL)
			break;
		memcpy(to, (const uint8_t *)from + done, piece);
		done += piece;
	}
	return done;
}

/* ------------------------------------------------- breakpoints, watchpoints */

static unsigned find_break(const struct debug *d, uint64_t address)
{
	unsigned i = 0;

	while (i < d->breakpoints && d->breakpoint[i].address != address)
		i++;
	return i;
}

int debug_break(struct debug *d, uint64_t address)
{
	const struct layout_region *r = shell_region(d->shell, address);
	const uint8_t stop = INT3;
	unsigned i = find_break(d, address);

	if (i < d->breakpoints)
		return 0;
	if (r == NULL || !r->execute || address < MF_ADDR_TEXT)
		return -EFAULT;
	if (i == DEBUG_BREAKPOINTS)
		return -ENOSPC;
	d->breakpoint[i].address = address;
	debug_read(d, address, &d->breakpoint[i].byte, 1);
	debug_write(d, address, &stop, 1);
	d->breakpoints++;
	return 0;
}

int debug_unbreak(struct debug *d, uint64_t address)
{
	unsigned i = find_break(d, address);

	if (i < d->breakpoints) {
		debug_write(d, address, &d->breakpoint[i].byte, 1);
		d->breakpoint[i] = d->breakpoint[--d->breakpoints];
	}
	return 0;
}

static struct debug_watchpoint *find_watch(struct debug *d, uint64_t address, size_t bytes)
{
	for (unsigned i = 0; i < DEBUG_WATCHES; i++)
		if (d->watch[i].bytes == bytes && (bytes == 0 || d->watch[i].address == address))
			return &d->watch[i];
	return NULL;
}

int debug_watch(struct debug *d, uint64_t address, size_t bytes)
{
	struct debug_watchpoint *w = find_watch(d, 0, 0);

	if (w == NULL || bytes == 0 || bytes > DEBUG_WATCH_BYTES)
		return -ENOSPC;
	if (find_watch(d, address, bytes) != NULL)
		return 0;
	if (debug_read(d, address, w->was, bytes) != bytes)
		return -EFAULT;
	w->address = address;
	w->bytes = bytes;
	return 0;
}

int debug_unwatch(struct debug *d, uint64_t address, size_t bytes)
{
	struct debug_watchpoint *w = bytes == 0 ? NULL : find_watch(d, address, bytes);

	if (w != NULL)
		w->bytes = 0;
	return 0;
}

static bool watching(const struct debug *d)
{
	for (unsigned i = 0; i < DEBUG_WATCHES; i++)
		if (d->watch[i].bytes != 0)
			return true;
	return false;
}

/* One that has changed, and what is there now becomes what was there; NULL: none has. */
static const struct debug_watchpoint *changed(struct debug *d)
{
	const struct debug_watchpoint *found = NULL;

	for (unsigned i = 0; i < DEBUG_WATCHES; i++) {
		struct debug_watchpoint *w = &d->watch[i];
		uint8_t is[DEBUG_WATCH_BYTES];

		debug_read(d, w->address, is, w->bytes);
		if (memcmp(is, w->was, w->bytes) != 0) {
			memcpy(w->was, is, w->bytes);
			found = w;
		}
	}
	return found;
}

/* ---------------------------------------------------------------- to run */

bool debug_woken(const struct debug *d)
{
	struct pollfd p = {.fd = d->wake_fd, .events = POLLIN};

	return d->wake_fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Exception 3: one of ours, or the guest's own `int3`, or one that was removed meanwhile. */
static void at_int3(struct debug *d, struct debug_stop *stop)
{
	uint64_t at = d->registers.main.rip - 1;

	if (find_break(d, at) == d->breakpoints)
		return;
	stop->why = DEBUG_BREAKPOINT;
	d->registers.main.rip = at;
	d->changed = true;
}

static void ended(struct debug *d)
{
	d->life = (struct life){.result = MFW_OK};
	shell_take_effects(d->shell, &d->life);
}

static int go(struct debug *d, bool step, struct debug_stop *stop)
{
	int rc;

	*stop = (struct debug_stop){.why = DEBUG_STEPPED};
	rc = d->machine->resume(d, step, stop);
	d->began = true;
	if (rc == 0 && stop->why == DEBUG_FAULT && stop->vector == 3)
		at_int3(d, stop);
	return rc;
}

int debug_resume(struct debug *d, bool step, int wake_fd, struct debug_stop *stop)
{
	const struct debug_watchpoint *w = NULL;
	bool watched = watching(d);
	int rc;

	d->wake_fd = wake_fd;
	(void)changed(d); /* by whoever stopped it */
	do {
		rc = go(d, step || watched, stop);
		if (rc < 0 || stop->why != DEBUG_STEPPED)
			break;
		w = changed(d);
	} while (w == NULL && !step);
	if (rc == 0 && w != NULL) {
		stop->why = DEBUG_WATCHED;
		stop->watched = w->address;
	}
	if (rc == 0 && stop->why == DEBUG_ENDED)
		ended(d);
	return rc;
}

void debug_crash(struct debug *d, const struct debug_stop *stop)
{
	d->life = (struct life){.result = MFW_ERR_CRASHED,
		.vector = stop->vector,
		.address = d->registers.main.rip,
		.touched = stop->touched,
		.stopped = true,
		.registers = d->registers.main};
}

void debug_leave(struct debug *d)
{
	while (d->breakpoints > 0)
		debug_unbreak(d, d->breakpoint[0].address);
	d->life = (struct life){.result = MFW_ERR_BACKEND};
	watchdog_begin(&d->shell->watch);
	if (d->machine->leave(d) < 0)
		d->life.result = MFW_ERR_BACKEND;
	if (!watchdog_end(&d->shell->watch))
		d->life = (struct life){.result = MFW_ERR_CPU};
	else if (d->life.result == MFW_OK)
		shell_take_effects(d->shell, &d->life);
}

/* ------------------------------------------------------------- begin, end */

/* From the monitor's birth code to the image's first instruction. */
static int reach_entry(struct debug *d)
{
	uint64_t entry = d->shell->monitor->image->entry;
	struct debug_stop stop;
	int rc = debug_break(d, entry);

	if (rc == 0)
		rc = debug_resume(d, false, -1, &stop);
	if (rc == 0 && (stop.why != DEBUG_BREAKPOINT || d->registers.main.rip != entry))
		rc = -EIO;
	debug_unbreak(d, entry);
	return rc;
}

int debug_open(struct debug **out, struct shell *shell, const void *event, size_t size,
	char error[MONITOR_ERROR_MAX])
{
	struct debug *d;
	int rc;

	if (!shell_put_event(shell, event, size)) {
		snprintf(error, MONITOR_ERROR_MAX, "the event doesn't fit its event area");
		return -EINVAL;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return -ENOMEM;
	*d = (struct debug){.shell = shell, .wake_fd = -1, .children = -1};
	d->machine = shell->monitor->which == MFW_BACKEND_KVM ? &debug_kvm : &debug_process;
	rc = shell_start(shell, error) < 0 ? -EIO : 0;
	if (rc == 0) {
		rc = d->machine->open(d);
		if (rc == 0)
			rc = reach_entry(d);
		if (rc < 0)
			snprintf(error, MONITOR_ERROR_MAX, "a life can't be held here: %s%s",
				strerror(-rc),
				rc == -EPERM ? ": ptrace is forbidden (kernel.yama.ptrace_scope, "
					       "a container's rules): try --backend kvm"
					     : "");
	}
	if (rc < 0) {
		debug_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

void debug_close(struct debug *d)
{
	d->machine->close(d);
	free(d);
}

struct debug_registers *debug_registers(struct debug *d)
{
	return &d->registers;
}

void debug_registers_changed(struct debug *d)
{
	d->changed = true;
}

const struct life *debug_life(const struct debug *d)
{
	return &d->life;
}
