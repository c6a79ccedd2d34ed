/* hub/confine.c - see confine.h. */
#include "hub/confine.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hub/accelerator.h"
#include "hub/admin.h"
#include "hub/center.h"
#include "hub/config.h"
#include "hub/confine_calls.h"
#include "hub/nursery.h"
#include "hub/setup.h"
#include "hub/spawn.h"
#include "sys/fd.h"
#include "sys/landlock.h"
#include "sys/namespaces.h"
#include "sys/rundir.h"
#include "sys/secret.h"

/* What a hub that was root keeps: ports below 1024 at a reload; and, where Landlock says where, files
 * as root may use them. */
#define KEPT       (1ull << CAP_NET_BIND_SERVICE)
#define KEPT_FILES (1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH)

#define USUAL_USER "mayfly"
#define NOBODY     65534u

/* --------------------------------------------------------------------- who */

struct who {
	bool change; /* we are root, and become another */
	uid_t uid;
	gid_t gid;
	char text[64]; /* for people */
};

/* Where there is no user for it: a number of our own range that no worker has. In a container that has
 * no user but root it stays what it is. */
static void take_number(struct who *who)
{
	if (!namespaces_has_id(NAMESPACES_BASE) && !namespaces_has_id(NOBODY))
		return;
	who->uid = namespaces_has_id(NAMESPACES_BASE) ? NAMESPACES_BASE : NOBODY;
	who->gid = who->uid;
	snprintf(who->text, sizeof(who->text), "%u, for there is no user " USUAL_USER,
		(unsigned)who->uid);
}

static int find_user(
	const struct hub *hub, const char *name, struct who *who, char error[static HUB_ERROR_MAX])
{
	const struct passwd *user = getpwnam(name ? name : USUAL_USER);

	if (!user && name) {
		snprintf(error, HUB_ERROR_MAX, "%s: user: there is no user \"%s\" here",
			hub->options.file, name);
		return SETUP_NOT_FOUND;
	}
	if (user && (name || namespaces_has_id(user->pw_uid))) {
		who->uid = user->pw_uid;
		who->gid = user->pw_gid;
		snprintf(who->text, sizeof(who->text), "%.32s", user->pw_name);
	} else {
		take_number(who);
	}
	if (geteuid() != 0 && who->uid != geteuid()) {
		snprintf(error, HUB_ERROR_MAX,
			"%s: user: the hub runs as user id %u: only one that is started as root "
			"can become \"%s\"",
			hub->options.file, (unsigned)geteuid(), name);
		return SETUP_USAGE;
	}
	who->change = who->uid != geteuid();
	return 0;
}

static int choose_who(const struct hub *hub, const struct config *config, struct who *who,
	char error[static HUB_ERROR_MAX])
{
	*who = (struct who){.uid = geteuid(), .gid = getegid()};
	if (geteuid() == 0 || config->user)
		return find_user(hub, config->user, who, error);
	return 0;
}

static int become(const struct who *who, bool files)
{
	namespaces_bound();
	if (!who->change)
		return namespaces_keep(KEPT);
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
		syscall(SYS_setresgid, who->gid, who->gid, who->gid) < 0 ||
		syscall(SYS_setresuid, who->uid, who->uid, who->uid) < 0)
		return -errno;
	return namespaces_keep(KEPT | (files ? KEPT_FILES : 0));
}

/* -------------------------------------------------------------------- files */

#define PATHS_MOST 512u

struct places {
	struct landlock_path path[PATHS_MOST];
	char *text[PATHS_MOST];
	unsigned count;
};

/* A directory that doesn't fit can't be used: never the other way round. */
static void add(struct places *p, const char *path, unsigned rights)
{
	if (p->count == PATHS_MOST)
		return;
	p->text[p->count] = strdup(path);
	p->path[p->count] = (struct landlock_path){p->text[p->count], rights};
	p->count++;
}

/* The directory of a file, so that a reload finds what takes the file's place; and of what it is a
 * link to. */
static void add_directory(struct places *p, const char *file, unsigned rights)
{
	char copy[PATH_MAX], real[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", file);
	add(p, dirname(copy), rights);
	if (realpath(file, real))
		add(p, dirname(real), rights);
}

/* What libraries read that are loaded when they are needed first, and the kernel's own files. */
static void add_system(struct places *p)
{
	static const char *const system[] = {"/usr", "/lib", "/lib64", "/etc/ssl",
		"/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/group", "/proc"};

	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		add(p, system[i], LANDLOCK_READ);
}

/* By which names are looked up. What is a link out of /etc may be written anew: its directory. */
static void add_names(struct places *p)
{
	static const char *const files[] = {
		"/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf"};
	char real[PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		add(p, files[i], LANDLOCK_READ);
		if (realpath(files[i], real) && strncmp(real, "/etc/", 5) != 0)
			add(p, dirname(real), LANDLOCK_READ);
	}
}

static void add_all(struct places *p, const struct hub *hub, const struct config *config)
{
	const unsigned both = LANDLOCK_READ | LANDLOCK_WRITE;
	char directory[RUNDIR_PATH];

	add_system(p);
	add_names(p);
	if (hub->options.config)
		add_directory(p, hub->options.config, LANDLOCK_READ);
	for (unsigned i = 0; i < config->paths_count; i++)
		add_directory(p, config->paths[i], LANDLOCK_READ);
	if (config->state)
		add(p, config->state, both);
	if (config->market.apart)
		add(p, config->market.ledger, both);
	if (admin_path(hub))
		add_directory(p, admin_path(hub), both);
	if (config->admin)
		add_directory(p, config->admin, both);
	if (rundir_own(directory) == 0)
		add(p, directory, both);
	if (hub->groups.path[0] != '\0')
		add(p, hub->groups.path, both);
}

/* With root's right to use any file it reads only what is named; else the files' own permissions say
 * what it may read, and only writing is restricted. */
static int close_files(const struct hub *hub, const struct config *config, bool reading)
{
	struct places *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	add_all(p, hub, config);
	err = landlock_enter(p->path, p->count, reading ? 0 : LANDLOCK_WRITING);
	for (unsigned i = 0; i < p->count; i++)
		free(p->text[i]);
	free(p);
	return err;
}

/* ------------------------------------------------------------------ nursery */

/* It answers late; or it is gone, and no worker can be started any more: then what is under way ends in
 * good order, and whoever started the hub starts another. */
static void on_nursery(struct loop_source *source, uint32_t events)
{
	struct hub *hub = LOOP_OWNER(source, struct hub, nursery_source);

	if ((events & EPOLLRDHUP) == 0) {
		spawn_collect(hub->options.nursery);
		return;
	}
	loop_remove(hub->loop, hub->options.nursery->socket, source);
	if (hub->stopping)
		return;
	log_error("the process that starts workers is gone: no other can do it, so the hub ends");
	hub->failed = true;
	hub_stop(hub);
}

static int settle(struct hub *hub, const struct who *who, char error[static HUB_ERROR_MAX])
{
	int err = nursery_settle(hub->options.nursery, who->uid, who->gid, &hub->walls);

	hub->nursery_source.ready = on_nursery;
	if (err == 0)
		err = loop_add(hub->loop, hub->options.nursery->socket, EPOLLIN | EPOLLRDHUP,
			&hub->nursery_source);
	if (err == 0)
		return 0;
	snprintf(error, HUB_ERROR_MAX, "can't start the process that starts workers: %s",
		strerror(-err));
	return SETUP_FAILED;
}

/* -------------------------------------------------------------------- walls */

static int check_strict(
	const struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	unsigned missing = 0;

	if (!config->strict)
		return 0;
	for (unsigned i = 0; i < WALLS; i++) {
		if (hub->walls.missing[i] == 0)
			continue;
		missing++;
		log_error("strict: there is no wall '%s', %s: %s: %s", walls_name(i), walls_what(i),
			strerror(-hub->walls.missing[i]), walls_how(i));
	}
	if (missing == 0)
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"strict: %u of %u walls are missing, so the hub doesn't start", missing,
		(unsigned)WALLS);
	return SETUP_DENIED;
}

static void tell(const struct hub *hub, const struct who *who)
{
	char line[1024];

	if (who->change)
		log_info("goes on as user %s", who->text);
	if (walls_line(&hub->walls, line, sizeof(line)))
		log_info("walls that are missing here: %s; mayflyd(8) says how to get them", line);
}

/* The hub's own, in an order in which each can still be built. */
static int enclose(struct hub *hub, const struct config *config, const struct who *who)
{
	struct walls *walls = &hub->walls;
	const bool landlock = landlock_abi() > 0;
	const char *admin = admin_path(hub);
	int err = 0;

	if (who->change && admin)
		(void)!chown(admin, who->uid, (gid_t)-1); /* its user may ask, as root may */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (landlock)
		err = close_files(hub, config, who->change);
	walls_note(walls, WALL_HUB_FILES, landlock ? err : -EOPNOTSUPP);
	hub->enclosed = landlock && who->change;
	if (err == 0)
		err = become(who, landlock);
	walls_note(walls, WALL_HUB_USER, geteuid() == 0 ? -EPERM : 0);
	if (err == 0 && walls->missing[WALL_HUB_CALLS] == 0)
		err = confine_calls_enter();
	return err;
}

void confine_prepare(const struct hub *hub, const struct config *config)
{
	char error[HUB_ERROR_MAX]; /* `confine` will say it */
	struct who who;

	if (choose_who(hub, config, &who, error) == 0)
		secret_owner(who.uid);
}

/* While we have the right to give it away. */
static int limit_memory(struct hub *hub, uid_t user)
{
	struct cgroups *groups = &hub->groups;
	const pid_t nursery = hub->options.nursery->pid;
	char own[CGROUP_PATH];
	int err = cgroup_own(own), number, fd;

	if (err == 0)
		err = cgroup_is_ours(own, nursery);
	if (err == 0)
		err = cgroup_divide(groups, own, nursery, user);
	if (err < 0)
		return err;
	number = cgroup_make(groups, 1u << 20, &fd);
	err = number < 0 ? number : nursery_probe(hub->options.nursery, fd);
	if (number >= 0)
		cgroup_remove(groups, number);
	fd_close(&fd);
	if (err < 0)
		groups->path[0] = '\0';
	return err;
}

int confine(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	struct who who;
	int status = choose_who(hub, config, &who, error), err;

	walls_look(&hub->walls);
	if (status == 0)
		status = settle(hub, &who, error);
	if (status != 0)
		return status;
	walls_note(&hub->walls, WALL_MEMORY, limit_memory(hub, who.uid));
	status = accelerator_start(hub, config, error);
	if (status == 0)
		status = center_start(hub, config, error);
	if (status != 0)
		return status;
	err = enclose(hub, config, &who);
	if (err < 0) {
		snprintf(error, HUB_ERROR_MAX, "can't give up its rights: %s", strerror(-err));
		return SETUP_FAILED;
	}
	tell(hub, &who);
	return check_strict(hub, config, error);
}
