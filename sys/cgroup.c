/* sys/cgroup.c - see cgroup.h */
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILE_MOST 65536u
#define NAME_MOST 64u

/* -------------------------------------------------------------------- files */

/* At most `size` - 1 bytes of it, and a zero byte. */
static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (got < size - 1 && (n = read(fd, text + got, size - 1 - got)) > 0)
		got += (size_t)n;
	text[got] = '\0';
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? (int)n : 0;
}

static int path_of(char path[static CGROUP_PATH], const char *directory, const char *name)
{
	int n = snprintf(path, CGROUP_PATH, "%s/%s", directory, name);

	return n < 0 || n >= CGROUP_PATH ? -ENAMETOOLONG : 0;
}

static int read_in(const char *directory, const char *name, char *text, size_t size)
{
	char path[CGROUP_PATH];
	int err = path_of(path, directory, name);

	return err < 0 ? err : read_text(path, text, size);
}

/* By one `write`, as such files want it. */
static int put(const char *directory, const char *name, const char *text)
{
	char path[CGROUP_PATH];
	int fd, err = path_of(path, directory, name);

	if (err < 0)
		return err;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int put_number(const char *directory, const char *name, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return put(directory, name, text);
}

/* There may be one already: of a hub before this. */
static int make(char path[static CGROUP_PATH], const char *directory, const char *name)
{
	int err = path_of(path, directory, name);

	if (err == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
		err = -errno;
	return err;
}

static void forget(const char *path)
{
	(void)unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* --------------------------------------------------------------------- where */

/* The line "0::PATH" of /proc/PID/cgroup. */
static int take_path(char path[static CGROUP_PATH], const char *cgroup)
{
	const char *line = cgroup;

	while (line && strncmp(line, "0::/", 4) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return -EOPNOTSUPP;
	line += 3;
	if (strcspn(line, "\n") >= CGROUP_PATH)
		return -ENAMETOOLONG;
	snprintf(path, CGROUP_PATH, "%.*s", (int)strcspn(line, "\n"), line);
	return 0;
}

/* One line of mountinfo (proc_pid_mountinfo(5)): what of the tree is mounted where. */
static bool take_mount(const char *line, char root[static CGROUP_PATH], char at[static CGROUP_PATH])
{
	const char *kind = strstr(line, " - ");
	const char *end = strchr(line, '\n');

	if (!kind || (end && kind > end) || strncmp(kind, " - cgroup2 ", 11) != 0)
		return false;
	_Static_assert(CGROUP_PATH == 1024, "the widths below");
	return sscanf(line, "%*s %*s %*s %1023s %1023s", root, at) == 2;
}

int cgroup_parse(char own[static CGROUP_PATH], const char *cgroup, const char *mountinfo)
{
	char path[CGROUP_PATH], root[CGROUP_PATH], at[CGROUP_PATH];
	const char *line = mountinfo, *below = path;
	size_t n;
	int err = take_path(path, cgroup);

	if (err < 0)
		return err;
	while (line && !take_mount(line, root, at)) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return -EOPNOTSUPP;
	n = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(path, root, n) != 0) /* mounted is another part of the tree */
		return -EOPNOTSUPP;
	below += n;
	n = (size_t)snprintf(own, CGROUP_PATH, "%s%s", at, strcmp(below, "/") == 0 ? "" : below);
	return n >= CGROUP_PATH ? -ENAMETOOLONG : 0;
}

int cgroup_own(char own[static CGROUP_PATH])
{
	char *text = malloc(2 * FILE_MOST);
	int err;

	if (!text)
		return -ENOMEM;
	err = read_text("/proc/self/cgroup", text, FILE_MOST);
	if (err == 0)
		err = read_text("/proc/self/mountinfo", text + FILE_MOST, FILE_MOST);
	if (err == 0)
		err = cgroup_parse(own, text, text + FILE_MOST);
	free(text);
	return err;
}

/* ---------------------------------------------------------------------- ours */

static bool has_word(const char *text, const char *word)
{
	const size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += n)
		if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\n' || !at[n]))
			return true;
	return false;
}

/* systemd marks what it gave away; where there is no systemd nobody else divides it. */
static bool was_given(const char *own)
{
	static const char *const marks[] = {"user.delegate", "trusted.delegate"};
	char value;

	if (access("/run/systemd/system", F_OK) < 0)
		return true;
	for (size_t i = 0; i < 2; i++)
		if (getxattr(own, marks[i], &value, 1) == 1 && value == '1')
			return true;
	return false;
}

static bool is_alone(const char *processes, pid_t nursery)
{
	char *end;

	for (const char *at = processes; *at; at = end + 1) {
		long pid = strtol(at, &end, 10);

		if (end == at || (pid != getpid() && pid != nursery))
			return false;
		if (*end == '\0')
			break;
	}
	return true;
}

int cgroup_is_ours(const char *own, pid_t nursery)
{
	char text[4096];
	int err = read_in(own, "cgroup.controllers", text, sizeof(text));

	if (err < 0 || !has_word(text, "memory"))
		return err < 0 && err != -ENOENT ? err : -EOPNOTSUPP;
	if (!was_given(own))
		return -EPERM;
	err = read_in(own, "cgroup.procs", text, sizeof(text));
	if (err < 0)
		return err;
	return is_alone(text, nursery) ? 0 : -EBUSY;
}

/* -------------------------------------------------------------------- divide */

/* To move a process it takes the right to write the nearest group that is above both. The nursery has
 * another user id than the hub, and who is not below it isn't let in by this: hence for all. */
static int open_to_nursery(const char *group)
{
	char path[CGROUP_PATH];
	int err = path_of(path, group, "cgroup.procs");

	return err == 0 && chmod(path, 0666) < 0 ? -errno : err;
}

static int give(const char *group, uid_t user)
{
	if (user != geteuid() && chown(group, user, (gid_t)-1) < 0)
		return -errno;
	return open_to_nursery(group);
}

static int divide(struct cgroups *groups, const char *own, pid_t nursery, uid_t user)
{
	char hub[CGROUP_PATH], first[CGROUP_PATH];
	int err = make(hub, own, "hub");

	if (err == 0)
		err = make(groups->path, own, "workers");
	if (err == 0)
		err = make(first, groups->path, "nursery");
	if (err == 0)
		err = put_number(hub, "cgroup.procs", (uint64_t)getpid());
	if (err == 0)
		err = put_number(first, "cgroup.procs", (uint64_t)nursery);
	if (err == 0)
		err = put(own, "cgroup.subtree_control", "+memory");
	if (err == 0)
		err = put(groups->path, "cgroup.subtree_control", "+memory");
	return err == 0 ? give(groups->path, user) : err;
}

static void undo(struct cgroups *groups, const char *own, pid_t nursery)
{
	char path[CGROUP_PATH];

	(void)put(groups->path, "cgroup.subtree_control", "-memory");
	(void)put(own, "cgroup.subtree_control", "-memory");
	(void)put_number(own, "cgroup.procs", (uint64_t)getpid());
	(void)put_number(own, "cgroup.procs", (uint64_t)nursery);
	if (path_of(path, groups->path, "nursery") == 0)
		forget(path);
	forget(groups->path);
	if (path_of(path, own, "hub") == 0)
		forget(path);
	groups->path[0] = '\0';
}

int cgroup_divide(struct cgroups *groups, const char *own, pid_t nursery, uid_t user)
{
	int err;

	*groups = (struct cgroups){.path = ""};
	err = divide(groups, own, nursery, user);
	if (err < 0)
		undo(groups, own, nursery);
	return err;
}

/* -------------------------------------------------------------------- groups */

static int take_number(struct cgroups *groups)
{
	for (unsigned n = 0; n < CGROUP_GROUPS; n++) {
		if (groups->taken[n / 64] & 1ull << n % 64)
			continue;
		groups->taken[n / 64] |= 1ull << n % 64;
		return (int)n;
	}
	return -EAGAIN;
}

static void name_of(int number, char name[static NAME_MOST])
{
	snprintf(name, NAME_MOST, "%d", number);
}

static int limit(const char *group, uint64_t bytes)
{
	int err = put_number(group, "memory.max", bytes);

	if (err == 0)
		err = put(group, "memory.oom.group", "1"); /* its processes end together */
	if (err == 0)
		err = put(group, "memory.swap.max", "0");
	return err == -ENOENT ? 0 : err; /* without swap there is no such file */
}

int cgroup_make(struct cgroups *groups, uint64_t bytes, int *fd)
{
	char path[CGROUP_PATH], name[NAME_MOST];
	int number = take_number(groups), err;

	*fd = -1;
	if (number < 0)
		return number;
	name_of(number, name);
	err = make(path, groups->path, name);
	if (err == 0)
		err = limit(path, bytes);
	if (err == 0)
		err = open_to_nursery(path);
	if (err == 0) {
		*fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		err = *fd < 0 ? -errno : 0;
	}
	if (err < 0)
		cgroup_remove(groups, number);
	return err < 0 ? err : number;
}

void cgroup_remove(struct cgroups *groups, int number)
{
	char path[CGROUP_PATH], name[NAME_MOST];

	name_of(number, name);
	if (path_of(path, groups->path, name) == 0)
		forget(path);
	groups->taken[number / 64] &= ~(1ull << number % 64);
}

bool cgroup_ran_out(const struct cgroups *groups, int number)
{
	char path[CGROUP_PATH], name[NAME_MOST], text[1024];
	const char *line;

	name_of(number, name);
	if (path_of(path, groups->path, name) < 0 ||
		read_in(path, "memory.events", text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "oom_kill ");
	return line && strtoull(line + strlen("oom_kill "), NULL, 10) > 0;
}
