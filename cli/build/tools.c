/*
 * cli/build/tools.c - run compiler, linker and objdump; find the library OS.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"

extern char **environ;

/* The tools' messages are read by program, so they speak C; nothing of the clock gets in. */
static char **tool_environment(void)
{
	static char locale[] = "LC_ALL=C";
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	env[0] = locale;
	for (size_t i = 0, to = 1; i < n; i++)
		if (strncmp(environ[i], "LC_ALL=", 7) != 0)
			env[to++] = environ[i];
	return env;
}

static int spawn(char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char **env = tool_environment();
	sigset_t interrupt;
	int rc;

	if (!env)
		return -ENOMEM;
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, out, 2);
	posix_spawnattr_setsigdefault(&attributes, &interrupt);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(pid, argv[0], &actions, &attributes, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free(env);
	if (rc)
		out_say("build", 0, "can't start \"%s\": %s; it comes with Debian's %s", argv[0],
			strerror(rc), strstr(argv[0], "gcc") ? "gcc" : "binutils");
	return -rc;
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int gather(FILE *from, struct tool_output *output)
{
	FILE *to = open_memstream(&output->text, &output->size);
	char piece[4096];
	size_t n;

	if (!to)
		return -errno;
	while ((n = fread(piece, 1, sizeof(piece), from)) > 0)
		fwrite(piece, 1, n, to);
	return fclose(to) == 0 ? 0 : -errno;
}

/* Starts it with its output in a pipe. */
static int start(char *const *argv, pid_t *pid, FILE **from)
{
	int end[2], rc;

	if (pipe2(end, O_CLOEXEC) < 0)
		return -errno;
	rc = spawn(argv, end[1], pid);
	close(end[1]);
	*from = rc ? NULL : fdopen(end[0], "r");
	if (*from)
		return 0;
	close(end[0]);
	if (rc)
		return rc;
	(void)status_of(*pid); /* nobody reads what it prints: it ends */
	return -ENOMEM;
}

int tool_run(char *const *argv, struct tool_output *output)
{
	FILE *from = NULL;
	pid_t pid = -1;
	int rc;

	if (!output) {
		rc = spawn(argv, STDERR_FILENO, &pid);
		return rc ? rc : status_of(pid);
	}
	*output = (struct tool_output){0};
	rc = start(argv, &pid, &from);
	if (rc)
		return rc;
	rc = gather(from, output);
	fclose(from);
	return rc ? rc : status_of(pid);
}

int tool_lines(char *const *argv, int (*line)(void *arg, char *text), void *arg)
{
	char *text = NULL;
	size_t room = 0;
	FILE *from = NULL;
	pid_t pid = -1;
	int rc = start(argv, &pid, &from);

	if (rc)
		return rc;
	while (getline(&text, &room, from) > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (line(arg, text))
			break;
	}
	free(text);
	fclose(from);
	return status_of(pid);
}

static char *if_there(char *dir)
{
	char *file;
	bool there = false;

	if (dir && asprintf(&file, "%s/libmayfly-os.a", dir) >= 0) {
		there = access(file, R_OK) == 0;
		free(file);
	}
	if (there)
		return dir;
	free(dir);
	return NULL;
}

char *tool_lib(void)
{
	static const char *const places[] = {"lib", "../lib/mayfly"};
	const char *set = getenv("MAYFLY_LIB");
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *dir = NULL, *slash;

	if (set && set[0])
		return if_there(strdup(set));
	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	for (size_t i = 0; !dir && i < sizeof(places) / sizeof(places[0]); i++)
		dir = asprintf(&dir, "%s/%s", self, places[i]) < 0 ? NULL : if_there(dir);
	return dir;
}

size_t tool_words(
	const char *variable, const char *otherwise, char **argv, size_t room, char **owned)
{
	const char *set = getenv(variable);
	char *rest;
	size_t n = 0;

	*owned = strdup(set && set[0] ? set : otherwise);
	if (!*owned)
		return 0;
	for (char *word = strtok_r(*owned, " \t", &rest); word && n < room;
		word = strtok_r(NULL, " \t", &rest))
		argv[n++] = word;
	return n;
}
