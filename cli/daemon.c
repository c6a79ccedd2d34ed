/* cli/daemon.c - see daemon.h. mayflyd lies beside this program, or is found in PATH. */
#include "cli/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"

int daemon_become(const char *command, const char *const *argv)
{
	char self[PATH_MAX], beside[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	snprintf(beside, sizeof(beside), "%s/mayflyd", dirname(self));
	execv(beside, (char **)(uintptr_t)argv);
	if (errno == ENOENT)
		execvp("mayflyd", (char **)(uintptr_t)argv);
	return out_say(command, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
		"can't start mayflyd: %s: it belongs beside mayfly, or in PATH", strerror(errno));
}
