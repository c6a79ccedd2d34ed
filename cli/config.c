/* cli/config.c - `mayfly config check`: can a hub use this file? */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/out.h"

static const char usage[] =
	"usage: mayfly config check hub.yaml\n"
	"\n"
	"Does all that mayflyd does at its start that can fail, then throws it away: reads the\n"
	"file and all that it names, opens sockets, checks routes and certificates. Safe beside\n"
	"a hub that runs with this file: an address in use is a warning here.\n"
	"\n"
	"Exit status: 0 it can be used, 1 it can't be served, 2 it is wrong, 3 not found, 4 an "
	"image\n"
	"may not run there, or others may read a secret.\n";

int cmd_config(int argc, char **argv)
{
	const char *daemon[] = {"mayflyd", "--check", "-c", NULL, NULL};

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return out_end("config", STATUS_OK);
		}
	if (argc < 2)
		return out_say(
			"config", STATUS_USAGE, "what to do is missing: mayfly config check FILE");
	if (strcmp(argv[1], "check") != 0)
		return out_say("config", STATUS_USAGE,
			"\"%s\" is not known: mayfly config check FILE", argv[1]);
	if (argc != 3 || argv[2][0] == '-')
		return out_say("config", STATUS_USAGE, "name one file: mayfly config check FILE");
	daemon[3] = argv[2];
	return daemon_become("config", daemon);
}
