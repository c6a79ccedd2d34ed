/*
 * tests/faults/power.c - preloaded into a hub: what its database's files would be if the power failed now. In the
 * directory that MAYFLY_POWER names, which has a copy of them when the hub starts, mayfly.db and mayfly.db-wal are what was
 * flushed: each fdatasync and fsync copies the file as it is then. Nothing of what was written since survives.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 1024

static const char *const names[] = {"mayfly.db", "mayfly.db-wal"};
static int flushed[2] = {-1, -1};  /* opened before the hub's walls stand */
static unsigned char which[FILES]; /* by descriptor: one more than its name's number */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void)
{
	const char *directory = getenv("MAYFLY_POWER");
	char path[4096];

	for (unsigned i = 0; directory && i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		flushed[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (flushed[i] < 0)
			abort();
	}
}

static void note(int fd, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (fd < 0 || fd >= FILES)
		return;
	which[fd] = 0;
	for (unsigned i = 0; i < 2; i++)
		if (strcmp(name, names[i]) == 0)
			which[fd] = (unsigned char)(i + 1);
}

int open64(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...);
	va_list more;
	mode_t mode;
	int fd;

	*(void **)&real = dlsym(RTLD_NEXT, "open64");
	va_start(more, flags);
	mode = va_arg(more, mode_t);
	va_end(more);
	fd = real(path, flags, mode);
	note(fd, path);
	return fd;
}

/* The file as it is now. */
static char *read_all(int fd, size_t *n)
{
	struct stat is;
	char *all;

	if (fstat(fd, &is) < 0 || !(all = malloc((size_t)is.st_size + 1)))
		abort();
	*n = (size_t)is.st_size;
	if (pread(fd, all, *n, 0) != (ssize_t)*n)
		abort();
	return all;
}

static int flush(const char *call, int fd)
{
	int (*real)(int);
	int rc, saved, to;
	size_t n;
	char *all;

	*(void **)&real = dlsym(RTLD_NEXT, call);
	if (fd < 0 || fd >= FILES || which[fd] == 0)
		return real(fd);
	to = flushed[which[fd] - 1];
	pthread_mutex_lock(&lock);
	all = read_all(fd, &n); /* what others write meanwhile isn't flushed by this call */
	rc = real(fd);
	saved = errno;
	if (rc == 0 && (pwrite(to, all, n, 0) != (ssize_t)n || ftruncate(to, (off_t)n) < 0))
		abort();
	pthread_mutex_unlock(&lock);
	free(all);
	errno = saved;
	return rc;
}

int fdatasync(int fd)
{
	return flush("fdatasync", fd);
}

int fsync(int fd)
{
	return flush("fsync", fd);
}
