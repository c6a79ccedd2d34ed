#include "monitor/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "image/fault.h"
#include "monitor/arch/arch.h"
#include "monitor/core.h"
#include "monitor/keep.h"
#include "monitor/kvm.h"
#include "wire/effects.h"
#include "wire/sha256.h"

uint64_t monitor_now(void)
{
	struct timespec t = {0};

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Once: whoever gave up rights since couldn't do it again. */
int monitor_prepare(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool prepared;
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (!prepared) {
		signal(SIGPIPE, SIG_IGN);
		kvm_prepare();
		process_prepare();
		rc = watchdog_start();
		prepared = rc == 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int monitor_refuse(char error[MONITOR_ERROR_MAX], enum mfw_result result, const char *what)
{
	snprintf(error, MONITOR_ERROR_MAX, "%s: %s", what, strerror(errno));
	return (int)result;
}

/* ------------------------------------------------------- the fixed memory */

static void fill_info(struct monitor *m, size_t data_size)
{
	const struct image *image = m->image;
	struct mf_info info = {
		.magic = MF_INFO_MAGIC,
		.abi = MF_ABI_VERSION,
		.event_bytes = image->note.event_bytes,
		.effects_bytes = image->note.effects_bytes,
		.window_bytes = m->layout.window_bytes,
		.heap_addr = image_heap_at(image),
		.heap_end = m->layout.guard,
		.stack_top = m->layout.stack_top,
		.init_bytes = m->layout.init_bytes,
		.data_bytes = data_size,
		.input_bytes = m->layout.input_bytes,
		.output_bytes = m->layout.output_bytes,
	};
	uint8_t both[64];

	memcpy(info.image_digest, image->digest, 32);
	/* of the copy: whoever attached it may still write to it */
	sha256(m->fixed + m->layout.data_at, data_size, info.data_digest);
	memcpy(m->fixed + (MF_ADDR_INFO - MF_ADDR_GATE), &info, sizeof(info));
	memcpy(both, info.image_digest, 32);
	memcpy(both + 32, info.data_digest, 32);
	sha256(both, sizeof(both), m->digest);
}

/* A gated process maps it by its descriptor; VMs are in this process. */
static int map_fixed(struct monitor *m)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *at;

	if (m->which == MFW_BACKEND_PROCESS) {
		flags = MAP_SHARED;
		m->fixed_fd = maker_memory(m->layout.fixed_bytes);
		if (m->fixed_fd < 0) {
			errno = -m->fixed_fd;
			return -errno;
		}
	}
	at = mmap(NULL, m->layout.fixed_bytes, PROT_READ | PROT_WRITE, flags, m->fixed_fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	m->fixed = at;
	return 0;
}

static int make_fixed(struct monitor *m, const uint8_t *data, size_t data_size)
{
	const struct image *image = m->image;
	int rc = map_fixed(m);

	if (rc < 0)
		return rc;
	if (m->which == MFW_BACKEND_KVM)
		arch_fill_fixed(m->fixed, &m->layout);
	for (unsigned i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];

		if (!s->write && s->file > 0)
			memcpy(m->fixed + (s->address - MF_ADDR_GATE), s->file_bytes, s->file);
	}
	if (data_size > 0)
		memcpy(m->fixed + m->layout.data_at, data, data_size);
	fill_info(m, data_size);
	return 0;
}

static int make_snapshot(struct monitor *m)
{
	void *at = mmap(NULL, m->layout.window_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	m->snapshot = at;
	m->filled = calloc(m->layout.window_bytes / MF_PAGE, sizeof(*m->filled));
	if (m->filled == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < m->image->segments; i++) {
		const struct image_segment *s = &m->image->segment[i];
		const uint64_t from = s->address - MF_ADDR_WINDOW;

		if (!s->write || s->file == 0)
			continue;
		memcpy(m->snapshot + from, s->file_bytes, s->file);
		for (uint64_t page = from / MF_PAGE; page * MF_PAGE < from + s->file; page++)
			m->filled[page] = true;
	}
	return 0;
}

/* A page that is zero now may not have been: .data that mf_init cleared. */
void monitor_keep_page(struct monitor *m, uint64_t at, const uint8_t *page)
{
	static const uint8_t zero[MF_PAGE];
	bool *filled = &m->filled[at / MF_PAGE];

	if (memcmp(*filled ? m->snapshot + at : zero, page, MF_PAGE) == 0)
		return;
	memcpy(m->snapshot + at, page, MF_PAGE);
	*filled = true;
}

/* ------------------------------------------------------------------- init */

static const char *const results[MFW_RESULTS] = {
	[MFW_ERR_FAILED] = "mf_init gave up",
	[MFW_ERR_CRASHED] = "mf_init crashed",
	[MFW_ERR_CPU] = "mf_init took longer than limits.init",
	[MFW_ERR_MEMORY] = "mf_init needs more memory: raise memory.window or memory.init",
	[MFW_ERR_EFFECTS] = "mf_init left malformed effects",
	[MFW_ERR_FULL] = "mf_init logged more than fits: raise memory.effects",
	[MFW_ERR_CALL] = "mf_init called another service; only mf_main can",
	[MFW_ERR_BACKEND] = "the machine failed while mf_init ran",
};

/* The last log is what mf_fail said; it goes to people's screens. */
static void quote_last_log(const struct life *life, char error[MONITOR_ERROR_MAX])
{
	struct effects_reader reader;
	struct effect effect;
	uint32_t record;

	if (effects_open(&reader, life->effects, life->bytes, ~0u, &record) != NULL)
		return;
	while (effects_next(&reader, &effect))
		if (effect.kind == MF_EFFECT_LOG)
			snprintf(error, MONITOR_ERROR_MAX, "%.*s",
				(int)effect.field[MF_FIELD_BODY].n,
				(const char *)effect.field[MF_FIELD_BODY].p);
	for (char *c = error; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static void say_why(const struct life *life, char error[MONITOR_ERROR_MAX])
{
	snprintf(error, MONITOR_ERROR_MAX, "%s", results[life->result]);
	if (life->result == MFW_ERR_CRASHED)
		snprintf(error, MONITOR_ERROR_MAX,
			"mf_init crashed: %s %s at 0x%llx, touching 0x%llx",
			fault_short(life->vector), fault_long(life->vector),
			(unsigned long long)life->address, (unsigned long long)life->touched);
	else if (life->result == MFW_ERR_FAILED)
		quote_last_log(life, error);
}

/* Of these bytes of the window. */
static void keep_pages(struct monitor *m, const struct shell *shell, uint64_t from, uint64_t bytes)
{
	const uint64_t first = m->image->note.event_bytes + (uint64_t)m->image->note.effects_bytes;
	const uint64_t last = m->layout.guard - MF_ADDR_WINDOW;

	for (uint64_t at = from; at < from + bytes; at += MF_PAGE)
		if (at >= first && at < last)
			monitor_keep_page(m, at, shell->window + at);
}

/* What mf_init leaves becomes the snapshot, without its event, its effects and its stack. */
static void keep(struct monitor *m, const struct shell *shell)
{
	if (!m->layout.large)
		keep_pages(m, shell, 0, m->layout.window_bytes);
	else
		for (uint64_t at = 0, n; m->backend->written(shell, &at, &n); at += n)
			keep_pages(m, shell, at, n);
}

static int run_init(struct monitor *m, char error[MONITOR_ERROR_MAX])
{
	const struct mf_event event = {
		.abi = MF_ABI_VERSION, .bytes = sizeof(event), .source = MF_SOURCE_INIT};
	struct shell *shell;
	struct life life;
	int rc = shell_make(&shell, m, true, error);

	if (rc != 0)
		return rc;
	shell_deny(m);
	rc = shell_start(shell, error) < 0 ? MFW_ERR_BACKEND : 0;
	if (rc == 0) {
		shell_live(shell, &event, sizeof(event), &life);
		m->init_ns = life.run_ns;
		if (life.bytes > 0) {
			m->init_effects = malloc(life.bytes);
			if (m->init_effects != NULL) {
				memcpy(m->init_effects, life.effects, life.bytes);
				m->init_effects_bytes = life.bytes;
			}
		}
		if (life.result == MFW_OK) {
			keep(m, shell);
		} else {
			say_why(&life, error);
			rc = MFW_ERR_INIT;
		}
	}
	shell_allow(m);
	m->spent = shell;
	return rc;
}

static int start_from_init(struct monitor *m, char error[MONITOR_ERROR_MAX])
{
	int rc = 0;

	if (!keep_take(m)) {
		rc = run_init(m, error);
		if (rc == 0)
			keep_put(m);
	}
	return rc;
}

/* ---------------------------------------------------------------- monitor */

static void choose_backend(struct monitor *m)
{
	m->which = m->options.backend;
	if (m->which == MFW_BACKEND_AUTO)
		m->which = m->options.kvm_fd >= 0 ? MFW_BACKEND_KVM : MFW_BACKEND_PROCESS;
	m->backend = m->which == MFW_BACKEND_KVM ? &backend_kvm : &backend_process;
	m->deny_cpuid = m->which == MFW_BACKEND_PROCESS && monitor_can_deny_cpuid();
}

static bool use_maker(struct monitor *m)
{
	int rc = maker_start();

	m->maker = rc == 0;
	errno = -rc;
	return m->maker;
}

int monitor_open(struct monitor **out, const struct image *image, const uint8_t *data,
	size_t data_size, const struct monitor_options *options, char error[MONITOR_ERROR_MAX])
{
	struct monitor *m;
	int rc;

	if (data_size > MF_ADDR_DATA_END - MF_ADDR_DATA) {
		snprintf(error, MONITOR_ERROR_MAX, "attached data: %zu bytes, %llu fit", data_size,
			MF_ADDR_DATA_END - MF_ADDR_DATA);
		return MFW_ERR_IMAGE;
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return monitor_refuse(error, MFW_ERR_BACKEND, "memory");
	m->image = image;
	m->options = *options;
	m->fixed_fd = -1;
	m->cpu_ns = options->cpu_ns ? options->cpu_ns : image->note.cpu_ns;
	m->deadline_ns = options->deadline_ns ? options->deadline_ns : image->note.deadline_ns;
	choose_backend(m);
	layout_make(&m->layout, image, data_size);
	m->layout.tables_bytes = arch_tables_bytes(&m->layout);

	rc = MFW_ERR_BACKEND;
	if (monitor_prepare() < 0)
		monitor_refuse(error, MFW_ERR_BACKEND, "the watchdog thread");
	else if (m->which == MFW_BACKEND_KVM && kvm_host_open(&m->kvm, options, error) < 0)
		; /* it said why */
	else if (m->which == MFW_BACKEND_PROCESS && !use_maker(m))
		monitor_refuse(error, MFW_ERR_BACKEND, "the process that makes gated ones");
	else if (make_fixed(m, data, data_size) < 0 || make_snapshot(m) < 0 ||
		monitor_map_areas(m) < 0)
		monitor_refuse(error, MFW_ERR_BACKEND, "memory for the image");
	else
		rc = image->note.flags & MFI_HAS_INIT ? start_from_init(m, error) : 0;
	if (rc != 0) {
		monitor_close(m);
		return rc;
	}
	*out = m;
	return 0;
}

void monitor_settle(struct monitor *m)
{
	if (m->spent != NULL)
		shell_close(m->spent);
	m->spent = NULL;
}

void monitor_close(struct monitor *m)
{
	monitor_settle(m);
	if (m->fixed != NULL)
		munmap(m->fixed, m->layout.fixed_bytes);
	if (m->fixed_fd >= 0)
		close(m->fixed_fd);
	if (m->snapshot != NULL)
		munmap(m->snapshot, m->layout.window_bytes);
	free(m->filled);
	monitor_unmap_areas(m);
	if (m->kvm != NULL)
		kvm_host_close(m->kvm);
	if (m->maker)
		maker_stop();
	free(m->init_effects);
	free(m);
}

enum mfw_backend monitor_backend(const struct monitor *m)
{
	return m->which;
}

const uint8_t *monitor_snapshot_digest(const struct monitor *m)
{
	return m->digest;
}

uint64_t monitor_init_ns(const struct monitor *m)
{
	return m->init_ns;
}

size_t monitor_window_bytes(const struct monitor *m)
{
	return m->layout.window_bytes;
}

const uint8_t *monitor_init_effects(const struct monitor *m, uint32_t *bytes)
{
	*bytes = m->init_effects_bytes;
	return m->init_effects;
}
