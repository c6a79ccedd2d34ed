/*
 * cli/gdb/registers.h - the registers of x86-64 as gdb numbers and describes them: a table,
 * and the target description (target.xml) that is made from it.
 */
#ifndef CLI_GDB_REGISTERS_H
#define CLI_GDB_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/debug.h"

#define GDB_REGISTERS_MAX  80
#define GDB_REGISTER_BYTES 16u

/* All that gdb may ask for: what the processor shows, and how the life crashed if it did. */
struct gdb_state {
	struct debug_registers *debug;
	uint64_t fault_address;
	uint64_t fault_vector;
};

unsigned gdb_registers(void);
/* Of register i, at most GDB_REGISTER_BYTES; 0: there is none. */
unsigned gdb_register_bytes(unsigned i);
/* Its bytes; none where there is no such register. */
void gdb_register_get(const struct gdb_state *state, unsigned i, uint8_t *to);
/* False: it can't be written. */
bool gdb_register_set(struct gdb_state *state, unsigned i, const uint8_t *from);

/* target.xml; malloc'ed. NULL: no memory. */
char *gdb_target_xml(void);

#endif
