/* sys/systemd.c - LISTEN_FDS, NOTIFY_SOCKET and WATCHDOG_USEC. */
#include "sys/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/clock.h"
#include "sys/fd.h"

#define FIRST          3 /* SD_LISTEN_FDS_START */
#define MOST           256u
#define NAME_MAX_SHOWN 64

union any_address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct net_address net; /* its union comes first */
	struct sockaddr_storage room;
};

struct given {
	int fd, type;
	union any_address address;
	socklen_t size;
	char name[NAME_MAX_SHOWN];
	bool used;
	int lent;     /* the number of the last duplicate; -1: there was none */
	ino_t number; /* of the socket: is `lent` still the same? */
};

static struct {
	struct given *given;
	unsigned count;
	int notify; /* a datagram socket; -1: nobody listens */
	struct sockaddr_un notify_to;
	socklen_t notify_size;
	uint64_t watchdog_ns;
} manager = {.notify = -1};

static int __attribute__((format(printf, 3, 4)))
bad(char error[static SYSTEMD_ERROR_MAX], int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, SYSTEMD_ERROR_MAX, format, args);
	va_end(args);
	return err;
}

/* -------------------------------------------------------------- environment */

static bool number(const char *name, uint64_t *n)
{
	const char *text = getenv(name);

	return text && num_parse(mf_str_of(text, strlen(text)), n);
}

/* Is it meant for this process, and not for the one that started it? */
static bool for_us(const char *name)
{
	uint64_t pid;

	return number(name, &pid) && pid == (uint64_t)getpid();
}

/* ---------------------------------------------------------------- handed over */

static void show(const struct given *g, char *to, size_t size)
{
	char text[NET_TEXT];
	const char *kind = g->type == SOCK_DGRAM ? "datagrams" : "connections";

	if (g->address.any.sa_family == AF_UNIX) {
		snprintf(to, size, "\"%.*s\" (%s, named \"%s\")",
			(int)(g->size - offsetof(struct sockaddr_un, sun_path)),
			g->address.un.sun_path, kind, g->name);
		return;
	}
	net_text(&g->address.net, text);
	snprintf(to, size, "%s (%s, named \"%s\")", text, kind, g->name);
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

static int check(const struct given *g, char error[static SYSTEMD_ERROR_MAX])
{
	int family = g->address.any.sa_family;

	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return bad(error, -EAFNOSUPPORT,
			"the socket \"%s\" that was handed over speaks neither IP nor Unix",
			g->name);
	if (g->type == SOCK_STREAM && !is_listening(g->fd))
		return bad(error, -EINVAL,
			"the socket \"%s\" that was handed over is a connection: its unit needs "
			"Accept=no",
			g->name);
	if (g->type != SOCK_STREAM && (g->type != SOCK_DGRAM || family == AF_UNIX))
		return bad(error, -ESOCKTNOSUPPORT,
			"the socket \"%s\" that was handed over is of a kind that nothing here "
			"serves",
			g->name);
	return 0;
}

static int take_one(struct given *g, int fd, char error[static SYSTEMD_ERROR_MAX])
{
	socklen_t type_size = sizeof(g->type);
	struct stat st;

	g->fd = fd;
	g->lent = -1;
	g->size = sizeof(g->address.room);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &g->type, &type_size) < 0 ||
		getsockname(fd, &g->address.any, &g->size) < 0 || fstat(fd, &st) < 0)
		return bad(error, -errno, "descriptor %d (\"%s\") was handed over: %s", fd, g->name,
			strerror(errno));
	g->number = st.st_ino;
	/* Duplicates share what O_NONBLOCK says, but not what FD_CLOEXEC does. */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fd_set_nonblocking(fd, true) < 0)
		return bad(error, -errno, "descriptor %d (\"%s\") was handed over: %s", fd, g->name,
			strerror(errno));
	return check(g, error);
}

/* The next of "a:b:c", shortened if it must be; moves on. */
static void take_name(const char **names, char to[static NAME_MAX_SHOWN])
{
	size_t n = strcspn(*names, ":");

	snprintf(to, NAME_MAX_SHOWN, "%.*s", (int)n, *names);
	*names += n + ((*names)[n] == ':');
}

static int take_sockets(char error[static SYSTEMD_ERROR_MAX])
{
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t count;

	if (!for_us("LISTEN_PID") || !number("LISTEN_FDS", &count) || count == 0)
		return 0;
	if (count > MOST)
		return bad(error, -E2BIG, "%llu sockets were handed over: more than %u",
			(unsigned long long)count, MOST);
	if (!names)
		names = "";
	manager.given = calloc(count, sizeof(*manager.given));
	if (!manager.given)
		return bad(error, -ENOMEM, "no memory");
	for (unsigned i = 0; i < count; i++) {
		int err;

		take_name(&names, manager.given[i].name);
		err = take_one(&manager.given[i], FIRST + (int)i, error);
		if (err < 0)
			return err;
		manager.count = i + 1;
	}
	return 0;
}

static bool is_lent(const struct given *g)
{
	struct stat st;

	return g->lent >= 0 && fstat(g->lent, &st) == 0 && S_ISSOCK(st.st_mode) &&
		st.st_ino == g->number;
}

static int lend(struct given *g)
{
	int fd;

	g->used = true;
	if (is_lent(g))
		return -EADDRINUSE;
	fd = fcntl(g->fd, F_DUPFD_CLOEXEC, FIRST);
	if (fd < 0)
		return -errno;
	g->lent = fd;
	return fd;
}

int systemd_socket(const struct net_address *address, int type)
{
	for (unsigned i = 0; i < manager.count; i++) {
		struct given *g = &manager.given[i];

		if (g->type == type && g->address.any.sa_family != AF_UNIX &&
			net_same(&g->address.net, address))
			return lend(g);
	}
	return -ENOENT;
}

int systemd_unix_socket(const char *path)
{
	for (unsigned i = 0; i < manager.count; i++) {
		struct given *g = &manager.given[i];
		size_t n = g->size - offsetof(struct sockaddr_un, sun_path);

		/* the kernel counts a path's final zero, or doesn't */
		if (g->address.any.sa_family == AF_UNIX && g->address.un.sun_path[0] == '/' &&
			strnlen(g->address.un.sun_path, n) == strlen(path) &&
			memcmp(g->address.un.sun_path, path, strlen(path)) == 0)
			return lend(g);
	}
	return -ENOENT;
}

bool systemd_unused(char what[static SYSTEMD_ERROR_MAX])
{
	for (unsigned i = 0; i < manager.count; i++)
		if (!manager.given[i].used) {
			show(&manager.given[i], what, SYSTEMD_ERROR_MAX);
			return true;
		}
	return false;
}

/* -------------------------------------------------------------- notifications */

/* "/path", or "@name" in the abstract namespace. */
static int open_notify(const char *path)
{
	struct sockaddr_un *to = &manager.notify_to;
	size_t n = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || n < 2 || n >= sizeof(to->sun_path))
		return -EINVAL;
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, path, n);
	if (path[0] == '@')
		to->sun_path[0] = '\0';
	manager.notify_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	manager.notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return manager.notify < 0 ? -errno : 0;
}

/* A wish, like all of this: a manager that doesn't listen is its own trouble. */
static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	if (manager.notify < 0)
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	(void)sendto(manager.notify, text, (size_t)n, MSG_NOSIGNAL, &manager.notify_to,
		manager.notify_size);
}

void systemd_ready(const char *status)
{
	tell("READY=1\nSTATUS=%s", status);
}

void systemd_reloading(void)
{
	tell("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_mono_ns() / CLOCK_US));
}

void systemd_stopping(uint64_t most_ns)
{
	tell("STOPPING=1\nSTATUS=finishing what was accepted\nEXTEND_TIMEOUT_USEC=%llu",
		(unsigned long long)(most_ns / CLOCK_US));
}

void systemd_alive(void)
{
	tell("WATCHDOG=1");
}

uint64_t systemd_watchdog_ns(void)
{
	return manager.notify < 0 ? 0 : manager.watchdog_ns;
}

/* ----------------------------------------------------------------------- open */

static void take_watchdog(void)
{
	uint64_t us;

	if (number("WATCHDOG_USEC", &us) && us > 0 && us < UINT64_MAX / CLOCK_US &&
		(!getenv("WATCHDOG_PID") || for_us("WATCHDOG_PID")))
		manager.watchdog_ns = us * CLOCK_US;
}

static int take_notify(char error[static SYSTEMD_ERROR_MAX])
{
	const char *path = getenv("NOTIFY_SOCKET");
	int err = path ? open_notify(path) : 0;

	if (err == 0)
		return 0;
	return bad(error, err, "NOTIFY_SOCKET \"%.100s\": %s", path, strerror(-err));
}

int systemd_open(char error[static SYSTEMD_ERROR_MAX])
{
	static const char *const names[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		"LISTEN_PIDFDID", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
	int err = take_sockets(error);

	if (err == 0)
		err = take_notify(error);
	take_watchdog();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	return err;
}
