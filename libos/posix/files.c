/*
 * posix: files that can be read: what is attached, under its name, with or without a "/" or "./" in
 * front; and the payload of the event as standard input.
 */
#include "libos/mayfly.h"
#include "libos/place.h"
#include "libos/posix/posix.h"

#define FILES 32u /* open at once */

static struct file {
	struct mf_str bytes;
	uint64_t at; /* how far it has been read */
	bool open;
} files[FILES];

static uint64_t input_at; /* the same of the payload */

static struct mf_str payload(void)
{
	return place_in_init() ? mf_str_of(NULL, 0) : mf_payload(place_event());
}

static struct mf_str attached(const char *path)
{
	if (path[0] == '.' && path[1] == '/')
		path++;
	while (path[0] == '/')
		path++;
	return mf_data(path);
}

static struct file *file_of(long fd)
{
	uint64_t i = (uint64_t)fd - POSIX_FILE_FIRST;

	return i < FILES && files[i].open ? &files[i] : NULL;
}

/* The bytes behind a descriptor, and where it stands in them; NULL: it has none. */
static uint64_t *place_of(long fd, struct mf_str *bytes)
{
	struct file *file = file_of(fd);

	if (fd == 0) {
		*bytes = payload();
		return &input_at;
	}
	if (file == NULL)
		return NULL;
	*bytes = file->bytes;
	return &file->at;
}

long posix_open(const char *path, uint64_t flags)
{
	const uint64_t to_write = 3 | 0100 | 01000 | 02000; /* O_ACCMODE O_CREAT O_TRUNC O_APPEND */
	struct mf_str bytes = attached(path);

	if (flags & to_write)
		return -POSIX_EROFS;
	if (bytes.p == NULL)
		return -POSIX_ENOENT;
	for (unsigned i = 0; i < FILES; i++)
		if (!files[i].open) {
			files[i] = (struct file){.bytes = bytes, .open = true};
			return (long)i + POSIX_FILE_FIRST;
		}
	return -POSIX_EMFILE;
}

long posix_close(long fd)
{
	struct file *file = file_of(fd);

	if (file == NULL && (fd < 0 || fd >= POSIX_FILE_FIRST))
		return -POSIX_EBADF;
	if (file != NULL)
		file->open = false;
	return 0;
}

long posix_read(long fd, const struct posix_iovec *to, size_t count)
{
	struct mf_str bytes;
	uint64_t *at = place_of(fd, &bytes);
	long got = 0;

	if (at == NULL)
		return -POSIX_EBADF;
	for (size_t i = 0; i < count && *at < bytes.n; i++) {
		uint64_t left = bytes.n - *at, n = to[i].n < left ? to[i].n : left;

		memcpy(to[i].p, bytes.p + *at, n);
		*at += n;
		got += (long)n;
	}
	return got;
}

long posix_seek(long fd, int64_t to, long whence)
{
	struct mf_str bytes;
	uint64_t *at = place_of(fd, &bytes);
	int64_t from;

	if (at == NULL)
		return fd == 1 || fd == 2 ? -POSIX_ESPIPE : -POSIX_EBADF;
	from = whence == 0 ? 0 : whence == 1 ? (int64_t)*at : (int64_t)bytes.n;
	if (whence < 0 || whence > 2 || (to < 0 && -(uint64_t)to > (uint64_t)from))
		return -POSIX_EINVAL;
	if (__builtin_add_overflow(from, to, &from))
		return -POSIX_EOVERFLOW;
	*at = (uint64_t)from;
	return from;
}

/* ------------------------------------------------------------------- stat */

/* Linux's struct stat on x86-64. */
struct linux_stat {
	uint64_t device, inode, links;
	uint32_t mode, user, group, pad;
	uint64_t rdev;
	int64_t size, block_size, blocks, times[6], reserved[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of x86-64");

#define MODE_FILE   0100444u
#define MODE_DEVICE 0020222u

/* Times are 0: when a file was attached is nothing that two equal lives agree about. */
static void fill_stat(struct linux_stat *to, uint32_t mode, size_t size)
{
	*to = (struct linux_stat){.links = 1,
		.mode = mode,
		.size = (int64_t)size,
		.block_size = MF_PAGE,
		.blocks = (int64_t)((size + 511) / 512)};
}

long posix_stat(const char *path, void *to)
{
	struct mf_str bytes = attached(path);

	if (bytes.p == NULL)
		return -POSIX_ENOENT;
	fill_stat(to, MODE_FILE, bytes.n);
	return 0;
}

long posix_fstat(long fd, void *to)
{
	struct mf_str bytes = {NULL, 0};

	if (fd == 1 || fd == 2) {
		fill_stat(to, MODE_DEVICE, 0);
		return 0;
	}
	if (place_of(fd, &bytes) == NULL)
		return -POSIX_EBADF;
	fill_stat(to, MODE_FILE, bytes.n);
	return 0;
}

long posix_access(const char *path, uint64_t mode)
{
	const uint64_t write = 2, execute = 1;

	if (attached(path).p == NULL)
		return -POSIX_ENOENT;
	if (mode & write)
		return -POSIX_EROFS;
	return mode & execute ? -POSIX_EACCES : 0;
}
