/* hub/spawn.c - start and end a worker. */
#include "hub/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child needs. It runs in the parent's memory until it execs, so it changes
 * nothing but `err` and allocates nothing. */
struct child {
	const struct spawn *spawn;
	char *argv[3];
	char *envp[1];
	pid_t parent;
	int high[MFW_FD_END];
	volatile int err;
};

/* First all sources out of the way, then each to its number. */
static int place_descriptors(struct child *c)
{
	for (int i = 0; i < MFW_FD_END; i++) {
		if (c->spawn->fd[i] < 0)
			continue;
		c->high[i] = fcntl(c->spawn->fd[i], F_DUPFD_CLOEXEC, MFW_FD_END);
		if (c->high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < MFW_FD_END; i++) {
		if (c->spawn->fd[i] < 0)
			close(i);
		else if (dup2(c->high[i], i) < 0)
			return -errno;
	}
	return close_range(MFW_FD_END, ~0u, 0) < 0 ? -errno : 0;
}

static void default_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	sigaction(SIGPIPE, &action, NULL); /* the only one that the hub ignores */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_worker(struct child *c)
{
	int err;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		goto fail;
	if (getppid() != c->parent) /* died before that took hold */
		goto fail;
	setsid();
	if (c->spawn->cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)c->spawn->cpu, &set);
		sched_setaffinity(0, sizeof(set), &set); /* a wish: refused is fine */
	}
	err = place_descriptors(c);
	if (err < 0) {
		errno = -err;
		goto fail;
	}
	default_signals();
	execve(c->spawn->program, c->argv, c->envp);
fail:
	c->err = errno ? -errno : -ESRCH;
	_exit(127);
}

/* Alone in its function: a child of vfork must not return from where it was made. */
static pid_t __attribute__((noinline)) fork_worker(struct child *c)
{
	pid_t pid = vfork();

	if (pid == 0)
		become_worker(c);
	return pid;
}

int spawn_worker(const struct spawn *spawn, pid_t *pid, int *pidfd)
{
	struct child c = {
		.spawn = spawn,
		.argv = {(char *)"mayfly-worker", (char *)spawn->name, NULL},
		.envp = {NULL},
		.parent = getpid(),
	};
	int err = 0;

	*pid = fork_worker(&c);
	if (*pid < 0)
		return -errno;
	*pidfd = pidfd_open(*pid, 0);
	if (*pidfd < 0)
		err = -errno;
	if (c.err < 0)
		err = c.err;
	if (err == 0)
		return 0;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (*pidfd >= 0)
		close(*pidfd);
	*pidfd = -1;
	return err;
}

static int wait_for(int pidfd, int options)
{
	siginfo_t info = {0};

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | options) < 0)
		if (errno != EINTR)
			return -errno;
	return info.si_code == CLD_EXITED ? -info.si_status : info.si_status;
}

int spawn_ended(int pidfd)
{
	return wait_for(pidfd, WNOWAIT);
}

int spawn_end(int pidfd)
{
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	return wait_for(pidfd, 0);
}
