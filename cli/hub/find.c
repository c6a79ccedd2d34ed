/* cli/hub/find.c - sockets in the run directories at which somebody listens. */
#include "cli/hub/find.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "sys/rundir.h"

static void take(struct found *found, const char *path)
{
	switch (rundir_probe(path)) {
	case RUNDIR_ALIVE:
		if (found->count < FIND_MOST)
			snprintf(found->path[found->count++], CLIENT_PATH, "%s", path);
		return;
	case RUNDIR_DENIED:
		found->denied++;
		snprintf(found->denied_path, CLIENT_PATH, "%s", path);
		return;
	default: return;
	}
}

static void look_into(struct found *found, const char *directory)
{
	DIR *dir = opendir(directory);
	char path[CLIENT_PATH];

	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t n = strlen(e->d_name);

		if (n <= 5 || strcmp(e->d_name + n - 5, ".sock") != 0)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) <
			sizeof(path))
			take(found, path);
	}
	if (dir)
		closedir(dir);
}

void find_hubs(struct found *found)
{
	char directories[RUNDIR_MOST][RUNDIR_PATH];
	unsigned n = rundir_all(directories);

	memset(found, 0, sizeof(*found));
	for (unsigned i = 0; i < n; i++)
		look_into(found, directories[i]);
}

static int none(const struct client *c, const struct found *found)
{
	char directories[RUNDIR_MOST][RUNDIR_PATH], where[512] = "";
	unsigned n = rundir_all(directories);
	size_t at = 0;

	if (found->denied > 0)
		return client_denied(c, found->denied_path);
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(
			where + at, sizeof(where) - at, "%s%s", i > 0 ? ", " : "", directories[i]);
	return out_say(c->command, STATUS_UNREACHABLE,
		"no hub runs here (looked in %s): start one with mayfly up IMAGE, or name its "
		"admin socket with --hub PATH",
		where);
}

/* One line about each, so that one can be chosen. */
static void list(struct client *c, const struct found *found)
{
	for (unsigned i = 0; i < found->count; i++) {
		const char *config = NULL;
		json_t *answer = NULL;
		json_int_t pid = 0;
		bool gone = false;

		snprintf(c->path, sizeof(c->path), "%s", found->path[i]);
		if (client_ask(c, "GET", "/v1/health", &answer, &gone) == STATUS_OK)
			json_unpack(answer, "{s:I s?s}", "pid", &pid, "config", &config);
		if (!gone && answer)
			out_say(c->command, 0, "  --hub %s    pid %lld, %s", c->path,
				(long long)pid, config ? config : "mayfly up");
		json_decref(answer);
	}
}

int find_only(struct client *client)
{
	struct found found;

	find_hubs(&found);
	if (found.count == 0)
		return none(client, &found);
	if (found.count == 1) {
		memcpy(client->path, found.path[0], sizeof(client->path));
		return STATUS_OK;
	}
	out_say(client->command, 0, "%u hubs run here: say which one", found.count);
	list(client, &found);
	return STATUS_USAGE;
}
