/* hub/walls.c - see walls.h. */
#include "hub/walls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/landlock.h"
#include "sys/sandbox.h"

static const struct {
	const char *name, *what, *how;
} table[WALLS] = {
	[WALL_NAMESPACES] = {"namespaces", "namespaces of their own for workers",
		"permit user namespaces: sysctl user.max_user_namespaces above 0, and where there "
		"are "
		"such settings kernel.unprivileged_userns_clone=1 and "
		"kernel.apparmor_restrict_unprivileged_userns=0; a container's seccomp profile may "
		"forbid them too"},
	[WALL_FILES] = {"files", "an empty root directory for workers",
		"it takes namespaces, and a mayfly-worker without shared libraries: build it "
		"without "
		"sanitizers"},
	[WALL_USER] = {"user", "a user id of its own for each worker",
		"start mayflyd as root, or with CAP_SETUID and CAP_SETGID"},
	[WALL_LANDLOCK] = {"landlock", "Landlock for workers",
		"Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, booted with lsm=landlock,..."},
	[WALL_SECCOMP] = {"seccomp", "a list of system calls for workers",
		"build mayfly-worker without sanitizers"},
	[WALL_MEMORY] = {"memory", "a limit of memory for workers",
		"control groups of version 2 with the memory controller (boot with "
		"systemd.unified_cgroup_hierarchy=1), and one that is the hub's to divide: "
		"Delegate=memory in its unit"},
	[WALL_HUB_USER] = {"hub-user", "a user of its own for the hub", "user: must not be root"},
	[WALL_HUB_FILES] = {"hub-files", "Landlock for the hub",
		"Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, booted with lsm=landlock,..."},
	[WALL_HUB_CALLS] = {"hub-seccomp", "a list of system calls for the hub",
		"build mayflyd without sanitizers"},
};

void walls_note(struct walls *walls, enum wall wall, int err)
{
	walls->missing[wall] = err;
}

void walls_look(struct walls *walls)
{
	walls_note(walls, WALL_LANDLOCK, landlock_abi() > 0 ? 0 : -EOPNOTSUPP);
#if SANDBOX_SANITIZED
	walls_note(walls, WALL_LANDLOCK, -EOPNOTSUPP);
	walls_note(walls, WALL_SECCOMP, -EOPNOTSUPP);
#endif
}

const char *walls_name(enum wall wall)
{
	return table[wall].name;
}

const char *walls_what(enum wall wall)
{
	return table[wall].what;
}

const char *walls_how(enum wall wall)
{
	return table[wall].how;
}

bool walls_line(const struct walls *walls, char *to, size_t size)
{
	size_t n = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < WALLS; i++)
		if (walls->missing[i] < 0 && n < size)
			n += (size_t)snprintf(to + n, size - n, "%s%s (%s)", n > 0 ? ", " : "",
				table[i].what, strerror(-walls->missing[i]));
	return n > 0;
}
