/*
 * cli/build/copyright.c - NAME.copyright beside an image: what the authors of the libraries in it want to be told to whoever
 * gets it. Each archive has it beside itself, as LIB/posix/libNAME.copyright.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"

#define COPYRIGHT_MAX (1u << 20)

/* 0, or -errno; an archive that has none adds none. */
static int add(const struct build *b, const char *module, FILE *to)
{
	uint8_t *text = NULL;
	size_t size = 0;
	char *path;
	int rc;

	if (asprintf(&path, "%s/posix/lib%s.copyright", b->lib, module) < 0)
		return -ENOMEM;
	rc = build_is_archive(b, module) ? out_read_file(path, COPYRIGHT_MAX, &text, &size)
					 : -ENOENT;
	if (rc == 0)
		fprintf(to, "%sIn this image: %s\n\n%s", ftell(to) > 0 ? "\n\n" : "", module,
			(const char *)text);
	free(text);
	free(path);
	return rc == -ENOENT ? 0 : rc;
}

static int gather(const struct build *b, FILE *to)
{
	int rc = b->posix ? add(b, "c", to) : 0;

	for (unsigned i = 0; rc == 0 && i < b->manifest.modules_count; i++)
		rc = add(b, b->manifest.modules[i], to);
	return rc;
}

int build_write_copyright(const struct build *b, const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	int rc = to ? gather(b, to) : -ENOMEM;

	if (to && fclose(to) != 0)
		rc = -ENOMEM;
	if (rc == 0 && size > 0)
		rc = out_write_file(path, text, size);
	free(text);
	return rc ? out_say("build", STATUS_FAILED, "can't write \"%s\": %s", path, strerror(-rc))
		  : STATUS_OK;
}
