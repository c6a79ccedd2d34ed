/*
 * tests/valgrind/calls.c - linked into a hub that runs under valgrind: system calls that valgrind
 * 3.19 can't make, made of others. To be linked with --wrap for each.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned flags);
int __wrap_setrlimit(int what, const struct rlimit *limit);
long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

/* The hub does without. */
int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
	(void)pid;
	(void)flags;
	errno = ENOSYS;
	return -1;
}

/* Linux: proc(5), /proc/PID/fdinfo. -1 is a process that is gone and was waited for. */
static pid_t pid_of(int pidfd)
{
	char path[64], line[64];
	int pid = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL && sscanf(line, "Pid: %d", &pid) != 1)
		;
	fclose(f);
	return pid;
}

/* Without the promise that no other process has got the number meanwhile, which a hub keeps anyway: it
 * alone waits for its workers. */
int __wrap_pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned flags)
{
	const pid_t pid = pid_of(pidfd);

	(void)info;
	(void)flags;
	if (pid > 0)
		return kill(pid, sig);
	errno = ESRCH;
	return -1;
}

/* A worker's limits would be those of its valgrind, which refuses them. */
int __wrap_setrlimit(int what, const struct rlimit *limit)
{
	(void)what;
	(void)limit;
	return 0;
}

/* Landlock of ABI 1 that closes nothing: without any the hub wouldn't keep root's right to read what a
 * reload asks for. */
static long landlock(long number, long attributes)
{
	if (number != SYS_landlock_create_ruleset)
		return 0;
	return attributes != 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : 1;
}

/* Of a descriptor to be run valgrind looks for the path, which a process that has just become another
 * user may not ask the kernel for: build/valgrind/under set it. */
long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number >= SYS_landlock_create_ruleset && number <= SYS_landlock_restrict_self)
		return landlock(number, a[0]);
	if (number == SYS_openat2) { /* without what it is to resolve, or not */
		const struct open_how *how = (const struct open_how *)a[2];

		return __real_syscall(SYS_openat, a[0], a[1], how->flags, how->mode);
	}
	if (number == SYS_execveat)
		return execve(getenv("MAYFLY_WORKER"), (char **)a[2], (char **)a[3]);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
