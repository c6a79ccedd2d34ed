/*
 * monitor/jail.h - what a worker may still ask of Linux once it is set up. The
 * list in jail.c is the worker's threat model: no file can be opened, no socket
 * made, no program run, no other process touched.
 */
#ifndef MONITOR_JAIL_H
#define MONITOR_JAIL_H

#include <stddef.h>

#include "abi/worker.h"
#include "sys/sandbox.h"

/* The list for this process, for people and tests. Static: the next call writes it again. */
const struct sandbox_rule *jail_rules(enum mfw_backend backend, size_t *count);

/* All threads must have been started. backend: kvm or process. 0 or -errno. */
int jail_enter(enum mfw_backend backend);

#endif
