/*
 * sys/library.h - a shared library that is loaded when it is needed, and its functions by name, so that a program
 * which doesn't need it has neither it nor what it brings along in memory. One thread.
 */
#ifndef SYS_LIBRARY_H
#define SYS_LIBRARY_H

#include <stddef.h>

struct library_function {
	const char *name;
	size_t at; /* where the pointer to it lies, from the start of what holds them all */
};

struct library {
	const char *name; /* for messages */
	const char *file;
	const char *package;                      /* that has it */
	const struct library_function *functions; /* the last has no name */
};

/* Loads it and fills in the pointers at `to`; the handle goes to *handle. -ENOENT: it can't be loaded, -ENOSYS: it lacks
 * a function, with one line in error; then *handle is NULL. */
int library_load(
	const struct library *library, void *to, void **handle, char *error, size_t error_size);
void library_drop(void **handle);

#endif
