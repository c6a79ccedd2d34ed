/* sys/namespaces.c - user_namespaces(7), mount_namespaces(7), pivot_root(2), capabilities(7) */
#include "sys/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---------------------------------------------------------------------- ids */

static int write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int write_map(pid_t pid, const char *name, uint32_t from, uint32_t count)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u %u\n", NAMESPACES_FIRST, from, count);
	return write_file(pid, name, text);
}

int namespaces_map(pid_t pid, uint32_t base, uid_t uid, gid_t gid)
{
	int err;

	if (write_map(pid, "gid_map", base, NAMESPACES_IDS) == 0 &&
		write_map(pid, "uid_map", base, NAMESPACES_IDS) == 0)
		return NAMESPACES_IDS;
	/* who can't have groups taken from him can't lose a right by it: user_namespaces(7) */
	(void)write_file(pid, "setgroups", "deny");
	err = write_map(pid, "gid_map", gid, 1);
	if (err == 0 || err == -EPERM) /* EPERM: the range was taken, but for groups alone */
		err = write_map(pid, "uid_map", uid, 1);
	return err < 0 ? err : 1;
}

bool namespaces_has_id(uint32_t id)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	uint32_t from, outside, count;
	bool has = false;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	while (f && !has && fscanf(f, "%u %u %u", &from, &outside, &count) == 3)
		has = id >= from && id - from < count;
	if (f)
		fclose(f);
	return has;
}

/* --------------------------------------------------------------------- root */

/* A directory that is there on every machine, to mount over. */
static int mount_somewhere(const char **at)
{
	static const char *const places[] = {"/proc", "/dev", "/sys", "/tmp", "/run"};
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		*at = places[i];
		if (mount("none", *at, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			    "size=4k,nr_inodes=2,mode=555") == 0)
			return 0;
		err = -errno;
	}
	return err;
}

/* The old root is unmounted; where it can't be, since it is the kernel's first, it lies beneath. */
static int take_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH) < 0 ? -errno : 0;
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return -errno;
	return 0;
}

int namespaces_empty_root(void)
{
	const char *at;
	int err;

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	err = mount_somewhere(&at);
	if (err < 0)
		return err;
	if (chdir(at) < 0)
		return -errno;
	err = take_root();
	if (err < 0)
		return err;
	if (chdir("/") < 0 ||
		mount("none", "/", NULL,
			MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			NULL) < 0)
		return -errno;
	return 0;
}

/* ------------------------------------------------------------- capabilities */

void namespaces_bound(void)
{
	for (unsigned long c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0; c++)
		;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int namespaces_keep(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t has = data[i].permitted & (uint32_t)(keep >> 32 * i);

		data[i] = (struct __user_cap_data_struct){.permitted = has, .effective = has};
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}
