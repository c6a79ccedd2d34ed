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

/* One page of the file, which has the window first and then the init area, both whole pages. What is
 * zero isn't touched here, unless mf_init cleared what the image has there. */
static void take_page(struct monitor *m, uint64_t at, const uint8_t *page)
{
	static const uint8_t zero[MF_PAGE];
	const uint64_t window = m->layout.window_bytes;

	if (at < window)
		monitor_keep_page(m, at, page);
	else if (memcmp(page, zero, MF_PAGE) != 0)
		memcpy(m->fixed + m->layout.init_at + (at - window), page, MF_PAGE);
}

static bool take_all(struct monitor *m, int fd)
{
	static uint8_t piece[16 * MF_PAGE];
	const uint64_t all = m->layout.window_bytes + m->layout.init_bytes;

	for (uint64_t at = 0; at < all; at += sizeof(piece)) {
		uint64_t part = all - at < sizeof(piece) ? all - at : sizeof(piece);

		if (!read_all(fd, piece, part, MF_PAGE + at))
			return false;
		for (uint64_t i = 0; i < part; i += MF_PAGE)
			take_page(m, at + i, piece + i);
	}
	return true;
}

bool keep_is_whole(int fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW, has = fcntl(fd, F_GET_SEALS);

	return has >= 0 && (has & seals) == seals;
}

bool keep_take(struct monitor *m)
{
	const struct mfw_kept want = head_of(m);
	const int fd = m->options.keep_fd;
	struct mfw_kept head;

	if (fd == 0 || !m->options.keep_whole)
		return false;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		memcmp(&head, &want, sizeof(head)) != 0)
		return false;
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
		if (m->filled[at / MF_PAGE] && memcmp(m->snapshot + at, zero, MF_PAGE) != 0 &&
			!put_page(fd, m->snapshot + at, MF_PAGE + at))
			return false;
	return true;
}

/* Where the next page of the init area is that may hold something; `to`: none. In memory that is
 * shared a look at a page would make it. */
static uint64_t next_page(const struct monitor *m, uint64_t at, uint64_t to)
{
	off_t data;

	if (m->fixed_fd < 0)
		return at;
	data = lseek(m->fixed_fd, (off_t)at, SEEK_DATA);
	return data < 0 || (uint64_t)data > to ? to : (uint64_t)data;
}

static bool put_init(const struct monitor *m, int fd)
{
	static const uint8_t zero[MF_PAGE];
	const uint64_t from = m->layout.init_at, to = from + m->layout.init_bytes;

	for (uint64_t at = from; (at = next_page(m, at, to)) < to; at += MF_PAGE)
		if (memcmp(m->fixed + at, zero, MF_PAGE) != 0 &&
			!put_page(
				fd, m->fixed + at, MF_PAGE + m->layout.window_bytes + (at - from)))
			return false;
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
