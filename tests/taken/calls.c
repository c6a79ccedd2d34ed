/* tests/taken/calls.c - system calls that a worker has no business with. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/jail.h"
#include "sys/sandbox.h"
#include "tests/taken/taken.h"

/* ---------------------------------------------------------------- one call */

/* Where a call that is trapped goes on: behind it, with these registers. */
static struct {
	void *rip, *rsp, *rbp;
} back;
static volatile sig_atomic_t armed;

/* Not by returning, which would be a system call. */
static void on_sigsys(int sig)
{
	(void)sig;
	if (!armed)
		_exit(31);
	__asm__ volatile("mov %0, %%rcx\n\t"
			 "mov 8(%%rcx), %%rsp\n\t"
			 "mov 16(%%rcx), %%rbp\n\t"
			 "mov %1, %%rax\n\t"
			 "jmp *(%%rcx)"
			 :
			 : "r"(&back), "i"(TRAPPED)
			 : "rax", "rcx", "memory");
	__builtin_unreachable();
}

static long raw(long number, const long a[static 6])
{
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	long di = a[0], si = a[1], dx = a[2];
	void *bx = &back;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n\t"
			 "mov %%rcx, (%[back])\n\t"
			 "mov %%rsp, 8(%[back])\n\t"
			 "mov %%rbp, 16(%[back])\n\t"
			 "syscall\n"
			 "1:"
			 : "+a"(number), "+D"(di), "+S"(si), "+d"(dx), "+r"(r10), "+r"(r8),
			 "+r"(r9), [back] "+b"(bx)
			 :
			 : "rcx", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	return number;
}

long taken_call(long number, const long argument[static 6])
{
	long rc;

	armed = 1;
	rc = raw(number, argument);
	armed = 0;
	return rc;
}

static void catch_sigsys(void)
{
	struct sigaction action = {.sa_handler = on_sigsys, .sa_flags = SA_NODEFER};

	sigaction(SIGSYS, &action, NULL);
}

/* ----------------------------------------------------------------- a sweep */

/* The kernel doesn't ask a filter about these (since Linux 6.14), and ends whoever calls them from
 * anywhere but its own trampoline. */
#define SYS_URETPROBE 335
#define SYS_UPROBE    336

/* What the lists of monitor/jail.c let through, by enum mfw_backend; it would end or stop this worker. */
static bool listed[3][512];

static void learn_lists(void)
{
	for (unsigned backend = MFW_BACKEND_KVM; backend <= MFW_BACKEND_PROCESS; backend++) {
		size_t count;
		const struct sandbox_rule *rules =
			jail_rules((enum mfw_backend)backend, true, &count);

		for (size_t i = 0; i < count; i++)
			listed[backend][rules[i].number] = true;
	}
}

static bool is_listed(long number)
{
	return number < 512 && listed[taken.ring->status->backend][number];
}

static void add(char *words, size_t size, const char *what, long number, long rc)
{
	size_t n = strlen(words);

	if (n < size)
		snprintf(words + n, size - n, "%s%s %ld: %ld", n > 0 ? ", " : "", what, number, rc);
}

void taken_sweep(long from, long to, char *words, size_t size)
{
	static char path[] = "/etc/passwd";
	const long plausible[][6] = {
		{0},
		{-1, -1, -1, -1, -1, -1},
		{(long)path, O_RDONLY, 0, 0, 0, 0},
		{AT_FDCWD, (long)path, O_RDONLY, 0, 0, 0},
		{MFW_FD_SHARED, (long)path, sizeof(path), 0, 0, 0},
		{AF_INET, SOCK_STREAM, 0, (long)path, 0, 0},
	};

	for (long nr = from; nr < to; nr++) {
		if (nr == SYS_URETPROBE || nr == SYS_UPROBE || is_listed(nr))
			continue;
		for (size_t i = 0; i < sizeof(plausible) / sizeof(plausible[0]); i++) {
			long rc = taken_call(nr, plausible[i]);

			if (rc != TRAPPED) {
				add(words, size, "call", nr, rc);
				break;
			}
		}
	}
}

/* ----------------------------------------------------------------- attacks */

struct attack {
	const char *name;
	long number;
	long argument[6];
};

static bool forks(long number)
{
	return number == SYS_fork || number == SYS_vfork || number == SYS_clone ||
		number == SYS_clone3;
}

static void try_all(const struct attack *a, size_t n, char *words, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		long rc = taken_call(a[i].number, a[i].argument);

		if (rc == 0 && forks(a[i].number)) /* in the child */
			_exit(0);
		if (rc >= 0)
			add(words, size, a[i].name, a[i].number, rc);
	}
}

/* To other processes: the hub, whose number is known here, and other workers near it. */
static void attack_processes(long hub, char *words, size_t size)
{
	static char memory[64];
	struct {
		void *p;
		size_t n;
	} vector = {memory, sizeof(memory)};
	cpu_set_t one;
	const struct attack attacks[] = {
		{"kill the hub", SYS_kill, {hub, SIGKILL}},
		{"stop the hub", SYS_tkill, {hub, SIGSTOP}},
		{"tgkill the hub", SYS_tgkill, {hub, hub, SIGKILL}},
		{"kill all", SYS_kill, {-1, SIGKILL}},
		{"ptrace the hub", SYS_ptrace, {16 /* ATTACH */, hub, 0, 0}},
		{"read the hub", SYS_process_vm_readv,
			{hub, (long)&vector, 1, (long)&vector, 1, 0}},
		{"write the hub", SYS_process_vm_writev,
			{hub, (long)&vector, 1, (long)&vector, 1, 0}},
		{"a pidfd of the hub", SYS_pidfd_open, {hub, 0}},
		{"a descriptor of the hub", SYS_pidfd_getfd, {MFW_FD_KVM, 0, 0}},
		{"kcmp", SYS_kcmp, {hub, hub, 0, 0, 0}},
		{"the hub's limits", SYS_prlimit64, {hub, 7, 0, (long)memory}},
		{"the hub's processors", SYS_sched_setaffinity, {hub, sizeof(one), (long)&one}},
		{"the hub's turn", SYS_setpriority, {0, hub, 19}},
		{"wait for others", SYS_wait4, {-1, 0, 1, 0}},
	};

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	try_all(attacks, sizeof(attacks) / sizeof(attacks[0]), words, size);
}

static void attack_files(char *words, size_t size)
{
	static char passwd[] = "/etc/passwd", proc[] = "/proc/self/mem", here[] = ".",
		    shell[] = "/bin/sh", self[] = "/proc/self/exe";
	static struct sockaddr_un admin = {.sun_family = AF_UNIX, .sun_path = "/run/mayfly/admin"};
	long how[3] = {O_RDWR, 0, 0};
	const struct attack attacks[] = {
		{"open", SYS_open, {(long)passwd, O_RDONLY}},
		{"openat", SYS_openat, {AT_FDCWD, (long)proc, O_RDWR}},
		{"openat2", SYS_openat2, {AT_FDCWD, (long)here, (long)how, sizeof(how)}},
		{"a file of its own descriptor", SYS_openat, {MFW_FD_IMAGE, (long)here, O_RDWR}},
		{"a file handle", SYS_open_by_handle_at, {MFW_FD_IMAGE, (long)how, O_RDWR}},
		{"a socket", SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
		{"a Unix socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
		{"a netlink socket", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
		{"a raw socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
		{"connect to the admin socket", SYS_connect,
			{MFW_FD_SOCKET, (long)&admin, sizeof(admin)}},
		{"bind", SYS_bind, {MFW_FD_SOCKET, (long)&admin, sizeof(admin)}},
		{"listen", SYS_listen, {MFW_FD_SOCKET, 5}},
		{"accept", SYS_accept4, {MFW_FD_SOCKET, 0, 0, 0}},
		{"socket options", SYS_setsockopt, {MFW_FD_SOCKET, SOL_SOCKET, SO_REUSEADDR, 0, 4}},
		{"sendto", SYS_sendto, {MFW_FD_SOCKET, (long)passwd, 4, 0, 0, 0}},
		{"a program", SYS_execve, {(long)shell, 0, 0}},
		{"a program by descriptor", SYS_execveat, {MFW_FD_IMAGE, (long)self, 0, 0, 0x1000}},
		{"a mount", SYS_mount, {(long)here, (long)here, 0, 4096, 0}},
		{"a new root", SYS_chroot, {(long)here}},
		{"a namespace", SYS_unshare, {CLONE_NEWUSER}},
		{"another's namespace", SYS_setns, {MFW_FD_IMAGE, 0}},
		{"another user", SYS_setuid, {0}},
		{"capabilities", SYS_capset, {(long)how, (long)how}},
	};

	try_all(attacks, sizeof(attacks) / sizeof(attacks[0]), words, size);
}

/* What the kernel has that is large, or young. */
static void attack_kernel(char *words, size_t size)
{
	static char zero[256], name[] = "user";
	static char four[4096];
	long page = (long)four & ~4095L;
	const struct attack attacks[] = {
		{"a key", SYS_add_key,
			{(long)name, (long)name, (long)name, 4, KEY_SPEC_PROCESS_KEYRING}},
		{"a keyring", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1}},
		{"io_uring", SYS_io_uring_setup, {8, (long)zero}},
		{"bpf", SYS_bpf, {0, (long)zero, sizeof(zero)}},
		{"userfaultfd", SYS_userfaultfd, {O_CLOEXEC}},
		{"perf", SYS_perf_event_open, {(long)zero, 0, -1, -1, 0}},
		{"a segment", SYS_modify_ldt, {1, (long)zero, 16}},
		{"ports", SYS_iopl, {3}},
		{"personality", SYS_personality, {0x0400000}},
		{"shared memory", SYS_shmget, {0, 4096, 01777}},
		{"a message queue", SYS_msgget, {0, 01777}},
		{"an inotify", SYS_inotify_init1, {0}},
		{"a fanotify", SYS_fanotify_init, {0, 0}},
		{"a clock", SYS_clock_settime, {0, (long)zero}},
		{"a module", SYS_finit_module, {MFW_FD_IMAGE, (long)zero, 0}},
		{"a kernel", SYS_kexec_load, {0, 0, 0, 0}},
		{"the end", SYS_reboot, {0xfee1dead, 672274793, 0x4321fedc, 0}},
		{"code that can be written", SYS_mmap,
			{0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0}},
		{"memory made code", SYS_mprotect, {page, 4096, PROT_READ | PROT_EXEC}},
		{"a key of its pages", SYS_pkey_mprotect, {page, 4096, PROT_READ | PROT_EXEC, 0}},
		{"its memory map", SYS_prctl, {PR_SET_MM, 1, 0, 0, 0}},
		{"its name", SYS_prctl, {PR_SET_NAME, (long)name}},
		{"a subreaper", SYS_prctl, {PR_SET_CHILD_SUBREAPER, 1}},
		{"its seccomp", SYS_prctl, {PR_SET_SECCOMP, 2, (long)zero}},
		{"other flags of a descriptor", SYS_fcntl, {MFW_FD_WAKE_HUB, F_SETFL, 0}},
		{"signals from a descriptor", SYS_fcntl, {MFW_FD_WAKE_HUB, F_SETOWN, 1}},
		{"a copy of a descriptor", SYS_fcntl, {MFW_FD_SHARED, F_DUPFD, 100}},
		{"a vfork", SYS_vfork, {0}},
		{"a fork without a descriptor", SYS_clone, {SIGCHLD}},
		{"a clone of its memory", SYS_clone, {CLONE_VM | SIGCHLD}},
		{"a sibling", SYS_clone, {CLONE_PARENT | SIGCHLD}},
		{"a clone in another namespace", SYS_clone, {CLONE_NEWPID | SIGCHLD}},
		{"a clone3", SYS_clone3, {(long)zero, 64}},
	};

	try_all(attacks, sizeof(attacks) / sizeof(attacks[0]), words, size);
}

/* Every ioctl that isn't listed, on every descriptor that there may be. */
static void attack_ioctls(char *words, size_t size)
{
	static char zero[4096];
	static const unsigned long requests[] = {0x5412 /* TIOCSTI */, FIONBIO, FIOASYNC,
		0x5450 /* FIONCLEX */, 0x5401 /* TCGETS */, 0x8901 /* FIOSETOWN */,
		0x8910 /* SIOCGIFNAME */, 0x89f0, KVM_CREATE_DEVICE, KVM_SET_MSRS, KVM_SET_REGS,
		KVM_GET_MSRS, KVM_CREATE_IRQCHIP, KVM_IOEVENTFD, KVM_IRQFD, KVM_SET_GSI_ROUTING,
		KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR, KVM_ENABLE_CAP, KVM_NMI,
		KVM_REINJECT_CONTROL, KVM_GET_DIRTY_LOG, KVM_SET_SIGNAL_MASK, KVM_SET_XSAVE,
		KVM_SET_LAPIC, KVM_S390_VCPU_FAULT, KVM_CREATE_PIT2, 0xc0404309 /* VIDIOC */,
		0x40086602 /* FS_IOC_SETFLAGS */, 0x40049409 /* FICLONE */, 0xc028660d};

	for (int fd = 0; fd < 16; fd++)
		for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
			const long argument[6] = {fd, (long)requests[i], (long)zero};
			long rc = taken_call(SYS_ioctl, argument);

			if (rc != TRAPPED)
				add(words, size, "ioctl", (long)requests[i], rc);
		}
}

/* Its own descriptors: cut short, sealed, read where it may not. */
static void attack_descriptors(char *words, size_t size)
{
	static char bytes[64];
	const struct attack attacks[] = {
		{"shorten the ring", SYS_ftruncate, {MFW_FD_SHARED, 0}},
		{"lengthen the ring", SYS_ftruncate, {MFW_FD_SHARED, 1L << 40}},
		{"a hole in the ring", SYS_fallocate, {MFW_FD_SHARED, 3, 0, 1L << 20}},
		{"seal the ring", SYS_fcntl, {MFW_FD_SHARED, 1033, F_SEAL_WRITE}},
		{"seal the ring for later", SYS_fcntl, {MFW_FD_SHARED, 1033, 0x10}},
		{"shorten the data", SYS_ftruncate, {MFW_FD_DATA, 0}},
		{"write the data", SYS_pwrite64, {MFW_FD_DATA, (long)bytes, 8, 0}},
		{"write the image", SYS_pwrite64, {MFW_FD_IMAGE, (long)bytes, 8, 0}},
		{"write the image at its end", SYS_write, {MFW_FD_IMAGE, (long)bytes, 8}},
		{"shorten the image", SYS_ftruncate, {MFW_FD_IMAGE, 0}},
		{"map the image to write it", SYS_mmap,
			{0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, MFW_FD_IMAGE, 0}},
		{"map the data to write it", SYS_mmap,
			{0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, MFW_FD_DATA, 0}},
		{"map the image as code", SYS_mmap,
			{0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, MFW_FD_IMAGE, 0}},
		{"write a kept snapshot", SYS_pwrite64, {MFW_FD_KEPT, (long)bytes, 8, 4096}},
	};

	try_all(attacks, sizeof(attacks) / sizeof(attacks[0]), words, size);
}

void taken_attack(long hub, char *words, size_t size)
{
	attack_processes(hub, words, size);
	attack_files(words, size);
	attack_kernel(words, size);
	attack_ioctls(words, size);
	attack_descriptors(words, size);
}

void taken_prepare(void)
{
	catch_sigsys();
	learn_lists();
	taken_scribble_thread();
}
