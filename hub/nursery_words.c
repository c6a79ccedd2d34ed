/* hub/nursery_words.c - bytes and descriptors between hub and nursery. */
#include "hub/nursery_words.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/fd.h"
#include "sys/namespaces.h"

/* Aligned for the header that lies in it. */
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * NURSERY_FDS)];
};

int nursery_send(int socket, const void *bytes, size_t size, const int *fds, unsigned count)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	ssize_t n;

	if (count > 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * count);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	}
	do {
		n = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* As image notes have it. */
static bool is_name(const char name[static MFI_NAME_MAX + 1])
{
	size_t n = strnlen(name, MFI_NAME_MAX + 1);

	return n > 0 && n <= MFI_NAME_MAX &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int judge_start(const struct nursery_request *r)
{
	return r->given >> NURSERY_FDS == 0 && r->cpu >= -1 && r->cpu < CPU_SETSIZE &&
			is_name(r->name)
		? 0
		: -EINVAL;
}

int nursery_judge(const struct nursery_request *request, enum nursery_stage *stage)
{
	switch (request->kind) {
	case NURSERY_START: return judge_start(request);
	case NURSERY_SETTLE:
		if (*stage != NURSERY_NEW)
			return -EPERM;
		*stage = NURSERY_SETTLING;
		return 0;
	case NURSERY_MAPPED:
		if (*stage != NURSERY_SETTLING)
			return -EPERM;
		*stage = NURSERY_BUILT;
		return request->ids >= 1 && request->ids <= NAMESPACES_IDS ? 0 : -EINVAL;
	case NURSERY_PROBE:
		if (*stage != NURSERY_BUILT)
			return -EPERM;
		return request->given == 1u << NURSERY_GROUP ? 0 : -EINVAL;
	default: return -EINVAL;
	}
}

static void take_descriptors(struct msghdr *message, int *fds, unsigned count)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len <= CMSG_LEN(sizeof(int) * count))
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
}

static int wait_for(int socket, int most)
{
	struct pollfd wait = {.fd = socket, .events = POLLIN};
	int n;

	do {
		n = poll(&wait, 1, most);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

int nursery_receive(int socket, void *bytes, size_t size, int *fds, unsigned count, int most)
{
	struct iovec iov = {bytes, size};
	union control control;
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* not CMSG_SPACE, where one more than `count` could have room */
		.msg_controllen = CMSG_LEN(sizeof(int) * count)};
	int err = most >= 0 ? wait_for(socket, most) : 0;
	ssize_t n;

	for (unsigned i = 0; i < count; i++)
		fds[i] = -1;
	if (err < 0)
		return err;
	do {
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_descriptors(&message, fds, count);
	if (n > 0 && (size_t)n == size && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return 0;
	for (unsigned i = 0; i < count; i++)
		fd_close(&fds[i]);
	return n == 0 ? -EPIPE : -EPROTO;
}
