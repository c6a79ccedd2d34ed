/*
 * fuzz/nursery.c - what hub and nursery say to each other, each end in an attacker's hands in turn: a
 * nursery that answers wrongly, late, never, with descriptors too few or too many; a hub that asks for
 * anything. No answer is taken for another request's, nothing that is built is built again, no
 * descriptor stays.
 */
/* link: -Wl,--wrap=poll */
/* libfuzzer: -max_len=1500 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/lib/fuzz.h"
#include "hub/nursery.h"
#include "hub/nursery_words.h"
#include "hub/spawn.h"
#include "sys/fd.h"
#include "sys/namespaces.h"

#define STEPS 40u

static int file[MFW_FD_END]; /* to hand over, each another one */
static ino_t inode[MFW_FD_END];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stat st;

	(void)argc, (void)argv;
	for (unsigned i = 0; i < MFW_FD_END; i++) {
		file[i] = fd_memory("fuzz", 1);
		MUST(file[i] >= 0 && fstat(file[i], &st) == 0);
		inode[i] = st.st_ino;
	}
	return 0;
}

/* A bit for each of the first that is open. */
static uint64_t descriptors(void)
{
	uint64_t open = 0;

	for (int fd = 0; fd < 64; fd++)
		open |= (uint64_t)(fcntl(fd, F_GETFD) >= 0) << fd;
	return open;
}

/* With so many descriptors, more perhaps than the other end takes. */
static void send_raw(int socket, const void *bytes, size_t n, unsigned count)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * 2 * MFW_FD_END)];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[2 * MFW_FD_END];

	for (unsigned i = 0; i < count; i++)
		fds[i] = file[i % MFW_FD_END];
	if (count > 0) {
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * count);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	}
	(void)sendmsg(socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ------------------------------------------------------- a nursery that lies */

static struct nursery_end {
	struct feed *feed;
	int socket;
	int32_t number; /* of the request at hand; its answer's pid */
	const struct spawn *asked;
	struct nursery_answer late; /* pid 0: none is owed */
	bool right, raw;            /* how this request was answered */
} end;

static void send_late(void)
{
	if (end.late.pid != 0)
		send_raw(end.socket, &end.late, sizeof(end.late), 1);
	end.late.pid = 0;
}

static void send_wrong(void)
{
	struct nursery_answer answer = {.pid = end.number};
	uint8_t bytes[sizeof(answer) + 16] = {0};
	size_t n = feed_below(end.feed, 3) ? sizeof(answer) : feed_below(end.feed, sizeof(bytes));
	struct mf_str some;

	memcpy(bytes, &answer, sizeof(answer));
	if (feed_below(end.feed, 2)) {
		some = feed_some(end.feed, sizeof(bytes));
		if (some.n > 0)
			memcpy(bytes, some.p, some.n);
	}
	end.raw = true;
	send_raw(end.socket, bytes, n, feed_below(end.feed, 4));
}

static void answer(void)
{
	struct nursery_answer answer = {.pid = end.number};

	switch (feed_below(end.feed, 8)) {
	case 0:
	case 1: end.late = answer; return;
	case 2: send_wrong(); return;
	case 3: answer.err = -EAGAIN; break;
	case 4: shutdown(end.socket, SHUT_RDWR); return;
	default: end.right = true;
	}
	send_raw(end.socket, &answer, sizeof(answer), 1);
}

/* What was asked is what the hub wanted: the words, and each descriptor in its place. */
static void check_request(const struct nursery_request *r, int fds[NURSERY_FDS])
{
	enum nursery_stage stage = NURSERY_BUILT;
	unsigned next = 0;
	struct stat st;

	MUST(nursery_judge(r, &stage) == 0 && r->kind == NURSERY_START);
	MUST(strcmp(r->name, end.asked->name) == 0 && r->cpu == end.asked->cpu);
	for (unsigned i = 0; i < MFW_FD_END; i++) {
		MUST(((r->given >> i) & 1) == (end.asked->fd[i] >= 0));
		if (end.asked->fd[i] < 0)
			continue;
		MUST(fstat(fds[next++], &st) == 0 && st.st_ino == inode[i]);
	}
	for (unsigned i = 0; i < NURSERY_FDS; i++) {
		MUST((fds[i] >= 0) == (i < next));
		fd_close(&fds[i]);
	}
}

int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
/* The hub waits: now the nursery has its turn. No time goes by. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct nursery_request request;
	int given[NURSERY_FDS];

	if (ms > 0 &&
		nursery_receive(end.socket, &request, sizeof(request), given, NURSERY_FDS, 0) ==
			0) {
		check_request(&request, given);
		answer();
	}
	return __real_poll(fds, n, 0);
}

static void ask(struct feed *feed, struct nursery *nursery)
{
	static const char *const names[] = {"echo", "dns", "a-1",
		"abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz"};
	struct spawn spawn = {.nursery = nursery, .name = names[feed_below(feed, 4)], .cpu = -1};
	uint16_t which = feed_16(feed);
	bool owed = nursery->owes;
	pid_t pid = 0;
	int pidfd = -2, rc;

	for (unsigned i = 0; i < MFW_FD_END; i++)
		spawn.fd[i] = which >> i & 1 ? file[i] : -1;
	end.asked = &spawn;
	end.number++;
	end.right = end.raw = false;
	if (feed_below(feed, 3) == 0)
		send_late();
	rc = spawn_worker(&spawn, &pid, &pidfd);
	MUST(rc <= 0 && (rc == 0) == (pidfd >= 0));
	MUST(rc != 0 || (pid > 0 && (pid == end.number || end.raw)));
	MUST(!end.right || rc == 0);
	MUST(!owed || !nursery->owes || rc == -ETIMEDOUT); /* asked nothing meanwhile */
	MUST(nursery->owes == (rc == -ETIMEDOUT));
	fd_close(&pidfd);
}

static void lie_to_the_hub(struct feed *feed, int ends[2])
{
	struct nursery nursery = {.socket = ends[0], .pidfd = -1};

	end = (struct nursery_end){.feed = feed, .socket = ends[1]};
	for (unsigned i = 0; i < STEPS && feed->n > 0; i++) {
		switch (feed_below(feed, 4)) {
		case 0:
			send_late();
			spawn_collect(&nursery);
			break;
		default: ask(feed, &nursery);
		}
	}
}

/* ------------------------------------------------------- a hub that was taken over */

static void spoil(struct feed *feed, struct nursery_request *r)
{
	uint32_t value = feed_below(feed, 2) ? feed_32(feed) : feed_below(feed, 18);
	uint32_t *narrow[] = {&r->kind, &r->uid, &r->ids, &r->given, &r->descriptors};
	unsigned which = feed_below(feed, 8);
	struct mf_str some;

	if (which < 5) {
		*narrow[which] = value;
	} else if (which == 5) {
		r->cpu = (int32_t)value - 1;
	} else {
		some = feed_some(feed, sizeof(r->name));
		if (some.n > 0)
			memcpy(r->name, some.p, some.n);
	}
}

static void send_request(struct feed *feed, int socket)
{
	struct nursery_request request = {
		.kind = 1 + feed_below(feed, 3), .ids = 1, .cpu = -1, .name = "echo"};
	uint8_t bytes[sizeof(request) + 64] = {0};
	size_t n = sizeof(request);

	for (unsigned k = feed_below(feed, 3); k > 0; k--)
		spoil(feed, &request);
	memcpy(bytes, &request, sizeof(request));
	if (feed_below(feed, 6) == 5)
		n = 1 + feed_below(feed, sizeof(bytes));
	send_raw(socket, bytes, n, feed_below(feed, 2 * MFW_FD_END));
}

/* The contract, said once more. */
static bool is_sound(const struct nursery_request *r)
{
	const char *p = r->name;

	if (r->kind == NURSERY_MAPPED)
		return r->ids > 0 && r->ids <= NAMESPACES_IDS;
	if (r->kind == NURSERY_PROBE)
		return r->given == 1u << NURSERY_GROUP;
	if (r->kind != NURSERY_START)
		return r->kind == NURSERY_SETTLE;
	while ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-')
		if (++p == r->name + sizeof(r->name))
			return false;
	return p > r->name && *p == '\0' && r->given < 1u << NURSERY_FDS && r->cpu >= -1 &&
		r->cpu < CPU_SETSIZE;
}

static void lie_to_the_nursery(struct feed *feed, int ends[2])
{
	enum nursery_stage stage = NURSERY_NEW, before;
	unsigned settled = 0, mapped = 0;
	struct nursery_request r;
	int fds[NURSERY_FDS], rc;

	for (unsigned i = 0; i < STEPS && feed->n > 0; i++) {
		send_request(feed, ends[0]);
		rc = nursery_receive(ends[1], &r, sizeof(r), fds, NURSERY_FDS, 0);
		MUST(rc == 0 || rc == -EPROTO);
		if (rc < 0) {
			for (unsigned k = 0; k < NURSERY_FDS; k++)
				MUST(fds[k] == -1);
			continue;
		}
		before = stage;
		rc = nursery_judge(&r, &stage);
		MUST(stage >= before && stage <= NURSERY_BUILT);
		MUST(stage == before || r.kind != NURSERY_START);
		MUST(rc == 0 ? is_sound(&r) : rc == -EPERM || !is_sound(&r));
		settled += rc == 0 && r.kind == NURSERY_SETTLE;
		mapped += rc == 0 && r.kind == NURSERY_MAPPED;
		MUST(settled <= 1 && mapped <= settled);
		for (unsigned k = 0; k < NURSERY_FDS; k++)
			fd_close(&fds[k]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	const uint64_t before = descriptors();
	struct feed feed = {input, n};
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	if (feed_below(&feed, 2))
		lie_to_the_nursery(&feed, ends);
	else
		lie_to_the_hub(&feed, ends);
	close(ends[0]);
	close(ends[1]);
	MUST(descriptors() == before);
	return 0;
}
