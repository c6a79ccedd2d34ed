/*
 * cli/build/map.c - which modules are in an image, how big and why, from the
 * linker's map: its list "Archive member included to satisfy reference by file
 * (symbol)", and its list of input sections.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/build/archive.h"
#include "cli/commands.h"
#include "cli/out.h"

#define MAP_MAX (256u << 20)

enum part { BEFORE, MEMBERS, BETWEEN, SECTIONS };

struct map {
	struct build *b;
	enum part part;
	char member[256]; /* whose reason stands on the next line */
	char output[64];  /* the output section that we are in */
	bool waits;       /* an input section's size stands on the next line */
	bool full;
};

/* ------------------------------------------------------------- the names */

/* A member of libmayfly-os.a is of its module, one of another archive of that, an object is of the
 * service. */
static void module_of(const char *file, char to[static 24])
{
	const char *open = strrchr(file, '('), *slash = strrchr(file, '/');
	const char *name = slash && (!open || slash < open) ? slash + 1 : file;

	memset(to, 0, 24);
	if (!open)
		snprintf(to, 24, "service");
	else if (strncmp(name, "libmayfly-os.a", 14) != 0 || !archive_module(open + 1, to))
		snprintf(to, 24, "%.*s", (int)strcspn(name, ".("), name);
}

/* Who asked: "main.c" of the service's object, "event" of an archive member. */
static void asker_of(const char *file, size_t n, char to[static 64])
{
	char name[256];
	const char *slash;

	snprintf(name, sizeof(name), "%.*s", (int)n, file);
	if (strchr(name, '(')) {
		module_of(name, to);
		return;
	}
	slash = strrchr(name, '/');
	n = strlen(slash ? slash + 1 : name);
	snprintf(to, 64, "%.*s", (int)(n > 2 ? n - 2 : n), slash ? slash + 1 : name);
}

static struct mfi_module *module(struct map *map, const char *file)
{
	struct build *b = map->b;
	char name[24];

	module_of(file, name);
	for (unsigned i = 0; i < b->image.module_count; i++)
		if (memcmp(b->module[i].name, name, sizeof(name)) == 0)
			return &b->module[i];
	if (b->image.module_count == BUILD_MODULES) {
		map->full = true;
		return &b->module[0];
	}
	memcpy(b->module[b->image.module_count].name, name, sizeof(name));
	return &b->module[b->image.module_count++];
}

/* -------------------------------------------------------------- the lists */

/* "/x/main.c.o (mf_emit)" */
static void reason(struct map *map, const char *text)
{
	const char *open = strrchr(text, '(');
	struct mfi_module *m = module(map, map->member);
	char asker[64] = "", why[128];

	if (!open || m->why[0])
		return;
	if (open > text)
		asker_of(text, (size_t)(open - text - 1), asker);
	snprintf(why, sizeof(why), "%.*s%s%s%s", (int)strcspn(open + 1, ")"), open + 1,
		asker[0] ? " (" : "", asker, asker[0] ? ")" : "");
	snprintf(m->why, sizeof(m->why), "%.39s", why);
}

static void member_line(struct map *map, char *text)
{
	size_t name;

	if (isspace((unsigned char)text[0])) {
		if (map->member[0])
			reason(map, text + strspn(text, " \t"));
		map->member[0] = '\0';
		return;
	}
	name = strcspn(text, ")");
	if (text[name] == '\0')
		return;
	snprintf(map->member, sizeof(map->member), "%.*s", (int)name + 1, text);
	text += name + 1;
	text += strspn(text, " \t");
	if (*text) {
		reason(map, text);
		map->member[0] = '\0';
	}
}

/* "0x0000000000020000       0x1a /x/main.c.o" */
static void input_section(struct map *map, const char *text)
{
	bool data = strcmp(map->output, ".data") == 0 || strcmp(map->output, ".bss") == 0;
	bool code = strcmp(map->output, ".text") == 0 || strcmp(map->output, ".rodata") == 0;
	unsigned long address, size;
	struct mfi_module *m;
	int at = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the linker writes what fits */
	if (sscanf(text, " 0x%lx 0x%lx %n", &address, &size, &at) != 2 || at == 0 || !text[at] ||
		text[at] == '(' || size == 0 || !(data || code))
		return;
	m = module(map, text + at);
	if (data)
		m->data += (uint32_t)size;
	else
		m->text += (uint32_t)size;
}

/* An output section begins at the margin, an input section after one blank; a long name has its
 * numbers on a line of their own. */
static void section_line(struct map *map, const char *text)
{
	size_t n;

	if (text[0] == '.') {
		snprintf(map->output, sizeof(map->output), "%.*s", (int)strcspn(text, " \t"), text);
		map->waits = false;
	} else if (text[0] == ' ' && (text[1] == '.' || strncmp(text + 1, "COMMON", 6) == 0)) {
		n = 1 + strcspn(text + 1, " \t");
		map->waits = text[n] == '\0';
		if (!map->waits)
			input_section(map, text + n);
	} else if (map->waits) {
		input_section(map, text);
		map->waits = false;
	}
}

static void map_line(struct map *map, char *text)
{
	static const struct {
		const char *starts;
		enum part part;
	} parts[] = {
		{"Archive member included", MEMBERS},
		{"Discarded input sections", BETWEEN},
		{"Memory Configuration", BETWEEN},
		{"Linker script and memory map", SECTIONS},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strncmp(text, parts[i].starts, strlen(parts[i].starts)) == 0) {
			map->part = parts[i].part;
			return;
		}
	if (map->part == MEMBERS)
		member_line(map, text);
	else if (map->part == SECTIONS)
		section_line(map, text);
}

/* A member may be linked for what the linker then throws away. */
static void drop_empty(struct build *b)
{
	unsigned to = 0;

	for (unsigned i = 0; i < b->image.module_count; i++)
		if (i == 0 || b->module[i].text || b->module[i].data)
			b->module[to++] = b->module[i];
	memset(&b->module[to], 0, (b->image.module_count - to) * sizeof(b->module[0]));
	b->image.module_count = to;
}

static int by_name(const void *a, const void *b)
{
	const struct mfi_module *x = a, *y = b;

	return memcmp(x->name, y->name, sizeof(x->name));
}

int build_modules(struct build *b)
{
	struct map map = {.b = b};
	char *path, *rest;
	uint8_t *text = NULL;
	size_t size;
	int rc = -1;

	b->image.modules = b->module;
	snprintf(module(&map, "service.o")->why, sizeof(b->module[0].why), "mf_main");
	if (asprintf(&path, "%s/map", b->temp) >= 0) {
		rc = out_read_file(path, MAP_MAX, &text, &size);
		free(path);
	}
	if (rc)
		return out_say("build", STATUS_FAILED, "the linker wrote no map");
	rest = (char *)text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		map_line(&map, line);
	free(text);
	if (map.full)
		return out_say("build", STATUS_FAILED, "more than %d modules", BUILD_MODULES);
	drop_empty(b);
	qsort(b->module + 1, b->image.module_count - 1, sizeof(b->module[0]), by_name);
	return STATUS_OK;
}
