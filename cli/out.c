/*
 * cli/out.c - see cli/out.h.
 */
#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "sys/log.h"

int out_say(const char *command, int status, const char *format, ...)
{
	char line[1024], clean[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	fprintf(stderr, "mayfly: %s: %s\n", command,
		log_clean(clean, sizeof(clean), line, strlen(line)));
	return status;
}

bool out_format(const char *command, const char *word, bool *json)
{
	*json = strcmp(word, "json") == 0;
	if (*json || strcmp(word, "text") == 0)
		return true;
	out_say(command, 0, "-o \"%s\": write one of text, json", word);
	return false;
}

int out_end(const char *command, int status)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return out_say(
			command, STATUS_FAILED, "can't write to stdout: %s", strerror(errno));
	return status;
}

int out_json(const char *command, int status, json_t *object)
{
	if (!object ||
		json_dumpf(object, stdout,
			JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) != 0)
		status = out_say(command, STATUS_FAILED, "can't write JSON to stdout");
	putchar('\n');
	json_decref(object);
	return out_end(command, status);
}

json_t *out_text(const char *text)
{
	size_t n = strlen(text), room = 4 * n + 1;
	json_t *string = json_string(text);
	char *clean = string ? NULL : malloc(room);

	if (clean)
		string = json_string(log_clean(clean, room, text, n));
	free(clean);
	return string;
}

const char *out_hex(const uint8_t *bytes, size_t n, char *to)
{
	for (size_t i = 0; i < n; i++)
		sprintf(to + 2 * i, "%02x", bytes[i]);
	to[2 * n] = '\0';
	return to;
}

static int read_all(int fd, size_t max, uint8_t **bytes, size_t *size)
{
	struct stat st;
	size_t room;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	room = (size_t)st.st_size;
	*bytes = malloc(room + 1);
	if (!*bytes)
		return -ENOMEM;
	*size = 0;
	while (*size < room) {
		ssize_t n = read(fd, *bytes + *size, room - *size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int rc = -errno;

			free(*bytes);
			return rc;
		}
		if (n == 0)
			break;
		*size += (size_t)n;
	}
	(*bytes)[*size] = 0;
	return 0;
}

int out_read_file(const char *path, size_t max, uint8_t **bytes, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = read_all(fd, max, bytes, size);
	close(fd);
	return rc;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int replace_file(const char *path, const void *bytes, size_t size, mode_t mode)
{
	char *temporary;
	int fd, rc;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		free(temporary);
		return rc;
	}
	rc = write_all(fd, bytes, size);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc)
		unlink(temporary);
	free(temporary);
	return rc;
}

int out_write_file(const char *path, const void *bytes, size_t size)
{
	mode_t mask = umask(0);

	umask(mask);
	return replace_file(path, bytes, size, 0666 & ~mask);
}

int out_write_secret(const char *path, const void *bytes, size_t size)
{
	return replace_file(path, bytes, size, 0600);
}
