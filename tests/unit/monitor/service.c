#include "tests/unit/monitor/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "monitor/core.h"
#include "wire/effects.h"
#include "wire/event.h"

int kvm_fd(void)
{
	static int fd = -2;

	if (fd == -2)
		fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return fd < 0 ? -1 : fd;
}

bool emulated(void)
{
	return getenv("MAYFLY_EMULATED") != NULL;
}

void need_backend(enum mfw_backend backend)
{
	if (backend == MFW_BACKEND_KVM && kvm_fd() < 0) {
		print_message("no usable /dev/kvm\n");
		skip();
	}
}

static int open_image(const char *name)
{
	const char *where = getenv("MAYFLY_GUESTS");
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.mfy", where != NULL ? where : "build/guest", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s isn't there: make builds it; run this from the root", path);
	return fd;
}

/* A thread with shells can't read the TSC, and when an assertion fails cmocka looks at the
 * clock before anybody has closed them. */
static void give_back_clock(int sig)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	int tsc = PR_TSC_ENABLE;

	prctl(PR_GET_TSC, &tsc);
	if (tsc == PR_TSC_ENABLE)
		sigaction(sig, &usual, NULL);
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
}

/* Before main: cmocka puts back, after each test, what it finds there. */
__attribute__((constructor)) static void keep_clock(void)
{
	struct sigaction action = {.sa_handler = give_back_clock};

	sigaction(SIGSEGV, &action, NULL);
}

/* The watchdog, a thread, reads them while it knows of the shell. The monitor's are those of lives that can
 * be suspended, whose shells reckon them anew for each. */
void service_limit(struct service *s, uint64_t cpu_ns, uint64_t wall_ns)
{
	struct watch *watch = &s->shell->watch;

	s->monitor->cpu_ns = cpu_ns;
	s->monitor->deadline_ns = wall_ns;
	watchdog_remove(watch);
	watch->cpu_ns = cpu_ns;
	watch->wall_ns = wall_ns;
	watchdog_add(watch);
}

static int service_make(struct service *s, const char *name, struct mf_str data,
	const struct monitor_options *options)
{
	char error[IMAGE_ERROR_MAX];
	int fd = open_image(name), rc;

	*s = (struct service){0};
	if (image_open(&s->image, fd, error) != 0)
		fail_msg("%s: %s", name, error);
	close(fd);
	rc = monitor_open(&s->monitor, &s->image, data.p, data.n, options, s->error);
	if (rc == 0)
		rc = shell_open(&s->shell, s->monitor, s->error);
	if (rc == 0) { /* emulated machines are slow */
		const struct watch *watch = &s->shell->watch;

		service_limit(s, watch->cpu_ns * 50, watch->wall_ns * 50);
	}
	return rc;
}

int service_try(struct service *s, const char *name, enum mfw_backend backend,
	enum mfw_birth_mode birth, struct mf_str data)
{
	struct monitor_options options = {.backend = backend, .birth = birth, .kvm_fd = kvm_fd()};

	return service_make(s, name, data, &options);
}

void service_open_held(struct service *s, const char *name, enum mfw_backend backend)
{
	struct monitor_options options = {.backend = backend, .kvm_fd = kvm_fd(), .held = true};

	if (service_make(s, name, (struct mf_str){0}, &options) != 0)
		fail_msg("%s: %s", name, s->error);
}

void service_open(struct service *s, const char *name, enum mfw_backend backend)
{
	if (service_try(s, name, backend, MFW_POOLED, (struct mf_str){0}) != 0)
		fail_msg("%s: %s", name, s->error);
}

void service_close(struct service *s)
{
	if (s->shell != NULL)
		shell_close(s->shell);
	if (s->monitor != NULL)
		monitor_close(s->monitor);
	image_close(&s->image);
}

struct life service_ask(struct service *s, struct mf_str payload)
{
	static uint64_t buffer[(16u << 20) / 8];
	struct event_writer w = {0};
	struct life life;

	assert_true(event_begin(&w, buffer, sizeof(buffer), MF_SOURCE_RUN));
	assert_true(event_span(&w, &w.event->payload, payload));
	shell_live(s->shell, buffer, event_end(&w), &life);
	return life;
}

struct life service_ask_text(struct service *s, const char *payload)
{
	return service_ask(s, mf_str_of(payload, strlen(payload)));
}

struct mf_str service_reply(const struct life *life)
{
	struct effects_reader reader;
	struct effect effect;
	uint32_t record;
	const char *wrong;

	if (life->bytes == 0)
		return (struct mf_str){0};
	wrong = effects_open(&reader, life->effects, life->bytes, ~0u, &record);
	if (wrong != NULL)
		fail_msg("record %u: %s", record, wrong);
	while (effects_next(&reader, &effect))
		if (effect.kind == MF_EFFECT_REPLY)
			return effect.field[MF_FIELD_BODY];
	return (struct mf_str){0};
}
