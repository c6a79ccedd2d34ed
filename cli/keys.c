/* cli/keys.c - see keys.h */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "cli/password.h"

#define KEY_FILE_MAX 4096

void keys_guard(void)
{
	prctl(PR_SET_DUMPABLE, 0);
}

static int cant_read(const char *command, const char *path, int rc)
{
	int status = rc == -ENOENT ? STATUS_NOT_FOUND
		: rc == -EACCES    ? STATUS_DENIED
				   : STATUS_USAGE;

	return out_say(command, status, "\"%s\": %s", path,
		rc == -EFBIG ? "too long for a key" : strerror(-rc));
}

int keys_public(const char *command, const char *key, struct sign_key *to)
{
	char error[SIGNATURE_ERROR_MAX];
	uint8_t *text;
	size_t n;
	int rc;

	if (sign_key_is_text(key)) {
		rc = sign_key_parse(key, strlen(key), to, error);
	} else {
		rc = out_read_file(key, KEY_FILE_MAX, &text, &n);
		if (rc < 0)
			return cant_read(command, key, rc);
		rc = sign_key_parse((char *)text, n, to, error);
		free(text);
	}
	return rc == 0 ? STATUS_OK : out_say(command, STATUS_USAGE, "\"%s\": %s", key, error);
}

/* ------------------------------------------------------------------- secret */

static void warn_if_open(const char *command, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		out_say(command, 0, "\"%s\": others can read this secret key: chmod 600 %s", path,
			path);
}

static int unlock(const char *command, const char *path, const char *password_file,
	const uint8_t *text, size_t n, struct secret_key *to)
{
	char error[SIGNATURE_ERROR_MAX], password[PASSWORD_MAX];
	int rc = secret_parse((const char *)text, n, NULL, to, error), status;

	if (rc == -ENOKEY) {
		status = password_get(command, password_file, path, false, password);
		if (status == STATUS_OK)
			rc = secret_parse((const char *)text, n, password, to, error);
		sodium_memzero(password, sizeof(password));
		if (status != STATUS_OK)
			return status;
	}
	if (rc == 0)
		return STATUS_OK;
	return out_say(
		command, rc == -EACCES ? STATUS_DENIED : STATUS_USAGE, "\"%s\": %s", path, error);
}

int keys_secret(
	const char *command, const char *path, const char *password_file, struct secret_key *to)
{
	uint8_t *text;
	size_t n;
	int rc = out_read_file(path, KEY_FILE_MAX, &text, &n), status;

	if (rc < 0)
		return cant_read(command, path, rc);
	status = unlock(command, path, password_file, text, n, to);
	if (status == STATUS_OK)
		warn_if_open(command, path);
	sodium_memzero(text, n);
	free(text);
	return status;
}

/* -------------------------------------------------------------------- image */

int keys_image(const char *command, const char *path, int wrong, struct image *image)
{
	char error[IMAGE_ERROR_MAX] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return out_say(command, errno == EACCES ? STATUS_DENIED : STATUS_NOT_FOUND,
			"\"%s\": %s", path, strerror(errno));
	rc = image_open(image, fd, error);
	close(fd);
	return rc == 0 ? STATUS_OK : out_say(command, wrong, "\"%s\": %s", path, error);
}
