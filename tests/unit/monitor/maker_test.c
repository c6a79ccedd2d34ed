/* The maker: what it makes, what it refuses, and that nothing which it is told gives a new process
 * more than a gated one has. */
#include "monitor/maker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sandbox.h"
#include "tests/unit/monitor/service.h"

#define CODE_AT 0x14000u /* where text begins */

static int start(void **state)
{
	(void)state;
	return maker_start();
}

static int stop(void **state)
{
	(void)state;
	maker_stop();
	return 0;
}

static void has_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* How it ended: the signal, or minus its exit status. */
static int end_of(struct maker_made *made)
{
	siginfo_t info = {0};

	assert_int_equal(waitid(P_PID, (id_t)made->pid, &info, WEXITED), 0);
	close(made->pidfd);
	close(made->to);
	close(made->from);
	close(made->unread);
	return info.si_code == CLD_EXITED ? -info.si_status : info.si_status;
}

static int kill_it(struct maker_made *made)
{
	syscall(SYS_pidfd_send_signal, made->pidfd, SIGKILL, NULL, 0);
	return end_of(made);
}

/* Is there a byte, within so many milliseconds? Also true at the end of the pipe: *byte is false then. */
static bool speaks(int fd, int ms, bool *byte)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	if (poll(&p, 1, ms) != 1)
		return false;
	*byte = read(fd, &c, 1) == 1;
	return true;
}

/* ------------------------------------------------------------------ memory */

static void memory_keeps_its_size(void **state)
{
	int fd = maker_memory(2 * MF_PAGE);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2 * MF_PAGE);
	assert_int_equal(ftruncate(fd, MF_PAGE), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 3 * MF_PAGE), -1);
	assert_int_equal(pwrite(fd, "x", 1, 2 * MF_PAGE), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(maker_memory(0), -ENOMEM);
	assert_int_equal(maker_memory(UINT64_MAX), -ENOMEM);
}

/* As much as there may be address space, in all: what is closed may still be mapped. */
static void memory_is_bounded(void **state)
{
	const struct rlimit limit = {1u << 30, 1u << 30};
	int status;
	pid_t pid;

	(void)state;
	if (SANDBOX_SANITIZED)
		skip(); /* it needs terabytes of it */
	pid = fork();
	if (pid == 0) {
		bool good;

		if (setrlimit(RLIMIT_AS, &limit) < 0 || maker_start() < 0)
			_exit(99);
		good = maker_memory((1u << 30) + 1) == -ENOMEM;
		for (int i = 0; i < 2; i++)
			good = close(maker_memory(1u << 29)) == 0 && good;
		good = maker_memory(MF_PAGE) == -ENOMEM && good;
		maker_stop();
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ----------------------------------------------------------------- processes */

/* A guest whose text is `code`, that begins there. */
static struct maker_plan plan_for(const void *code, size_t n)
{
	struct maker_plan plan = {.fd = {maker_memory(MF_PAGE), maker_memory(16 * MF_PAGE), -1, -1},
		.entry = CODE_AT,
		.stack_top = MF_ADDR_WINDOW + 16 * MF_PAGE,
		.effects = MF_ADDR_WINDOW + MF_PAGE,
		.effects_bytes = 4 * MF_PAGE,
		.regions = 2,
		.region = {{.address = CODE_AT, .bytes = MF_PAGE, .rights = PROT_READ | PROT_EXEC},
			{.address = MF_ADDR_WINDOW,
				.bytes = 16 * MF_PAGE,
				.rights = PROT_READ | PROT_WRITE,
				.memory = LAYOUT_SHELL}}};

	assert_int_equal(pwrite(plan.fd[LAYOUT_FIXED], code, n, 0), n);
	return plan;
}

static void forget(struct maker_plan *plan)
{
	close(plan->fd[LAYOUT_FIXED]);
	close(plan->fd[LAYOUT_SHELL]);
}

/* exit_group(77), which is a way out for nobody; on x86-64 */
static const uint8_t leave[] = {0xb8, 231, 0, 0, 0, 0xbf, 77, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b};

static void a_process_waits_for_its_life(void **state)
{
	struct maker_plan plan = plan_for(leave, sizeof(leave));
	struct maker_made made;
	struct pollfd unread = {.events = POLLIN};
	bool byte;

	(void)state;
	assert_int_equal(maker_make(&plan, &made), 0);
	assert_true(speaks(made.from, 10000, &byte) && byte);
	assert_int_equal(getpgid(made.pid), getpgrp());
	assert_false(speaks(made.from, 20, &byte));
	unread.fd = made.unread;
	assert_int_equal(poll(&unread, 1, 0), 0);
	assert_int_equal(kill_it(&made), SIGKILL);
	forget(&plan);
}

/* As mayflyd.service has it (MemoryDenyWriteExecute=), by Linux's own means for it (6.3). */
static void where_memory_never_becomes_code(void **state)
{
	struct maker_plan plan;
	struct maker_made made;
	bool byte = false;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		if (prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0) < 0)
			_exit(2);
		if (maker_start() < 0)
			_exit(99);
		plan = plan_for(leave, sizeof(leave));
		if (maker_make(&plan, &made) == 0)
			(void)speaks(made.from, 10000, &byte);
		maker_stop();
		_exit(byte ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The system call is told to the monitor as a fault, and doesn't happen. */
static void its_code_calls_nothing(void **state)
{
	struct maker_plan plan = plan_for(leave, sizeof(leave));
	struct maker_made made;
	uint32_t operation;
	bool byte;

	(void)state;
	assert_int_equal(maker_make(&plan, &made), 0);
	assert_true(speaks(made.from, 10000, &byte) && byte);
	assert_int_equal(write(made.to, "x", 1), 1);
	assert_true(speaks(made.from, 10000, &byte) && byte);
	assert_int_equal(
		pread(plan.fd[LAYOUT_SHELL], &operation, sizeof(operation), MF_PAGE + 12), 4);
	assert_int_equal(operation, 0xfa);
	assert_int_equal(kill_it(&made), SIGKILL);
	forget(&plan);
}

/* It doesn't come so far: nothing of it runs. */
static void doesnt_start(struct maker_plan plan)
{
	struct maker_made made;
	bool byte = true;

	assert_int_equal(maker_make(&plan, &made), 0);
	assert_true(speaks(made.from, 10000, &byte));
	assert_false(byte);
	assert_int_equal(end_of(&made), -4);
}

static void regions_that_cannot_be(void **state)
{
	const struct maker_plan plan = plan_for(leave, sizeof(leave));
	struct maker_plan bad = plan;

	(void)state;
	bad.region[0].address = CODE_AT + 1;
	doesnt_start(bad);
	bad = plan;
	bad.region[1].address = CODE_AT; /* over each other */
	doesnt_start(bad);
	bad = plan;
	bad.region[1].bytes = 0x7fff00000000; /* over the maker's own */
	doesnt_start(bad);
	bad = plan;
	bad.fd[LAYOUT_FIXED] = -1;
	doesnt_start(bad);
	bad.fd[LAYOUT_FIXED] = 1 << 20;
	doesnt_start(bad);
	forget(&bad);
	close(plan.fd[LAYOUT_FIXED]);
}

static void refused(const struct maker_plan *plan)
{
	struct maker_made made;

	assert_int_equal(maker_make(plan, &made), -EPROTO);
	assert_false(maker_gone());
}

static void plans_that_are_refused(void **state)
{
	struct maker_plan plan = {.fd = {-1, -1, -1, -1}, .regions = LAYOUT_REGIONS + 1};

	(void)state;
	refused(&plan);
	plan.regions = ~0u;
	refused(&plan);
	plan.regions = 1;
	plan.region[0].address = MF_ADDR_GATE; /* code of one's own instead of the gate */
	refused(&plan);
	plan.region[0].address = 0;
	refused(&plan);
	plan.region[0].address = MF_ADDR_INFO;
	plan.region[0].rights = PROT_WRITE | PROT_EXEC;
	refused(&plan);
	plan.region[0].rights = 0x10000;
	refused(&plan);
}

/* ---------------------------------------------------------------- start, stop */

static void started_twice(void **state)
{
	int fd;

	(void)state;
	has_no_children();
	assert_int_equal(maker_start(), 0);
	assert_int_equal(maker_start(), 0);
	maker_stop();
	fd = maker_memory(MF_PAGE);
	assert_true(fd >= 0);
	close(fd);
	maker_stop();
	has_no_children();
}

static pid_t only_child(void)
{
	char path[64], text[32] = {0};
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

static void killed(void **state)
{
	struct maker_plan plan = {.fd = {-1, -1, -1, -1}};
	struct maker_made made;
	pid_t pid;

	(void)state;
	assert_int_equal(maker_start(), 0);
	pid = only_child();
	if (pid == 0) {
		maker_stop();
		skip(); /* a kernel without CONFIG_PROC_CHILDREN */
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(maker_memory(MF_PAGE), -EOWNERDEAD);
	assert_true(maker_gone());
	assert_int_equal(maker_make(&plan, &made), -EOWNERDEAD);
	maker_stop();
	has_no_children();
	assert_int_equal(maker_start(), 0); /* a new one */
	assert_false(maker_gone());
	assert_int_equal(maker_make(&plan, &made), 0);
	assert_int_equal(kill_it(&made), SIGKILL);
	maker_stop();
	has_no_children();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(started_twice),
		cmocka_unit_test(killed),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(where_memory_never_becomes_code),
		cmocka_unit_test_setup_teardown(memory_keeps_its_size, start, stop),
		cmocka_unit_test_setup_teardown(a_process_waits_for_its_life, start, stop),
		cmocka_unit_test_setup_teardown(its_code_calls_nothing, start, stop),
		cmocka_unit_test_setup_teardown(regions_that_cannot_be, start, stop),
		cmocka_unit_test_setup_teardown(plans_that_are_refused, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
