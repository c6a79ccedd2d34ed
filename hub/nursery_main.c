/* hub/nursery_main.c - the nursery itself: builds walls once, then puts workers behind them. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/nursery_words.h"
#include "sys/fd.h"
#include "sys/namespaces.h"

/* Where a worker's program is while it is started: behind all descriptors that it is given. */
#define PROGRAM_FD MFW_FD_END

/* What is left to the nursery, in its namespace alone: worker's ids, worker's namespaces. */
#define KEPT (1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_SYS_ADMIN)

static struct nursery_process {
	int socket, program;
	enum nursery_stage stage;
	bool spaces;   /* it is in namespaces of its own, and workers get more */
	uint32_t ids;  /* how many user ids there are; 0: it has none to give */
	uint32_t last; /* the id of the worker that was started last */
	_Alignas(16) char stack[64 << 10];
} nursery;

/* ------------------------------------------------------- in the new process */

/* What a new process needs. It runs in the nursery's memory until it runs its program, so it changes
 * nothing but `err` and allocates nothing. */
struct child {
	const struct nursery_request *request;
	char *argv[3];
	char *envp[1];
	int fd[MFW_FD_END], high[MFW_FD_END];
	uint32_t id;
	volatile int err;
};

/* First all sources out of the way, then each to its number. */
static int place_descriptors(struct child *c)
{
	int program = fcntl(nursery.program, F_DUPFD_CLOEXEC, MFW_FD_END + 1);

	for (int i = 0; i < MFW_FD_END && program >= 0; i++) {
		if (c->fd[i] < 0)
			continue;
		c->high[i] = fcntl(c->fd[i], F_DUPFD_CLOEXEC, MFW_FD_END + 1);
		if (c->high[i] < 0)
			return -errno;
	}
	if (program < 0 || dup3(program, PROGRAM_FD, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < MFW_FD_END; i++) {
		if (c->fd[i] < 0)
			close(i);
		else if (dup2(c->high[i], i) < 0)
			return -errno;
	}
	return close_range(PROGRAM_FD + 1, ~0u, 0) < 0 ? -errno : 0;
}

static void default_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	sigaction(SIGPIPE, &action, NULL); /* the only one that the hub ignores */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* a wish: refused is fine */
}

/* Never more than it was. */
static int lower_limit(int what, uint64_t most)
{
	struct rlimit limit;

	if (most == 0 || getrlimit(what, &limit) < 0)
		return 0;
	if (limit.rlim_max > most)
		limit.rlim_max = most;
	if (limit.rlim_cur > most)
		limit.rlim_cur = most;
	return setrlimit(what, &limit) < 0 ? -errno : 0;
}

/* Raw: the C library's would speak to threads that aren't there. */
static int take_id(uint32_t id)
{
	if (syscall(SYS_setresgid, id, id, id) < 0 || syscall(SYS_setresuid, id, id, id) < 0)
		return -errno;
	return 0;
}

/* The kernel ends it with the hub; if the hub has died before that took hold, there is nobody at the
 * other end of the socket. */
static int die_with_hub(void)
{
	char byte;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return recv(nursery.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 ? -ESRCH : 0;
}

/* A clone's main. */
static int become_worker(void *context)
{
	struct child *c = context;
	int err;

	setsid();
	stay_on(c->request->cpu);
	err = lower_limit(RLIMIT_NOFILE, c->request->descriptors);
	if (err == 0)
		err = lower_limit(RLIMIT_AS, c->request->memory);
	/* Threads and gated processes, each of which takes descriptors: of an id that is its own. */
	if (err == 0 && c->id > 0)
		err = lower_limit(RLIMIT_NPROC, c->request->descriptors);
	if (err == 0 && c->id > 0)
		err = take_id(c->id);
	if (err == 0)
		err = die_with_hub();
	if (err == 0)
		err = place_descriptors(c);
	if (err == 0) {
		default_signals();
		syscall(SYS_execveat, PROGRAM_FD, "", c->argv, c->envp, AT_EMPTY_PATH);
		err = -errno;
	}
	c->err = err;
	_exit(127);
}

/* --------------------------------------------------------------------- start */

/* As clone(3), but a new process is in the group from its first instruction on: the C library has no
 * function for it. Moving it later takes the kernel milliseconds, in which nobody can fork. */
static long clone_in_group(int (*run)(void *), void *context, uint64_t flags, int group, int *pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0u : (unsigned)SIGCHLD,
		.stack = (uintptr_t)nursery.stack,
		.stack_size = sizeof(nursery.stack),
		.cgroup = (unsigned)group,
	};
	long rc = -ENOSYS;

#if defined(__x86_64__)
	register void *to __asm__("r12") = context;

	rc = SYS_clone3;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t" /* in the new process, on its stack */
			 "mov %%r12, %%rdi\n\t"
			 "call *%%rbx\n\t"
			 "ud2\n"
			 "1:"
			 : "+a"(rc)
			 : "D"(&args), "S"(sizeof(args)), "b"(run), "r"(to)
			 : "rcx", "r11", "memory", "cc");
#else
	(void)run;
	(void)context;
	(void)args;
#endif
	if (rc < 0)
		errno = (int)-rc;
	return rc < 0 ? -1 : rc;
}

static int end_at_once(void *unused)
{
	(void)unused;
	_exit(0);
}

static int probe(int group)
{
	pid_t pid = (pid_t)clone_in_group(end_at_once, NULL, 0, group, NULL);

	if (pid < 0)
		return -errno;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static pid_t make_worker(struct child *c, int group, int *pidfd)
{
	const int flags =
		CLONE_PARENT | CLONE_PIDFD | (nursery.spaces ? CLONE_NEWPID | CLONE_NEWIPC : 0);

	if (group >= 0)
		return (pid_t)clone_in_group(become_worker, c, (unsigned)flags, group, pidfd);
	return clone(become_worker, nursery.stack + sizeof(nursery.stack),
		flags | CLONE_VM | CLONE_VFORK, c, pidfd, NULL, NULL);
}

/* One after another, so that it is long before one comes again. The first is the nursery's own. */
static uint32_t next_id(void)
{
	if (nursery.ids <= 1)
		return 0;
	nursery.last = nursery.last + 1 < NAMESPACES_FIRST + nursery.ids ? nursery.last + 1
									 : NAMESPACES_FIRST + 1;
	return nursery.last;
}

static void start(const struct nursery_request *request, int *fds)
{
	struct child c = {
		.request = request,
		.argv = {(char *)"mayfly-worker", (char *)request->name, NULL},
		.id = next_id(),
	};
	struct nursery_answer answer = {0};
	unsigned next = 0;
	int pidfd = -1;

	for (unsigned i = 0; i < MFW_FD_END; i++)
		c.fd[i] = request->given & 1u << i ? fds[next++] : -1;
	answer.pid = make_worker(&c, request->given & 1u << NURSERY_GROUP ? fds[next] : -1, &pidfd);
	answer.err = answer.pid < 0 ? -errno : c.err;
	(void)nursery_send(nursery.socket, &answer, sizeof(answer), &pidfd, pidfd >= 0);
	fd_close(&pidfd);
}

/* -------------------------------------------------------------------- settle */

/* Does it ask for a file, its interpreter, to be started? Sanitizer builds do. */
static bool is_dynamic(int program)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (pread(program, &head, sizeof(head), 0) != sizeof(head) ||
		memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return true;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		off_t at = (off_t)(head.e_phoff + i * sizeof(part));

		if (pread(program, &part, sizeof(part), at) != sizeof(part) ||
			part.p_type == PT_INTERP)
			return true;
	}
	return false;
}

/* The hub's user, whose namespace it shall be, but with rights enough to make one where only root may. */
static int become(uid_t uid, gid_t gid)
{
	if (uid == geteuid() && gid == getegid())
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
		syscall(SYS_setresgid, gid, gid, gid) < 0 ||
		syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int make_user_namespace(const struct nursery_request *request)
{
	int err = become(request->uid, request->gid);

	if (err == 0)
		err = namespaces_keep(~0ull);
	if (err == 0 && unshare(CLONE_NEWUSER) < 0)
		err = -errno;
	if (err < 0) {
		namespaces_bound(); /* or a program that root runs would have all again */
		(void)namespaces_keep(0);
	}
	return err;
}

/* Mapped: whose ids it has been given. */
static void make_the_others(const struct nursery_request *request, struct nursery_answer *answer)
{
	if (request->ids > 1 &&
		(syscall(SYS_setgroups, 0, NULL) < 0 || take_id(NAMESPACES_FIRST) < 0))
		answer->no_spaces = -errno;
	if (answer->no_spaces == 0 &&
		unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			CLONE_NEWCGROUP) < 0)
		answer->no_spaces = -errno;
	nursery.spaces = answer->no_spaces == 0;
	nursery.ids = request->ids;
	nursery.last = NAMESPACES_FIRST;
	if (!nursery.spaces)
		answer->no_root = answer->no_spaces;
	else
		answer->no_root = is_dynamic(nursery.program) ? -ELIBACC : namespaces_empty_root();
	namespaces_bound();
	answer->err = namespaces_keep(KEPT);
}

static void heed(const struct nursery_request *request, int *fds)
{
	struct nursery_answer answer = {.err = nursery_judge(request, &nursery.stage)};

	if (answer.err == 0 && request->kind == NURSERY_START) {
		start(request, fds);
		return;
	}
	if (answer.err == 0 && request->kind == NURSERY_PROBE)
		answer.err = probe(fds[0]);
	else if (answer.err == 0 && request->kind == NURSERY_SETTLE)
		answer.err = make_user_namespace(request);
	else if (answer.err == 0)
		make_the_others(request, &answer);
	(void)nursery_send(nursery.socket, &answer, sizeof(answer), NULL, 0);
}

/* Nothing of the hub's but the two. */
static int take_place(int socket, int program)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int to[] = {null, null, null, socket, program};

	for (int i = 0; i < 5; i++) {
		to[i] = fcntl(to[i], F_DUPFD_CLOEXEC, 5);
		if (to[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 5; i++)
		if (dup3(to[i], i, O_CLOEXEC) < 0)
			return -errno;
	nursery.socket = 3;
	nursery.program = 4;
	return close_range(5, ~0u, 0) < 0 ? -errno : 0;
}

_Noreturn void nursery_main(int socket, int program)
{
	struct nursery_request request;
	int fds[NURSERY_FDS];

	prctl(PR_SET_NAME, "mayfly-nursery");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setsid(); /* Ctrl-C reaches only the hub, which ends it */
	if (take_place(socket, program) < 0)
		_exit(1);
	while (nursery_receive(nursery.socket, &request, sizeof(request), fds, NURSERY_FDS, -1) ==
		0) {
		heed(&request, fds);
		for (unsigned i = 0; i < NURSERY_FDS; i++)
			fd_close(&fds[i]);
	}
	_exit(0);
}
