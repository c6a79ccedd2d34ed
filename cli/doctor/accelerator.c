/* cli/doctor/accelerator.c - special hardware: what mayfly-accelerator finds. None is fine. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"

/* Beside this program, or where MAYFLY_ACCELERATOR says. */
static const char *find_program(char path[static 4096 + 32])
{
	const char *given = getenv("MAYFLY_ACCELERATOR");
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (given != NULL || n < 0)
		return given != NULL ? given : "mayfly-accelerator";
	self[n] = '\0';
	snprintf(path, 4096 + 32, "%s/mayfly-accelerator", dirname(self));
	return path;
}

/* Starts it with one end of the pipe as its standard output. 0 or an errno. */
static int start(const char *program, const char *backend, const int ends[static 2], pid_t *pid)
{
	char *argv[] = {(char *)(uintptr_t) "mayfly-accelerator", (char *)(uintptr_t) "--probe",
		(char *)(uintptr_t)backend, NULL};
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return err;
	err = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	if (err == 0)
		err = posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* What it says, and its exit status; -1: it can't be started, and errno. */
static int ask(const char *backend, char *text, size_t size)
{
	char path[4096 + 32];
	int ends[2], status = 0, err;
	pid_t pid = 0;
	FILE *from;

	text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	err = start(find_program(path), backend, ends, &pid);
	close(ends[1]);
	from = fdopen(ends[0], "r");
	if (from != NULL && err == 0 && fgets(text, (int)size, from) != NULL)
		text[strcspn(text, "\n")] = '\0';
	if (from != NULL)
		fclose(from);
	if (err == 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	errno = err;
	return err != 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void look(struct doctor_line *line, const char *backend)
{
	char text[256], *bytes;
	int status = ask(backend, text, sizeof text);

	if (status < 0) {
		doctor_say(line, DOCTOR_WARN, "mayfly-accelerator can't be started: %s",
			strerror(errno));
		doctor_todo(line, "it belongs beside mayfly");
		return;
	}
	bytes = strchr(text, '\t');
	if (status != 0 || bytes == NULL) {
		doctor_say(
			line, DOCTOR_OK, "none here: %s", status > 3 ? "its driver failed" : text);
		return;
	}
	*bytes = '\0';
	doctor_say(line, DOCTOR_OK, "%s, %llu MiB", text, strtoull(bytes + 1, NULL, 10) >> 20);
}

static void look_opencl(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	look(line, "opencl");
}

static void look_cuda(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	look(line, "cuda");
}

static const struct doctor_check checks[] = {{"opencl", look_opencl}, {"cuda", look_cuda}};
const struct doctor_group doctor_accelerator = {
	"special hardware, for products of matrices (hub.yaml: accelerator)", checks,
	sizeof checks / sizeof checks[0], false};
