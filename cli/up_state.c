/* cli/up_state.c - see up_state.h */
#include "cli/up_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"

/* All directories of the path but the last. */
static int make_parents(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		int rc;

		*slash = '\0';
		rc = mkdir(path, 0700);
		if (rc < 0 && errno != EEXIST)
			return out_say("up", STATUS_FAILED,
				"\"%s\": %s: name another directory with --state", path,
				strerror(errno));
		*slash = '/';
	}
	return STATUS_OK;
}

int up_state_usual(const char *name, char path[static PATH_MAX])
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	/* a relative one is to be ignored, says the XDG Base Directory Specification */
	if (base && base[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/mayfly/%s", base, name);
	else if (home && home[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/.local/state/mayfly/%s", home, name);
	else
		return out_say("up", STATUS_USAGE,
			"its services keep state, and there is no $HOME for it: name a directory "
			"with "
			"--state");
	if (n >= PATH_MAX)
		return out_say("up", STATUS_USAGE, "\"%s\": the path is too long", path);
	return make_parents(path);
}

int up_state_named(const char *given, char path[static PATH_MAX])
{
	char here[PATH_MAX] = "";
	int n;

	if (given[0] != '/' && !getcwd(here, sizeof(here)))
		return out_say("up", STATUS_FAILED, "%s", strerror(errno));
	n = snprintf(path, PATH_MAX, "%s%s%s", here, here[0] ? "/" : "", given);
	return n < PATH_MAX ? STATUS_OK
			    : out_say("up", STATUS_USAGE, "\"%s\": the path is too long", given);
}
