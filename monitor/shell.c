/* Shells, and the lives in them: what both backends have in common. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "abi/image.h"
#include "base/num.h"
#include "monitor/core.h"
#include "sys/sandbox.h"

/* ----------------------------------------------------------------- shells */

static bool make_window(struct shell *shell)
{
	const struct layout *layout = &shell->monitor->layout;
	uint64_t bytes = layout->window_bytes;
	int fd = -1, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *at;

	if (shell->monitor->which == MFW_BACKEND_PROCESS) {
		fd = maker_memory(bytes);
		shell->process.window_fd = fd;
		if (fd < 0) {
			errno = -fd;
			return false;
		}
		flags = MAP_SHARED;
	} else {
		bytes += layout->tables_bytes;
	}
	if (!layout->large) /* all of it will be copied to; faults one by one cost more */
		flags |= MAP_POPULATE;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	shell->window = at == MAP_FAILED ? NULL : at;
	return shell->window != NULL;
}

static void free_window(struct shell *shell)
{
	const struct layout *layout = &shell->monitor->layout;
	uint64_t bytes = layout->window_bytes;

	if (shell->monitor->which == MFW_BACKEND_PROCESS) {
		if (shell->process.window_fd >= 0)
			close(shell->process.window_fd);
	} else {
		bytes += layout->tables_bytes;
	}
	if (shell->window != NULL)
		munmap(shell->window, bytes);
}

/* The snapshot into new memory, which is zero. */
static void fill_window(struct shell *shell)
{
	const struct monitor *m = shell->monitor;

	for (uint64_t at = 0; at < m->layout.window_bytes; at += MF_PAGE)
		if (m->filled[at / MF_PAGE])
			memcpy(shell->window + at, m->snapshot + at, MF_PAGE);
}

int shell_make(struct shell **out, struct monitor *m, bool init, char error[MONITOR_ERROR_MAX])
{
	struct shell *shell = calloc(1, sizeof(*shell));

	if (shell == NULL)
		return monitor_refuse(error, MFW_ERR_BACKEND, "memory for a shell");
	*shell = (struct shell){.monitor = m,
		.init = init,
		.thread = shell_thread(),
		.calls = !init && (m->image->note.grants & MFI_GRANT(MF_EFFECT_CALL)),
		.watch = {.shell = shell,
			.kill = m->backend->kill,
			.lasts = m->backend->lasts,
			.cpu_ns = init ? m->image->note.init_ns : m->cpu_ns,
			.wall_ns = init ? m->image->note.init_ns : m->deadline_ns}};
	if (m->which == MFW_BACKEND_PROCESS)
		shell->process.window_fd = -1;
	shell->effects = malloc(m->image->note.effects_bytes);
	shell->areas.input.fd = shell->areas.output.fd = -1;
	if (shell->effects == NULL || !make_window(shell)) {
		monitor_refuse(error, MFW_ERR_BACKEND, "memory for a shell");
		goto out;
	}
	fill_window(shell);
	watchdog_add(&shell->watch);
	*out = shell;
	return 0;
out:
	free_window(shell);
	free(shell->effects);
	free(shell);
	return MFW_ERR_BACKEND;
}

static void shell_stop(struct shell *shell)
{
	if (shell->open)
		shell->monitor->backend->close(shell);
	shell->open = false;
}

int shell_start(struct shell *shell, char error[MONITOR_ERROR_MAX])
{
	int rc = 0;

	if (!shell->open)
		rc = shell->monitor->backend->open(shell, shell->init, error);
	shell->open = rc == 0;
	return rc;
}

/* Counted, since one thread may have several shells. */
static _Thread_local unsigned denied[2];

/* A gated process runs with CPUID denied where the processor can do that. Its monitor's thread
 * then too, because changing the setting is a write to an MSR at every switch between the two. */
static int deny_cpuid(bool deny)
{
	return (int)syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, deny ? 0 : 1);
}

/* Two such writes. */
#define CHEAP_NS 4000u

/* Somebody else always runs in between, if only the hub: two writes an event. On metal they are
 * nothing; in a virtual machine each may be a way out, 12 us, more than a life (decision 023). The
 * builder refuses CPUID in images, and this only backs it up: it is left out where it is dear. */
static bool is_cheap(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t began = monitor_now(), took;

		if (deny_cpuid(true) < 0 || deny_cpuid(false) < 0)
			return false;
		took = monitor_now() - began;
		if (took < least)
			least = took;
	}
	return least < CHEAP_NS;
}

static bool cheap;

static void look_whether_cheap(void)
{
	cheap = is_cheap();
}

bool monitor_can_deny_cpuid(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look_whether_cheap);
	return cheap;
}

/* Sanitizers look at the clock whenever they like: under them a thread gives up the TSC only
 * while a guest runs. */
static const bool deny_always = !SANDBOX_SANITIZED;

static void deny(const struct monitor *m)
{
	if (denied[0]++ == 0)
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	if (m->deny_cpuid && denied[1]++ == 0)
		deny_cpuid(true);
}

static void allow(const struct monitor *m)
{
	if (--denied[0] == 0)
		prctl(PR_SET_TSC, PR_TSC_ENABLE);
	if (m->deny_cpuid && --denied[1] == 0)
		deny_cpuid(false);
}

void shell_deny(const struct monitor *m)
{
	if (deny_always)
		deny(m);
}

void monitor_prepare_thread(enum mfw_backend backend)
{
	(void)shell_thread();
	if (!deny_always)
		return;
	if (denied[0]++ == 0)
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	if (backend == MFW_BACKEND_PROCESS && monitor_can_deny_cpuid() && denied[1]++ == 0)
		deny_cpuid(true);
}

int shell_thread(void)
{
	static _Thread_local int number;

	if (number == 0)
		number = (int)syscall(SYS_gettid);
	return number;
}

void shell_allow(const struct monitor *m)
{
	if (deny_always)
		allow(m);
}

void shell_stop_at(struct shell *shell, const uint32_t *stop, uint32_t bit)
{
	shell->watch.stop_bit = bit;
	atomic_store(&shell->watch.stop, stop);
}

int shell_open(struct shell **out, struct monitor *m, char error[MONITOR_ERROR_MAX])
{
	return shell_open_at(out, m, AREA_OWN, error);
}

int shell_open_at(
	struct shell **out, struct monitor *m, unsigned area, char error[MONITOR_ERROR_MAX])
{
	struct shell *shell = NULL;
	int rc = shell_make(&shell, m, false, error);

	if (shell == NULL)
		return rc;
	shell_deny(m);
	rc = shell_take_areas(shell, area);
	if (rc < 0) {
		errno = -rc;
		monitor_refuse(error, MFW_ERR_BACKEND, "memory for input and output");
		shell_close(shell);
		return MFW_ERR_BACKEND;
	}
	if (m->options.birth == MFW_POOLED && shell_start(shell, error) < 0) {
		shell_close(shell);
		return MFW_ERR_BACKEND;
	}
	*out = shell;
	return 0;
}

/* Whoever used it before keeps what it gave up for good: threads of a worker run guests until they end. */
static void adopt(struct shell *shell)
{
	if (shell->thread == shell_thread())
		return;
	shell->thread = shell_thread();
	shell_deny(shell->monitor);
	if (shell->open && shell->monitor->backend->adopt)
		shell->monitor->backend->adopt(shell);
}

void shell_close(struct shell *shell)
{
	if (!shell->init)
		adopt(shell);
	shell_stop(shell);
	if (!shell->init)
		shell_allow(shell->monitor);
	watchdog_remove(&shell->watch);
	free_window(shell);
	shell_free_areas(shell);
	free(shell->effects);
	free(shell);
}

/* ------------------------------------------------------------------ lives */

/* Everything that a life can write, and what the host wrote for it, back to the snapshot. */
void shell_clean(struct shell *shell)
{
	const struct monitor *m = shell->monitor;

	if (!shell->dirty)
		return;
	if (m->layout.large) {
		memcpy(shell->window, m->snapshot, shell->event_used);
		for (uint64_t at = 0, n; m->backend->written(shell, &at, &n); at += n)
			memcpy(shell->window + at, m->snapshot + at, n);
	} else {
		memcpy(shell->window, m->snapshot, m->layout.window_bytes);
	}
	shell->dirty = false;
}

/* A service with an input area has its payload there, whoever wrote the event. False: it can't be. */
static bool move_payload(struct shell *shell, struct mf_event *head, size_t size)
{
	const struct mf_span payload = head->payload;

	if (payload.len == 0 || shell->areas.input.bytes == 0)
		return true;
	if (head->input_bytes > 0 || !num_fits(payload.off, payload.len, size) ||
		shell_input(shell, shell->window + payload.off, payload.len) < 0)
		return false;
	head->input_bytes = payload.len;
	head->payload = (struct mf_span){0, 0};
	return true;
}

/* Copied first, then checked: the hub may still write to where it came from. */
bool shell_put_event(struct shell *shell, const void *event, size_t size)
{
	struct mf_event head;

	shell_clean(shell);
	if (size < sizeof(head) || size > shell->monitor->image->note.event_bytes)
		return false;
	shell->dirty = true;
	shell->event_used = (uint32_t)size;
	memcpy(shell->window, event, size);
	memcpy(&head, shell->window, sizeof(head));
	if (!move_payload(shell, &head, size))
		return false;
	/* reserved, and the process backend's token lies there */
	memset(head.reserved1, 0, sizeof(head.reserved1));
	memcpy(shell->window, &head, sizeof(head));
	return shell_clean_areas(shell, head.input_bytes) && head.abi == MF_ABI_VERSION &&
		head.bytes == size && head.source < MF_SOURCE_COUNT &&
		(head.source == MF_SOURCE_INIT) == shell->init;
}

/* What the guest left, copied once. False: its head can't be. */
static bool copy_effects(struct shell *shell, struct life *life, enum mf_outcome *outcome)
{
	const struct mfi_image *note = &shell->monitor->image->note;
	const uint8_t *from = shell->window + note->event_bytes;
	struct mf_effects head;

	memcpy(&head, from, sizeof(head));
	head.reserved = 0;
	life->result = MFW_ERR_EFFECTS;
	if (head.outcome > MF_OUTCOME_MEMORY || head.bytes < sizeof(head) ||
		head.bytes > note->effects_bytes)
		return false;
	memcpy(shell->effects, from, head.bytes);
	memcpy(shell->effects, &head, sizeof(head));
	life->effects = shell->effects;
	life->bytes = head.bytes;
	*outcome = (enum mf_outcome)head.outcome;
	return true;
}

/* The guest said that it is over. */
void shell_take_effects(struct shell *shell, struct life *life)
{
	static const enum mfw_result results[] = {
		[MF_OUTCOME_NONE] = MFW_ERR_EFFECTS,
		[MF_OUTCOME_OK] = MFW_OK,
		[MF_OUTCOME_FAILED] = MFW_ERR_FAILED,
		[MF_OUTCOME_FULL] = MFW_ERR_FULL,
		[MF_OUTCOME_MEMORY] = MFW_ERR_MEMORY,
	};
	enum mf_outcome outcome;

	if (shell->operation != MF_OP_END)
		life->result = shell->operation == MF_OP_CALL ? MFW_ERR_CALL : MFW_ERR_EFFECTS;
	else if (copy_effects(shell, life, &outcome))
		life->result = results[outcome];
}

/* It called, and stands still behind the gate. */
static void suspend(struct shell *shell, struct life *life)
{
	enum mf_outcome ignored;

	if (!copy_effects(shell, life, &ignored))
		return;
	life->result = MFW_OK;
	life->suspended = shell->suspended = true;
}

static uint64_t cpu_now(const struct shell *shell)
{
	struct timespec t;

	if (clock_gettime(shell->watch.clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of a limit, when so much is used; 0 would be none. */
static uint64_t left(uint64_t limit, uint64_t used)
{
	return used < limit ? limit - used : 1;
}

/* Lives that can't be suspended have the same limits from their shell's beginning to its end. */
static void set_limits(struct shell *shell, uint64_t now)
{
	const struct monitor *m = shell->monitor;

	if (!shell->calls)
		return;
	shell->watch.cpu_ns = left(m->cpu_ns, shell->life.cpu_ns);
	shell->watch.wall_ns = left(m->deadline_ns, now - shell->life.since);
	shell->life.cpu_from = cpu_now(shell);
}

/* Runs what lies in the window, from its birth or on; false: it must be tried again, with a new machine. */
static bool run_once(
	struct shell *shell, struct life *life, int (*run)(struct shell *shell, struct life *life))
{
	uint64_t entered = monitor_now();
	int rc;

	shell->areas.used = true;
	set_limits(shell, entered);
	if (!deny_always)
		deny(shell->monitor);
	watchdog_begin(&shell->watch);
	rc = run(shell, life);
	if (!deny_always)
		allow(shell->monitor);
	if (!watchdog_end(&shell->watch)) {
		life->result = MFW_ERR_CPU;
		life->vector = 0;
		life->address = life->touched = 0;
		rc = 0;
	}
	life->run_ns = monitor_now() - entered;
	if (rc != 0 || life->result != MFW_OK)
		shell_stop(shell);
	return rc == 0;
}

/* It came to its end, or to a call. */
static void take(struct shell *shell, struct life *life, bool served)
{
	if (life->result == MFW_OK && served && shell->operation == MF_OP_CALL)
		suspend(shell, life);
	else if (life->result == MFW_OK)
		shell_take_effects(shell, life);
	if (!life->suspended && shell->monitor->options.birth == MFW_FRESH)
		shell_stop(shell);
}

static void begin(
	struct shell *shell, const void *event, size_t size, bool served, struct life *life)
{
	uint64_t from = monitor_now();
	char error[MONITOR_ERROR_MAX];
	bool done = false;

	adopt(shell);
	shell->life.since = from;
	shell->life.cpu_ns = 0;
	/* twice: see backend->run. The first may have written to the window. */
	for (int attempt = 0; attempt < 2 && !done; attempt++) {
		*life = (struct life){.result = MFW_ERR_BACKEND};
		if (!shell_put_event(shell, event, size)) {
			life->result = MFW_ERR_EVENT;
			return;
		}
		if (shell_start(shell, error) < 0)
			return;
		life->birth_ns = monitor_now() - from;
		done = run_once(shell, life, shell->monitor->backend->run);
	}
	if (!done)
		life->result = MFW_ERR_BACKEND;
	take(shell, life, served);
}

void shell_live(struct shell *shell, const void *event, size_t size, struct life *life)
{
	begin(shell, event, size, false, life);
}

/* ------------------------------------------------------------------ calls */

/* What it has used until now. */
static void stand_still(struct shell *shell, const struct life *life)
{
	if (!life->suspended)
		return;
	shell->life.birth_ns = life->birth_ns;
	shell->life.run_ns = life->run_ns;
	if (shell->calls)
		shell->life.cpu_ns += cpu_now(shell) - shell->life.cpu_from;
}

void shell_begin(struct shell *shell, const void *event, size_t size, struct life *life)
{
	begin(shell, event, size, true, life);
	stand_still(shell, life);
}

/* The answer lies behind all that was there: what the life has pointers to stays as it is. Copied first, as in
 * shell_put_event. */
static bool put_answer(struct shell *shell, const void *event, size_t size)
{
	struct mf_event told, *head = (void *)shell->window;
	uint32_t used = shell->event_used;

	if (size < used || size > shell->monitor->image->note.event_bytes)
		return false;
	memcpy(&told, event, sizeof(told));
	if (told.answer.len == 0)
		told.answer.off = used;
	if (told.answer.off < used || told.answer.off > size ||
		told.answer.len > size - told.answer.off)
		return false;
	memcpy(shell->window + used, (const uint8_t *)event + used, size - used);
	head->bytes = shell->event_used = (uint32_t)size;
	head->answer = told.answer;
	head->answer_status = told.answer_status;
	return true;
}

void shell_answer(struct shell *shell, const void *event, size_t size, struct life *life)
{
	uint64_t now = monitor_now();

	*life = (struct life){.result = MFW_ERR_EVENT};
	adopt(shell);
	shell->suspended = false;
	if (!put_answer(shell, event, size)) {
		shell_stop(shell);
	} else if (now - shell->life.since >= shell->monitor->deadline_ns) {
		life->result = MFW_ERR_CPU;
		shell_stop(shell);
	} else {
		if (!run_once(shell, life, shell->monitor->backend->resume))
			life->result = MFW_ERR_BACKEND;
		take(shell, life, true);
	}
	life->birth_ns = shell->life.birth_ns;
	life->run_ns += shell->life.run_ns;
	stand_still(shell, life);
}

/* The machine stands behind the gate, as after any life. */
void shell_drop(struct shell *shell)
{
	shell->suspended = false;
	if (shell->monitor->options.birth == MFW_FRESH)
		shell_stop(shell);
}

uint64_t shell_floor(struct shell *shell)
{
	char error[MONITOR_ERROR_MAX];

	shell_clean(shell);
	if (shell_start(shell, error) < 0)
		return 0;
	return shell->monitor->backend->floor(shell);
}
