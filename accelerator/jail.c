/* accelerator/jail.c - see jail.h */
#include "accelerator/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/accelerator.h"
#include "sys/landlock.h"
#include "sys/namespaces.h"
#include "sys/sandbox_rules.h"

#define USUAL_USER "mayfly-accelerator"

/* The most that a compiler of kernels may write to one file. */
#define FILE_MOST ((rlim_t)256 << 20)

/* -------------------------------------------------------------------- namespaces */

static int write_line(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, line, strlen(line)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Who isn't root makes them in a user namespace, in which he is who he was. */
static int leave_network(void)
{
	const bool root = geteuid() == 0;
	const unsigned uid = geteuid(), gid = getegid();
	char line[64];
	int err = 0;

	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | (root ? 0 : CLONE_NEWUSER)) < 0)
		return -errno;
	if (root)
		return 0;
	(void)write_line("/proc/self/setgroups", "deny");
	snprintf(line, sizeof(line), "%u %u 1\n", gid, gid);
	err = write_line("/proc/self/gid_map", line);
	snprintf(line, sizeof(line), "%u %u 1\n", uid, uid);
	return err < 0 ? err : write_line("/proc/self/uid_map", line);
}

/* -------------------------------------------------------------------------- user */

/* The one that is made for it, with its groups, which say which devices it may open; else a number
 * of our range that no hub and no worker has. */
static int become(const char *cache)
{
	const struct passwd *user = getpwnam(USUAL_USER);
	const uid_t uid = user ? user->pw_uid : NAMESPACES_BASE + 1;
	const gid_t gid = user ? user->pw_gid : NAMESPACES_BASE + 1;

	if (!user && !namespaces_has_id(uid))
		return -ENOENT;
	if (cache && chown(cache, uid, gid) < 0)
		return -errno;
	if ((user ? initgroups(USUAL_USER, gid) : setgroups(0, NULL)) < 0 ||
		setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/* ------------------------------------------------------------------------- files */

/* ld is run by PoCL, whose devices are processors: it links a kernel. */
static int close_files(const char *backend, const char *cache)
{
	const unsigned run = strcmp(backend, "opencl") == 0 ? LANDLOCK_RUN : 0;
	const unsigned device = LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_DEVICE;
	const struct landlock_path paths[] = {
		{"/usr", LANDLOCK_READ | run},
		{"/lib", LANDLOCK_READ | run},
		{"/lib64", LANDLOCK_READ | run},
		{"/opt", LANDLOCK_READ},
		{"/etc", LANDLOCK_READ},
		{"/proc", LANDLOCK_READ},
		{"/sys", LANDLOCK_READ},
		{"/dev", device},
		{cache, LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_MOVE},
	};

	return landlock_enter(paths, sizeof(paths) / sizeof(paths[0]), LANDLOCK_NO_SIGNALS);
}

/* ------------------------------------------------------------------------- calls */

static const struct sandbox_rule refused[] = {
	FAILS(ptrace, EPERM, "looks into no other process"),
	FAILS(process_vm_readv, EPERM, "the same"),
	FAILS(process_vm_writev, EPERM, "the same"),
	FAILS(pidfd_getfd, EPERM, "the same"),
	FAILS(kcmp, EPERM, "the same"),
	FAILS(setns, EPERM, "goes nowhere else"),
	FAILS(unshare, EPERM, "the same"),
	FAILS(mount, EPERM, "the same"),
	FAILS(umount2, EPERM, "the same"),
	FAILS(pivot_root, EPERM, "the same"),
	FAILS(chroot, EPERM, "the same"),
	FAILS(move_mount, EPERM, "the same"),
	FAILS(fsopen, EPERM, "the same"),
	FAILS(open_tree, EPERM, "the same"),
	FAILS(open_by_handle_at, EPERM, "the same"),
	FAILS(bpf, EPERM, "the kernel is left alone"),
	FAILS(userfaultfd, EPERM, "the same"),
	FAILS(io_uring_setup, EPERM, "the same"),
	FAILS(perf_event_open, EPERM, "the same"),
	FAILS(keyctl, EPERM, "the same"),
	FAILS(add_key, EPERM, "the same"),
	FAILS(request_key, EPERM, "the same"),
	FAILS(init_module, EPERM, "the same"),
	FAILS(finit_module, EPERM, "the same"),
	FAILS(delete_module, EPERM, "the same"),
	FAILS(kexec_load, EPERM, "the same"),
	FAILS(reboot, EPERM, "the same"),
	FAILS(swapon, EPERM, "the same"),
	FAILS(syslog, EPERM, "the same"),
	FAILS(quotactl, EPERM, "the same"),
	FAILS(acct, EPERM, "the same"),
	FAILS(settimeofday, EPERM, "the time is not its own"),
	FAILS(clock_settime, EPERM, "the same"),
};

static int refuse_calls(void)
{
	if (SANDBOX_SANITIZED) /* LeakSanitizer looks by ptrace */
		return -EOPNOTSUPP;
	return sandbox_enter(refused, sizeof(refused) / sizeof(refused[0]), SANDBOX_PERMIT);
}

/* ---------------------------------------------------------------------- together */

static int lower_limits(void)
{
	const struct rlimit no_core = {0, 0}, file = {FILE_MOST, FILE_MOST};

	return setrlimit(RLIMIT_CORE, &no_core) < 0 || setrlimit(RLIMIT_FSIZE, &file) < 0 ? -errno
											  : 0;
}

int jail_enter(const char *backend, const char *cache)
{
	const bool root = geteuid() == 0;
	int missing = 0, err = lower_limits();

	if (err < 0)
		return err;
	if (leave_network() < 0)
		missing |= MFA_NO_NAMESPACES;
	namespaces_bound(); /* while it may: not as another user */
	if (!root || become(cache) < 0)
		missing |= MFA_NO_USER;
	err = namespaces_keep(0);
	if (err < 0)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (close_files(backend, cache) < 0)
		missing |= MFA_NO_LANDLOCK;
	if (refuse_calls() < 0)
		missing |= MFA_NO_SECCOMP;
	return missing;
}
