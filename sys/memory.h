/*
 * sys/memory.h - memory of this process as a whole.
 */
#ifndef SYS_MEMORY_H
#define SYS_MEMORY_H

/* Gives back what only a start needed: freed memory that malloc has kept, and pages of the program and
 * its libraries, which come again from their files when they are used again. */
void memory_settle(void);

#endif
