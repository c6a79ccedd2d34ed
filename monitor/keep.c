/* monitor/keep.c - see keep.h */
#include "monitor/keep.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/core.h"

static struct mfw_kept head_of(const struct monitor *m)
{
	struct mfw_kept head = {.magic = MFW_MAGIC,
		.version = MFW_VERSION,
		.window_bytes = m->layout.window_bytes,
		.init_bytes = m->layout.init_bytes};

	memcpy(head.digest, m->digest, sizeof(head.digest));
	return head;
}

/* ------------------------------------------------------------------- taking */

static bool read_all(int fd, uint8_t *to, uint64_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)at);

		if (got <= 0)
			return false;
		to += got;
		at += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return true;
}

/* `n` bytes at `at` of window and init area, one behind the other. */
static bool take_piece(struct monitor *m, int fd, uint64_t at, uint64_t n)
{
	uint64_t window = m->layout.window_bytes, part = 0;

	if (at < window) {
		part = n < window - at ? n : window - at;
		if (!read_all(fd, m->snapshot + at, part, MF_PAGE + at))
			return false;
	}
	if (part == n)
		return true;
	at += part;
	return read_all(fd, m->fixed + m->layout.init_at + (at - window), n - part, MF_PAGE + at);
}

static bool take_all(struct monitor *m, int fd)
{
	const uint64_t all = MF_PAGE + m->layout.window_bytes + m->layout.init_bytes;
	off_t at = MF_PAGE, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (uint64_t)at < all) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0 || (uint64_t)end > all)
			return false;
		if (!take_piece(m, fd, (uint64_t)at - MF_PAGE, (uint64_t)(end - at)))
			return false;
		at = end;
	}
	return true;
}

/* What the image has in its window gives way: mf_init may have cleared it. */
static void clear_window(struct monitor *m)
{
	for (unsigned i = 0; i < m->image->segments; i++) {
		const struct image_segment *s = &m->image->segment[i];

		if (s->write && s->file > 0)
			memset(m->snapshot + (s->address - MF_ADDR_WINDOW), 0, s->file);
	}
}

bool keep_take(struct monitor *m)
{
	const struct mfw_kept want = head_of(m);
	const int fd = m->options.keep_fd, seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	struct mfw_kept head;

	if (fd == 0 || (fcntl(fd, F_GET_SEALS) & seals) != seals)
		return false;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		memcmp(&head, &want, sizeof(head)) != 0)
		return false;
	clear_window(m);
	return take_all(m, fd);
}

/* ------------------------------------------------------------------ leaving */

static bool put_page(int fd, const uint8_t *page, uint64_t at)
{
	return pwrite(fd, page, MF_PAGE, (off_t)at) == MF_PAGE;
}

static bool put_window(const struct monitor *m, int fd)
{
	static const uint8_t zero[MF_PAGE];

	for (uint64_t at = 0; at < m->layout.window_bytes; at += MF_PAGE)
		if (memcmp(m->snapshot + at, zero, MF_PAGE) != 0 &&
			!put_page(fd, m->snapshot + at, MF_PAGE + at))
			return false;
	return true;
}

/* Only what exists: a look at a page of shared memory would make it. */
static bool put_init(const struct monitor *m, int fd)
{
	const uint64_t from = m->layout.init_at, to = from + m->layout.init_bytes;
	off_t at = (off_t)from, end;

	while ((uint64_t)at < to && (at = lseek(m->fixed_fd, at, SEEK_DATA)) >= 0) {
		end = lseek(m->fixed_fd, at, SEEK_HOLE);
		if (end < 0)
			return false;
		for (; at < end && (uint64_t)at < to; at += MF_PAGE)
			if (!put_page(fd, m->fixed + at,
				    MF_PAGE + m->layout.window_bytes + ((uint64_t)at - from)))
				return false;
	}
	return true;
}

void keep_put(const struct monitor *m)
{
	const struct mfw_kept head = head_of(m);
	const int fd = m->options.keep_fd;

	if (fd != 0 && put_window(m, fd) && put_init(m, fd) &&
		pwrite(fd, &head, sizeof(head), 0) == sizeof(head))
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL);
}
