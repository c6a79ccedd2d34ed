/* hub/counters.c - see counters.h */
#include "hub/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/fd.h"

#define FILE_NAME "counters"
#define NEW_NAME  "counters.new"
#define FIRST     "mayfly counters 1"

/* -------------------------------------------------------------------- lists */

/* Where it is, or would be. */
static unsigned place(const struct counter_list *list, const char *name, bool *there)
{
	unsigned low = 0, high = list->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = strcmp(list->at[middle].name, name);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*there = false;
	return low;
}

static int raise_in(struct counter_list *list, const char *name, uint64_t counter)
{
	struct counter *more;
	bool there;
	unsigned i = place(list, name, &there);

	if (there) {
		more = &list->at[i];
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there, so there is a list */
		more->highest = counter > more->highest ? counter : more->highest;
		return 0;
	}
	more = reallocarray(list->at, list->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->at = more;
	memmove(&more[i + 1], &more[i], (list->count - i) * sizeof(*more));
	more[i] = (struct counter){.highest = counter};
	snprintf(more[i].name, sizeof(more[i].name), "%s", name);
	list->count++;
	return 0;
}

static void free_list(struct counter_list *list)
{
	free(list->at);
	*list = (struct counter_list){0};
}

static bool same(const struct counter_list *a, const struct counter_list *b)
{
	return a->count == b->count &&
		(a->count == 0 || memcmp(a->at, b->at, a->count * sizeof(*a->at)) == 0);
}

/* --------------------------------------------------------------------- text */

/* "NAME NUMBER", in the one way that counters_prepare writes it. */
static bool read_line(struct mf_str line, struct counter *to)
{
	char text[MFI_NAME_MAX + 24], again[sizeof(text)], name[sizeof(to->name)] = "";
	unsigned long long number;

	if (line.n >= sizeof(text) || memchr(line.p, 0, line.n))
		return false;
	memcpy(text, line.p, line.n);
	text[line.n] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): a number that doesn't fit isn't written back the same */
	if (sscanf(text, "%63[a-z0-9-] %20llu", name, &number) != 2)
		return false;
	snprintf(again, sizeof(again), "%s %llu", name, number);
	if (strcmp(text, again) != 0 || number > INT64_MAX)
		return false;
	memcpy(to->name, name, sizeof(name));
	to->highest = number;
	return true;
}

static int read_lines(struct mf_str text, struct counter_list *list, unsigned *number)
{
	for (*number = 1; text.n > 0; (*number)++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		struct mf_str line = mf_str_of(text.p, end ? (size_t)(end - text.p) : 0);
		struct counter counter;

		if (!end)
			return -EINVAL;
		text = mf_str_of(end + 1, text.n - line.n - 1);
		if (*number == 1) {
			if (!mf_str_is(line, FIRST))
				return -EINVAL;
			continue;
		}
		/* sorted, so each goes to the end */
		if (!read_line(line, &counter) ||
			(list->count > 0 &&
				strcmp(list->at[list->count - 1].name, counter.name) >= 0))
			return -EINVAL;
		if (raise_in(list, counter.name, counter.highest) < 0)
			return -ENOMEM;
	}
	return *number == 1 ? -EINVAL : 0;
}

int counters_parse(const char *text, size_t n, struct counter_list *list, unsigned *line)
{
	int rc;

	*list = (struct counter_list){0};
	rc = read_lines(mf_str_of(text, n), list, line);
	if (rc < 0)
		free_list(list);
	return rc;
}

static char *print(const struct counter_list *list, size_t *n)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, n);

	if (!to)
		return NULL;
	fputs(FIRST "\n", to);
	for (unsigned i = 0; i < list->count; i++)
		fprintf(to, "%s %llu\n", list->at[i].name, (unsigned long long)list->at[i].highest);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* --------------------------------------------------------------------- file */

static int load(
	struct counters *c, int dir, const char *state, char error[static COUNTERS_ERROR_MAX])
{
	int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	void *text = NULL;
	unsigned line = 0;
	size_t n = 0;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	rc = fd < 0 ? -errno : fd_read_all(fd, COUNTERS_FILE_MAX, &text, &n);
	fd_close(&fd);
	if (rc == 0)
		rc = counters_parse(text, n, &c->now, &line);
	free(text);
	if (rc == -EINVAL)
		snprintf(error, COUNTERS_ERROR_MAX,
			"state: \"%.300s/" FILE_NAME
			"\": line %u is damaged: mend it, or remove the "
			"file, if it is right that any release may run again",
			state, line);
	else if (rc < 0)
		snprintf(error, COUNTERS_ERROR_MAX, "state: \"%.300s/" FILE_NAME "\": %s", state,
			strerror(-rc));
	return rc;
}

int counters_open(
	struct counters *c, const char *state, bool check, char error[static COUNTERS_ERROR_MAX])
{
	int dir, rc;

	*c = (struct counters){.dir = -1};
	if (!state)
		return 0;
	dir = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && check && errno == ENOENT)
		return 0;
	if (dir < 0) {
		rc = -errno;
		snprintf(error, COUNTERS_ERROR_MAX, "state: \"%.300s\": %s", state, strerror(-rc));
		return rc;
	}
	rc = load(c, dir, state, error);
	if (check || rc < 0)
		close(dir);
	else
		c->dir = dir;
	return rc;
}

void counters_close(struct counters *c)
{
	counters_drop(c);
	free_list(&c->now);
	fd_close(&c->dir);
}

uint64_t counters_of(const struct counters *c, const char *name)
{
	bool there;
	unsigned i = place(&c->now, name, &there);

	return there ? c->now.at[i].highest : 0;
}

/* ------------------------------------------------------------------- change */

int counters_begin(struct counters *c)
{
	counters_drop(c);
	if (c->now.count > 0) {
		c->next.at = calloc(c->now.count, sizeof(*c->next.at));
		if (!c->next.at)
			return -ENOMEM;
		memcpy(c->next.at, c->now.at, c->now.count * sizeof(*c->next.at));
		c->next.count = c->now.count;
	}
	c->prepared = true;
	return 0;
}

int counters_raise(struct counters *c, const char *name, uint64_t counter)
{
	return raise_in(&c->next, name, counter);
}

static int write_new(struct counters *c, const char *text, size_t n)
{
	int fd = openat(
		c->dir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : fd_write_all(fd, text, n);

	c->written = fd >= 0;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	fd_close(&fd);
	return rc;
}

int counters_prepare(struct counters *c)
{
	size_t n = 0;
	char *text;
	int rc;

	if (c->dir < 0 || same(&c->now, &c->next))
		return 0;
	text = print(&c->next, &n);
	rc = text ? write_new(c, text, n) : -ENOMEM;
	free(text);
	return rc;
}

int counters_commit(struct counters *c)
{
	int rc = 0;

	if (!c->prepared)
		return 0;
	free_list(&c->now);
	c->now = c->next;
	if (c->written && (renameat(c->dir, NEW_NAME, c->dir, FILE_NAME) < 0 || fsync(c->dir) < 0))
		rc = -errno;
	c->next = (struct counter_list){0};
	c->prepared = c->written = false;
	return rc;
}

void counters_drop(struct counters *c)
{
	if (c->written)
		(void)unlinkat(c->dir, NEW_NAME, 0);
	free_list(&c->next);
	c->prepared = c->written = false;
}
