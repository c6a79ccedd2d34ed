/* hub/http/bearers.c - see tokens.h */
#include "hub/http/bearers.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/secret.h"
#include "sys/token.h"

#define FILE_MOST (BEARERS_MOST * 256u)

_Static_assert(BEARERS_ERROR_MAX >= SECRET_ERROR_MAX, "room for what is wrong with the file");

struct entry {
	char name[TOKEN_NAME + 1];
	uint8_t hash[TOKEN_HASH];
};

struct bearers {
	unsigned holds;
	char *path;
	struct entry *entry;
	unsigned count;
};

/* Which bits differ, all of them looked at. sodium_memcmp does the same, byte by byte: for 1024
 * tokens 160 us, in which the hub serves nobody else, instead of 2. */
static uint64_t difference(const uint8_t a[TOKEN_HASH], const uint8_t b[TOKEN_HASH])
{
	uint64_t x[TOKEN_HASH / 8], y[TOKEN_HASH / 8], d = 0;

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	for (unsigned i = 0; i < TOKEN_HASH / 8; i++)
		d |= x[i] ^ y[i];
	return d;
}

/* ---------------------------------------------------------------------- read */

/* Its name says who asks, so a token can't have two; a name may have two tokens. */
static const struct entry *same_hash(const struct bearers *t, const uint8_t hash[TOKEN_HASH])
{
	for (unsigned i = 0; i < t->count; i++)
		if (difference(t->entry[i].hash, hash) == 0)
			return &t->entry[i];
	return NULL;
}

static const char *add(void *context, struct mf_str line)
{
	struct bearers *t = context;
	struct entry e = {0}, *more;
	struct mf_str name;
	const char *wrong = token_read_line(line, &name, e.hash);

	if (wrong)
		return wrong;
	if (same_hash(t, e.hash))
		return "this token stands there already";
	if (t->count == BEARERS_MOST)
		return "there are more than 1024 tokens";
	memcpy(e.name, name.p, name.n);
	more = reallocarray(t->entry, t->count + 1, sizeof(*more));
	if (!more)
		return "no memory";
	t->entry = more;
	t->entry[t->count++] = e;
	return NULL;
}

int bearers_parse(struct bearers **bearers, const char *path, struct mf_str text,
	char error[static BEARERS_ERROR_MAX])
{
	struct bearers *t = calloc(1, sizeof(*t));
	int err;

	if (t)
		t->path = strdup(path);
	if (!t || !t->path) {
		free(t);
		snprintf(error, BEARERS_ERROR_MAX, "tokens \"%.200s\": no memory", path);
		return -ENOMEM;
	}
	t->holds = 1;
	err = secret_lines("tokens", path, text, add, t,
		"there is none in it: mayfly token new NAME makes one", error);
	if (err < 0)
		bearers_drop(t);
	else
		*bearers = t;
	return err;
}

int bearers_read(struct bearers **bearers, const char *path, char error[static BEARERS_ERROR_MAX])
{
	char *text;
	size_t n;
	int err = secret_read("tokens", path, FILE_MOST, &text, &n, error);

	if (err < 0)
		return err;
	err = bearers_parse(bearers, path, mf_str_of(text, n), error);
	secret_free(text, n); /* somebody may have put a token there instead of its hash */
	return err;
}

struct bearers *bearers_hold(struct bearers *bearers)
{
	bearers->holds++;
	return bearers;
}

void bearers_drop(struct bearers *bearers)
{
	if (!bearers || --bearers->holds > 0)
		return;
	free(bearers->path);
	free(bearers->entry);
	free(bearers);
}

const char *bearers_path(const struct bearers *bearers)
{
	return bearers->path;
}

/* ---------------------------------------------------------------------- find */

/* All are compared, without a branch. At most one is the same. */
const char *bearers_find(const struct bearers *bearers, struct mf_str token)
{
	uint8_t hash[TOKEN_HASH];
	unsigned found = 0;

	token_hash(token, hash);
	for (unsigned i = 0; i < bearers->count; i++)
		found += (i + 1) * (difference(bearers->entry[i].hash, hash) == 0);
	if (found == 0 || sodium_memcmp(bearers->entry[found - 1].hash, hash, sizeof(hash)) != 0)
		return NULL;
	return bearers->entry[found - 1].name;
}
