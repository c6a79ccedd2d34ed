/* hub/spawn.c - start a worker, by way of the nursery, and end it. */
#include "hub/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/nursery.h"
#include "hub/nursery_words.h"
#include "sys/fd.h"

/* More than a start ever takes: a nursery that hangs is as good as gone. */
#define ANSWER_MS 5000

static unsigned take_descriptors(
	const struct spawn *spawn, struct nursery_request *request, int fds[MFW_FD_END])
{
	unsigned count = 0;

	for (unsigned i = 0; i < MFW_FD_END; i++) {
		if (spawn->fd[i] < 0)
			continue;
		request->given |= 1u << i;
		fds[count++] = spawn->fd[i];
	}
	return count;
}

int spawn_worker(const struct spawn *spawn, pid_t *pid, int *pidfd)
{
	struct nursery_request request = {.kind = NURSERY_START,
		.cpu = spawn->cpu,
		.descriptors = spawn->descriptors,
		.memory = spawn->memory};
	struct nursery_answer answer = {.err = -EPROTO};
	int fds[MFW_FD_END], err;
	unsigned count = take_descriptors(spawn, &request, fds);

	snprintf(request.name, sizeof(request.name), "%s", spawn->name);
	err = nursery_send(spawn->nursery->socket, &request, sizeof(request), fds, count);
	if (err == 0)
		err = nursery_receive(
			spawn->nursery->socket, &answer, sizeof(answer), pidfd, 1, ANSWER_MS);
	if (err < 0)
		return err == -EPIPE || err == -ECONNRESET ? -EOWNERDEAD : err;
	if (answer.err == 0) {
		*pid = answer.pid;
		return 0;
	}
	if (*pidfd >= 0) /* it is our child, and has ended */
		spawn_end(*pidfd);
	fd_close(pidfd);
	return answer.err;
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
