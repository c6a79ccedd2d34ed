/* The areas of shells: an input that lives can only read, and an output. They are fixed when a shell is made, stay
 * populated as long as it is there (a first touch by a guest costs 5 us a page), and are wiped in
 * proportion to what was used. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/core.h"

/* From a multiple of 2 MiB on, so that the host may have large pages where the guest's tables have large entries. fd -1:
 * memory of this process alone. NULL, errno. */
static uint8_t *map_aligned(uint64_t bytes, int fd)
{
	const uint64_t all = bytes + MFW_AREA_ALIGN;
	const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	uint8_t *room =
		mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t before;
	void *at;

	if (room == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)room % MFW_AREA_ALIGN;
	at = mmap(room + before, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (at == MAP_FAILED) {
		munmap(room, all);
		return NULL;
	}
	if (before > 0)
		munmap(room, before);
	munmap(room + before + bytes, MFW_AREA_ALIGN - before);
	return at;
}

int monitor_map_areas(struct monitor *m)
{
	const struct layout *layout = &m->layout;
	const uint64_t n = m->options.areas;

	if (n > 0 && layout->input_bytes > 0) {
		m->inputs = map_aligned(n * MFW_AREA(layout->input_bytes), m->options.input_fd);
		if (m->inputs == NULL)
			return -errno;
	}
	if (n > 0 && layout->output_bytes > 0) {
		m->outputs = map_aligned(n * MFW_AREA(layout->output_bytes), m->options.output_fd);
		if (m->outputs == NULL)
			return -errno;
	}
	return 0;
}

void monitor_unmap_areas(struct monitor *m)
{
	const uint64_t n = m->options.areas;

	if (m->inputs != NULL)
		munmap(m->inputs, n * MFW_AREA(m->layout.input_bytes));
	if (m->outputs != NULL)
		munmap(m->outputs, n * MFW_AREA(m->layout.output_bytes));
}

/* ------------------------------------------------------------------ of a shell */

/* A gated process maps it by its descriptor; VMs are in this process. */
static int make_own(const struct shell *shell, struct shell_area *area)
{
	if (shell->monitor->which == MFW_BACKEND_PROCESS) {
		area->fd = maker_memory(MFW_AREA(area->bytes));
		if (area->fd < 0)
			return area->fd;
	}
	area->at = map_aligned(MFW_AREA(area->bytes), area->fd);
	if (area->at == NULL)
		return -errno;
	if (area->fd < 0)
		(void)madvise(area->at, MFW_AREA(area->bytes), MADV_HUGEPAGE);
	return 0;
}

static int take(const struct shell *shell, struct shell_area *area, uint64_t bytes, unsigned number,
	uint8_t *all, int fd)
{
	*area = (struct shell_area){.bytes = bytes, .fd = -1, .own = number == AREA_OWN};
	if (bytes == 0)
		return 0;
	if (area->own)
		return make_own(shell, area);
	if (number >= shell->monitor->options.areas || all == NULL)
		return -EINVAL;
	area->offset = number * MFW_AREA(bytes);
	area->at = all + area->offset;
	area->fd = fd;
	return 0;
}

int shell_take_areas(struct shell *shell, unsigned number)
{
	const struct monitor *m = shell->monitor;
	struct shell_areas *a = &shell->areas;
	int rc;

	a->output.fd = -1;
	rc = take(shell, &a->input, m->layout.input_bytes, number, m->inputs, m->options.input_fd);
	if (rc == 0)
		rc = take(shell, &a->output, m->layout.output_bytes, number, m->outputs,
			m->options.output_fd);
	return rc;
}

static void give_back(const struct shell_area *area)
{
	if (!area->own)
		return;
	if (area->at != NULL)
		munmap(area->at, MFW_AREA(area->bytes));
	if (area->fd >= 0)
		close(area->fd);
}

void shell_free_areas(struct shell *shell)
{
	give_back(&shell->areas.input);
	give_back(&shell->areas.output);
}

void shell_clean_output(struct shell *shell)
{
	struct shell_areas *a = &shell->areas;

	if (a->used && a->output.at != NULL)
		for (uint64_t at = 0, n; shell->monitor->backend->touched(shell, &at, &n); at += n)
			memset(a->output.at + at, 0, n);
	a->used = false;
}

bool shell_clean_areas(struct shell *shell, uint64_t input_bytes)
{
	struct shell_areas *a = &shell->areas;

	if (input_bytes > a->input.bytes)
		return false;
	if (a->filled > input_bytes)
		memset(a->input.at + input_bytes, 0, a->filled - input_bytes);
	a->filled = input_bytes;
	shell_clean_output(shell);
	if (a->written > 0 && a->output.at != NULL) /* which isn't seen as touched */
		memset(a->output.at, 0, a->written);
	a->written = 0;
	return true;
}

/* ----------------------------------------------------------------- for others */

void shell_input_filled(struct shell *shell, uint64_t bytes)
{
	struct shell_areas *a = &shell->areas;

	if (bytes > a->input.bytes) /* whoever says so wrote nowhere else either */
		bytes = a->input.bytes;
	if (bytes > a->filled)
		a->filled = bytes;
}

void shell_output_written(struct shell *shell, uint64_t bytes)
{
	struct shell_areas *a = &shell->areas;

	if (bytes > a->output.bytes) /* the same */
		bytes = a->output.bytes;
	if (bytes > a->written)
		a->written = bytes;
}

int shell_input(struct shell *shell, const void *from, size_t n)
{
	if (n > shell->areas.input.bytes)
		return -EFBIG;
	shell_input_filled(shell, n);
	if (n > 0)
		memcpy(shell->areas.input.at, from, n);
	return 0;
}

const uint8_t *shell_output(const struct shell *shell)
{
	return shell->areas.output.at;
}
