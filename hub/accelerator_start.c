/* hub/accelerator_start.c - starts mayfly-accelerator, while the hub may still run programs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/accelerator.h"
#include "hub/config.h"
#include "hub/setup.h"
#include "sys/fd.h"

#define ARGUMENTS   10
#define VARIABLES   64
#define NUMBER_TEXT 24

/* What drivers and their libraries are told by; nothing else of the hub's environment is theirs. */
static const char *const passed[] = {"PATH=", "LANG=", "LD_LIBRARY_PATH=", "OCL_ICD_", "OPENCL_",
	"POCL_", "CLBLAST_", "CUDA_", "NVIDIA_", "GPU_", "ROC", "HIP_",
	"ASAN_OPTIONS=", "UBSAN_OPTIONS="};

static bool is_passed(const char *variable)
{
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (strncmp(variable, passed[i], strlen(passed[i])) == 0)
			return true;
	return false;
}

static void choose_environment(char *to[static VARIABLES])
{
	unsigned n = 0;

	for (char **v = environ; *v && n < VARIABLES - 1; v++)
		if (is_passed(*v))
			to[n++] = *v;
	to[n] = NULL;
}

static void choose_arguments(const struct config_accelerator *c, char memory[static NUMBER_TEXT],
	char *to[static ARGUMENTS])
{
	unsigned n = 0;

	snprintf(memory, NUMBER_TEXT, "%" PRIu64, c->memory);
	to[n++] = (char *)(uintptr_t) "mayfly-accelerator";
	if (c->device) {
		to[n++] = (char *)(uintptr_t) "--device";
		to[n++] = c->device;
	}
	if (c->cache) {
		to[n++] = (char *)(uintptr_t) "--cache";
		to[n++] = c->cache;
	}
	to[n++] = (char *)(uintptr_t) "--memory";
	to[n++] = memory;
	to[n++] = c->backend;
	to[n] = NULL;
}

/* In the new process: nothing of the hub's but the socket, and standard error. */
static _Noreturn void become(
	const char *program, int socket, int null, char *const *argv, char *const *envp)
{
	sigset_t none;
	int high = fcntl(socket, F_DUPFD_CLOEXEC, MFA_FD + 1);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* Ctrl-C reaches only the hub, which ends it */
	if (high < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(high, MFA_FD) < 0 ||
		close_range(MFA_FD + 1, ~0u, 0) < 0)
		_exit(127);
	execve(program, argv, envp);
	_exit(127);
}

static int start(struct hub *hub, const struct config_accelerator *c, int *socket, pid_t *pid)
{
	char memory[NUMBER_TEXT], *argv[ARGUMENTS], *envp[VARIABLES];
	int ends[2];

	if (access(hub->options.accelerator_program, X_OK) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	choose_arguments(c, memory, argv);
	choose_environment(envp);
	*pid = fork();
	if (*pid == 0)
		become(hub->options.accelerator_program, ends[1], hub->null_fd, argv, envp);
	close(ends[1]);
	*socket = ends[0];
	if (*pid > 0)
		return 0;
	close(ends[0]);
	return -errno;
}

static struct accelerator_settings settings_of(const struct config_accelerator *c)
{
	return (struct accelerator_settings){.backend = c->backend,
		.device = c->device,
		.cache = c->cache,
		.memory = c->memory,
		.least = c->least};
}

int accelerator_start(
	struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct config_accelerator *c = &config->accelerator;
	const struct accelerator_settings settings = settings_of(c);
	int socket = -1, err;
	pid_t pid = 0;

	if (!c->backend)
		return 0;
	err = start(hub, c, &socket, &pid);
	if (err == 0)
		err = accelerator_open(hub, &settings, socket, pid);
	if (err == 0)
		return 0;
	snprintf(error, HUB_ERROR_MAX, "%s: accelerator: \"%s\": %s%s", c->place,
		hub->options.accelerator_program, strerror(-err),
		err == -ENOENT ? ": it belongs beside mayflyd" : "");
	return err == -ENOENT ? SETUP_NOT_FOUND : SETUP_FAILED;
}

int accelerator_check(
	const struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct accelerator_settings settings = settings_of(&config->accelerator);

	if (accelerator_same(hub, &settings))
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"%s: accelerator: only 'least' can change while the hub runs: leave the rest as it "
		"was, or start the hub again",
		hub->options.file);
	return SETUP_USAGE;
}
