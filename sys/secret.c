/* sys/secret.c - see secret.h */
#include "sys/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fd.h"

static int bad(const char *what, const char *path, int err, const char *why, const char *help,
	char error[static SECRET_ERROR_MAX])
{
	snprintf(error, SECRET_ERROR_MAX, "%s \"%.200s\": %s%s%.200s", what, path, why,
		help ? ": type " : "", help ? help : "");
	return err;
}

static uid_t owner = (uid_t)-1;

void secret_owner(uid_t user)
{
	owner = user;
}

static bool is_ours(uid_t user)
{
	return user == 0 || user == geteuid() || (owner != (uid_t)-1 && user == owner);
}

/* The descriptor is looked at and not the path, which somebody might change meanwhile. */
static int check(int fd, const char *what, const char *path, char error[static SECRET_ERROR_MAX])
{
	char why[96], help[256];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return bad(what, path, -errno, strerror(errno), NULL, error);
	if (!S_ISREG(st.st_mode))
		return bad(what, path, -EACCES, "it is no regular file", NULL, error);
	if (!is_ours(st.st_uid)) {
		snprintf(why, sizeof(why), "it belongs to user %u, who may change it",
			(unsigned)st.st_uid);
		snprintf(help, sizeof(help), "chown %u %.180s", (unsigned)geteuid(), path);
		return bad(what, path, -EACCES, why, help, error);
	}
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) == 0)
		return 0;
	snprintf(why, sizeof(why), "others may read or change it, its mode is 0%03o",
		(unsigned)st.st_mode & 0777u);
	snprintf(help, sizeof(help), "chmod 600 %.180s", path);
	return bad(what, path, -EACCES, why, help, error);
}

int secret_open(const char *what, const char *path, char error[static SECRET_ERROR_MAX])
{
	/* not blocking: it may be a pipe that nobody writes to */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return bad(what, path, -errno, strerror(errno), NULL, error);
	err = check(fd, what, path, error);
	if (err == 0)
		return fd;
	fd_close(&fd);
	return err;
}

int secret_read(const char *what, const char *path, size_t most, char **text, size_t *n,
	char error[static SECRET_ERROR_MAX])
{
	int fd = secret_open(what, path, error), err;
	void *bytes = NULL;

	if (fd < 0)
		return fd;
	err = fd_read_all(fd, most, &bytes, n);
	fd_close(&fd);
	if (err < 0)
		return bad(what, path, err,
			err == -EFBIG ? "it is longer than any such file" : strerror(-err), NULL,
			error);
	*text = bytes;
	return 0;
}

static bool is_empty(struct mf_str line)
{
	size_t i = 0;

	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '\r'))
		i++;
	return i == line.n || line.p[i] == '#';
}

int secret_lines(const char *what, const char *path, struct mf_str text,
	const char *(*take)(void *context, struct mf_str line), void *context, const char *none,
	char error[static SECRET_ERROR_MAX])
{
	unsigned taken = 0;

	for (unsigned number = 1; text.n > 0; number++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		struct mf_str line = mf_str_of(text.p, n);
		const char *wrong = is_empty(line) ? NULL : take(context, line);

		if (wrong) {
			snprintf(error, SECRET_ERROR_MAX, "%s \"%.200s\": line %u: %s", what, path,
				number, wrong);
			return -EINVAL;
		}
		taken += !is_empty(line);
		n += end != NULL;
		text = mf_str_of(text.p + n, text.n - n);
	}
	return taken > 0 ? 0 : bad(what, path, -EINVAL, none, NULL, error);
}

void secret_free(char *text, size_t n)
{
	if (text)
		explicit_bzero(text, n);
	free(text);
}
