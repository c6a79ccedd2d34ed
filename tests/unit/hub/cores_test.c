/* hub/cores: whose turn it is, whose cores go, and remains of any size */
#include "hub/cores.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"
#include "hub/nursery.h"
#include "image/core.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"

static char state_path[] = "/tmp/cores_test.XXXXXX";
static int dir = -1;

/* So many bytes, so many seconds after 1970. */
static void put(const char *name, off_t bytes, time_t at)
{
	const struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at}};
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	close(fd);
	assert_int_equal(utimensat(dir, name, times, 0), 0);
}

static bool is_there(const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* All of them, unless it is kept for. */
static off_t take_away(void)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	off_t bytes = -1;
	struct stat st;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(unlinkat(dir, e->d_name, 0), 0);
		bytes = st.st_size;
	}
	closedir(d);
	return bytes;
}

static void test_turns(void **state)
{
	uint64_t hub = 0, loud = 0, rare = 0, now = CLOCK_S;

	(void)state;
	assert_true(cores_turn(now, &hub, &loud));
	assert_false(cores_turn(now + 1, &hub, &rare)); /* one a second */
	for (now += CLOCK_S; now < 6 * CLOCK_S; now += CLOCK_S / 10)
		assert_false(cores_turn(now, &hub, &loud));
	assert_true(cores_turn(3 * CLOCK_S, &hub, &rare));
	assert_int_equal(hub, 3 * CLOCK_S);
	assert_true(cores_turn(6 * CLOCK_S, &hub, &loud));
	assert_false(cores_turn(7 * CLOCK_S, &hub, &rare));
	assert_true(cores_turn(8 * CLOCK_S, &hub, &rare));
}

static void test_whose_go(void **state)
{
	(void)state;
	put("a-b-1.core", 10, 1);
	put("a-2.core", 10, 5);
	put("a-3.core", 10, 4);
	put("readme", 10, 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, "x-1.core"), 0);
	assert_int_equal(cores_make_room(dir, "x", 5, 10), 0); /* there is room */
	assert_true(is_there("a-3.core"));
	assert_int_equal(cores_make_room(dir, "new", 4, 10), 0);
	assert_false(is_there("a-3.core")); /* of two of one the older */
	put("a-3.core", 10, 6);
	put("a-b-2.core", 10, 7);
	assert_int_equal(cores_make_room(dir, "a-b", 5, 10), 0);
	assert_false(is_there("a-b-1.core")); /* with the one to come it has three */
	assert_int_equal(cores_make_room(dir, "x", 1, 10), 0);
	assert_int_equal(access("/etc/passwd", F_OK), 0); /* only the link went */
	assert_true(is_there("readme"));
	take_away();
}

static void test_bytes(void **state)
{
	(void)state;
	put("a-1.core", (off_t)CORES_BYTES - 100, 1);
	put("b-1.core", 50, 2);
	assert_int_equal(cores_make_room(dir, "b", 100, 50), 0);
	assert_true(is_there("a-1.core"));
	assert_int_equal(cores_make_room(dir, "c", 100, 51), 0);
	assert_false(is_there("a-1.core"));
	assert_true(is_there("b-1.core"));
	take_away();
	for (unsigned i = 0; i < 300; i++) { /* somebody's: too many to look at all */
		char name[32];

		snprintf(name, sizeof(name), "z-%u.core", i);
		put(name, 1, 1 + i);
	}
	assert_int_equal(cores_make_room(dir, "c", 2, 1), 0);
	take_away();
}

static struct service service;
static struct hub hub;

static void open_service(void)
{
	static const struct mfi_image note = {.name = "fake",
		.window_bytes = 65536,
		.event_bytes = 4096,
		.effects_bytes = 8192,
		.stack_bytes = 8192};
	struct link_options options = {.nursery = fake_nursery(),
		.name = "never-ready",
		.image_fd = -1,
		.data_fd = -1,
		.kvm_fd = -1,
		.cpuid_fd = -1,
		.socket_fd = -1,
		.kept_fd = -1,
		.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC),
		.cpu = -1};

	service_init(&service, &hub);
	service.note = note;
	service.name = (char *)"fake";
	options.head.event_area = 4096;
	options.head.effects_area = cores_area(&note);
	options.head.threads = 1;
	assert_int_equal(link_open(&service.link, &options), 0);
	close(options.null_fd);
}

/* Whatever the worker says of the size: a core has what the image says, or there is none. */
static void test_sizes(void **state)
{
	struct task task = {.head.bytes = sizeof(struct mf_event), .slot = 0};
	struct mfw_message m = {.kind = MFW_DEATH, .result = MFW_ERR_CRASHED, .vector = ~0u};
	const off_t most = 2 * 4096 + 65536;
	uint32_t area;

	(void)state;
	open_service();
	area = (uint32_t)link_effects_area(service.link);
	memset((uint8_t *)(uintptr_t)link_effects(service.link, 0), 0xff, area);
	for (uint32_t bytes = 0; bytes <= area;
		bytes += 509 < area - bytes || bytes == area ? 509 : area - bytes) {
		snprintf(task.id, sizeof(task.id), "%032x", bytes);
		hub.core_ns = service.core_ns = 0;
		m.bytes = bytes;
		cores_keep(&service, &task, &m);
		if (bytes < MF_PAGE + service.note.stack_bytes)
			assert_int_equal(take_away(), -1);
		else
			assert_in_range(take_away(), service.note.stack_bytes, most);
	}
	/* an event that was never so long */
	m.bytes = area;
	task.head.bytes = ~0u;
	hub.core_ns = service.core_ns = 0;
	cores_keep(&service, &task, &m);
	assert_in_range(take_away(), service.note.stack_bytes, most);
	link_close(service.link);
	nursery_close(fake_nursery());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_whose_go),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_sizes),
	};
	char path[64];
	int rc;

	fake_worker_if_asked(argc, argv);
	log_setup("test", LOG_ERROR);
	hub_init(&hub);
	if (!mkdtemp(state_path) || loop_open(&hub.loop) < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/cores", state_path);
	if (mkdir(path, 0700) < 0)
		return 1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hub.state = state_path;
	hub.state_fd = dir;
	hub.cores = 2;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(path);
	rmdir(state_path);
	loop_close(hub.loop);
	return rc;
}
