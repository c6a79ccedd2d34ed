/*
 * monitor/keep.h - a snapshot that outlives its worker, in a memory of the hub's (MFW_FD_KEPT), so
 * that the next worker of the service needn't run mf_init. It is written and sealed before the
 * first event is looked at: no life can change what later ones start from.
 *
 * The file: struct mfw_kept, then from MF_PAGE on the window and what mf_init may write, pages of
 * zeros left out.
 */
#ifndef MONITOR_KEEP_H
#define MONITOR_KEEP_H

#include <stdbool.h>

struct monitor;

/* Is there a snapshot, or room for one? Asked before rights are given up: seals stay. */
bool keep_is_whole(int fd);
/* Takes the snapshot from there: false if there is none, or one of something else. */
bool keep_take(struct monitor *monitor);
/* After mf_init: leaves it there. What can't be written is not kept. */
void keep_put(const struct monitor *monitor);

#endif
