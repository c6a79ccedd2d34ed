/* hub/admin.c - the admin socket's file, and the routers of the hub's own listeners. */
#include "hub/admin.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hub/admin_network.h"
#include "hub/config.h"
#include "hub/in_http.h"
#include "hub/metrics.h"
#include "hub/pages.h"
#include "hub/peer.h"
#include "hub/setup.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/rundir.h"
#include "sys/systemd.h"

#define BACKLOG 64

/* A socket that nobody listens to yet is younger than this. */
#define YOUNG_S 1
#define WAIT_NS (50 * CLOCK_MS)

struct admin {
	struct input *socket; /* NULL: none */
	bool usual;           /* its path wasn't configured */
	bool given;           /* the service manager made it, and removes it */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device; /* of its file, so that nobody else's is removed at the end */
	ino_t inode;
	char *group;           /* whose members may look; NULL: none */
	gid_t group_id;        /* the same */
	struct input *metrics; /* NULL: none */
	struct input *network; /* the same pages over the network; NULL: none */
};

/* -------------------------------------------------------------------- socket */

static int bind_to(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int err = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	mask = umask(0177);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		err = -errno;
	umask(mask);
	return err;
}

/* Was it left behind? A hub that has just bound it will listen in a moment. */
static bool is_dead(const char *path)
{
	const struct timespec wait = {0, (long)WAIT_NS};
	struct stat st;

	for (unsigned i = 0; i < YOUNG_S * CLOCK_S / WAIT_NS; i++) {
		if (rundir_probe(path) != RUNDIR_DEAD || lstat(path, &st) < 0)
			return false;
		if (st.st_ctime + YOUNG_S < time(NULL))
			break;
		nanosleep(&wait, NULL);
	}
	return rundir_probe(path) == RUNDIR_DEAD;
}

/* A listening socket at `path`, or -errno; -EADDRINUSE: somebody lives there. */
static int listen_at(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	err = bind_to(fd, path);
	if (err == -EADDRINUSE && is_dead(path) && unlink(path) == 0)
		err = bind_to(fd, path);
	if (err == 0 && listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err == 0)
		return fd;
	fd_close(&fd);
	return err;
}

static void remove_file(const struct admin *admin)
{
	struct stat st;

	if (admin->given)
		return;
	if (lstat(admin->path, &st) == 0 && st.st_dev == admin->device && st.st_ino == admin->inode)
		unlink(admin->path);
}

static int remember(struct admin *admin, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	admin->device = st.st_dev;
	admin->inode = st.st_ino;
	snprintf(admin->path, sizeof(admin->path), "%s", path);
	return 0;
}

/* ---------------------------------------------------------------------- group */

static int bad_group(const char *name, const char *why, char error[static HUB_ERROR_MAX])
{
	snprintf(error, HUB_ERROR_MAX, "admin_group: '%.60s': %s", name, why);
	return SETUP_FAILED;
}

/* A group that is the same isn't looked up again: a hub that has dropped its rights may not be able to. */
static int find_group(struct admin *admin, const struct admin *old, const char *name,
	char error[static HUB_ERROR_MAX])
{
	const struct group *found;

	admin->group_id = PEER_NO_GROUP;
	if (!name)
		return 0;
	admin->group = strdup(name);
	if (!admin->group)
		return bad_group(name, "no memory", error);
	if (old && old->group && strcmp(old->group, name) == 0) {
		admin->group_id = old->group_id;
		return 0;
	}
	found = getgrnam(name);
	if (!found)
		return bad_group(name, "there is no such group: groupadd makes one", error);
	admin->group_id = found->gr_gid;
	return 0;
}

/* The socket's mode lets the group in. Of one that the service manager made, its unit says that. */
static int show_group(
	const struct admin *admin, const struct admin *old, char error[static HUB_ERROR_MAX])
{
	bool there = old && old->socket == admin->socket;
	gid_t group = admin->group_id;

	if (!admin->socket || admin->given || group == (there ? old->group_id : PEER_NO_GROUP))
		return 0;
	if (group == PEER_NO_GROUP) {
		(void)chmod(admin->path, 0600);
		return 0;
	}
	if (lchown(admin->path, (uid_t)-1, group) == 0 && chmod(admin->path, 0660) == 0)
		return 0;
	return bad_group(admin->group,
		errno == EPERM ? "only root, or a member, can give the socket to it: start the hub "
				 "again"
			       : strerror(errno),
		error);
}

/* ----------------------------------------------------------------- directory */

/* Hubs that were killed leave their sockets behind. */
static void remove_dead(const char *directory)
{
	DIR *dir = opendir(directory);
	char path[512];

	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t digits = strspn(e->d_name, "0123456789");

		if (digits == 0 || strcmp(e->d_name + digits, ".sock") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		if (rundir_probe(path) == RUNDIR_DEAD && is_dead(path))
			unlink(path);
	}
	if (dir)
		closedir(dir);
}

static int default_path(char *path, size_t size)
{
	char directory[RUNDIR_PATH];
	int err = rundir_own(directory);

	if (err == 0)
		err = rundir_make(directory, geteuid() == 0);
	if (err < 0)
		return err;
	remove_dead(directory);
	snprintf(path, size, "%s/%d.sock", directory, (int)getpid());
	return 0;
}

/* Of a path that the operator chose only the last directory is made, and its owner is his choice. */
static int make_directory(const char *path)
{
	char copy[512];
	int err;

	snprintf(copy, sizeof(copy), "%s", path);
	err = rundir_make(dirname(copy), false);
	return err == -EPERM ? 0 : err;
}

/* ----------------------------------------------------------------- listeners */

static void keep(struct hub *hub, struct input *input)
{
	struct input **end = &hub->inputs;

	while (*end)
		end = &(*end)->next;
	input->own = true;
	*end = input;
}

static void unkeep(struct input *input)
{
	struct input **at = &input->hub->inputs;

	while (*at != input)
		at = &(*at)->next;
	*at = input->next;
}

static int adopt(struct hub *hub, int fd, gid_t group, struct input **input)
{
	const struct http_options plain = {.own_user = true, .group = group};
	char why[HTTP_ERROR_MAX];
	struct router *router = NULL;
	int err = router_open(&router);

	if (err == 0)
		err = pages_add(router, NULL, NULL);
	if (err == 0)
		err = in_http_adopt(input, hub, fd, &plain, router, why);
	if (err != 0)
		router_close(router);
	else
		keep(hub, *input);
	return err;
}

static int open_at(struct hub *hub, const char *path, struct admin *admin)
{
	int fd = systemd_unix_socket(path), err;

	admin->given = fd >= 0;
	if (fd == -ENOENT)
		fd = listen_at(path);
	if (fd < 0)
		return fd;
	err = remember(admin, path);
	if (err == 0)
		err = adopt(hub, fd, admin->group_id, &admin->socket);
	if (err == 0)
		return 0;
	remove_file(admin);
	fd_close(&fd);
	return err;
}

static int cant_open(const char *path, int err, char error[static HUB_ERROR_MAX])
{
	if (err == -EADDRINUSE)
		snprintf(error, HUB_ERROR_MAX,
			"admin: \"%s\": it is there already, and no dead hub left it: another hub "
			"listens there, or it is another file",
			path);
	else
		snprintf(error, HUB_ERROR_MAX, "admin: \"%s\": can't listen there: %s", path,
			strerror(-err));
	return SETUP_FAILED;
}

static int open_configured(
	struct hub *hub, const char *path, struct admin *admin, char error[static HUB_ERROR_MAX])
{
	int err = make_directory(path);

	if (err == 0)
		err = open_at(hub, path, admin);
	return err < 0 ? cant_open(path, err, error) : 0;
}

static void open_usual(struct hub *hub, struct admin *admin)
{
	char path[512] = "the run directory";
	int err = default_path(path, sizeof(path));

	admin->usual = true;
	if (err == 0)
		err = open_at(hub, path, admin);
	if (err < 0)
		log_warn("no admin socket, so mayfly ps and the like can't ask this hub: \"%s\": "
			 "%s: give it a path with admin: in hub.yaml",
			path, err == -EPERM ? "others may write there" : strerror(-err));
}

static int open_metrics(struct hub *hub, const struct config_listener *listener,
	struct admin *admin, char error[static HUB_ERROR_MAX])
{
	static const struct route route = {
		.method = "GET", .path = "/metrics", .page = metrics_page};
	const struct http_options plain = {0};
	char why[HTTP_ERROR_MAX] = "", text[NET_TEXT];
	const struct route *other;
	struct router *router = NULL;
	int err = router_open(&router);

	if (err == 0)
		err = router_add(router, &route, &other);
	if (err == 0)
		err = in_http_open(&admin->metrics, hub, &listener->address, &plain, router, why);
	if (err == 0) {
		admin->metrics->asked = listener->address;
		keep(hub, admin->metrics);
		log_info("metrics on http://%s/metrics", admin->metrics->text);
		return 0;
	}
	router_close(router);
	net_text(&listener->address, text);
	snprintf(error, HUB_ERROR_MAX, "%s: metrics: can't listen on %s: %s%s", listener->place,
		text, why[0] ? why : strerror(-err),
		err == -EADDRINUSE ? ": another program has that port" : "");
	return SETUP_FAILED;
}

/* -------------------------------------------------------------------- changes */

static bool same_socket(const struct admin *old, const struct config *config)
{
	if (!old || !old->socket || config->no_admin)
		return false;
	return config->admin ? strcmp(old->path, config->admin) == 0 : old->usual;
}

static bool same_metrics(const struct admin *old, const struct config *config)
{
	return old && old->metrics && config->metrics.address.size > 0 &&
		net_same(&old->metrics->asked, &config->metrics.address);
}

static int take_socket(struct hub *hub, const struct config *config, struct admin *admin,
	char error[static HUB_ERROR_MAX])
{
	struct admin *old = hub->admin;

	if (same_socket(old, config)) {
		memcpy(admin->path, old->path, sizeof(admin->path));
		admin->socket = old->socket;
		admin->usual = old->usual;
		admin->given = old->given;
		admin->device = old->device;
		admin->inode = old->inode;
		return 0;
	}
	if (config->admin)
		return open_configured(hub, config->admin, admin, error);
	if (!config->no_admin)
		open_usual(hub, admin);
	return 0;
}

static int take_metrics(struct hub *hub, const struct config *config, struct admin *admin,
	char error[static HUB_ERROR_MAX])
{
	if (same_metrics(hub->admin, config))
		admin->metrics = hub->admin->metrics;
	else if (config->metrics.address.size > 0)
		return open_metrics(hub, &config->metrics, admin, error);
	return 0;
}

/* All that can fail; what was opened is in `admin`. */
static int take_all(struct hub *hub, const struct config *config, struct admin *admin,
	struct admin_network *network, char error[static HUB_ERROR_MAX])
{
	const struct admin *old = hub->admin;
	int status = find_group(admin, old, config->admin_group, error);

	if (status == 0)
		status = take_metrics(hub, config, admin, error);
	if (status == 0)
		status = admin_network_make(hub, config, old ? old->network : NULL, network, error);
	if (status == 0)
		status = take_socket(hub, config, admin, error);
	return status == 0 ? show_group(admin, old, error) : status;
}

static void undo(struct input *opened, const struct input *old)
{
	if (!opened || opened == old)
		return;
	unkeep(opened);
	opened->ops->close(opened);
}

static void undo_all(struct admin *admin, const struct admin *old, struct admin_network *network)
{
	admin_network_drop(network);
	if (admin->socket && !(old && admin->socket == old->socket))
		remove_file(admin);
	undo(admin->socket, old ? old->socket : NULL);
	undo(admin->metrics, old ? old->metrics : NULL);
	free(admin->group);
	free(admin);
}

/* It answers what it was asked, then it is gone. */
static void let_go(struct hub *hub, struct input *input)
{
	unkeep(input);
	input->ops->stop(input);
	input->next = hub->leaving_inputs;
	hub->leaving_inputs = input;
	hub_ended(hub);
}

static void replace(struct hub *hub, struct input *old, const struct input *now)
{
	if (old && old != now)
		let_go(hub, old);
}

int admin_take(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	struct admin *old = hub->admin, *admin = calloc(1, sizeof(*admin));
	struct admin_network network = {0};
	int status;

	if (!admin) {
		snprintf(error, HUB_ERROR_MAX, "no memory");
		return SETUP_FAILED;
	}
	status = take_all(hub, config, admin, &network, error);
	if (status != 0) {
		undo_all(admin, old, &network);
		return status;
	}
	admin->network = network.input;
	if (network.input && network.opened)
		keep(hub, network.input);
	admin_network_take(&network);
	if (admin->socket)
		in_http_set_group(admin->socket, admin->group_id);
	if (old && old->socket != admin->socket)
		remove_file(old);
	replace(hub, old ? old->socket : NULL, admin->socket);
	replace(hub, old ? old->metrics : NULL, admin->metrics);
	replace(hub, old ? old->network : NULL, admin->network);
	if (old)
		free(old->group);
	free(old);
	hub->admin = admin;
	return 0;
}

int admin_check(const struct config *config, char error[static HUB_ERROR_MAX])
{
	struct admin admin = {0};
	int status = find_group(&admin, NULL, config->admin_group, error);

	free(admin.group);
	return status == 0 ? admin_network_check(config, error) : status;
}

void admin_close(struct hub *hub)
{
	if (!hub->admin)
		return;
	if (hub->admin->socket)
		remove_file(hub->admin);
	free(hub->admin->group);
	free(hub->admin);
	hub->admin = NULL;
}

const char *admin_path(const struct hub *hub)
{
	return hub->admin && hub->admin->socket ? hub->admin->path : NULL;
}

const struct input *admin_network(const struct hub *hub)
{
	return hub->admin ? hub->admin->network : NULL;
}

const struct input *admin_metrics(const struct hub *hub)
{
	return hub->admin ? hub->admin->metrics : NULL;
}
