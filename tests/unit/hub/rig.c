#include "tests/unit/hub/rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "hub/nursery.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"

struct rig rig;

static void on_reply(struct task *task, const struct reply *reply)
{
	(void)task;
	if (!reply) {
		rig.silent++;
		return;
	}
	rig.firsts[rig.replies % 63] = (char)reply->body.p[0];
	rig.replies++;
	memcpy(rig.last, reply->body.p, reply->body.n < 63 ? reply->body.n : 63);
	rig.last[reply->body.n < 63 ? reply->body.n : 63] = '\0';
}

static void on_refuse(struct task *task, enum refusal why)
{
	char payload[64];
	size_t n = task_payload(task, payload, sizeof(payload));

	/* still there to build an answer from, unless the worker wrote over it */
	assert_true(n == 0 || payload[0] == 'q' || payload[0] == 'g' ||
		strcmp(rig.service->name, "scribble") == 0);
	rig.refused[why]++;
}

static const struct origin_ops origin = {.source = "test", .reply = on_reply, .refuse = on_refuse};

void rig_open(const char *how)
{
	struct hub *hub = &rig.hub;
	struct service *s = malloc(sizeof(*s));

	memset(&rig, 0, sizeof(rig));
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
	rig.service = hub->services = s;
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

void rig_close(void)
{
	hub_close(&rig.hub);
	nursery_close(fake_nursery());
	/* nothing that was started is left */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

bool rig_ask_about(const char *subject, const char *payload, enum refusal *why)
{
	struct task *task = service_begin(rig.service, MF_SOURCE_HTTP, MF_STR("http.request"),
		mf_str_of(subject, strlen(subject)), why);

	if (!task)
		return false;
	assert_true(event_span(
		&task->writer, &task->head.payload, mf_str_of(payload, strlen(payload))));
	task->origin = &origin;
	service_submit(task);
	return true;
}

bool rig_ask(const char *payload, enum refusal *why)
{
	return rig_ask_about("here", payload, why);
}

void rig_ask_all(unsigned n)
{
	enum refusal why;

	while (n-- > 0)
		assert_true(rig_ask("question", &why));
}

unsigned rig_ends(void)
{
	unsigned n = rig.replies + rig.silent;

	for (unsigned i = 0; i < REFUSALS; i++)
		n += rig.refused[i];
	return n;
}

void rig_run(unsigned n, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * CLOCK_MS;

	while (rig_ends() < n && clock_mono_ns() < end)
		loop_once(rig.hub.loop, 20);
}
