/*
 * cli/build/sources.c - read mayfly.yaml, find the sources, compile them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"

int build_read_manifest(struct build *b)
{
	char error[MANIFEST_ERROR_MAX];
	int rc;

	if (asprintf(&b->manifest_path, "%s/mayfly.yaml", b->dir) < 0)
		return out_say("build", STATUS_MEMORY, "no memory");
	rc = out_read_file(
		b->manifest_path, MFI_MANIFEST_MAX, &b->manifest_text, &b->manifest_size);
	if (rc == -ENOENT || rc == -ENOTDIR)
		return out_say("build", STATUS_NOT_FOUND,
			"\"%s\": there is no mayfly.yaml in it; `mayfly new NAME` writes a whole "
			"service",
			b->dir);
	if (rc)
		return out_say("build", STATUS_NOT_FOUND, "\"%s\": %s", b->manifest_path,
			rc == -EFBIG ? "longer than 64 KiB" : strerror(-rc));
	if (manifest_parse(&b->manifest, mf_str_of(b->manifest_text, b->manifest_size),
		    b->manifest_path, error))
		return out_say("build", STATUS_USAGE, "%s", error);
	return STATUS_OK;
}

static int is_source(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && (!strcmp(dot, ".c") || !strcmp(dot, ".S"));
}

/* Not alphasort: that asks the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int build_list_sources(struct build *b)
{
	struct dirent **entries = NULL;
	int n = scandir(b->dir, &entries, is_source, by_bytes);
	bool whole;

	if (n < 0)
		return out_say("build", STATUS_NOT_FOUND, "\"%s\": %s", b->dir, strerror(errno));
	b->source = calloc((size_t)n + 1, sizeof(*b->source));
	whole = b->source != NULL;
	for (int i = 0; i < n; i++) {
		char *name = whole ? strdup(entries[i]->d_name) : NULL;

		whole = name != NULL;
		if (whole)
			b->source[b->sources++] = name;
		free(entries[i]);
	}
	free(entries);
	if (!whole)
		return out_say("build", STATUS_MEMORY, "no memory");
	if (b->sources == 0)
		return out_say("build", STATUS_NOT_FOUND,
			"\"%s\": no sources in it; a service is made of the *.c and *.S files "
			"beside "
			"its mayfly.yaml",
			b->dir);
	return STATUS_OK;
}

char *build_object(const struct build *b, size_t source)
{
	char *path;

	return asprintf(&path, "%s/%s.o", b->temp, b->source[source]) < 0 ? NULL : path;
}

struct arguments {
	char *flags, *include, *from, *to, *here, *lib_map, *dir_map;
	char *posix[6]; /* what a service with posix is compiled with besides; NULL: the rest */
};

static void free_arguments(struct arguments *a)
{
	free(a->flags);
	free(a->include);
	free(a->from);
	free(a->to);
	free(a->posix[3]);
	free(a->posix[5]);
	free(a->here);
	free(a->lib_map);
	free(a->dir_map);
}

/* File names in the code are those beside mayfly.yaml, wherever it lies: the last map that
 * fits wins. */
static bool make_arguments(const struct build *b, size_t source, struct arguments *a)
{
	char *cwd = getcwd(NULL, 0);
	const char *here =
		cwd && strcmp(cwd, "/") != 0 ? cwd : "/nowhere"; /* "/" begins all names */
	int n = 0;

	*a = (struct arguments){0};
	if (cwd) {
		n |= asprintf(&a->flags, "@%s/cflags", b->lib);
		n |= asprintf(&a->include, "-I%s/include", b->lib);
		n |= asprintf(&a->from, "%s/%s", b->dir, b->source[source]);
		n |= asprintf(&a->here, "-ffile-prefix-map=%s=.", here);
		n |= asprintf(&a->lib_map, "-ffile-prefix-map=%s/include=mayfly", b->lib);
		n |= asprintf(&a->dir_map, "-ffile-prefix-map=%s/=", b->dir);
		a->to = build_object(b, source);
		free(cwd);
	}
	return cwd && n > 0 && a->to;
}

/* musl's headers and the compiler's, none of this machine's. */
static bool make_posix(const struct build *b, struct arguments *a)
{
	static char hosted[] = "-fhosted", alone[] = "-nostdinc", system[] = "-isystem";

	a->posix[0] = hosted;
	a->posix[1] = alone;
	a->posix[2] = a->posix[4] = system;
	if (asprintf(&a->posix[3], "%s/posix/include", b->lib) < 0)
		a->posix[3] = NULL;
	a->posix[5] = build_compiler_file("-print-file-name=include");
	return a->posix[3] && a->posix[5];
}

static int compile(const struct build *b, size_t source)
{
	static char compile_only[] = "-c", output[] = "-o", wall[] = "-Wall", wextra[] = "-Wextra";
	char *argv[40], *words = NULL;
	struct arguments a = {0};
	size_t n = tool_words("CC", "gcc", argv, 16, &words);
	int rc = -ENOMEM;

	if (n && make_arguments(b, source, &a) && (!b->posix || make_posix(b, &a))) {
		char *rest[] = {a.flags, wall, wextra, a.include, a.here, a.lib_map, a.dir_map,
			compile_only, a.from, output, a.to, a.posix[0], a.posix[1], a.posix[2],
			a.posix[3], a.posix[4], a.posix[5], NULL};

		memcpy(argv + n, rest, sizeof(rest));
		rc = tool_run(argv, NULL);
	}
	free_arguments(&a);
	free(words);
	if (rc == -ENOMEM)
		return out_say("build", STATUS_MEMORY, "no memory");
	if (rc)
		return out_say("build", STATUS_FAILED, "\"%s/%s\" doesn't compile", b->dir,
			b->source[source]);
	return STATUS_OK;
}

int build_compile(struct build *b)
{
	int status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < b->sources; i++)
		status = compile(b, i);
	return status;
}
