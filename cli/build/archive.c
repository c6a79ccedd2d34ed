/*
 * cli/build/archive.c - see cli/build/archive.h.
 */
#include "cli/build/archive.h"

#include <ar.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"

#define ARCHIVE_MAX (256u << 20)

struct member {
	const char *name; /* as in the header, 16 bytes */
	const uint8_t *bytes;
	size_t size;
};

int archive_open(struct archive *archive, const char *lib)
{
	char *path;
	int rc;

	*archive = (struct archive){0};
	if (asprintf(&path, "%s/libmayfly-os.a", lib) < 0)
		return -ENOMEM;
	rc = out_read_file(path, ARCHIVE_MAX, &archive->bytes, &archive->size);
	free(path);
	if (rc == 0 && (archive->size < SARMAG || memcmp(archive->bytes, ARMAG, SARMAG) != 0))
		rc = -EINVAL;
	if (rc)
		archive_close(archive);
	return rc;
}

void archive_close(struct archive *archive)
{
	free(archive->bytes);
	*archive = (struct archive){0};
}

/* The member at *at, which moves on to the next. */
static int next(const struct archive *a, size_t *at, struct member *m)
{
	struct ar_hdr header;
	char size[11] = "";

	if (a->size < *at || a->size - *at < sizeof(header))
		return 0;
	memcpy(&header, a->bytes + *at, sizeof(header));
	memcpy(size, header.ar_size, sizeof(header.ar_size));
	m->name = (const char *)a->bytes + *at;
	m->bytes = a->bytes + *at + sizeof(header);
	m->size = strtoul(size, NULL, 10);
	if (memcmp(header.ar_fmag, ARFMAG, 2) != 0 || m->size > a->size - *at - sizeof(header))
		return 0;
	*at += sizeof(header) + m->size + m->size % 2;
	return 1;
}

/* The index: a big-endian count, that many offsets, that many names. */
int archive_symbols(
	const struct archive *archive, int (*each)(void *arg, const char *name), void *arg)
{
	size_t at = SARMAG, count, name;
	struct member m;
	int rc = 0;

	if (!next(archive, &at, &m) || memcmp(m.name, "/ ", 2) != 0 || m.size < 4)
		return 0;
	count = (size_t)m.bytes[0] << 24 | (size_t)m.bytes[1] << 16 | (size_t)m.bytes[2] << 8 |
		m.bytes[3];
	name = 4 + count * 4;
	for (size_t i = 0; rc == 0 && i < count && name < m.size; i++) {
		const char *text = (const char *)m.bytes + name;

		if (!memchr(text, 0, m.size - name))
			break;
		rc = each(arg, text);
		name += strlen(text) + 1;
	}
	return rc;
}

/* "name.o/", or "/12": at byte 12 of the table of long names, "long_name.o/\n". */
static void name_of(const struct member *m, const struct member *table, char to[static 128])
{
	const char *from = m->name;
	size_t n = 16;

	if (from[0] == '/') {
		size_t off = strtoul(from + 1, NULL, 10);

		if (!table->bytes || off >= table->size)
			from = "", n = 0;
		else
			from = (const char *)table->bytes + off, n = table->size - off;
	}
	to[0] = '\0';
	for (size_t i = 0; i < n && i < 127 && from[i] != '/'; i++) {
		to[i] = from[i];
		to[i + 1] = '\0';
	}
}

int archive_members(
	const struct archive *archive, int (*each)(void *arg, const char *name), void *arg)
{
	struct member m, table = {0};
	size_t at = SARMAG;
	int rc = 0;

	while (rc == 0 && next(archive, &at, &m)) {
		char name[128];

		if (memcmp(m.name, "//", 2) == 0) {
			table = m;
			continue;
		}
		if (memcmp(m.name, "/ ", 2) == 0)
			continue;
		name_of(&m, &table, name);
		rc = each(arg, name);
	}
	return rc;
}

int archive_module(const char *member, char to[static 24])
{
	static const char *const by_file[] = {"wire", "base", "arch"};
	const char *divide = strstr(member, "__");
	char layer[24];

	if (!divide)
		return 0;
	snprintf(layer, sizeof(layer), "%.*s", (int)(divide - member), member);
	snprintf(to, 24, "%s", layer);
	for (size_t i = 0; i < sizeof(by_file) / sizeof(by_file[0]); i++)
		if (strcmp(layer, by_file[i]) == 0)
			snprintf(to, 24, "%s/%.*s", by_file[i], (int)strcspn(divide + 2, ".)"),
				divide + 2);
	return 1;
}
