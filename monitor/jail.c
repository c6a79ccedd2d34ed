#include "monitor/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/landlock.h"
#include "sys/sandbox.h"
#include "sys/sandbox_rules.h"

#define IOCTL(request, why) ONLY(ioctl, 1, 0xffffffffu, request, why)

#define RULES_MAX SANDBOX_RULES_MOST
#define OWN_PID   0xfeedfacefeedfaceull /* jail_rules puts the number in its place */

/* Both backends, in the order of how often. */
#define COMMON                                                                                     \
	ANY(clock_gettime, "when a life began and ended; the watchdog"),                           \
		ANY(poll, "wait for the hub"), ANY(futex, "locks between its threads"),            \
		ONLY(mmap, 2, PROT_EXEC, 0, "memory for shells; vCPU state"),                      \
		ONLY(mprotect, 2, PROT_EXEC, 0, "malloc grows"),                                   \
		ANY(munmap, "shells are given up"), ANY(close, "a shell's descriptors"),           \
		ONLY(pread64, 0, 0xffffffffu, MFW_FD_KEPT, "the snapshot of an earlier worker"),   \
		ONLY(pwrite64, 0, 0xffffffffu, MFW_FD_KEPT, "one for a later worker"),             \
		ONLY(fcntl, 1, 0xffffffffu, F_ADD_SEALS, "which is whole now"),                    \
		ANY(exit_group, "the end"), FAILS(brk, ENOMEM, "malloc takes mmap instead"),       \
		FAILS(madvise, ENOSYS, "malloc keeps what it would give back"),                    \
		FAILS(restart_syscall, EINTR, "after a stop, poll and futex are called anew")

static const struct sandbox_rule kvm_rules[] = {
	IOCTL(KVM_RUN, "a life"),
	ONLY(read, 0, 0xffffffffu, MFW_FD_WAKE_WORKER, "woken by the hub"),
	ONLY(write, 0, 0xffffffffu, MFW_FD_WAKE_HUB, "wakes the hub"),
	ONLY(write, 0, 0xffffffffu, MFW_FD_WAKE_WORKER, "one thread wakes the others"),
	ONLY(write, 0, 0xffffffffu, STDERR_FILENO, "last words"),
	COMMON,
	IOCTL(KVM_GET_API_VERSION, "is this KVM?"),
	IOCTL(KVM_CHECK_EXTENSION, "what can it do?"),
	IOCTL(KVM_GET_VCPU_MMAP_SIZE, "size of the vCPU's shared page"),
	IOCTL(KVM_GET_SUPPORTED_CPUID, "what may a guest see?"),
	IOCTL(KVM_CREATE_VM, "a shell"),
	IOCTL(KVM_CREATE_VCPU, "its processor"),
	IOCTL(KVM_SET_USER_MEMORY_REGION, "its memory"),
	IOCTL(KVM_SET_CPUID2, "its processor's features"),
	IOCTL(KVM_GET_SREGS, "system registers; CR2 of a crash"),
	IOCTL(KVM_SET_SREGS, "system registers"),
	IOCTL(KVM_SET_XCRS, "vector state that it may use"),
	IOCTL(KVM_GET_REGS, "where it crashed"),
	ONLY(tgkill, 0, ~0ull, OWN_PID, "the watchdog stops a vCPU"),
	ANY(rt_sigreturn, "back from the signal that stops it"),
};

/* Gated processes and their memory come from the maker. */
static const struct sandbox_rule process_rules[] = {
	ANY(read, "the hub's eventfd; a guest's byte; the maker's answer"),
	ANY(write, "the hub's eventfd; a guest's byte; a request; last words on descriptor 2"),
	COMMON,
	ANY(lseek, "which pages of memory exist"),
	ANY(sched_setaffinity, "a gated process runs where its thread runs, if it lasts anywhere"),
	ONLY(pidfd_send_signal, 1, ~0ull, SIGKILL, "the watchdog ends it, by its descriptor"),
	ONLY(waitid, 0, 0xffffffffu, P_PID, "it is gone, and what it died of"),
};

/* What it takes to make them. A gated process inherits this list, and pays for it at each byte: read
 * and write come first. Then it adds one that leaves it these two, at one instruction each. */
static const struct sandbox_rule maker_rules[] = {
	ANY(read, "a request; a gated process: a life begins"),
	ANY(write, "the answer, the gate page; it is over"),
	ANY(memfd_create, "memory that a gated process shares, and the gate page"),
	ANY(ftruncate, "its size"),
	ONLY(fcntl, 1, 0xffffffffu, F_ADD_SEALS, "which stays as it is"),
	ANY(pipe2, "the two pipes of a gated process"),
	ONLY(mmap, 2, PROT_EXEC, 0, "a guest's memory"),
	ONLY(mmap, 2, PROT_WRITE, 0, "a guest's code, and the gate page"),
	ONLY(clone, 0, ~0ull, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, "a gated process"),
	ANY(close, "its ends of pipes"),
	/* what one does before its own list applies */
	ONLY(prctl, 0, 0xffffffffu, PR_SET_NAME, "ps tells it from the maker"),
	ONLY(prctl, 0, 0xffffffffu, PR_SET_PDEATHSIG, "it dies with the worker"),
	ONLY(prctl, 0, 0xffffffffu, PR_SET_DUMPABLE, "nobody traces it, no core dump"),
	ONLY(prctl, 0, 0xffffffffu, PR_SET_TSC, "no TSC for guests"),
	ANY(arch_prctl, "no CPUID for guests"),
	ANY(dup3, "its two descriptors"),
	ANY(close_range, "no others"),
	ANY(rt_sigaction, "its handlers"),
	ANY(sigaltstack, "their stack"),
	ANY(munmap, "the maker's memory goes away"),
	ANY(seccomp, "its own list"),
	ANY(exit_group, "it couldn't be made"),
#if defined(__GLIBC__)
	ANY(rseq, "glibc's, whose memory goes away"),
#endif
};

/* A socket of its own: that one and no other. */
static const struct sandbox_rule socket_rules[] = {
	ONLY(recvmmsg, 0, 0xffffffffu, MFW_FD_SOCKET, "datagrams from its own socket"),
	ONLY(sendmsg, 0, 0xffffffffu, MFW_FD_SOCKET, "their replies"),
	ANY(getrandom, "seeds and ids of their lives"),
};

/* The list with this process's own number in its place. */
const struct sandbox_rule *jail_rules(enum mfw_backend backend, bool socket, size_t *count)
{
	static struct sandbox_rule own[RULES_MAX];
	const bool kvm = backend == MFW_BACKEND_KVM;
	const size_t bytes = kvm ? sizeof(kvm_rules) : sizeof(process_rules);
	const size_t more = socket ? sizeof(socket_rules) : 0;

	_Static_assert(sizeof(kvm_rules) + sizeof(socket_rules) <= sizeof(own) &&
			sizeof(process_rules) + sizeof(socket_rules) <= sizeof(own),
		"RULES_MAX");
	memcpy(own, socket_rules, more);
	memcpy((uint8_t *)own + more, kvm ? kvm_rules : process_rules, bytes);
	*count = (bytes + more) / sizeof(own[0]);
	for (size_t i = 0; i < *count; i++)
		if (own[i].masked && own[i].equal == OWN_PID)
			own[i].equal = (uint64_t)getpid();
	return own;
}

const struct sandbox_rule *jail_maker_rules(size_t *count)
{
	*count = sizeof(maker_rules) / sizeof(maker_rules[0]);
	return maker_rules;
}

int jail_prepare(void)
{
	int rc = sandbox_no_privileges();

	if (rc == 0 && !SANDBOX_SANITIZED)
		rc = landlock_enter(NULL, 0, 0);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

int jail_enter(enum mfw_backend backend, bool socket)
{
	size_t count;
	const struct sandbox_rule *rules = jail_rules(backend, socket, &count);

	return SANDBOX_SANITIZED ? 0 : sandbox_enter(rules, count, 0);
}

int jail_enter_maker(void)
{
	size_t count;
	const struct sandbox_rule *rules = jail_maker_rules(&count);

	return SANDBOX_SANITIZED ? 0 : sandbox_enter(rules, count, 0);
}
