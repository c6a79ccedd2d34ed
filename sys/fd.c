/* sys/fd.c - file descriptors. */
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

#define OPEN_FILE (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* `fd`, as open() gave it, if it is a file; else it is closed. */
static int only_file(int fd)
{
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) < 0      ? -errno
		: S_ISDIR(st.st_mode) ? -EISDIR
		: S_ISREG(st.st_mode) ? 0
				      : -ENXIO;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

int fd_open_file(const char *path)
{
	return only_file(open(path, OPEN_FILE));
}

int fd_open_below(int dir, const char *name)
{
	struct open_how how = {.flags = OPEN_FILE, .resolve = RESOLVE_BENEATH};

	return only_file((int)syscall(SYS_openat2, dir, name, &how, sizeof(how)));
}

const char *fd_open_error(int err)
{
	switch (err) {
	case -EXDEV: return "it is a link that leads out of the directory";
	case -ENXIO: return "it is not a regular file";
	case -EWOULDBLOCK: return "another process has a lease on it";
	default: return strerror(-err);
	}
}

int fd_dup_from(int fd, int least)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, least);

	return copy < 0 ? -errno : copy;
}

static int seal(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) < 0
		? -errno
		: 0;
}

int fd_memory(const char *name, size_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0)
		err = -errno;
	if (err == 0)
		err = seal(fd, 0);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int fd_memory_sealed(const char *name, const void *content, size_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	err = fd_write_all(fd, content, bytes);
	if (err == 0)
		err = seal(fd, F_SEAL_WRITE);
	if (err == 0 && lseek(fd, 0, SEEK_SET) < 0)
		err = -errno;
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int fd_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t written = write(fd, p, n);

		if (written < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += written;
		n -= (size_t)written;
	}
	return 0;
}

/* Reads to the end, or until `size` is full; the number of bytes. */
static ssize_t read_some(int fd, char *to, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, to + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int fd_read_all(int fd, size_t most, void **out, size_t *out_size)
{
	size_t room = 4096, have = 0;
	char *bytes = NULL;
	struct stat st;
	int err = 0;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0)
		room = (size_t)st.st_size + 1;
	for (;;) {
		ssize_t n;
		char *grown;

		if (room > most + 1)
			room = most + 1;
		grown = realloc(bytes, room + 1);
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		bytes = grown;
		n = read_some(fd, bytes + have, room - have);
		if (n < 0) {
			err = (int)n;
			break;
		}
		have += (size_t)n;
		if (have > most)
			err = -EFBIG;
		if (have > most || have < room)
			break;
		room *= 2;
	}
	if (err < 0) {
		free(bytes);
		return err;
	}
	bytes[have] = '\0';
	*out = bytes;
	*out_size = have;
	return 0;
}

int fd_set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}
