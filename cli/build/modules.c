/*
 * cli/build/modules.c - are the modules that a manifest names there?
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/build/archive.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/nearest.h"

struct names {
	const char *wanted;
	bool there;
	char last[24];
	char list[512];
	struct nearest nearest;
	char best[24];
};

static int look(void *arg, const char *member)
{
	struct names *n = arg;
	const char *best = n->nearest.best;
	char name[24];

	if (!archive_module(member, name) || strcmp(name, n->last) == 0)
		return 0;
	n->there = strcmp(name, n->wanted) == 0;
	nearest_offer(&n->nearest, name);
	if (n->nearest.best != best) {
		memcpy(n->best, name, sizeof(name));
		n->nearest.best = n->best;
	}
	snprintf(n->list + strlen(n->list), sizeof(n->list) - strlen(n->list), "%s%s",
		n->list[0] ? ", " : "", name);
	memcpy(n->last, name, sizeof(name));
	return n->there;
}

/* Those that are built from Debian's source packages, if these were there (mk/posix.mk, mk/openblas.mk). */
static bool has_sources(const char *module)
{
	static const char *const names[] = {"posix", "lua", "blas", "lapack"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], module) == 0)
			return true;
	return false;
}

static int check(const struct build *b, const struct archive *archive, const char *wanted)
{
	struct names n = {.wanted = wanted, .nearest = {.typed = wanted}};

	archive_members(archive, look, &n);
	if (n.there || build_is_archive(b, wanted))
		return STATUS_OK;
	if (has_sources(wanted))
		return out_say("build", STATUS_NOT_FOUND,
			"%s: this library OS was built without the module '%s': in mayfly's own "
			"directory 'make sources && make' builds it",
			b->manifest_path, wanted);
	if (n.nearest.best)
		return out_say("build", STATUS_NOT_FOUND,
			"%s: this library OS has no module '%s'; did you mean '%s'?",
			b->manifest_path, wanted, n.best);
	return out_say("build", STATUS_NOT_FOUND,
		"%s: this library OS has no module '%s'; it has %s", b->manifest_path, wanted,
		n.list);
}

int build_check_modules(struct build *b)
{
	struct archive archive;
	int status = STATUS_OK;
	int rc = b->manifest.modules_count ? archive_open(&archive, b->lib) : 0;

	if (rc)
		return out_say("build", STATUS_NOT_FOUND, "\"%s/libmayfly-os.a\": %s", b->lib,
			strerror(-rc));
	if (b->manifest.modules_count == 0)
		return STATUS_OK;
	for (unsigned i = 0; status == STATUS_OK && i < b->manifest.modules_count; i++)
		status = check(b, &archive, b->manifest.modules[i]);
	archive_close(&archive);
	return status;
}
