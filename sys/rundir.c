/* sys/rundir.c - where admin sockets are. */
#include "sys/rundir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOTS "/run/mayfly"

static int put(char to[static RUNDIR_PATH], const char *path, size_t n, const char *rest)
{
	int all = snprintf(to, RUNDIR_PATH, "%.*s%s", (int)n, path, rest);

	return all > 0 && (size_t)all < RUNDIR_PATH ? 0 : -ENAMETOOLONG;
}

/* The variable's value, if it is an absolute path. */
static const char *directory(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] == '/' ? value : NULL;
}

static int users_own(char to[static RUNDIR_PATH])
{
	const char *xdg = directory("XDG_RUNTIME_DIR");
	char uid[32];

	if (xdg)
		return put(to, xdg, strlen(xdg), "/mayfly");
	snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
	return put(to, "/tmp/mayfly-", strlen("/tmp/mayfly-"), uid);
}

int rundir_own(char to[static RUNDIR_PATH])
{
	const char *systemds = directory("RUNTIME_DIRECTORY");

	if (systemds) /* systemd.exec(5): several are separated by colons */
		return put(to, systemds, strcspn(systemds, ":"), "");
	if (geteuid() == 0)
		return put(to, ROOTS, strlen(ROOTS), "");
	return users_own(to);
}

unsigned rundir_all(char to[static RUNDIR_MOST][RUNDIR_PATH])
{
	unsigned n = rundir_own(to[0]) == 0;

	if (directory("RUNTIME_DIRECTORY")) /* whoever sets it means no other */
		return n;
	if (put(to[n], ROOTS, strlen(ROOTS), "") == 0 && (n == 0 || strcmp(to[0], to[n]) != 0))
		n++;
	if (geteuid() != 0 && users_own(to[n]) == 0 && strcmp(to[0], to[n]) != 0)
		n++;
	return n;
}

int rundir_make(const char *path, bool open)
{
	mode_t mask = umask(0);
	int err = mkdir(path, open ? 0755 : 0700) < 0 ? -errno : 0;
	struct stat st;

	umask(mask);
	if (err < 0 && err != -EEXIST)
		return err;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	/* in /tmp anybody could have made it before us; root may have been us, too */
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return 0;
}

enum rundir_socket rundir_probe(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	enum rundir_socket is = RUNDIR_ALIVE; /* if its backlog is full, too */
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path) || lstat(path, &st) < 0 ||
		!S_ISSOCK(st.st_mode))
		return RUNDIR_NONE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return RUNDIR_ALIVE;
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ECONNREFUSED)
			is = RUNDIR_DEAD;
		else if (errno == EACCES || errno == EPERM)
			is = RUNDIR_DENIED;
		else if (errno == ENOENT)
			is = RUNDIR_NONE;
	}
	close(fd);
	return is;
}
