/* store/: disks that fail, are full, or lose their power; a process that is killed. What was reported is there,
 * and what is there is a beginning of what was submitted. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"
#include "sys/clock.h"
#include "tests/unit/store/disk.h"
#include "tests/unit/store/rig.h"
#include "tests/unit/store/steps.h"

/* With sanitizers fewer rounds: there what matters is that each kind is seen. */
#if defined(__SANITIZE_THREAD__)
#define STRIDE 7u
#define KILLS  6u
#define IMAGES 8u
#elif defined(__SANITIZE_ADDRESS__)
#define STRIDE 3u
#define KILLS  15u
#define IMAGES 20u
#else
#define STRIDE 1u
#define KILLS  60u
#define IMAGES 60u
#endif

/* --- what the caller knows */

struct caller {
	struct rig *rig;
	unsigned next;     /* the last step that was submitted */
	unsigned reported; /* the last one that succeeded */
	uint64_t generation;
	atomic_uint promised; /* the last one that must survive a power failure */
	unsigned failures;
	int error;
};

struct step {
	struct caller *caller;
	unsigned i;
	enum store_durability durability;
};

static void done(struct store_tx *tx, int error)
{
	struct step *step = store_context(tx);
	struct caller *c = step->caller;

	c->error = error;
	if (error == 0) {
		assert_int_equal(step->i, c->reported + 1);
		c->reported = step->i;
		if (step->durability == STORE_SYNC)
			atomic_store(&c->promised, step->i);
	} else {
		c->failures++;
	}
	if (c->generation != store_generation(c->rig->store)) { /* what was assumed is void */
		assert_int_not_equal(error, 0);
		c->generation = store_generation(c->rig->store);
		c->next = c->reported;
	}
	free(step);
}

static struct caller caller_of(struct rig *rig, unsigned reported)
{
	return (struct caller){.rig = rig,
		.next = reported,
		.reported = reported,
		.promised = reported,
		.generation = store_generation(rig->store)};
}

static void submit(struct caller *c, enum store_durability durability, bool now)
{
	struct step *step = malloc(sizeof(*step));
	struct store_tx *tx;

	assert_non_null(step);
	*step = (struct step){c, c->next + 1, durability};
	tx = step_begin(c->rig->store, step->i, durability, done, step);
	assert_non_null(tx);
	c->next++;
	if (now)
		store_submit_now(tx);
	else
		store_submit(tx);
}

static void wait_all(struct caller *c)
{
	struct pollfd p = {.fd = store_fd(c->rig->store), .events = POLLIN};

	while (store_waiting(c->rig->store) > 0) {
		assert_int_equal(poll(&p, 1, 60000), 1);
		store_reap(c->rig->store);
	}
}

/* Tries until one succeeds. */
static void until_it_works(struct caller *c)
{
	unsigned reported = c->reported;

	for (unsigned i = 0; c->reported == reported; i++) {
		assert_true(i < 50);
		submit(c, STORE_SYNC, false);
		wait_all(c);
	}
}

/* A database with some steps in it, closed. */
#define BEFORE 30u
static void make_some(struct rig *rig)
{
	struct caller c;

	rig_open(rig);
	c = caller_of(rig, 0);
	for (unsigned i = 0; i < BEFORE; i++)
		submit(&c, STORE_BATCH, false);
	wait_all(&c);
	assert_int_equal(c.reported, BEFORE);
	store_close(rig->store);
}

/* --- calls that fail */

/* Opens, works, closes, with the n-th call failing; false: there are fewer calls. */
static bool fail_once(struct rig *rig, uint64_t n, bool all)
{
	char error[STORE_ERROR_MAX];
	struct caller c;
	bool failed;

	disk_begin(rig->directory);
	disk_fail(n, all);
	if (store_open(&rig->store, &rig->options, error) < 0) {
		assert_true(disk_failed());
		assert_non_null(strstr(error, "mayfly.db: "));
		disk_end();
		rig_start(rig);
		assert_int_equal(steps_check(rig->store), BEFORE);
		store_close(rig->store);
		return true;
	}
	c = caller_of(rig, BEFORE);
	for (unsigned i = 0; i < 12; i++) {
		submit(&c, i % 3 == 2 ? STORE_SYNC : STORE_BATCH, i % 2 == 0);
		if (i % 4 != 1)
			wait_all(&c);
	}
	wait_all(&c);
	failed = disk_failed();
	disk_fail(0, false);
	if (c.failures > 0) /* and then it goes on by itself */
		until_it_works(&c);
	assert_int_equal(store_error(rig->store), 0);
	assert_int_equal(steps_check(rig->store), c.reported);
	store_close(rig->store);
	disk_end();
	steps_counts(rig->directory);
	rig_start(rig);
	assert_int_equal(steps_check(rig->store), c.reported);
	store_close(rig->store);
	return failed;
}

static void copy_file(const char *from, const char *to)
{
	static uint8_t bytes[1 << 20];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = read(in, bytes, sizeof(bytes));

	assert_true(n > 0 && n < (ssize_t)sizeof(bytes));
	assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

static void each_call_fails(bool all)
{
	struct rig rig;
	char path[100], saved[100];
	uint64_t n = 0;

	make_some(&rig);
	(void)snprintf(path, sizeof(path), "%s/mayfly.db", rig.directory);
	(void)snprintf(saved, sizeof(saved), "%s/saved", rig.directory);
	copy_file(path, saved);
	do {
		copy_file(saved, path);
		n += STRIDE;
	} while (fail_once(&rig, n, all));
	assert_true(n > 60);
	rig_remove(&rig);
}

static void test_a_call_fails(void **state)
{
	(void)state;
	each_call_fails(false);
}

static void test_all_calls_fail(void **state)
{
	(void)state;
	each_call_fails(true);
}

/* A flush that fails long after its commit was reported: said, and mended by writing everything back. */
static void test_flush_fails(void **state)
{
	struct rig rig;
	struct caller c;
	uint64_t generation;

	(void)state;
	make_some(&rig);
	disk_begin(rig.directory);
	rig_start(&rig);
	c = caller_of(&rig, BEFORE);
	until_it_works(&c);
	disk_fail_syncs(true);
	submit(&c, STORE_BATCH, true);
	wait_all(&c);
	assert_int_equal(c.error, 0);
	for (int i = 0; store_error(rig.store) == 0; i++) {
		struct pollfd p = {.fd = store_fd(rig.store), .events = POLLIN};

		assert_int_equal(poll(&p, 1, 60000), 1);
		store_reap(rig.store);
	}
	assert_int_equal(store_error(rig.store), -EIO);
	generation = store_generation(rig.store);
	submit(&c, STORE_BATCH, true);
	wait_all(&c);
	assert_int_equal(c.error, -EIO);
	assert_true(store_generation(rig.store) > generation);
	disk_fail_syncs(false);
	until_it_works(&c);
	assert_int_equal(store_error(rig.store), 0);
	assert_int_equal(steps_check(rig.store), c.reported);
	store_close(rig.store);
	disk_end();
	rig_remove(&rig);
}

/* --- full */

static void test_full(void **state)
{
	struct rig rig;
	struct caller c;
	unsigned reported;

	(void)state;
	make_some(&rig);
	disk_begin(rig.directory);
	rig_start(&rig);
	c = caller_of(&rig, BEFORE);
	for (unsigned round = 1; round < 4; round++) {
		disk_full_at(round * 300000);
		while (c.error == 0) {
			submit(&c, round % 2 ? STORE_BATCH : STORE_SYNC, round == 3);
			submit(&c, STORE_BATCH, false);
			wait_all(&c);
			assert_true(c.reported < 2000);
		}
		assert_int_equal(c.error, -ENOSPC);
		assert_int_equal(store_error(rig.store), -ENOSPC);
		reported = c.reported;
		assert_int_equal(steps_check(rig.store), reported); /* it can be read */
		submit(&c, STORE_SYNC, false);
		wait_all(&c);
		/* alone it may fit where two in one commit didn't; then it is there */
		assert_true(c.reported == reported + (c.error == 0));
		assert_int_equal(steps_check(rig.store), c.reported);
		disk_full_at(0);
		until_it_works(&c);
		assert_int_equal(store_error(rig.store), 0);
	}
	store_close(rig.store);
	disk_end();
	rig_start(&rig);
	assert_int_equal(steps_check(rig.store), c.reported);
	rig_close(&rig);
}

/* The kernel says it: a limit of a file's size, in a process of its own. */
static void test_limit(void **state)
{
	struct rig rig;
	int status;
	pid_t pid;

	(void)state;
	make_some(&rig);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = {400000, RLIM_INFINITY};
		struct caller c;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		rig_start(&rig);
		c = caller_of(&rig, BEFORE);
		for (int i = 0; i < 2000 && c.error == 0; i++) {
			submit(&c, STORE_BATCH, i % 2);
			wait_all(&c);
		}
		_exit(c.error == -ENOSPC && steps_check(rig.store) == c.reported ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rig_start(&rig);
	assert_true(steps_check(rig.store) > BEFORE);
	rig_close(&rig);
}

/* --- the power goes */

struct outage {
	struct caller *caller;
	unsigned seed, every;
	atomic_uint count;
	struct disk_image images[IMAGES];
};

/* At some of the calls; on any thread, one at a time. */
static void maybe_now(void *context)
{
	struct outage *o = context;

	unsigned n = atomic_load(&o->count);

	if (n == IMAGES || (unsigned)rand_r(&o->seed) % o->every != 0)
		return;
	o->images[n].promised = atomic_load(&o->caller->promised);
	disk_power_off(&o->images[n], (unsigned)rand_r(&o->seed));
	atomic_store(&o->count, n + 1);
}

static void check_image(struct disk_image *image)
{
	struct rig rig;
	struct caller c;

	rig_init(&rig);
	disk_write_image(image, rig.directory);
	rig_start(&rig);
	c = caller_of(&rig, steps_check(rig.store));
	assert_true(c.reported >= image->promised);
	until_it_works(&c);
	assert_int_equal(steps_check(rig.store), c.reported);
	rig_close(&rig);
	disk_free_image(image);
}

/* Any mixture, and the log begins anew in the middle of it. */
static void test_power_off(void **state)
{
	struct rig rig;
	struct caller c;
	struct outage o = {.caller = &c, .seed = 4711, .every = 80};
	unsigned seed = 7;

	(void)state;
	make_some(&rig);
	disk_begin(rig.directory);
	rig.options.sync_ns = CLOCK_MS;
	rig_start(&rig);
	c = caller_of(&rig, BEFORE);
	disk_watch(maybe_now, &o);
	for (unsigned i = 0; i < 3000 && o.count < IMAGES; i++) {
		submit(&c, rand_r(&seed) % 4 == 0 ? STORE_SYNC : STORE_BATCH,
			rand_r(&seed) % 2 == 0);
		if (rand_r(&seed) % 10 == 0)
			wait_all(&c);
	}
	wait_all(&c);
	disk_watch(NULL, NULL);
	assert_int_equal(c.failures, 0);
	assert_true(o.count > IMAGES / 2);
	store_close(rig.store);
	disk_end();
	rig_remove(&rig);
	for (unsigned i = 0; i < o.count; i++)
		check_image(&o.images[i]);
}

/* What was reported as STORE_BATCH is flushed soon, though nothing else happens. */
static void test_batch_is_flushed(void **state)
{
	struct rig rig;
	struct caller c;
	struct disk_image images[6];

	(void)state;
	make_some(&rig);
	disk_begin(rig.directory);
	rig_start(&rig);
	c = caller_of(&rig, BEFORE);
	for (unsigned i = 0; i < 6; i++) {
		submit(&c, STORE_BATCH, i > 2);
		wait_all(&c);
		for (unsigned ms = 0; disk_unsynced() > 0; ms++) {
			assert_true(ms < 60000);
			usleep(1000);
		}
		disk_power_off(&images[i], 0);
		images[i].promised = c.reported;
	}
	store_close(rig.store);
	disk_end();
	rig_remove(&rig);
	for (unsigned i = 0; i < 6; i++)
		check_image(&images[i]);
}

/* --- kill -9 */

static void work_until_killed(struct rig *rig, atomic_uint *reported)
{
	struct caller c;
	unsigned seed = (unsigned)getpid();

	rig_start(rig);
	c = caller_of(rig, steps_check(rig->store));
	for (;;) {
		submit(&c, rand_r(&seed) % 8 == 0 ? STORE_SYNC : STORE_BATCH,
			rand_r(&seed) % 2 == 0);
		if (rand_r(&seed) % 2)
			wait_all(&c);
		atomic_store(reported, c.reported);
	}
}

static void test_killed(void **state)
{
	struct rig rig;
	atomic_uint *reported =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = 99;

	(void)state;
	make_some(&rig);
	atomic_store(reported, BEFORE);
	for (unsigned i = 0; i < KILLS; i++) {
		pid_t pid = fork();
		unsigned was = atomic_load(reported);

		if (pid == 0)
			work_until_killed(&rig, reported);
		for (int j = 0; j < 20000 && atomic_load(reported) == was; j++)
			usleep(500); /* it has begun */
		usleep((unsigned)rand_r(&seed) % 4000);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		if (i % 4 == 3) { /* else the next one finds it as it is */
			rig_start(&rig);
			assert_true(steps_check(rig.store) >= atomic_load(reported));
			store_close(rig.store);
		}
	}
	munmap(reported, 4096);
	rig_remove(&rig);
}

/* --- reads while there are commits */

static void test_reads(void **state)
{
	struct rig rig;
	struct caller c;
	unsigned last = BEFORE;

	(void)state;
	make_some(&rig);
	rig_start(&rig);
	c = caller_of(&rig, BEFORE);
	for (unsigned i = 0; i < 400; i++) {
		struct store_value v;
		char text[16] = "";

		submit(&c, i % 9 == 0 ? STORE_SYNC : STORE_BATCH, false);
		assert_int_equal(store_state(rig.store, 1, MF_STR("counter"), &v), 0);
		memcpy(text, v.value.p, v.value.n);
		assert_true((unsigned)atoi(text) >= last);
		assert_true((unsigned)atoi(text) >= c.reported);
		last = (unsigned)atoi(text);
		if (i % 5 == 0)
			store_reap(rig.store);
	}
	wait_all(&c);
	assert_int_equal(steps_check(rig.store), BEFORE + 400);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_fails),
		cmocka_unit_test(test_all_calls_fail),
		cmocka_unit_test(test_flush_fails),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_power_off),
		cmocka_unit_test(test_batch_is_flushed),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
