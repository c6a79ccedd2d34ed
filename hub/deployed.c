/* hub/deployed.c - see deployed.h */
#include "hub/deployed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/fd.h"

#define DIRECTORY "deployed"
#define LIST      "list"
#define NEW_LIST  "list.new"
#define INCOMING  "incoming"
#define FIRST     "mayfly deployed 1\n"
#define YOUNG_S   600
#define LIST_MAX  (1u << 20)

/* ------------------------------------------------------------------ digests */

void deployed_digest_text(const uint8_t digest[static DEPLOYED_DIGEST], char to[static 65])
{
	for (unsigned i = 0; i < DEPLOYED_DIGEST; i++)
		snprintf(to + 2 * i, 3, "%02x", digest[i]);
}

bool deployed_digest_read(struct mf_str text, uint8_t to[static DEPLOYED_DIGEST])
{
	if (text.n != 2 * DEPLOYED_DIGEST)
		return false;
	for (unsigned i = 0; i < DEPLOYED_DIGEST; i++) {
		int byte = num_hex_byte(text.p + 2 * i, 2);

		if (byte < 0 || (text.p[2 * i] >= 'A' && text.p[2 * i] <= 'F') ||
			(text.p[2 * i + 1] >= 'A' && text.p[2 * i + 1] <= 'F'))
			return false;
		to[i] = (uint8_t)byte;
	}
	return true;
}

int deployed_digest_of(const char *path, uint8_t to[static DEPLOYED_DIGEST])
{
	crypto_hash_sha256_state hash;
	static uint8_t piece[65536];
	int fd = fd_open_file(path), rc = fd < 0 ? fd : 0;
	ssize_t n = 1;

	if (rc < 0)
		return rc;
	(void)crypto_hash_sha256_init(&hash);
	while (n > 0) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			(void)crypto_hash_sha256_update(&hash, piece, (size_t)n);
	}
	rc = n < 0 ? -errno : 0;
	close(fd);
	(void)crypto_hash_sha256_final(&hash, to);
	return rc;
}

/* --------------------------------------------------------------------- lines */

/* The next word of a line; empty: there is none. */
static struct mf_str word(struct mf_str *line)
{
	struct mf_str w = *line;

	w.n = 0;
	while (w.n < line->n && line->p[w.n] != ' ')
		w.n++;
	*line = w.n < line->n ? mf_str_of(line->p + w.n + 1, line->n - w.n - 1)
			      : mf_str_of(line->p + line->n, 0);
	return w;
}

static bool is_none(struct mf_str text)
{
	return mf_str_is(text, "-");
}

/* A digest, or "-". */
static bool read_some(struct mf_str text, bool *has, uint8_t to[static DEPLOYED_DIGEST])
{
	*has = !is_none(text);
	return !*has || deployed_digest_read(text, to);
}

static bool is_name(struct mf_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text.p[i]) || !text.p[i])
			return false;
	return text.n > 0 && text.n <= MFI_NAME_MAX;
}

static bool read_line(struct mf_str line, struct deployed *to)
{
	struct mf_str name = word(&line), base = word(&line), now = word(&line);
	struct mf_str before = word(&line), trial = word(&line), counter = word(&line);

	*to = (struct deployed){.allowed = !is_none(counter)};
	if (!is_name(name) || !deployed_digest_read(base, to->base) ||
		!deployed_digest_read(now, to->now) ||
		!read_some(before, &to->has_before, to->before) ||
		!read_some(trial, &to->has_trial, to->trial) ||
		(to->allowed && !num_parse(counter, &to->counter)) || line.n == 0 ||
		line.n >= sizeof(to->image) || memchr(line.p, 0, line.n))
		return false;
	memcpy(to->name, name.p, name.n);
	memcpy(to->image, line.p, line.n);
	return true;
}

static void write_some(FILE *to, bool has, const uint8_t digest[static DEPLOYED_DIGEST])
{
	char text[65] = "-";

	if (has)
		deployed_digest_text(digest, text);
	fprintf(to, " %s", text);
}

static void write_line(FILE *to, const struct deployed *d)
{
	fputs(d->name, to);
	write_some(to, true, d->base);
	write_some(to, true, d->now);
	write_some(to, d->has_before, d->before);
	write_some(to, d->has_trial, d->trial);
	if (d->allowed)
		fprintf(to, " %llu", (unsigned long long)d->counter);
	else
		fputs(" -", to);
	fprintf(to, " %s\n", d->image);
}

/* The number of the line that is wrong; 0: none; -ENOMEM. */
static int parse(struct deployments *d, struct mf_str text)
{
	struct deployed **end = &d->list;
	int line = 1;

	if (text.n < sizeof(FIRST) - 1 || memcmp(text.p, FIRST, sizeof(FIRST) - 1) != 0)
		return 1;
	text = mf_str_of(text.p + sizeof(FIRST) - 1, text.n - (sizeof(FIRST) - 1));
	while (text.n > 0) {
		const uint8_t *stop = memchr(text.p, '\n', text.n);
		size_t n = stop ? (size_t)(stop - text.p) : 0;
		struct deployed *one = malloc(sizeof(*one));

		line++;
		if (!one)
			return -ENOMEM;
		if (!stop || !read_line(mf_str_of(text.p, n), one)) {
			free(one);
			return line;
		}
		*end = one;
		end = &one->next;
		text = mf_str_of(text.p + n + 1, text.n - n - 1);
	}
	return 0;
}

/* -------------------------------------------------------------------- files */

static int load(struct deployments *d, char error[static DEPLOYED_ERROR_MAX])
{
	int fd = openat(d->dir, LIST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;
	void *text = NULL;
	size_t n = 0;

	if (fd < 0 && errno == ENOENT)
		return 0;
	rc = fd < 0 ? -errno : fd_read_all(fd, LIST_MAX, &text, &n);
	fd_close(&fd);
	if (rc < 0) {
		snprintf(error, DEPLOYED_ERROR_MAX, "state: \"%.300s/" LIST "\": %s", d->path,
			strerror(-rc));
		return rc;
	}
	rc = parse(d, mf_str_of(text, n));
	free(text);
	if (rc > 0)
		snprintf(error, DEPLOYED_ERROR_MAX,
			"state: \"%.300s/" LIST
			"\": line %d is damaged: mend it, or remove the file: then the images that "
			"hub.yaml names run",
			d->path, rc);
	else if (rc < 0)
		snprintf(error, DEPLOYED_ERROR_MAX, "state: no memory");
	return rc > 0 ? -EINVAL : rc;
}

static int open_directory(struct deployments *d)
{
	d->dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->dir < 0 ? -errno : 0;
}

int deployed_open(struct deployments *d, const char *state, char error[static DEPLOYED_ERROR_MAX])
{
	int rc;

	*d = (struct deployments){.dir = -1};
	if (!state)
		return 0;
	if ((size_t)snprintf(d->path, sizeof(d->path), "%s/" DIRECTORY, state) >= sizeof(d->path)) {
		snprintf(error, DEPLOYED_ERROR_MAX, "state: its path is too long");
		return -ENAMETOOLONG;
	}
	rc = open_directory(d);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		snprintf(
			error, DEPLOYED_ERROR_MAX, "state: \"%.300s\": %s", d->path, strerror(-rc));
	return rc < 0 ? rc : load(d, error);
}

void deployed_close(struct deployments *d)
{
	for (struct deployed *next; d->list; d->list = next) {
		next = d->list->next;
		free(d->list);
	}
	fd_close(&d->dir);
}

static int need_directory(struct deployments *d)
{
	int rc;

	if (d->dir >= 0)
		return 0;
	if (d->path[0] == '\0')
		return -ENOENT;
	if (mkdir(d->path, 0700) < 0 && errno != EEXIST)
		return -errno;
	rc = open_directory(d);
	return rc;
}

static char *print(const struct deployments *d, size_t *n)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, n);
	bool bad;

	if (!to)
		return NULL;
	fputs(FIRST, to);
	for (const struct deployed *one = d->list; one; one = one->next)
		write_line(to, one);
	bad = ferror(to);
	bad |= fclose(to) != 0;
	if (bad) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_file(struct deployments *d, const char *text, size_t n)
{
	int fd = openat(
		d->dir, NEW_LIST, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : fd_write_all(fd, text, n);

	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	fd_close(&fd);
	if (rc == 0 && (renameat(d->dir, NEW_LIST, d->dir, LIST) < 0 || fsync(d->dir) < 0))
		rc = -errno;
	return rc;
}

static int save(struct deployments *d)
{
	size_t n = 0;
	int rc = need_directory(d);
	char *text = rc == 0 ? print(d, &n) : NULL;

	if (rc == 0)
		rc = text ? write_file(d, text, n) : -ENOMEM;
	free(text);
	return rc;
}

/* ------------------------------------------------------------------- the list */

struct deployed *deployed_find(const struct deployments *d, const char *name)
{
	struct deployed *one = d->list;

	while (one && strcmp(one->name, name) != 0)
		one = one->next;
	return one;
}

int deployed_put(struct deployments *d, const struct deployed *deployed)
{
	struct deployed *there = deployed_find(d, deployed->name), before;
	struct deployed *made = there ? there : malloc(sizeof(*made));
	int rc;

	if (!made)
		return -ENOMEM;
	if (there) {
		before = *there;
		*there = *deployed;
		there->next = before.next;
	} else {
		*made = *deployed;
		made->next = d->list;
		d->list = made;
	}
	rc = strchr(deployed->image, '\n') ? -EINVAL : save(d);
	if (rc == 0)
		return 0;
	if (there) {
		*there = before;
	} else {
		d->list = made->next;
		free(made);
	}
	return rc;
}

int deployed_forget_stale(struct deployments *d, void (*say)(const struct deployed *deployed))
{
	bool any = false;

	for (struct deployed **at = &d->list; *at;) {
		struct deployed *one = *at;

		if (!one->stale) {
			at = &one->next;
			continue;
		}
		say(one);
		*at = one->next;
		free(one);
		any = true;
	}
	return any ? save(d) : 0;
}

static bool is(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DEPLOYED_DIGEST) == 0;
}

static bool is_named(const struct deployments *d, const uint8_t digest[static DEPLOYED_DIGEST])
{
	for (const struct deployed *one = d->list; one; one = one->next)
		if (is(one->now, digest) || (one->has_before && is(one->before, digest)) ||
			(one->has_trial && is(one->trial, digest)))
			return true;
	return false;
}

/* "<SHA-256>[+VARIANT]", with `end` behind it. */
static bool is_image(struct mf_str name, const char *end, uint8_t digest[static DEPLOYED_DIGEST])
{
	const size_t n = 2 * DEPLOYED_DIGEST, m = strlen(end);
	struct mf_str variant;

	if (name.n < n + m || !deployed_digest_read(mf_str_of(name.p, n), digest) ||
		memcmp(name.p + name.n - m, end, m) != 0)
		return false;
	variant = mf_str_of(name.p + n, name.n - n - m);
	return variant.n == 0 ||
		(variant.p[0] == '+' && variant.n <= MFI_VARIANT_MAX + 1 &&
			is_name(mf_str_of(variant.p + 1, variant.n - 1)));
}

static bool is_young(const struct deployments *d, const char *file)
{
	struct stat st;

	return fstatat(d->dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtim.tv_sec + YOUNG_S > time(NULL);
}

void deployed_tidy(struct deployments *d, const uint8_t *but, bool young)
{
	int fd = d->dir < 0 ? -1 : openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *all = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!all) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(all))) {
		uint8_t digest[DEPLOYED_DIGEST];

		if (is_image(mf_str_of(e->d_name, strlen(e->d_name)), ".mfy", digest) &&
			!is_named(d, digest) && !(but && is(but, digest)) &&
			!(young && is_young(d, e->d_name)))
			(void)unlinkat(d->dir, e->d_name, 0);
	}
	closedir(all);
}

bool deployed_path(const struct deployments *d, const uint8_t digest[static DEPLOYED_DIGEST],
	char to[static PATH_MAX])
{
	char text[65];

	deployed_digest_text(digest, text);
	return snprintf(to, PATH_MAX, "%.*s/%s.mfy", PATH_MAX - 80, d->path, text) < PATH_MAX - 8;
}

/* ------------------------------------------------------------------- incoming */

/* For one more of this name, unless it is there. */
static bool there_is_room(const struct deployments *d, struct mf_str name)
{
	const bool variant = memchr(name.p, '+', name.n) != NULL;
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *all = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	unsigned n = 0;

	if (!all)
		fd_close(&fd);
	while (all && (e = readdir(all))) {
		const struct mf_str file = mf_str_of(e->d_name, strlen(e->d_name));
		uint8_t other[DEPLOYED_DIGEST];

		if (is_image(file, ".mfy", other) && !strchr(e->d_name, '+') == !variant)
			n += file.n != name.n + strlen(".mfy") ||
				memcmp(file.p, name.p, name.n) != 0;
	}
	if (all)
		closedir(all);
	return n < (variant ? DEPLOYED_VARIANTS : DEPLOYED_FILES);
}

static int begin(struct deployments *d, struct mf_str name, uint64_t size)
{
	uint8_t digest[DEPLOYED_DIGEST];
	int rc = need_directory(d), fd;

	if (rc < 0)
		return rc;
	(void)is_image(name, "", digest);
	if (size > MFI_FILE_MAX)
		return -EFBIG;
	if (!there_is_room(d, name)) {
		deployed_tidy(d, digest, false);
		if (!there_is_room(d, name))
			return -ENOSPC;
	}
	fd = openat(d->dir, INCOMING, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	memcpy(d->incoming, name.p, name.n);
	d->incoming[name.n] = '\0';
	d->at = 0;
	(void)crypto_hash_sha256_init(&d->hash);
	return 0;
}

/* Now and then it is written to the disk, so that there is little to wait for at the end. */
#define SYNC_EVERY (1u << 20)

static int append(struct deployments *d, struct mf_str bytes, bool last)
{
	int fd = openat(d->dir, INCOMING, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 ? -errno : fd_write_all(fd, bytes.p, bytes.n);

	if (rc == 0)
		(void)crypto_hash_sha256_update(&d->hash, bytes.p, bytes.n);
	if (rc == 0 && (last || d->at / SYNC_EVERY != (d->at + bytes.n) / SYNC_EVERY) &&
		fsync(fd) < 0)
		rc = -errno;
	fd_close(&fd);
	d->at += bytes.n;
	return rc;
}

static int finish(struct deployments *d)
{
	uint8_t digest[DEPLOYED_DIGEST], named[DEPLOYED_DIGEST];
	char file[DEPLOYED_NAME + 4];

	(void)is_image(mf_str_of(d->incoming, strlen(d->incoming)), "", named);
	(void)crypto_hash_sha256_final(&d->hash, digest);
	if (!strchr(d->incoming, '+') && !is(digest, named))
		return -EBADMSG;
	snprintf(file, sizeof(file), "%s.mfy", d->incoming);
	if (renameat(d->dir, INCOMING, d->dir, file) < 0 || fsync(d->dir) < 0)
		return -errno;
	return 1;
}

int deployed_piece(
	struct deployments *d, struct mf_str name, uint64_t at, uint64_t size, struct mf_str bytes)
{
	uint8_t digest[DEPLOYED_DIGEST];
	bool last;
	int rc = 0;

	if (!is_image(name, "", digest) || name.n >= DEPLOYED_NAME)
		return -EINVAL;
	if (at == 0)
		rc = begin(d, name, size);
	else if (!mf_str_is(name, d->incoming) || at != d->at)
		rc = -ESPIPE;
	if (rc == 0 && (bytes.n == 0 || at >= size || bytes.n > size - at))
		rc = -ESPIPE;
	if (rc < 0)
		return rc;
	last = at + bytes.n == size;
	rc = append(d, bytes, last);
	if (rc == 0 && last)
		rc = finish(d);
	if (rc != 0)
		d->incoming[0] = '\0';
	if (rc < 0)
		(void)unlinkat(d->dir, INCOMING, 0);
	return rc;
}
