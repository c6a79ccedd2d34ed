/* hub/confine_calls.c - see confine_calls.h. */
#include "hub/confine_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "sys/sandbox_rules.h"

#define NEVER(call, why) FAILS(call, SANDBOX_KILL, why)
#define WORD             0xffffffffu

/* In the order of how often; those of one event first. */
static const struct sandbox_rule rules[] = {
	ANY(epoll_wait, "the loop"),
	ANY(recvmsg, "datagrams; the nursery's answers"),
	ANY(sendmsg, "replies; requests to the nursery"),
	ANY(recvfrom, "TCP"),
	ANY(sendto, "replies; the service manager"),
	ANY(write, "wakes a worker; lines for people"),
	ANY(read, "woken by a worker; signals; files at a reload"),
	ANY(writev, "lines of OpenSSL's and the C library's"),
	ANY(futex, "locks of the C library and OpenSSL"),
	ANY(clock_gettime, "the time, where the vDSO hasn't it"),
	ONLY(clock_adjtime, 0, WORD, CLOCK_REALTIME,
		"is the wall's clock, which seems wrong, synchronised?"),
	ANY(getrandom, "ids, seeds, TLS"),
	ANY(recvmmsg, "datagrams"),
	ANY(sendmmsg, "replies"),
	/* connections and workers */
	ANY(accept4, "connections"),
	ANY(close, "their ends"),
	ANY(shutdown, "their ends, in good order"),
	ANY(epoll_ctl, "what the loop waits for"),
	ANY(epoll_create1, "the same"),
	ANY(getsockopt, "who asks on the admin socket; what is wrong with a connection"),
	ANY(setsockopt, "sizes and delays of sockets"),
	ANY(getsockname, "ports that were chosen by the kernel"),
	ANY(getpeername, "who asks"),
	ANY(poll, "the nursery's answer; who reads our lines"),
	ANY(eventfd2, "a worker's wakers"),
	ANY(pipe2, "a worker's last words"),
	ANY(memfd_create, "a worker's ring, its snapshot"),
	ANY(ftruncate, "their sizes; the lock of the state directory"),
	ANY(fcntl, "seals, flags, descriptors of connections"),
	ANY(lseek, "what a snapshot takes"),
	ANY(pidfd_send_signal, "ends a worker"),
	ANY(waitid, "how it ended"),
	ANY(wait4, "how the nursery ended"),
	ANY(sched_setaffinity, "a worker stays on our core"),
	ANY(sched_getaffinity, "which cores there are"),
	ANY(timerfd_create, "libcoap: when to send again"),
	ANY(timerfd_settime, "the same"),
	ONLY(ioctl, 1, WORD, FIONBIO, "libcoap: its sockets don't block"),
	/* memory */
	ANY(brk, "malloc"),
	ANY(madvise, "malloc gives back"),
	ANY(munmap, "a worker's ring; malloc"),
	ANY(mremap, "malloc"),
	ONLY(mmap, 2, PROT_EXEC, 0, "a worker's ring; malloc"),
	ONLY(mmap, 2, PROT_WRITE, 0, "OpenSSL's code, when the first listener with TLS comes"),
	ONLY(mprotect, 2, PROT_EXEC, 0, "malloc; what of a library may not be written"),
	/* files: at a reload, and for whoever asks how the hub is */
	ANY(openat, "files at a reload; /proc"),
	ANY(openat2, "files below a directory, and nowhere else"),
	ANY(newfstatat, "the same"),
	ANY(fstat, "the same"),
	ANY(statx, "the same"),
	ANY(pread64, "images; libraries"),
	ANY(pwrite64, "what the state directory keeps"),
	ANY(readlink, "a path, made whole"),
	ANY(readlinkat, "the same"),
	ANY(getcwd, "the same"),
	ANY(access, "libraries"),
	ANY(getdents64, "descriptors in use; sockets of hubs that died"),
	ANY(lstat, "is a socket's file still ours?"),
	ANY(stat, "the same"),
	ANY(unlink, "the admin socket's file, in the end"),
	ANY(unlinkat, "the same"),
	ANY(mkdir, "the directory of an admin socket"),
	ANY(rename, "a file of the state directory takes another's place"),
	ANY(renameat, "the same"),
	ANY(fsync, "and is on the disk before"),
	ANY(fdatasync, "the same"),
	ANY(utimensat, "until when a blob is kept, when it was used"),
	ANY(flock, "one hub a state directory"),
	ANY(chmod, "the group of an admin socket"),
	ANY(lchown, "the same"),
	ANY(umask, "an admin socket is nobody else's"),
	/* sockets at a reload */
	ONLY(socket, 0, WORD, AF_UNIX, "an admin socket; is there another hub?"),
	ONLY(socket, 0, WORD, AF_INET, "new listeners"),
	ONLY(socket, 0, WORD, AF_INET6, "the same"),
	ANY(bind, "the same"),
	ANY(listen, "the same"),
	ANY(connect, "is there a hub at an admin socket?"),
	ONLY(socketpair, 0, WORD, AF_UNIX,
		"libcurl: a thread that looked up a name wakes the loop"),
	/* the database: its files, its thread; and threads that wait for what the loop can't wait for */
	ONLY(clone, 0, CLONE_THREAD, CLONE_THREAD, "a thread, never a process"),
	FAILS(clone3, ENOSYS, "whose arguments can't be looked at: the C library takes clone then"),
	ANY(set_robust_list, "a thread begins"),
	ANY(rseq, "the same"),
	ANY(exit, "and ends"),
	ANY(gettid, "which one it is"),
	ONLY(ioctl, 1, WORD, FIONREAD, "how long a name server's answer is"),
	/* of itself */
	ONLY(prlimit64, 0, WORD, 0, "how many descriptors there may be"),
	ANY(getrusage, "what it used"),
	ANY(sysinfo, "malloc asks how much memory there is"),
	ANY(getpid, "log lines, names"),
	ANY(getuid, "is the owner of a file us?"),
	ANY(geteuid, "the same"),
	ANY(signalfd4, "signals"),
	ANY(rt_sigprocmask, "signals"),
	ANY(rt_sigaction, "signals"),
	ANY(rt_sigreturn, "signals"),
	ANY(clock_nanosleep, "is another hub's socket young?"),
	ANY(restart_syscall, "on with waiting after a stop"),
	ANY(exit_group, "the end"),
	/* what a hub that was taken over would try first */
	NEVER(execve, "runs nothing: the nursery does"),
	NEVER(execveat, "the same"),
	NEVER(fork, "the same"),
	NEVER(vfork, "the same"),
	NEVER(clone, "the same"),
	NEVER(ptrace, "looks into no other process"),
	NEVER(process_vm_readv, "the same"),
	NEVER(process_vm_writev, "the same"),
	NEVER(kcmp, "the same"),
	NEVER(pidfd_getfd, "the same"),
	NEVER(setns, "goes nowhere else"),
	NEVER(unshare, "the same"),
	NEVER(mount, "the same"),
	NEVER(chroot, "the same"),
	NEVER(setresuid, "becomes nobody else"),
	NEVER(setuid, "the same"),
	NEVER(capset, "the same"),
	NEVER(bpf, "the kernel is left alone"),
	NEVER(userfaultfd, "the same"),
	NEVER(io_uring_setup, "the same"),
	NEVER(perf_event_open, "the same"),
	NEVER(keyctl, "the same"),
	NEVER(init_module, "the same"),
	NEVER(kexec_load, "the same"),
};

const struct sandbox_rule *confine_calls(size_t *count)
{
	*count = sizeof(rules) / sizeof(rules[0]);
	return rules;
}

int confine_calls_enter(void)
{
#if SANDBOX_SANITIZED
	return 0; /* sanitizers need more than can be listed; what runs under them is a test */
#else
	return sandbox_enter(rules, sizeof(rules) / sizeof(rules[0]), EPERM);
#endif
}
