#include "tests/unit/hub/stage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/nursery.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"

struct stage stage;

static void on_reply(struct task *task, const struct reply *reply)
{
	(void)task;
	if (!reply) {
		stage.silent++;
		return;
	}
	stage.firsts[stage.replies % 63] = (char)reply->body.p[0];
	stage.replies++;
	memcpy(stage.last, reply->body.p, reply->body.n < 63 ? reply->body.n : 63);
	stage.last[reply->body.n < 63 ? reply->body.n : 63] = '\0';
}

static void on_refuse(struct task *task, enum refusal why)
{
	char payload[64];
	size_t n = task_payload(task, payload, sizeof(payload));

	/* still there to build an answer from, unless the worker wrote over it */
	assert_true(n == 0 || payload[0] == 'q' || payload[0] == 'g' ||
		strcmp(stage.service->name, "scribble") == 0);
	stage.refused[why]++;
}

static const struct origin_ops origin = {.source = "test", .reply = on_reply, .refuse = on_refuse};

static const struct origin_ops alone = {
	.source = "alone", .reply = on_reply, .refuse = on_refuse, .alone = true};

static char *anything[] = {(char[]){"#"}};

/* The service is there; its number in the database is asked for anew. */
static void open_database(void)
{
	char error[HUB_ERROR_MAX];
	struct hub *hub = &stage.hub;
	struct service *s = stage.service;

	s->note.grants |= MFI_GRANT(MF_EFFECT_PUT) | MFI_GRANT(MF_EFFECT_EMIT) |
		MFI_GRANT(MF_EFFECT_SCHEDULE);
	s->manifest.writes = s->manifest.emits = anything;
	s->manifest.writes_count = s->manifest.emits_count = 1;
	s->may_write = true;
	s->durability = DURABILITY_BATCH;
	hub->state = strdup(stage.directory);
	clocks_look(hub);
	if (hub_open_database(hub, error) != 0)
		fail_msg("%s", error);
}

void stage_open_kept(const char *how)
{
	stage_open(how);
	strcpy(stage.directory, "/tmp/mayfly-stage-XXXXXX");
	assert_non_null(mkdtemp(stage.directory));
	open_database();
}

static void close_hub(void)
{
	struct manifest *m = &stage.service->manifest;

	m->writes = m->emits = NULL; /* they are none of its own */
	m->writes_count = m->emits_count = 0;
	hub_close(&stage.hub);
}

void stage_again(void)
{
	struct stage before = stage;
	const struct manifest m = stage.service->manifest;
	char *how = strdup(stage.service->name);

	close_hub();
	stage_open(how);
	free(how);
	memcpy(stage.directory, before.directory, sizeof(stage.directory));
	stage.service->manifest.retry.times = m.retry.times;
	stage.service->manifest.retry.wait_ns = m.retry.wait_ns;
	open_database();
}

void stage_open(const char *how)
{
	struct hub *hub = &stage.hub;
	struct service *s = malloc(sizeof(*s));

	memset(&stage, 0, sizeof(stage));
	hub_init(hub);
	assert_int_equal(loop_open(&hub->loop), 0);
	assert_int_equal(report_open(&hub->report, hub->loop, false, false), 0);
	hub->options.worker_program = FAKE_WORKER;
	hub->options.nursery = fake_nursery();
	hub->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	hub->scratch_size = 8192;
	hub->scratch = malloc(hub->scratch_size);
	assert_non_null(s);
	service_init(s, hub);
	stage.service = hub->services = s;
	s->name = strdup(how);
	s->image_path = strdup("none.mfy");
	s->note.event_bytes = 4096;
	s->note.effects_bytes = 8192;
	s->note.grants = MFI_GRANT(MF_EFFECT_REPLY);
	s->head = (struct mfw_head){.event_area = 4096,
		.effects_area = 8192,
		.threads = 1,
		.backend = MFW_BACKEND_PROCESS};
	s->queue_most = 8;
	s->deadline_ns = CLOCK_S;
	s->idle_ns = 200 * CLOCK_MS;
}

static void remove_directory(void)
{
	static const char *const names[] = {"mayfly.db", "mayfly.db-wal", "mayfly.db-shm"};
	char path[128];

	if (!stage.directory[0])
		return;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", stage.directory, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(stage.directory), 0);
}

void stage_close(void)
{
	close_hub();
	remove_directory();
	nursery_close(fake_nursery());
	/* nothing that was started is left */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static bool begin(
	const char *subject, const char *payload, const struct origin_ops *ops, enum refusal *why)
{
	struct task *task = service_begin(stage.service, MF_SOURCE_HTTP, MF_STR("http.request"),
		mf_str_of(subject, strlen(subject)), why);

	if (!task)
		return false;
	assert_true(event_span(
		&task->writer, &task->head.payload, mf_str_of(payload, strlen(payload))));
	task->origin = ops;
	service_submit(task);
	return true;
}

bool stage_ask_about(const char *subject, const char *payload, enum refusal *why)
{
	return begin(subject, payload, &origin, why);
}

bool stage_leave(const char *payload, enum refusal *why)
{
	return begin("left", payload, &alone, why);
}

bool stage_ask(const char *payload, enum refusal *why)
{
	return stage_ask_about("here", payload, why);
}

void stage_ask_all(unsigned n)
{
	enum refusal why;

	while (n-- > 0)
		assert_true(stage_ask("question", &why));
}

unsigned stage_ends(void)
{
	unsigned n = stage.replies + stage.silent;

	for (unsigned i = 0; i < REFUSALS; i++)
		n += stage.refused[i];
	return n;
}

void stage_until(bool (*holds)(void))
{
	uint64_t end = clock_mono_ns() + 20 * CLOCK_S;

	while (!holds() && clock_mono_ns() < end)
		loop_once(stage.hub.loop, 20);
	assert_true(holds());
}

void stage_run(unsigned n, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * CLOCK_MS;

	while (stage_ends() < n && clock_mono_ns() < end)
		loop_once(stage.hub.loop, 20);
}
