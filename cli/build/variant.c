/*
 * cli/build/variant.c - images for processors that can more than others: which archives, and what these need.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/cpu.h"

#define FEATURES_MAX 4096u

static bool named(const struct build *b)
{
	for (unsigned i = 0; i < b->manifest.variants_count; i++)
		if (strcmp(b->manifest.variants[i], b->variant) == 0)
			return true;
	return false;
}

/* The module's archive is of this variant's own directory. */
static bool has_own(const struct build *b, const char *module)
{
	bool there = false;
	char *path;

	if (asprintf(&path, "%s/posix/%s/lib%s.a", b->lib, b->variant, module) >= 0) {
		there = access(path, R_OK) == 0;
		free(path);
	}
	return there;
}

int build_check_variant(struct build *b)
{
	if (!b->variant)
		return STATUS_OK;
	if (!named(b))
		return out_say("build", STATUS_USAGE,
			"--variant \"%s\": %s doesn't name it: `variants: [%s]`", b->variant,
			b->manifest_path, b->variant);
	for (unsigned i = 0; i < b->manifest.modules_count; i++)
		if (has_own(b, b->manifest.modules[i]))
			return STATUS_OK;
	return out_say("build", STATUS_NOT_FOUND,
		"--variant \"%s\": none of its modules was built for it: make variants builds "
		"\"%s/posix/%s\"",
		b->variant, b->lib, b->variant);
}

/* "libblas.a" -> what "libblas.features" says; an archive without one needs nothing. */
static int read_features(const char *archive, uint64_t *bits)
{
	char *path, *rest;
	uint8_t *text = NULL;
	size_t size = 0;
	int rc, status = STATUS_OK;

	if (asprintf(&path, "%.*s.features", (int)strlen(archive) - 2, archive) < 0)
		return out_say("build", STATUS_MEMORY, "no memory");
	rc = out_read_file(path, FEATURES_MAX, &text, &size);
	if (rc < 0 && rc != -ENOENT)
		status = out_say("build", STATUS_FAILED, "\"%s\": %s", path, strerror(-rc));
	rest = rc < 0 ? NULL : (char *)text;
	for (char *name; status == STATUS_OK && (name = strsep(&rest, " \n")) != NULL;) {
		if (*name != '\0' && cpu_named(name) == 0)
			status = out_say("build", STATUS_FAILED,
				"\"%s\": '%.40s' is nothing that a processor is known to have",
				path, name);
		*bits |= cpu_named(name);
	}
	free(text);
	free(path);
	return status;
}

int build_processor(const struct build *b, uint64_t *bits)
{
	int status = STATUS_OK;

	*bits = 0;
	for (unsigned i = 0; status == STATUS_OK && i < b->manifest.modules_count; i++) {
		char *archive;

		if (!build_is_archive(b, b->manifest.modules[i]))
			continue;
		archive = build_archive(b, b->manifest.modules[i]);
		status = archive ? read_features(archive, bits)
				 : out_say("build", STATUS_MEMORY, "no memory");
		free(archive);
	}
	return status;
}
