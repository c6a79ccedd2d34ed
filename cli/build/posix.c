/*
 * cli/build/posix.c - services that name the module posix: musl, and archives that were built on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/units.h"

/* What printf needs for one floating-point number, and as much for the rest. */
#define STACK_LEAST (16u << 10)

char *build_archive(const struct build *b, const char *module)
{
	char *path;

	if (b->variant && asprintf(&path, "%s/posix/%s/lib%s.a", b->lib, b->variant, module) >= 0) {
		if (access(path, R_OK) == 0)
			return path;
		free(path);
	}
	return asprintf(&path, "%s/posix/lib%s.a", b->lib, module) < 0 ? NULL : path;
}

bool build_is_archive(const struct build *b, const char *module)
{
	char *path = build_archive(b, module);
	bool there = path && !strchr(module, '/') && access(path, R_OK) == 0;

	free(path);
	return there;
}

static bool names_posix(const struct build *b)
{
	for (unsigned i = 0; i < b->manifest.modules_count; i++)
		if (strcmp(b->manifest.modules[i], "posix") == 0)
			return true;
	return false;
}

/* The first module that is an archive; NULL: none is. */
static const char *named_archive(const struct build *b)
{
	for (unsigned i = 0; i < b->manifest.modules_count; i++)
		if (build_is_archive(b, b->manifest.modules[i]))
			return b->manifest.modules[i];
	return NULL;
}

int build_check_posix(struct build *b)
{
	char there[40];

	b->posix = names_posix(b);
	if (!b->posix && named_archive(b))
		return out_say("build", STATUS_USAGE,
			"%s: the module '%s' needs the module 'posix': name both", b->manifest_path,
			named_archive(b));
	if (!b->posix)
		return STATUS_OK;
	if (!build_is_archive(b, "c"))
		return out_say("build", STATUS_NOT_FOUND,
			"%s: the module 'posix' was not built, for musl's sources were not to be "
			"had: ./test fetches them (Debian's source package musl)",
			b->manifest_path);
	if (b->manifest.memory.stack < STACK_LEAST)
		return out_say("build", STATUS_USAGE,
			"%s: memory.stack is %s: with the module 'posix' it has to be 16KiB at "
			"least, of which printf takes half for one floating-point number",
			b->manifest_path,
			units_show_size(b->manifest.memory.stack, there, sizeof(there)));
	return STATUS_OK;
}

/* ---------------------------------------------------------------- the compiler */

static int first_line(void *arg, char *text)
{
	char **line = arg;

	*line = strdup(text);
	return 1;
}

char *build_compiler_file(const char *question)
{
	char *argv[20], *words = NULL, *line = NULL, *own = strdup(question);
	size_t n = tool_words("CC", "gcc", argv, 16, &words);

	if (n && own) {
		argv[n++] = own;
		argv[n] = NULL;
		(void)tool_lines(argv, first_line, &line);
	}
	free(words);
	free(own);
	return line;
}

/* ---------------------------------------------------------- what is left out */

static const struct {
	const char *use, *names[28]; /* and a NULL */
} left_out[] = {
	{"a life is one process, and starts no other",
		{"fork", "vfork", "exec*", "posix_spawn*", "popen", "pclose", "wait*", "getppid",
			"clone", "daemon", "wordexp", "ptrace", "__synccall", "unshare", "getpgrp",
			"setsid", "setpgid", "setpgrp", "getpgid", "getsid", "nice"}},
	{"a life has one thread: compile without threads, or leave the lock out",
		{"pthread_*", "thrd_*", "mtx_*", "cnd_*", "tss_*", "sem_*", "call_once",
			"sched_*"}},
	{"the hub does the network: use mf_reply, mf_emit or mf_call",
		{"socket*", "connect", "bind", "listen", "accept*", "send*", "recv*", "getaddrinfo",
			"freeaddrinfo", "gethostby*", "inet_*", "htons", "htonl", "ntohs", "ntohl",
			"getsockopt", "setsockopt", "shutdown", "getpeername", "getsockname",
			"if_*", "getservby*", "res_*", "dn_*"}},
	{"there are no users",
		{"getuid", "geteuid", "getgid", "getegid", "setuid", "setgid", "seteuid", "setegid",
			"getpw*", "getgr*", "initgroups", "setgroups", "getlogin*", "chown",
			"fchown", "lchown", "getres*", "setres*", "setre*"}},
	{"nobody sends a life a signal",
		{"signal", "sigaction", "raise", "kill", "killpg", "sig*", "alarm", "ualarm",
			"setitimer", "getitimer", "timer_*", "pause", "__sig*"}},
	{"a life doesn't wait: use mf_schedule",
		{"sleep", "usleep", "nanosleep", "clock_nanosleep", "poll", "ppoll", "select",
			"pselect", "epoll_*", "__nanosleep"}},
	{"there is no terminal", {"tc*", "cf*", "openpty", "forkpty", "login_tty", "ptsname*"}},
	{"there is nothing to load code from: link it", {"dl*"}},
	{"use printf or mf_log, which the hub writes to its log",
		{"syslog", "openlog", "closelog", "vsyslog"}},
	{"there is no pipe to another process", {"pipe", "pipe2", "dup", "dup2", "mkfifo*"}},
};

const char *build_posix_hint(const char *name)
{
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		for (const char *const *n = left_out[i].names; *n; n++)
			if (build_matches(*n, name))
				return left_out[i].use;
	return NULL;
}
