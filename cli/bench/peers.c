/* cli/bench/peers.c - what a birth is compared with; see bench.h */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cli/bench/bench.h"
#include "sys/fd.h"

/* ---------------------------------------------------------------- a process */

static bool try_path(struct peer_spawn *s, const char *directory, size_t n, const char *below)
{
	snprintf(s->path, sizeof s->path, "%.*s%s/mayfly-spawnee", (int)n, directory, below);
	if (access(s->path, X_OK) == 0)
		return true;
	s->path[0] = '\0';
	return false;
}

void peer_spawn_find(struct peer_spawn *s)
{
	const char *given = getenv("MAYFLY_LIB");
	char self[4000];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (given != NULL && try_path(s, given, strlen(given), ""))
		return;
	if (n <= 0)
		return;
	self[n] = '\0';
	n = strrchr(self, '/') - self;
	if (!try_path(s, self, (size_t)n, "/lib"))
		try_path(s, self, (size_t)n, "/../lib/mayfly");
}

/* Event and reply to the child, the reply back: true if it is the same. */
static bool talk(const struct peer_spawn *s, int to, int from)
{
	uint32_t lengths[2] = {(uint32_t)s->event.n, (uint32_t)s->reply.n};
	uint8_t got[4096];
	size_t have = 0;

	if (fd_write_all(to, lengths, sizeof lengths) < 0 ||
		fd_write_all(to, s->event.p, s->event.n) < 0 ||
		fd_write_all(to, s->reply.p, s->reply.n) < 0)
		return false;
	for (;;) {
		ssize_t n = read(from, got, sizeof got);

		if (n < 0)
			return false;
		if (n == 0)
			return have == s->reply.n;
		if (have + (size_t)n > s->reply.n || memcmp(got, s->reply.p + have, (size_t)n) != 0)
			return false;
		have += (size_t)n;
	}
}

static bool spawn_between(const struct peer_spawn *s, int child_in, int child_out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	char name[] = "mayfly-spawnee";
	char *const argv[] = {name, NULL}, *const envp[] = {NULL};
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, child_in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, child_out, STDOUT_FILENO);
	rc = posix_spawn(pid, s->path, &actions, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	return rc == 0;
}

uint64_t peer_spawn(const struct peer_spawn *s)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, status = -1;
	uint64_t start = bench_now();
	pid_t pid = 0;
	bool good = pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0 &&
		spawn_between(s, to[0], from[1], &pid);

	fd_close(&to[0]);
	fd_close(&from[1]);
	good = good && talk(s, to[1], from[0]);
	fd_close(&to[1]);
	fd_close(&from[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return good && status == 0 ? bench_now() - start : 0;
}

/* ------------------------------------------------------------- a round trip */

/* The child: it must hold no end of another thread's pipes, or those never see an end. */
static _Noreturn void answer_bytes(int from, int to)
{
	char c;

	if (dup2(from, STDIN_FILENO) < 0 || dup2(to, STDOUT_FILENO) < 0 ||
		close_range(3, ~0u, 0) < 0)
		_exit(1);
	while (read(STDIN_FILENO, &c, 1) == 1 && write(STDOUT_FILENO, &c, 1) == 1)
		;
	_exit(0);
}

int peer_pipe_open(struct peer_pipe *p)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, rc = 0;

	*p = (struct peer_pipe){-1, -1, 0};
	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (p->pid = fork()) < 0)
		rc = -errno;
	if (rc == 0 && p->pid == 0)
		answer_bytes(to[0], from[1]);
	fd_close(&to[0]);
	fd_close(&from[1]);
	p->to = to[1];
	p->from = from[0];
	if (rc < 0) {
		p->pid = 0;
		fd_close(&p->to);
		fd_close(&p->from);
	}
	return rc;
}

void peer_pipe_close(struct peer_pipe *p)
{
	if (p->pid == 0)
		return;
	fd_close(&p->to);
	fd_close(&p->from);
	waitpid(p->pid, NULL, 0);
	p->pid = 0;
}

uint64_t peer_pipe(const struct peer_pipe *p)
{
	uint64_t start = bench_now();
	char c = 0;

	if (write(p->to, &c, 1) != 1 || read(p->from, &c, 1) != 1)
		return 0;
	return bench_now() - start;
}

/* ----------------------------------------------------------------- a raw VM */

#define RAW_BYTES 0x10000u /* of memory: tables, code, nothing else */
#define RAW_PML4  0x1000u
#define RAW_PDPT  0x2000u
#define RAW_PD    0x3000u
#define RAW_CODE  0x4000u

/* What is asked of /dev/kvm once a thread, as every monitor does. */
struct raw_host {
	size_t run_bytes;
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} cpuid;
};

static const struct raw_host *raw_host(int kvm_fd)
{
	static _Thread_local struct raw_host host;
	int bytes;

	if (host.run_bytes > 0)
		return &host;
	host.cpuid.head.nent = 256;
	bytes = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (bytes <= 0 || ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, &host.cpuid) < 0)
		return NULL;
	host.run_bytes = (size_t)bytes;
	return &host;
}

static void raw_memory(uint8_t *memory)
{
	static const uint8_t code[] = {0xe6, 0x10, 0xf4};     /* out %al, $0x10; hlt */
	uint64_t entry[3] = {RAW_PDPT | 3, RAW_PD | 3, 0x83}; /* one page of 2 MiB at 0 */

	memcpy(memory + RAW_PML4, &entry[0], 8);
	memcpy(memory + RAW_PDPT, &entry[1], 8);
	memcpy(memory + RAW_PD, &entry[2], 8);
	memcpy(memory + RAW_CODE, code, sizeof code);
}

static bool raw_registers(int vcpu, const struct raw_host *host)
{
	struct kvm_segment code = {.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1};
	struct kvm_segment data = {.limit = 0xffffffff,
		.selector = 16,
		.type = 3,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1};
	struct kvm_regs regs = {.rip = RAW_CODE, .rflags = 2};
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_SET_CPUID2, &host->cpuid) < 0 || ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return false;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.ss = data;
	sregs.cr0 = 0x80000011; /* PG, ET, PE */
	sregs.cr3 = RAW_PML4;
	sregs.cr4 = 0x20;   /* PAE */
	sregs.efer = 0x500; /* LMA, LME */
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0 && ioctl(vcpu, KVM_SET_REGS, &regs) == 0;
}

static bool raw_run(int vcpu, const struct raw_host *host)
{
	struct kvm_run *run =
		mmap(NULL, host->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	bool good = run != MAP_FAILED && raw_registers(vcpu, host);
	int rc = 0;

	while (good && (rc = ioctl(vcpu, KVM_RUN, 0)) < 0 && errno == EINTR)
		;
	good = good && rc == 0 && run->exit_reason == KVM_EXIT_IO && run->io.port == 0x10;
	if (run != MAP_FAILED)
		munmap(run, host->run_bytes);
	return good;
}

uint64_t peer_raw_vm(int kvm_fd)
{
	const struct raw_host *host = raw_host(kvm_fd);
	uint64_t start;
	uint8_t *memory;
	int vm, vcpu = -1;
	bool good = false;

	if (host == NULL)
		return 0;
	start = bench_now();
	memory = mmap(NULL, RAW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (memory != MAP_FAILED && vm >= 0) {
		struct kvm_userspace_memory_region slot = {
			.memory_size = RAW_BYTES, .userspace_addr = (uint64_t)(uintptr_t)memory};

		raw_memory(memory);
		good = ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0 &&
			(vcpu = ioctl(vm, KVM_CREATE_VCPU, 0)) >= 0 && raw_run(vcpu, host);
	}
	fd_close(&vcpu);
	fd_close(&vm);
	if (memory != MAP_FAILED)
		munmap(memory, RAW_BYTES);
	return good ? bench_now() - start : 0;
}
