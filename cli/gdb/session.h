/*
 * cli/gdb/session.h - what gdb asks and is answered about one life: a table of packets over
 * monitor/debug.h. Unknown packets get the empty answer, which is gdb's "not supported".
 */
#ifndef CLI_GDB_SESSION_H
#define CLI_GDB_SESSION_H

#include "cli/gdb/link.h"
#include "image/image.h"
#include "monitor/debug.h"

enum gdb_end {
	GDB_GOES_ON,
	GDB_ENDED,  /* the life is over, or gdb has let it go: debug_life */
	GDB_KILLED, /* gdb asked for its end */
	GDB_LOST,   /* the connection is gone */
	GDB_BROKEN, /* the machine failed */
};

/* Until the life's end, or gdb's. */
enum gdb_end gdb_session(struct gdb_link *link, struct debug *debug, const struct image *image);

#endif
