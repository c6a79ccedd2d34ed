/*
 * tests/valgrind/worker.c - what a hub in build/valgrind starts as mayfly-worker: the worker under
 * valgrind where its service's lives are virtual machines. A gated process makes an address space of
 * its own, in which there is no room for valgrind: there it is the plain worker.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "abi/worker.h"

#define VALGRIND "/usr/bin/valgrind"

static char path[4096], program[sizeof(path) + sizeof("/../mayfly-worker")];

static int runs_machines(void)
{
	struct mfw_head head;

	return fcntl(MFW_FD_KVM, F_GETFD) >= 0 &&
		pread(MFW_FD_SHARED, &head, sizeof(head), 0) == sizeof(head) &&
		head.backend != MFW_BACKEND_PROCESS;
}

int main(int argc, char *argv[])
{
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *name = argc > 1 ? argv[1] : NULL;
	char *under[] = {(char *)VALGRIND, (char *)"-q", (char *)"--vgdb=no",
		(char *)"--soname-synonyms=somalloc=NONE", program, name, NULL};
	char *plain[] = {program, name, NULL};
	char hwcap2[32];

	if (n <= 0)
		return 127;
	snprintf(hwcap2, sizeof(hwcap2), "%#lx", getauxval(AT_HWCAP2));
	setenv("HWCAP2", hwcap2, 1); /* processor.c */
	snprintf(program, sizeof(program), "%s/%s", dirname(path),
		runs_machines() ? "real/mayfly-worker" : "../mayfly-worker");
	if (runs_machines())
		execv(VALGRIND, under);
	else
		execv(program, plain);
	perror(program);
	return 127;
}
