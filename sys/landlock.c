/* sys/landlock.c - Linux's Documentation/userspace-api/landlock.rst */
#include "sys/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What newer headers than Debian 12's name. */
#define FS_TRUNCATE  (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_TCP      3ull         /* ABI 4: bind, connect */
#define SCOPE_ALL    3ull         /* ABI 6: abstract sockets, signals */
#define SCOPE_SIGNAL 2ull
#define FIRST_FS     ((1ull << 13) - 1)
#define REFER_FS     (1ull << 13) /* ABI 2 */

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                                                    \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                     \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)
/* What a file that is no directory may have. */
#define OF_FILES                                                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
		LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* struct landlock_ruleset_attr of ABI 6; the kernel is told how much of it there is. */
struct ruleset {
	uint64_t fs, net, scoped;
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t all_fs(int abi)
{
	return FIRST_FS | (abi >= 2 ? REFER_FS : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
		(abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int add(int set, const struct landlock_path *p, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = {0};
	int err = 0;

	rule.allowed_access = handled &
		((p->rights & LANDLOCK_READ ? READING : 0) |
			(p->rights & LANDLOCK_WRITE ? WRITING | FS_TRUNCATE : 0) |
			(p->rights & LANDLOCK_RUN ? LANDLOCK_ACCESS_FS_EXECUTE : 0) |
			(p->rights & LANDLOCK_MOVE ? REFER_FS : 0) |
			(p->rights & LANDLOCK_DEVICE ? FS_IOCTL_DEV : 0));
	if (rule.allowed_access == 0) /* nothing that isn't free anyway */
		return 0;
	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		err = -errno;
	if (err == -EINVAL) { /* it is no directory */
		rule.allowed_access &= OF_FILES;
		err = syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
			? -errno
			: 0;
	}
	close(rule.parent_fd);
	return err;
}

int landlock_enter(const struct landlock_path *paths, size_t count, unsigned ways)
{
	const int abi = landlock_abi();
	const bool nothing = count == 0;
	const uint64_t scoped = ways & LANDLOCK_NO_SIGNALS ? SCOPE_SIGNAL : 0;
	struct ruleset r = {
		.fs = all_fs(abi) & ~(ways & LANDLOCK_WRITING ? READING : 0ull),
		.net = nothing && abi >= 4 ? NET_TCP : 0,
		.scoped = abi < 6 ? 0
			: nothing ? SCOPE_ALL
				  : scoped,
	};
	int set, err = 0;

	if (abi == 0)
		return -EOPNOTSUPP;
	set = (int)syscall(SYS_landlock_create_ruleset, &r,
		abi >= 6           ? sizeof(r)
			: abi >= 4 ? offsetof(struct ruleset, scoped)
				   : offsetof(struct ruleset, net),
		0);
	if (set < 0)
		return -errno;
	for (size_t i = 0; i < count && err == 0; i++)
		if (paths[i].path)
			err = add(set, &paths[i], r.fs);
	if (err == 0 && syscall(SYS_landlock_restrict_self, set, 0) < 0)
		err = -errno;
	close(set);
	return err;
}
