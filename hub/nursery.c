/* hub/nursery.c - the hub's end of it. */
#include "hub/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/nursery_words.h"
#include "hub/walls.h"
#include "sys/fd.h"
#include "sys/namespaces.h"

/* More than it ever takes, on any machine that still works. */
#define ANSWER_MS 10000
/* Its socket is closed: it has nothing left to do. */
#define END_MS 1000

static uint32_t base_of(pid_t pid)
{
	return NAMESPACES_BASE + (1 + (uint32_t)pid % (NAMESPACES_HUBS - 1)) * (NAMESPACES_IDS + 1);
}

int nursery_open(struct nursery *nursery, const char *program)
{
	int ends[2], fd = open(program, O_RDONLY | O_CLOEXEC), err = 0;

	*nursery = (struct nursery){.socket = -1, .pidfd = -1};
	if (fd < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	nursery->pid = fork();
	if (nursery->pid == 0)
		nursery_main(ends[1], fd);
	if (nursery->pid < 0) {
		err = -errno;
		close(ends[0]);
	} else {
		nursery->socket = ends[0];
		nursery->pidfd = pidfd_open(nursery->pid, 0);
	}
	close(ends[1]);
	close(fd);
	return err;
}

static int ask(const struct nursery *nursery, const struct nursery_request *request,
	const int *group, struct nursery_answer *answer)
{
	int err = nursery_send(nursery->socket, request, sizeof(*request), group, group != NULL);

	return err < 0
		? err
		: nursery_receive(nursery->socket, answer, sizeof(*answer), NULL, 0, ANSWER_MS);
}

/* False: it is the machine that doesn't permit them. */
static int build(struct nursery *nursery, int ids, struct walls *walls)
{
	const struct nursery_request request = {.kind = NURSERY_MAPPED, .ids = (uint32_t)ids};
	struct nursery_answer answer;
	int err = ask(nursery, &request, NULL, &answer);

	if (err < 0)
		return err;
	walls_note(walls, WALL_NAMESPACES, answer.no_spaces);
	walls_note(walls, WALL_FILES, answer.no_root);
	walls_note(walls, WALL_USER, ids > 1 ? 0 : -EPERM);
	return answer.err;
}

int nursery_settle(struct nursery *nursery, uid_t uid, gid_t gid, struct walls *walls)
{
	const struct nursery_request request = {.kind = NURSERY_SETTLE, .uid = uid, .gid = gid};
	struct nursery_answer answer;
	int ids, err = ask(nursery, &request, NULL, &answer);

	if (err < 0)
		return err;
	ids = answer.err;
	if (ids == 0)
		ids = namespaces_map(nursery->pid, base_of(nursery->pid), uid, gid);
	if (ids > 0)
		return build(nursery, ids, walls);
	walls_note(walls, WALL_NAMESPACES, ids);
	walls_note(walls, WALL_FILES, ids);
	walls_note(walls, WALL_USER, ids);
	return 0;
}

int nursery_probe(struct nursery *nursery, int group)
{
	const struct nursery_request request = {
		.kind = NURSERY_PROBE, .given = 1u << NURSERY_GROUP};
	struct nursery_answer answer;
	int err = ask(nursery, &request, &group, &answer);

	return err < 0 ? err : answer.err > 0 ? -EPROTO : answer.err;
}

void nursery_close(struct nursery *nursery)
{
	struct pollfd ended = {.events = POLLIN};

	if (nursery->socket < 0)
		return;
	fd_close(&nursery->socket);
	ended.fd = nursery->pidfd;
	if (ended.fd >= 0 && poll(&ended, 1, END_MS) == 0) /* it was stopped */
		(void)pidfd_send_signal(nursery->pidfd, SIGKILL, NULL, 0);
	fd_close(&nursery->pidfd);
	while (waitpid(nursery->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
