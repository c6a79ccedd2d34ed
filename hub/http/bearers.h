/*
 * hub/http/bearers.h - a file of bearer tokens: a line each, NAME sha256:HASH, which `mayfly token`
 * makes (sys/token.h); '#' begins a comment. Of a token only its hash is here.
 *
 * Several routes share a file, and a reload reads it anew while requests are checked against what
 * was read before: so it is counted who holds it. One thread.
 */
#ifndef HUB_HTTP_BEARERS_H
#define HUB_HTTP_BEARERS_H

#include <stddef.h>

#include "base/str.h"

#define BEARERS_ERROR_MAX 512
#define BEARERS_MOST      1024u /* lines of one file; all are compared with each token that comes */

struct bearers;

/* Reads the file. -errno with one line in error: -EACCES: others may read or change it; -EINVAL with the
 * file's line: what stands there is no token, or one of another name. */
int bearers_read(struct bearers **bearers, const char *path, char error[static BEARERS_ERROR_MAX]);
/* The same of text that is there; `path` is for messages. */
int bearers_parse(struct bearers **bearers, const char *path, struct mf_str text,
	char error[static BEARERS_ERROR_MAX]);
struct bearers *bearers_hold(struct bearers *bearers);
void bearers_drop(struct bearers *bearers); /* NULL is fine */
const char *bearers_path(const struct bearers *bearers);

/* Whose token this is; NULL: nobody's. It takes as long whichever it is, and if it is none. */
const char *bearers_find(const struct bearers *bearers, struct mf_str token);

#endif
