/*
 * sys/secret.h - files that hold secrets: keys, tokens. One that others may read or change is
 * refused, with what to do about it; what was read is wiped when it is given back.
 *
 * A file will do if it is a regular one, belongs to root, to the user of this process or to the one
 * that it will become (secret_owner), and its mode lets nobody else read, nor the group write: 0600,
 * 0400, 0640, 0440.
 */
#ifndef SYS_SECRET_H
#define SYS_SECRET_H

#include <stddef.h>
#include <sys/types.h>

#include "base/str.h"

#define SECRET_ERROR_MAX 512

/* Whose files will do besides: for a process that reads as root what it will read again as this one. */
void secret_owner(uid_t user);

/* Opens it to be read. -errno with one line in error that begins with WHAT "PATH": ; -EACCES: others
 * may read or change it. */
int secret_open(const char *what, const char *path, char error[static SECRET_ERROR_MAX]);
/* All that is in it, at most `most` bytes, with a zero byte behind them; for secret_free. */
int secret_read(const char *what, const char *path, size_t most, char **text, size_t *n,
	char error[static SECRET_ERROR_MAX]);
/* Gives `take` each line of `text` that isn't empty and doesn't begin with '#', until that says what is
 * wrong with one: -EINVAL with WHAT "PATH": line N: and its words in error. Where there is no such line,
 * WHAT "PATH": and `none`. */
int secret_lines(const char *what, const char *path, struct mf_str text,
	const char *(*take)(void *context, struct mf_str line), void *context, const char *none,
	char error[static SECRET_ERROR_MAX]);
/* Wipes and frees; NULL is fine. */
void secret_free(char *text, size_t n);

#endif
