/*
 * accelerator/jail.h - what mayfly-accelerator gives up before it loads a driver. Less than a worker: nobody can list the
 * system calls of a GPU's driver, it opens its devices and libraries when it likes, and PoCL runs a linker. See
 * docs/security.md for what remains.
 */
#ifndef ACCELERATOR_JAIL_H
#define ACCELERATOR_JAIL_H

/* No new rights; where there can be: namespaces without a network, a user that isn't root's, no file but libraries, devices and
 * the directory `cache` (NULL: none), no system call of those that look into other processes or ask the kernel
 * for more than a driver does. Bits of enum mfa_wall (abi/accelerator.h) for those that there aren't; -errno: it can't go
 * on. `backend`: its name. */
int jail_enter(const char *backend, const char *cache);

#endif
