/* image/attach.c - see attach.h */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/guest.h"
#include "image/attach.h"
#include "image/bundle.h"
#include "image/directory.h"
#include "sys/fd.h"

#define ATTACH_BYTES_MAX ((size_t)(MF_ADDR_DATA_END - MF_ADDR_DATA))

struct packing {
	const char *data_word, *config_word; /* how they are asked for, for messages */
	struct bundle_item *items;
	struct owned *owned; /* as many */
	size_t count, room;
	bool files_only, from_yaml;
};

struct owned {
	char *name;
	uint8_t *value; /* NULL where it is borrowed */
};

static int read_from(int fd, size_t max, uint8_t **out, size_t *out_size)
{
	void *bytes;
	int rc = fd < 0 ? fd : fd_read_all(fd, max, &bytes, out_size);

	if (rc == 0)
		*out = bytes;
	if (fd != STDIN_FILENO)
		fd_close(&fd);
	return rc;
}

int attach_read(const char *path, size_t max, uint8_t **out, size_t *out_size)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	return read_from(fd < 0 ? -errno : fd, max, out, out_size);
}

static bool listed(char *const *names, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (manifest_data_fits(names[i], name))
			return true;
	return false;
}

static bool packed(const struct packing *p, enum mf_data_kind kind, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].kind == kind && strcmp(p->items[i].name, name) == 0)
			return true;
	return false;
}

/* Is there a file for this entry of `data:`, a name or a pattern? */
static bool satisfied(const struct packing *p, const char *entry)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].kind == MF_DATA_FILE && manifest_data_fits(entry, p->items[i].name))
			return true;
	return false;
}

/* Room for one more item. */
static bool grow(struct packing *p)
{
	size_t room = p->room > 0 ? p->room * 2 : 16;
	struct bundle_item *items;
	struct owned *owned;

	if (p->count < p->room)
		return true;
	items = reallocarray(p->items, room, sizeof *items);
	if (items != NULL)
		p->items = items;
	owned = reallocarray(p->owned, room, sizeof *owned);
	if (owned != NULL)
		p->owned = owned;
	if (items == NULL || owned == NULL)
		return false;
	p->room = room;
	return true;
}

static int add(struct packing *p, enum mf_data_kind kind, const char *name, uint8_t *owned,
	const void *value, size_t n, char error[ATTACH_ERROR_MAX])
{
	char *copy;

	if (packed(p, kind, name)) {
		snprintf(error, ATTACH_ERROR_MAX, "\"%s\": given twice: give it once", name);
		free(owned);
		return -EINVAL;
	}
	copy = grow(p) ? strdup(name) : NULL;
	if (copy == NULL) {
		free(owned);
		return -ENOMEM;
	}
	p->owned[p->count] = (struct owned){copy, owned};
	p->items[p->count++] = (struct bundle_item){kind, copy, value, n};
	return 0;
}

const char *attach_name(const struct manifest *m, const char *arg, char to[static 256])
{
	const char *equals = strchr(arg, '=');
	char path[4096];

	if (equals != NULL) {
		snprintf(to, 256, "%.*s", (int)(equals - arg), arg);
		return equals + 1;
	}
	if (directory_is(arg)) {
		snprintf(to, 256, ".");
		return arg;
	}
	snprintf(path, sizeof path, "%s", arg);
	snprintf(to, 256, "%s", basename(path));
	if (!listed(m->data, m->data_count, to) && m->data_count == 1 && !strchr(m->data[0], '*'))
		snprintf(to, 256, "%s", m->data[0]);
	return arg;
}

/* How it is read: by itself, or below a directory. */
static int read_file(const struct packing *p, int root, const char *below, const char *path,
	uint8_t **bytes, size_t *n)
{
	if (root >= 0)
		return read_from(fd_open_below(root, below), ATTACH_BYTES_MAX, bytes, n);
	if (p->files_only)
		return read_from(fd_open_file(path), ATTACH_BYTES_MAX, bytes, n);
	return attach_read(path, ATTACH_BYTES_MAX, bytes, n);
}

/* `below` is its name in the directory `root`; -1: it is none of a directory. */
static int add_file(struct packing *p, const char *arg, const char *name, int root,
	const char *below, const char *path, char error[ATTACH_ERROR_MAX])
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	int rc = read_file(p, root, below, path, &bytes, &n);

	if (rc < 0) {
		snprintf(error, ATTACH_ERROR_MAX, "%s \"%s\": can't read \"%s\": %s", p->data_word,
			arg, path, fd_open_error(rc));
		return rc;
	}
	return add(p, MF_DATA_FILE, name, bytes, bytes, n, error);
}

struct directory {
	struct packing *packing;
	const struct manifest *manifest;
	const char *arg, *prefix; /* before the names of its files; "." for none */
	size_t taken;
	char *error;
};

static int add_found(void *context, int root, const char *below, const char *path)
{
	struct directory *d = context;
	bool bare = strcmp(d->prefix, ".") == 0;
	char name[256];

	if (snprintf(name, sizeof name, "%s%s%s", bare ? "" : d->prefix, bare ? "" : "/", below) >=
			(int)sizeof name ||
		!manifest_data_name(name)) {
		snprintf(d->error, ATTACH_ERROR_MAX,
			"%s \"%s\": \"%s\": a file can't be attached under this name",
			d->packing->data_word, d->arg, path);
		return -EINVAL;
	}
	if (!listed(d->manifest->data, d->manifest->data_count, name))
		return 0;
	d->taken++;
	return add_file(d->packing, d->arg, name, d->packing->files_only ? root : -1, below, path,
		d->error);
}

static const char *walk_error(int rc)
{
	return rc == -EINVAL   ? "neither a file nor a directory"
		: rc == -ELOOP ? "a link to a directory: attach that directory by itself"
			       : strerror(-rc);
}

/* All files below it that the manifest lists. */
static int add_directory(struct packing *p, const struct manifest *m, const char *arg,
	const char *prefix, const char *path, char error[ATTACH_ERROR_MAX])
{
	struct directory d = {p, m, arg, prefix, 0, error};
	char where[256] = "";
	int rc;

	error[0] = '\0';
	rc = directory_walk(path, add_found, &d, where);
	if (rc < 0 && error[0] == '\0')
		snprintf(error, ATTACH_ERROR_MAX, "%s \"%s\": \"%s\": %s", p->data_word, arg, where,
			walk_error(rc));
	if (rc == 0 && d.taken == 0) {
		snprintf(error, ATTACH_ERROR_MAX, "%s \"%s\": it holds no file that %s takes",
			p->data_word, arg, m->name);
		rc = -EINVAL;
	}
	return rc;
}

static int add_data(
	struct packing *p, const struct manifest *m, const char *arg, char error[ATTACH_ERROR_MAX])
{
	char name[256];
	const char *path = attach_name(m, arg, name);

	if (directory_is(path))
		return add_directory(p, m, arg, name, path, error);
	if (!listed(m->data, m->data_count, name)) {
		snprintf(error, ATTACH_ERROR_MAX,
			"%s \"%s\": %s takes no data of the name '%s': %s%s", p->data_word, arg,
			m->name, name,
			m->data_count == 0 ? "its mayfly.yaml lists none" : "it takes ",
			m->data_count == 0 ? "" : m->data[0]);
		return -EINVAL;
	}
	return add_file(p, arg, name, -1, NULL, path, error);
}

static int add_config(
	struct packing *p, const struct manifest *m, const char *arg, char error[ATTACH_ERROR_MAX])
{
	const char *equals = strchr(arg, '=');
	char name[256];

	if (equals == NULL || equals == arg || equals - arg >= (long)sizeof name) {
		snprintf(error, ATTACH_ERROR_MAX, "%s \"%s\": write it as KEY=VALUE",
			p->config_word, arg);
		return -EINVAL;
	}
	snprintf(name, sizeof name, "%.*s", (int)(equals - arg), arg);
	for (unsigned i = 0; i < m->config_count; i++)
		if (strcmp(m->config[i].name, name) == 0)
			return add(p, MF_DATA_CONFIG, name, NULL, equals + 1, strlen(equals + 1),
				error);
	snprintf(error, ATTACH_ERROR_MAX, "%s \"%s\": %s has no config of the name '%s': %s%s",
		p->config_word, arg, m->name, name,
		m->config_count == 0 ? "its mayfly.yaml lists none" : "it has ",
		m->config_count == 0 ? "" : m->config[0].name);
	return -EINVAL;
}

static int add_defaults(struct packing *p, const struct manifest *m, char error[ATTACH_ERROR_MAX])
{
	for (unsigned i = 0; i < m->config_count; i++) {
		const struct manifest_pair *c = &m->config[i];
		int rc = 0;

		if (c->value != NULL && !packed(p, MF_DATA_CONFIG, c->name))
			rc = add(p, MF_DATA_CONFIG, c->name, NULL, c->value, strlen(c->value),
				error);
		if (rc < 0)
			return rc;
	}
	for (unsigned i = 0; i < m->data_count; i++) {
		if (satisfied(p, m->data[i]))
			continue;
		if (strchr(m->data[i], '*') != NULL)
			snprintf(error, ATTACH_ERROR_MAX,
				"%s wants data '%s': attach such a file with %s", m->name,
				m->data[i], p->from_yaml ? "data: NAME: FILE" : "--data FILE");
		else
			snprintf(error, ATTACH_ERROR_MAX,
				"%s wants data '%s': attach it with %s %s%s", m->name, m->data[i],
				p->data_word, m->data[i], p->from_yaml ? ": FILE" : "=FILE");
		return -ENOENT;
	}
	return 0;
}

int attach_make(const struct manifest *manifest, const struct attach_args *args, uint8_t **out,
	size_t *out_size, char error[ATTACH_ERROR_MAX])
{
	struct packing p = {.data_word = args->from_yaml ? "data:" : "--data",
		.config_word = args->from_yaml ? "config:" : "--config",
		.files_only = args->files_only,
		.from_yaml = args->from_yaml};
	int rc = 0;

	*out = NULL;
	*out_size = 0;
	for (unsigned i = 0; rc == 0 && i < args->data_count; i++)
		rc = add_data(&p, manifest, args->data[i], error);
	for (unsigned i = 0; rc == 0 && i < args->config_count; i++)
		rc = add_config(&p, manifest, args->config[i], error);
	if (rc == 0)
		rc = add_defaults(&p, manifest, error);
	if (rc == 0 && p.count > 0) {
		rc = bundle_pack(p.items, p.count, out, out_size);
		if (rc == -EFBIG)
			snprintf(error, ATTACH_ERROR_MAX,
				"attached data is over %zu MiB: attach less",
				ATTACH_BYTES_MAX >> 20);
	}
	if (rc == -ENOMEM)
		snprintf(error, ATTACH_ERROR_MAX, "not enough memory");
	for (size_t i = 0; i < p.count; i++) {
		free(p.owned[i].name);
		free(p.owned[i].value);
	}
	free(p.items);
	free(p.owned);
	return rc;
}
