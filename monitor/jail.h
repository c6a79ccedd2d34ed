/*
 * monitor/jail.h - what a worker may still ask of Linux once it is set up. The
 * list in jail.c is the worker's threat model: no file can be opened, no socket
 * made, no program run, no other process touched.
 */
#ifndef MONITOR_JAIL_H
#define MONITOR_JAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/worker.h"
#include "sys/sandbox.h"

/* The list for this process, for people and tests. Static: the next call writes it again. */
const struct sandbox_rule *jail_rules(enum mfw_backend backend, bool socket, size_t *count);

/* The maker's (maker.h), likewise. */
const struct sandbox_rule *jail_maker_rules(size_t *count);

/* No privileges from now on, no core dump, and, where the kernel has Landlock, no files: before the
 * first thread, for that applies to one. 0 or -errno. */
int jail_prepare(void);
/* All threads must have been started. backend: kvm or process. socket: it has one of its own, at
 * MFW_FD_SOCKET. 0 or -errno. */
int jail_enter(enum mfw_backend backend, bool socket);
/* The maker, at its start. 0 or -errno. */
int jail_enter_maker(void);

#endif
