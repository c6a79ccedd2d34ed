/* hub/spawn: a nursery that answers late, wrongly or not at all */
#include "hub/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/dying.h"
#include "hub/hub.h"
#include "hub/nursery.h"
#include "hub/nursery_words.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "tests/unit/hub/fake_worker.h"

static int null_fd, memory_fd;

static int start(struct nursery *nursery, const char *name, pid_t *pid, int *pidfd)
{
	struct spawn spawn = {.nursery = nursery, .name = name, .cpu = -1};

	for (unsigned i = 0; i < MFW_FD_END; i++)
		spawn.fd[i] = i < 3 ? null_fd : i == MFW_FD_SHARED ? memory_fd : -1;
	return spawn_worker(&spawn, pid, pidfd);
}

/* The service whose worker a process is. It is there before the kernel knows its arguments. */
static void service_of(pid_t pid, char to[static 64])
{
	char path[64], text[128] = "";
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	for (unsigned i = 0; n == 0 && i < 1000; i++) {
		if (i > 0)
			usleep(10000);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	assert_true(n > 0);
	snprintf(to, 64, "%.63s", text + strlen(text) + 1);
}

/* What it started for a request that was given up never passes for what the next one asked for. */
static void test_an_answer_that_comes_late(void **state)
{
	struct nursery *nursery = fake_nursery();
	uint64_t before;
	char name[64];
	pid_t pid = 0;
	int pidfd;

	(void)state;
	assert_int_equal(kill(nursery->pid, SIGSTOP), 0);
	assert_int_equal(start(nursery, "late", &pid, &pidfd), -ETIMEDOUT);
	assert_int_equal(pidfd, -1);
	before = clock_mono_ns();
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(start(nursery, "later", &pid, &pidfd), -ETIMEDOUT);
	assert_true(clock_mono_ns() - before < CLOCK_S); /* waited for once */
	assert_int_equal(kill(nursery->pid, SIGCONT), 0);
	while (nursery->owes)
		spawn_collect(nursery);
	assert_int_equal(start(nursery, "never-ready", &pid, &pidfd), 0);
	service_of(pid, name);
	assert_string_equal(name, "never-ready");
	assert_int_equal(spawn_end(pidfd), SIGKILL);
	close(pidfd);
	/* and nothing else is left but the nursery: it can't be waited for yet */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	assert_int_equal(kill(nursery->pid, 0), 0);
}

static void test_it_ends_though_it_was_stopped(void **state)
{
	struct nursery *nursery = fake_nursery();

	(void)state;
	assert_int_equal(kill(nursery->pid, SIGSTOP), 0);
	nursery_close(nursery);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Answers that are none. */
static void test_wrong_answers(void **state)
{
	const struct nursery_answer fine = {.pid = 1}, failed = {.err = -EAGAIN};
	struct nursery nursery = {.pidfd = -1};
	int ends[2], pidfd;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	nursery.socket = ends[0];
	/* without the process that it speaks of */
	assert_int_equal(nursery_send(ends[1], &fine, sizeof(fine), NULL, 0), 0);
	assert_int_equal(start(&nursery, "x", &pid, &pidfd), -EPROTO);
	assert_int_equal(nursery_send(ends[1], &fine, sizeof(fine) - 1, &null_fd, 1), 0);
	assert_int_equal(start(&nursery, "x", &pid, &pidfd), -EPROTO);
	assert_int_equal(pidfd, -1);
	assert_int_equal(nursery_send(ends[1], &failed, sizeof(failed), NULL, 0), 0);
	assert_int_equal(start(&nursery, "x", &pid, &pidfd), -EAGAIN);
	close(ends[1]);
	assert_int_equal(start(&nursery, "x", &pid, &pidfd), -EOWNERDEAD);
	close(ends[0]);
}

/* One that dies slowly is reaped when it is dead, and until then the loop goes round. */
static void test_a_slow_death(void **state)
{
	struct nursery *nursery = fake_nursery();
	struct hub hub;
	pid_t pid = 0;
	int pidfd;

	(void)state;
	hub_init(&hub);
	assert_int_equal(loop_open(&hub.loop), 0);
	dying_take(&hub, -1, 0);
	assert_null(hub.dying);
	assert_int_equal(start(nursery, "never-ready", &pid, &pidfd), 0);
	dying_take(&hub, pidfd, 0);
	assert_non_null(hub.dying);
	assert_true(loop_once(hub.loop, 0) >= 0);
	assert_non_null(hub.dying);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (hub.dying)
		assert_true(loop_once(hub.loop, 1000) >= 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);

	/* the hub's end waits for what isn't dead */
	assert_int_equal(start(nursery, "never-ready", &pid, &pidfd), 0);
	dying_take(&hub, pidfd, 0);
	dying_close(&hub);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);

	assert_int_equal(start(nursery, "never-ready", &pid, &pidfd), 0);
	assert_true(spawn_kill(pidfd, 20000));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	close(pidfd);
	loop_close(hub.loop);
}

/* What it is built of is built once, whoever asks for it. */
static void test_stages(void **state)
{
	const struct nursery_request settle = {.kind = NURSERY_SETTLE},
				     mapped = {.kind = NURSERY_MAPPED, .ids = 1},
				     many = {.kind = NURSERY_MAPPED, .ids = 65536},
				     fine = {.kind = NURSERY_START, .name = "echo", .cpu = -1},
				     odd = {.kind = NURSERY_START, .name = "e\033[2J", .cpu = -1},
				     none = {.kind = NURSERY_START, .cpu = -1},
				     far = {.kind = NURSERY_START, .name = "e", .cpu = 1024},
				     unknown = {.kind = 5},
				     probe = {.kind = NURSERY_PROBE, .given = 1u << NURSERY_GROUP},
				     nothing = {.kind = NURSERY_PROBE};
	enum nursery_stage stage = NURSERY_NEW;

	(void)state;
	assert_int_equal(nursery_judge(&mapped, &stage), -EPERM);
	assert_int_equal(nursery_judge(&probe, &stage), -EPERM);
	assert_int_equal(nursery_judge(&fine, &stage), 0);
	assert_int_equal(nursery_judge(&settle, &stage), 0);
	assert_int_equal(nursery_judge(&settle, &stage), -EPERM);
	assert_int_equal(nursery_judge(&many, &stage), -EINVAL);
	assert_int_equal(nursery_judge(&mapped, &stage), -EPERM);
	assert_int_equal(nursery_judge(&settle, &stage), -EPERM);
	assert_int_equal(stage, NURSERY_BUILT);
	assert_int_equal(nursery_judge(&fine, &stage), 0);
	assert_int_equal(nursery_judge(&odd, &stage), -EINVAL);
	assert_int_equal(nursery_judge(&none, &stage), -EINVAL);
	assert_int_equal(nursery_judge(&far, &stage), -EINVAL);
	assert_int_equal(nursery_judge(&unknown, &stage), -EINVAL);
	assert_int_equal(nursery_judge(&probe, &stage), 0);
	assert_int_equal(nursery_judge(&nothing, &stage), -EINVAL);
}

int main(int argc, char **argv)
{
	const struct mfw_head head = {.magic = MFW_MAGIC, .bytes = sizeof(head)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_that_comes_late),
		cmocka_unit_test(test_a_slow_death),
		cmocka_unit_test(test_it_ends_though_it_was_stopped),
		cmocka_unit_test(test_wrong_answers),
		cmocka_unit_test(test_stages),
	};

	fake_worker_if_asked(argc, argv);
	memory_fd = fd_memory("test", sizeof(head));
	if (memory_fd < 0 || pwrite(memory_fd, &head, sizeof(head), 0) != sizeof(head))
		return 1;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
