/* hub/state.c - see state.h */
#include "hub/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/setup.h"
#include "sys/fd.h"

#define LOCK "lock"

static int cant(const char *path, int err, char error[static HUB_ERROR_MAX])
{
	snprintf(error, HUB_ERROR_MAX, "state: \"%s\": %s%s", path, strerror(-err),
		err == -ENOENT ? ": only the last directory of the path is made" : "");
	return err == -ENOENT ? SETUP_NOT_FOUND : SETUP_FAILED;
}

/* Who has the lock wrote its process id there. */
static int in_use(const char *path, int fd, char error[static HUB_ERROR_MAX])
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
	snprintf(error, HUB_ERROR_MAX,
		"state: \"%s\" is in use by another hub, process %s: end it, or give each a "
		"directory of its own",
		path, text[0] ? text : "unknown");
	return SETUP_FAILED;
}

static int sign(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return -errno;
	return 0;
}

static int lock(
	const char *path, int dir, bool check, int *lock_fd, char error[static HUB_ERROR_MAX])
{
	int fd = openat(dir, LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (check ? 0 : O_CREAT), 0600);
	int status = 0, err;

	if (fd < 0 && check && errno == ENOENT)
		return 0;
	if (fd < 0)
		return cant(path, -errno, error);
	err = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (err == -EWOULDBLOCK) {
		status = in_use(path, fd, error);
		if (check)
			log_warn("%s; fine if that is a hub which will be told to reload", error);
	} else if (err == 0 && !check) {
		err = sign(fd);
	}
	if (status == 0 && err < 0)
		status = cant(path, err, error);
	if (status == 0 && !check)
		*lock_fd = fd;
	else
		close(fd);
	return check && err == -EWOULDBLOCK ? 0 : status;
}

int state_open(const char *path, bool check, int *fd, char error[static HUB_ERROR_MAX])
{
	int dir, status;

	if (!check && mkdir(path, 0700) < 0 && errno != EEXIST)
		return cant(path, -errno, error);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && check && errno == ENOENT)
		return 0;
	if (dir < 0)
		return cant(path, -errno, error);
	status = lock(path, dir, check, fd, error);
	close(dir);
	return status;
}
