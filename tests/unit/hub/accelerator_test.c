/* hub/accelerator: questions, and a program at the other end of the socket that is honest, slow, dead or hostile. */
#include "hub/accelerator.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "sys/fd.h"

#define INPUT  (1u << 20)
#define OUTPUT (1u << 20)
#define LONG   (5 * CLOCK_S)

static struct hub hub;
static struct service service;
static struct task task;
static int program, fds[MFA_FDS];
static struct mfa_request got;
static char *calls[] = {(char[]){"echo"}, (char[]){"accelerator"}};

static struct {
	unsigned count;
	uint32_t status;
	char body[64];
} seen;

static void on_done(void *context, uint32_t status, struct mf_str body)
{
	assert_ptr_equal(context, &seen);
	seen.count++;
	seen.status = status;
	memset(seen.body, 0, sizeof(seen.body));
	assert_true(body.n < sizeof(seen.body));
	if (body.n > 0)
		memcpy(seen.body, body.p, body.n);
}

static void go_round(void)
{
	for (unsigned i = 0; i < 3; i++)
		assert_true(loop_once(hub.loop, 0) >= 0);
}

static void tell(const struct mfa_news *n)
{
	struct mfa_news news = *n;

	if (!news.magic)
		news.magic = MFA_MAGIC;
	if (!news.version)
		news.version = MFA_VERSION;
	assert_int_equal(send(program, &news, sizeof(news), 0), sizeof(news));
	go_round();
}

static void tell_ready(uint32_t generation)
{
	tell(&(struct mfa_news){.kind = MFA_READY,
		.generation = generation,
		.memory_bytes = 64u << 20,
		.text = "Vega\n2"});
}

static void tell_done(uint64_t id, uint32_t status)
{
	tell(&(struct mfa_news){.kind = MFA_DONE,
		.generation = (uint32_t)accelerator_figures(&hub)->starts,
		.id = id,
		.status = status,
		.took_ns = 7});
}

static int set_up(void **state)
{
	static const struct accelerator_settings settings = {
		.backend = "opencl", .least = 3ull << 20};
	int input, output, ends[2];

	(void)state;
	hub_init(&hub);
	memset(&seen, 0, sizeof(seen));
	memset(&task, 0, sizeof(task));
	assert_int_equal(loop_open(&hub.loop), 0);
	service_init(&service, &hub);
	service.head.threads = 4;
	service.note.grants = MFI_GRANT(MF_EFFECT_CALL);
	service.manifest.calls = calls;
	service.manifest.calls_count = 2;
	areas_head(&service.head, INPUT, OUTPUT);
	assert_int_equal(areas_open(&service.areas, &service), 0);
	task.service = &service;
	task.area = areas_take(service.areas);
	assert_int_equal(areas_for_worker(service.areas, &input, &output), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	program = ends[0];
	fds[0] = fds[1] = -1;
	assert_int_equal(accelerator_open(&hub, &settings, ends[1], 0), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	accelerator_close(&hub);
	areas_drop(service.areas, task.area);
	areas_close(service.areas);
	service.areas = NULL;
	fd_close(&program);
	for (unsigned i = 0; i < MFA_FDS; i++)
		fd_close(&fds[i]);
	loop_close(hub.loop);
	return 0;
}

static struct mf_gemm gemm(void)
{
	return (struct mf_gemm){.type = MF_GEMM_D,
		.transa = 'N',
		.transb = 'N',
		.m = 10,
		.n = 10,
		.k = 10,
		.lda = 10,
		.ldb = 10,
		.ldc = 10,
		.a = 128,
		.b = 4096,
		.c = 128,
		.alpha = {1}};
}

static struct product *ask_with(const struct mf_gemm *g, uint64_t most_ns, uint32_t *status)
{
	const char *why = "";
	struct product *p = accelerator_ask(&task, MF_STR("/gemm"), mf_str_of(g, sizeof(*g)),
		most_ns, on_done, &seen, status, &why);

	assert_non_null(why);
	go_round();
	return p;
}

static struct product *ask(void)
{
	struct mf_gemm g = gemm();
	uint32_t status;

	return ask_with(&g, LONG, &status);
}

/* What the program finds in its socket; false: nothing. */
static bool take(void)
{
	struct iovec iov = {&got, sizeof(got)};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fds))];
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};

	for (unsigned i = 0; i < MFA_FDS; i++)
		fd_close(&fds[i]);
	if (recvmsg(program, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != sizeof(got))
		return false;
	assert_non_null(CMSG_FIRSTHDR(&message));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
	return true;
}

/* The area is the next life's, or isn't. */
static bool area_is_free(void)
{
	int next;

	areas_drop(service.areas, task.area);
	next = areas_take(service.areas);
	if (next != task.area) {
		areas_drop(service.areas, next);
		areas_keep(service.areas, task.area);
		return false;
	}
	return true;
}

static void test_done(void **state)
{
	struct mf_gemm g = gemm();

	(void)state;
	assert_int_equal(accelerator_worth(&service), 0); /* not yet */
	tell_ready(1);
	assert_int_equal(accelerator_worth(&service), 3);
	assert_string_equal(accelerator_figures(&hub)->text, "Vega?2");
	assert_non_null(ask());
	assert_true(take());
	assert_memory_equal(&got.gemm, &g, sizeof(g));
	assert_int_equal(got.generation, 1);
	assert_int_equal(got.input_bytes, INPUT);
	assert_int_equal(got.input_at, (unsigned)task.area * MFW_AREA(INPUT));
	assert_true(got.most_ns > 0 && got.most_ns <= LONG);
	assert_int_equal(seen.count, 0);
	assert_false(area_is_free());
	tell_done(got.id, 200);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, 200);
	assert_string_equal(seen.body, "Vega?2");
	assert_true(area_is_free());
	/* the worker has to hear of what it didn't see, once */
	assert_int_equal(areas_take_written(service.areas, task.area), 128 + 800);
	assert_int_equal(areas_take_written(service.areas, task.area), 0);
	assert_int_equal(accelerator_figures(&hub)->done, 1);
}

/* The program can read the inputs, not write them. */
static void test_descriptors(void **state)
{
	(void)state;
	tell_ready(1);
	assert_non_null(ask());
	assert_true(take());
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(pwrite(fds[0], "x", 1, 0), -1);
	assert_ptr_equal(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0), MAP_FAILED);
	assert_int_equal(pwrite(fds[1], "x", 1, (off_t)got.output_at + 128), 1);
	assert_int_equal(ftruncate(fds[1], 0), -1);
}

static void test_refused(void **state)
{
	static const struct mf_gemm zero;
	struct mf_gemm g = gemm();
	uint32_t status = 0;
	const char *why;

	(void)state;
	assert_null(ask_with(&g, LONG, &status));
	assert_int_equal(status, 503); /* it isn't ready */
	tell_ready(1);
	assert_null(ask_with(&zero, LONG, &status));
	assert_int_equal(status, 422);
	g.c = OUTPUT - 799;
	assert_null(ask_with(&g, LONG, &status));
	assert_int_equal(status, 422);
	assert_null(accelerator_ask(
		&task, MF_STR("/gemm"), MF_STR("short"), LONG, on_done, &seen, &status, &why));
	assert_int_equal(status, 400);
	assert_null(accelerator_ask(&task, MF_STR("/other"), mf_str_of(&g, sizeof(g)), LONG,
		on_done, &seen, &status, &why));
	assert_int_equal(status, 400);
	go_round();
	assert_false(take());
	assert_int_equal(seen.count, 0);
	assert_int_equal(accelerator_figures(&hub)->refused, 4);
}

/* Larger than the device's memory. */
static void test_memory(void **state)
{
	struct mf_gemm g = gemm();
	uint32_t status;

	(void)state;
	tell(&(struct mfa_news){.kind = MFA_READY, .generation = 1, .memory_bytes = 2399});
	assert_null(ask_with(&g, LONG, &status));
	assert_int_equal(status, 507);
}

static void test_one_at_a_time(void **state)
{
	uint32_t status;
	struct mf_gemm g = gemm();

	(void)state;
	tell_ready(1);
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(ask());
	assert_null(ask_with(&g, LONG, &status));
	assert_int_equal(status, 503);
	assert_int_equal(accelerator_figures(&hub)->busy, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(take());
		assert_false(recv(program, &got, sizeof(got), MSG_DONTWAIT | MSG_PEEK) > 0);
		tell_done(got.id, 200);
		assert_int_equal(seen.count, i + 1);
	}
}

/* The life is gone, but the program may still write: nobody else gets the area. */
static void test_forgotten(void **state)
{
	struct product *p;

	(void)state;
	tell_ready(1);
	p = ask();
	assert_non_null(p);
	assert_true(take());
	accelerator_forget(p);
	go_round();
	assert_false(area_is_free());
	tell_done(got.id, 200);
	assert_int_equal(seen.count, 0);
	assert_true(area_is_free());
}

static void test_gone(void **state)
{
	(void)state;
	tell_ready(1);
	assert_non_null(ask());
	assert_non_null(ask());
	assert_true(take());
	tell(&(struct mfa_news){.kind = MFA_GONE, .generation = 1, .text = "it was ended"});
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, 503);
	assert_true(area_is_free());
	assert_int_equal(accelerator_worth(&service), 0);
	assert_null(ask());
	tell_ready(2);
	assert_non_null(ask());
	assert_true(take());
	assert_int_equal(got.generation, 2);
}

/* It compiles: no life waits for that. */
static void test_busy(void **state)
{
	(void)state;
	tell_ready(1);
	assert_non_null(ask());
	assert_non_null(ask());
	assert_true(take());
	tell(&(struct mfa_news){.kind = MFA_BUSY, .generation = 1, .text = "it prepares itself"});
	assert_int_equal(seen.count, 1); /* the one that wasn't sent */
	tell_done(got.id, 503);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, 503);
	assert_null(ask());
	assert_int_equal(accelerator_worth(&service), 0);
	tell_ready(1);
	assert_int_equal(accelerator_figures(&hub)->starts, 1);
	assert_non_null(ask());
}

/* Its time is over before it could be sent. */
static void test_late(void **state)
{
	struct mf_gemm g = gemm();
	uint32_t status;
	uint64_t first;

	(void)state;
	tell_ready(1);
	assert_non_null(ask());
	assert_non_null(ask_with(&g, 0, &status));
	assert_true(take());
	first = got.id;
	tell_done(first, 200);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, 503);
	assert_false(take());
}

static void test_no_program(void **state)
{
	(void)state;
	tell_ready(1);
	assert_non_null(ask());
	fd_close(&program);
	go_round();
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, 503);
	assert_int_equal(accelerator_figures(&hub)->state, ACCELERATOR_LOST);
	assert_null(ask());
}

/* Each of them ends the relation, and whoever waits hears of it. */
static void nonsense(const struct mfa_news *news)
{
	tell_ready(1);
	assert_non_null(ask());
	assert_true(take());
	tell(news);
	assert_int_equal(accelerator_figures(&hub)->state, ACCELERATOR_LOST);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, 503);
	(void)tear_down(NULL);
	(void)set_up(NULL);
}

static void test_nonsense(void **state)
{
	(void)state;
	nonsense(&(struct mfa_news){.kind = 0});
	nonsense(&(struct mfa_news){.kind = 99});
	nonsense(&(struct mfa_news){.kind = MFA_READY, .generation = 2});
	nonsense(&(struct mfa_news){.kind = MFA_FAILED, .generation = 1});
	nonsense(&(struct mfa_news){.kind = MFA_DONE, .generation = 1, .id = 77, .status = 200});
	nonsense(&(struct mfa_news){.kind = MFA_DONE, .generation = 2, .id = 1, .status = 200});
	nonsense(&(struct mfa_news){.kind = MFA_DONE, .generation = 1, .id = 1, .status = 0});
	nonsense(&(struct mfa_news){.kind = MFA_DONE, .generation = 1, .id = 1, .status = 70000});
	nonsense(&(struct mfa_news){.magic = 1, .kind = MFA_READY});
	nonsense(&(struct mfa_news){.version = MFA_VERSION + 1, .kind = MFA_READY});
}

/* It says that it failed while it prepares itself for what it was asked: that has an end, too. */
static void test_fails_busy(void **state)
{
	(void)state;
	tell_ready(1);
	assert_non_null(ask());
	assert_true(take());
	tell(&(struct mfa_news){.kind = MFA_BUSY, .generation = 1});
	tell(&(struct mfa_news){.kind = MFA_FAILED, .generation = 1});
	assert_int_equal(seen.count, 1);
	assert_true(area_is_free());
}

/* Deaths and births that no keeper would have made, to fill the log. */
static void test_too_often(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i < 100 && accelerator_figures(&hub)->state != ACCELERATOR_LOST; i++) {
		tell_ready(i);
		if (accelerator_figures(&hub)->state == ACCELERATOR_READY)
			tell(&(struct mfa_news){.kind = MFA_GONE, .generation = i});
	}
	assert_in_range(i, 10, 20);
	assert_null(ask());
}

/* What wasn't sent can be taken back, from the end and from the middle. */
static void test_withdrawn(void **state)
{
	struct product *p[4];

	(void)state;
	tell_ready(1);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(p[i] = ask());
	assert_true(take());
	assert_false(accelerator_withdraw(p[0]));
	assert_true(accelerator_withdraw(p[2]));
	assert_non_null(p[3] = ask());
	assert_true(accelerator_withdraw(p[1]));
	assert_int_equal(accelerator_figures(&hub)->waiting, 2);
	accelerator_forget(p[3]); /* the same, where nobody is left who could take it back */
	assert_int_equal(accelerator_figures(&hub)->waiting, 1);
	assert_non_null(p[3] = ask());
	assert_int_equal(seen.count, 0);
	tell_done(got.id, 200);
	assert_int_equal(seen.count, 1);
	assert_true(take());
	tell_done(got.id, 200);
	assert_int_equal(seen.count, 2);
	assert_true(area_is_free());
}

/* It neither answers nor ends: nobody else waits for it. */
static void test_hangs(void **state)
{
	const struct timespec long_after = {1, 100000000};
	struct mf_gemm g = gemm();
	uint32_t status;

	(void)state;
	tell_ready(1);
	assert_non_null(ask_with(&g, CLOCK_MS, &status));
	assert_true(take());
	assert_non_null(ask());
	nanosleep(&long_after, NULL);
	go_round();
	assert_null(ask_with(&g, LONG, &status));
	assert_int_equal(status, 503);
	tell_done(got.id, 200);
	assert_non_null(ask());
}

/* A packet of another size; an answer that nobody asked for. */
static void test_sizes(void **state)
{
	struct mfa_news news[2] = {{.magic = MFA_MAGIC, .version = MFA_VERSION, .kind = MFA_READY}};

	(void)state;
	assert_true(send(program, news, sizeof(news), 0) > 0);
	go_round();
	assert_int_equal(accelerator_figures(&hub)->state, ACCELERATOR_LOST);
	(void)tear_down(NULL);
	(void)set_up(NULL);
	assert_true(send(program, news, 8, 0) > 0);
	go_round();
	assert_int_equal(accelerator_figures(&hub)->state, ACCELERATOR_LOST);
	(void)tear_down(NULL);
	(void)set_up(NULL);
	tell_ready(1);
	tell_done(1, 200);
	assert_int_equal(accelerator_figures(&hub)->state, ACCELERATOR_LOST);
}

/* Only services whose manifest says so, and that have areas. */
static void test_granted(void **state)
{
	(void)state;
	assert_true(accelerator_granted(&service));
	service.manifest.calls_count = 1;
	assert_false(accelerator_granted(&service));
	service.manifest.calls_count = 2;
	service.note.grants = 0;
	assert_false(accelerator_granted(&service));
}

static void test_settings(void **state)
{
	struct accelerator_settings s = {.backend = "opencl", .least = 9};

	(void)state;
	assert_true(accelerator_same(&hub, &s)); /* `least` may change */
	s.device = "1";
	assert_false(accelerator_same(&hub, &s));
	s.device = NULL;
	s.memory = 1;
	assert_false(accelerator_same(&hub, &s));
	s.memory = 0;
	s.backend = "cuda";
	assert_false(accelerator_same(&hub, &s));
	s.backend = NULL;
	assert_false(accelerator_same(&hub, &s));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_done),
		TEST(test_descriptors),
		TEST(test_refused),
		TEST(test_memory),
		TEST(test_one_at_a_time),
		TEST(test_forgotten),
		TEST(test_gone),
		TEST(test_busy),
		TEST(test_late),
		TEST(test_no_program),
		TEST(test_nonsense),
		TEST(test_fails_busy),
		TEST(test_too_often),
		TEST(test_withdrawn),
		TEST(test_hangs),
		TEST(test_sizes),
		TEST(test_granted),
		TEST(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
