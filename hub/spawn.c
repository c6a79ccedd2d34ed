/* hub/spawn.c - start a worker, by way of the nursery, and end it. */
#include "hub/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/nursery.h"
#include "hub/nursery_words.h"
#include "sys/fd.h"

/* More than a start ever takes; nothing else is done meanwhile. */
#define ANSWER_MS 2000

static unsigned take_descriptors(
	const struct spawn *spawn, struct nursery_request *request, int fds[NURSERY_FDS])
{
	unsigned count = 0;

	for (unsigned i = 0; i < MFW_FD_END; i++) {
		if (spawn->fd[i] < 0)
			continue;
		request->given |= 1u << i;
		fds[count++] = spawn->fd[i];
	}
	if (spawn->group > 0) {
		request->given |= 1u << NURSERY_GROUP;
		fds[count++] = spawn->group;
	}
	return count;
}

/* Nobody wants it: it is our child, and ends. */
static void discard(int *pidfd)
{
	if (*pidfd >= 0)
		(void)spawn_end(*pidfd);
	fd_close(pidfd);
}

void spawn_collect(struct nursery *nursery)
{
	struct nursery_answer late;
	int pidfd;

	if (nursery_receive(nursery->socket, &late, sizeof(late), &pidfd, 1, 0) == -ETIMEDOUT)
		return;
	nursery->owes = false;
	discard(&pidfd);
}

static int ask(struct nursery *nursery, const struct nursery_request *request, const int *fds,
	unsigned count, struct nursery_answer *answer, int *pidfd)
{
	int err;

	if (nursery->owes)
		spawn_collect(nursery);
	if (nursery->owes)
		return -ETIMEDOUT;
	err = nursery_send(nursery->socket, request, sizeof(*request), fds, count);
	if (err == 0)
		err = nursery_receive(
			nursery->socket, answer, sizeof(*answer), pidfd, 1, ANSWER_MS);
	nursery->owes = err == -ETIMEDOUT;
	return err == -EPIPE || err == -ECONNRESET ? -EOWNERDEAD : err;
}

int spawn_worker(const struct spawn *spawn, pid_t *pid, int *pidfd)
{
	struct nursery_request request = {.kind = NURSERY_START,
		.cpu = spawn->cpu,
		.descriptors = spawn->descriptors,
		.memory = spawn->memory};
	struct nursery_answer answer;
	int fds[NURSERY_FDS], err;
	unsigned count = take_descriptors(spawn, &request, fds);

	*pidfd = -1;
	snprintf(request.name, sizeof(request.name), "%s", spawn->name);
	err = ask(spawn->nursery, &request, fds, count, &answer, pidfd);
	if (err == 0 && (answer.err > 0 || (answer.err == 0 && (*pidfd < 0 || answer.pid <= 0))))
		err = -EPROTO;
	if (err == 0)
		err = answer.err;
	if (err == 0)
		*pid = answer.pid;
	else
		discard(pidfd);
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

bool spawn_kill(int pidfd, int most_ms)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	if (poll(&ended, 1, most_ms) == 0)
		return false;
	(void)wait_for(pidfd, 0);
	return true;
}
