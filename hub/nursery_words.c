/* hub/nursery_words.c - bytes and descriptors between hub and nursery. */
#include "hub/nursery_words.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Aligned for the header that lies in it. */
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * MFW_FD_END)];
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

static void take_descriptors(struct msghdr *message, int *fds, unsigned count)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);

	for (unsigned i = 0; i < count; i++)
		fds[i] = -1;
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
		.msg_controllen = CMSG_SPACE(sizeof(int) * count)};
	int err = most >= 0 ? wait_for(socket, most) : 0;
	ssize_t n;

	if (err < 0)
		return err;
	do {
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_descriptors(&message, fds, count);
	if (n == 0)
		return -EPIPE;
	return (size_t)n == size ? 0 : -EPROTO;
}
