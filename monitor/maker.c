/* monitor/maker.c - see maker.h. */
#include "monitor/maker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <sys/rseq.h>
#endif

#include "monitor/arch/arch.h"
#include "monitor/jail.h"
#include "sys/sandbox.h"

enum kind { MAKE_MEMORY = 1, MAKE_PROCESS = 2 };

/* Less than PIPE_BUF, so that each is written and read whole. */
struct request {
	uint64_t kind;
	uint64_t bytes; /* MEMORY */
	struct maker_plan plan;
};

struct answer {
	int32_t err; /* 0 or -errno */
	int32_t fd;  /* MEMORY */
	struct maker_made made;
};

static struct maker {
	pthread_mutex_t lock; /* one request at a time */
	unsigned users;
	int pid, pidfd;
	int requests[2], answers[2]; /* pipes */
	_Atomic bool gone;
} maker = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ----------------------------------------------------- in the gated process */

/* From here to the jump only plain system calls: other threads' locks may be held for ever. */

static void child_fail(int code)
{
	syscall(SYS_exit_group, code);
}

static void map_region(const struct maker_plan *plan, const struct maker_region *r)
{
	/* where areas lie AddressSanitizer reserves addresses that nothing uses */
	const int fixed =
		SANDBOX_SANITIZED && r->memory >= LAYOUT_INPUT ? MAP_FIXED : MAP_FIXED_NOREPLACE;

	if (syscall(SYS_mmap, r->address, r->bytes, r->rights, MAP_SHARED | fixed,
		    plan->fd[r->memory], r->offset) != (long)r->address)
		child_fail(4);
}

/* What the kernel takes for a handler; glibc's sigaction would install its own restorer. */
struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};
#define KERNEL_SA_RESTORER 0x04000000ull

static void child_signals(const struct maker_plan *plan)
{
	/* SIGTRAP is left to kill: see stub.S */
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
	const struct kernel_sigaction report = {.handler = arch_gated_signal(),
		.flags = SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER,
		.restorer = arch_gated_signal()};
	const stack_t stack = {
		.ss_sp = (void *)(uintptr_t)plan->effects, .ss_size = plan->effects_bytes};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		syscall(SYS_rt_sigaction, faults[i], &report, NULL, sizeof(report.mask));
	syscall(SYS_sigaltstack, &stack, NULL);
}

static void child_rights(const struct maker_plan *plan)
{
	prctl(PR_SET_NAME, "mayfly-gated");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!plan->held) /* or nobody but root could */
		prctl(PR_SET_DUMPABLE, 0);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) < 0)
		child_fail(3);
	if (plan->deny_cpuid)
		syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, 0);
}

/* glibc registered an rseq area in memory that goes away; musl has none. */
static void child_forget_rseq(void)
{
#if defined(__GLIBC__)
	char *thread = __builtin_thread_pointer();

	if (__rseq_size != 0)
		syscall(SYS_rseq, thread + __rseq_offset, 32, 1 /* UNREGISTER */, RSEQ_SIG);
#endif
}

_Noreturn static void child(const struct maker_plan *plan, int in, int out)
{
	child_rights(plan);
	for (unsigned i = 0; i < plan->regions; i++)
		map_region(plan, &plan->region[i]);
	/* the descriptors that the two system calls name; `in` and `out` are above them */
	if (syscall(SYS_dup3, in, 0, 0) < 0 || syscall(SYS_dup3, out, 1, 0) < 0 ||
		syscall(SYS_close_range, 2u, ~0u, 0u) < 0)
		child_fail(5);
	child_signals(plan);
	child_forget_rseq();
	((void (*)(void))(uintptr_t)arch_gated_start())();
	__builtin_unreachable();
}

/* ------------------------------------------------------------ in the maker */

/* Bytes of memory files that may still be made. */
static uint64_t memory_left;

static int make_memory(uint64_t bytes)
{
	int fd, rc;

	if (bytes == 0 || bytes > INT64_MAX || bytes > memory_left)
		return -ENOMEM;
	fd = (int)syscall(SYS_memfd_create, "mayfly", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_ftruncate, fd, bytes) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	memory_left -= bytes;
	return fd;
}

/* The page of code through which gated processes go in and out, in a file that nobody can write any
 * more. The worker has the descriptor, too: whatever it wrote meanwhile is seen, and if it mapped the
 * file to write later, the file can't be sealed. */
static int make_gate_file(const uint8_t page[static MF_PAGE])
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int fd = (int)syscall(SYS_memfd_create, "mayfly-gate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, page, MF_PAGE) != MF_PAGE || fcntl(fd, F_ADD_SEALS, seals) < 0)
		rc = -errno;
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* At its place in this process's own memory, from where gated processes have it. It was never writable
 * there: a service manager may forbid that (MemoryDenyWriteExecute=). */
static int map_gate(const uint8_t page[static MF_PAGE])
{
	void *const at = (void *)(uintptr_t)MF_ADDR_GATE;
	int fd = make_gate_file(page), rc = 0;

	if (fd < 0)
		return fd;
	if (syscall(SYS_mmap, at, MF_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
		    fd, 0) != (long)at)
		rc = -errno;
	else if (memcmp(at, page, MF_PAGE) != 0)
		rc = -EPROTO;
	close(fd);
	return rc;
}

/* Another guest has other addresses. */
static int set_gate(const struct maker_plan *plan)
{
	static struct arch_life now;
	static bool mapped;
	static uint8_t page[MF_PAGE];
	const struct arch_life want = {.entry = plan->entry,
		.stack_top = plan->stack_top,
		.effects = plan->effects,
		.input_bytes = plan->input_bytes,
		.output_bytes = plan->output_bytes};
	int rc;

	if (mapped && memcmp(&now, &want, sizeof(now)) == 0)
		return 0;
	mapped = false;
	(void)syscall(SYS_munmap, MF_ADDR_GATE, MF_PAGE);
	arch_fill_gate(page, &want);
	rc = map_gate(page);
	now = want;
	mapped = rc == 0;
	return rc;
}

/* Nothing below what a guest may see, and nothing that the list would end the new process for. */
static int check(const struct maker_plan *plan)
{
	if (plan->regions > LAYOUT_REGIONS)
		return -EPROTO;
	for (unsigned i = 0; i < plan->regions; i++) {
		const uint32_t rights = plan->region[i].rights;

		if (plan->region[i].address < MF_ADDR_INFO ||
			plan->region[i].memory >= LAYOUT_MEMORIES ||
			(rights & ~(uint32_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) ||
			(rights & PROT_WRITE && rights & PROT_EXEC))
			return -EPROTO;
	}
	return 0;
}

static void close_pipe(const int pipe[2])
{
	close(pipe[0]);
	close(pipe[1]);
}

/* Two pipes whose ends are all above descriptor 2, so that dup3 in the child is safe. */
static int make_pipes(int to[2], int from[2])
{
	int rc;

	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from, O_CLOEXEC) < 0) {
		rc = -errno;
		close_pipe(to);
		return rc;
	}
	return 0;
}

static int make_process(const struct maker_plan *plan, struct maker_made *made)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, pidfd = -1, rc = check(plan);

	if (rc == 0)
		rc = set_gate(plan);
	if (rc == 0)
		rc = make_pipes(to, from);
	if (rc < 0)
		return rc;
	/* fork, but as a sibling, and with a descriptor to kill it by */
	rc = (int)syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (rc == 0)
		child(plan, to[0], from[1]);
	if (rc < 0) {
		rc = -errno;
		close_pipe(to);
		close_pipe(from);
		return rc;
	}
	close(from[1]); /* so that its death is heard */
	*made = (struct maker_made){
		.pid = rc, .pidfd = pidfd, .to = to[1], .from = from[0], .unread = to[0]};
	return 0;
}

static struct answer do_as_asked(const struct request *request)
{
	struct answer answer = {.fd = -1};

	switch (request->kind) {
	case MAKE_MEMORY:
		answer.fd = make_memory(request->bytes);
		answer.err = answer.fd < 0 ? answer.fd : 0;
		break;
	case MAKE_PROCESS: answer.err = make_process(&request->plan, &answer.made); break;
	default: answer.err = -EPROTO;
	}
	return answer;
}

/* Which is where gated processes start from. */
static void default_signals(void)
{
	const struct kernel_sigaction none = {0};
	const uint64_t mask = 0;

	for (int sig = 1; sig < 65; sig++)
		syscall(SYS_rt_sigaction, sig, &none, NULL, sizeof(mask));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

static int give_up_rights(int parent)
{
	struct rlimit space;

	prctl(PR_SET_NAME, "mayfly-maker");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		getrlimit(RLIMIT_AS, &space) < 0)
		return -errno;
	if (getppid() != parent) /* it died before that took hold */
		return -ESRCH;
	memory_left = space.rlim_cur;
	default_signals();
	return jail_enter_maker();
}

_Noreturn static void maker_main(int parent)
{
	struct answer answer = {.err = give_up_rights(parent)};
	struct request request;
	ssize_t n = sizeof(request);

	while (write(maker.answers[1], &answer, sizeof(answer)) == sizeof(answer) &&
		n == sizeof(request)) {
		do {
			n = read(maker.requests[0], &request, sizeof(request));
		} while (n < 0 && errno == EINTR);
		if (n == sizeof(request))
			answer = do_as_asked(&request);
	}
	syscall(SYS_exit_group, 1);
	__builtin_unreachable();
}

/* ----------------------------------------------------------- in the worker */

/* The pipe alone can't tell that nobody is left to answer: this process has both its ends. */
static int hear(struct answer *answer)
{
	struct pollfd p[2] = {
		{.fd = maker.answers[0], .events = POLLIN}, {.fd = maker.pidfd, .events = POLLIN}};

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (!(p[0].revents & POLLIN) ||
		read(maker.answers[0], answer, sizeof(*answer)) != sizeof(*answer)) {
		maker.gone = true;
		return -EOWNERDEAD;
	}
	return answer->err;
}

static int ask(const struct request *request, struct answer *answer)
{
	int rc = -EOWNERDEAD;

	pthread_mutex_lock(&maker.lock);
	if (!maker.gone && write(maker.requests[1], request, sizeof(*request)) == sizeof(*request))
		rc = hear(answer);
	pthread_mutex_unlock(&maker.lock);
	return rc;
}

int maker_memory(uint64_t bytes)
{
	const struct request request = {.kind = MAKE_MEMORY, .bytes = bytes};
	struct answer answer;
	int rc = ask(&request, &answer);

	return rc < 0 ? rc : answer.fd;
}

int maker_make(const struct maker_plan *plan, struct maker_made *made)
{
	const struct request request = {.kind = MAKE_PROCESS, .plan = *plan};
	struct answer answer;
	int rc = ask(&request, &answer);

	if (rc == 0)
		*made = answer.made;
	return rc;
}

bool maker_gone(void)
{
	return maker.gone;
}

/* -------------------------------------------------------------- start, stop */

static void end(void)
{
	siginfo_t info;

	syscall(SYS_pidfd_send_signal, maker.pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PID, (id_t)maker.pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(maker.pidfd);
	close_pipe(maker.requests);
	close_pipe(maker.answers);
}

static int launch(void)
{
	const int parent = getpid();
	struct answer answer;
	int rc = make_pipes(maker.requests, maker.answers);

	if (rc < 0)
		return rc;
	maker.gone = false;
	/* with memory of its own, and the same descriptors */
	rc = (int)syscall(
		SYS_clone, CLONE_FILES | CLONE_PIDFD | SIGCHLD, NULL, &maker.pidfd, NULL, 0);
	if (rc == 0)
		maker_main(parent);
	if (rc < 0) {
		rc = -errno;
		close_pipe(maker.requests);
		close_pipe(maker.answers);
		return rc;
	}
	maker.pid = rc;
	rc = hear(&answer);
	if (rc < 0)
		end();
	return rc;
}

int maker_start(void)
{
	int rc = 0;

	pthread_mutex_lock(&maker.lock);
	if (maker.users == 0)
		rc = launch();
	if (rc == 0)
		maker.users++;
	pthread_mutex_unlock(&maker.lock);
	return rc;
}

void maker_stop(void)
{
	pthread_mutex_lock(&maker.lock);
	if (--maker.users == 0)
		end();
	pthread_mutex_unlock(&maker.lock);
}
