/* mayfly-accelerator - has a GPU, or what OpenCL calls a device, and multiplies matrices for a hub's lives. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accelerator/backend.h"
#include "accelerator/jail.h"
#include "accelerator/keeper.h"
#include "base/num.h"
#include "sys/log.h"

static const char usage[] =
	"usage: mayfly-accelerator --probe BACKEND [DEVICE]\n"
	"Says which device a hub would have: opencl or cuda. mayflyd starts it\n"
	"for itself: mayfly-accelerator(8), hub.yaml(5).\n";

enum { OK = 0, FAILED = 1, USAGE = 2, NOT_FOUND = 3 };

/* "NAME\tBYTES", or why there is none, on standard output. */
static int probe(const char *name, const char *want)
{
	const struct backend *backend = backend_find(name);
	char why[BACKEND_TEXT] = "";
	struct device device = {0};

	if (!backend) {
		log_error("\"%s\": it is either opencl or cuda", name);
		return USAGE;
	}
	if (backend->open(want, &device, why) < 0) {
		printf("%s\n", why);
		fflush(stdout);
		return NOT_FOUND;
	}
	printf("%s\t%llu\n", device.name, (unsigned long long)device.memory);
	fflush(stdout);
	_exit(OK); /* a driver's threads and what it does at exit are its own */
}

/* As the hub blocked or ignored them they mean nothing here. */
static void default_signals(void)
{
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Kernels are compiled once a machine, if they are kept; drivers look for the place in different ways. */
static void keep_kernels(const char *cache)
{
	static const char *const names[] = {
		"HOME", "TMPDIR", "XDG_CACHE_HOME", "POCL_CACHE_DIR", "CUDA_CACHE_PATH"};

	(void)mkdir(cache, 0700);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], cache, 1);
}

/* Its user may be another than whoever made it. */
static int check_cache(const char *cache)
{
	struct mfa_news failed = {.kind = MFA_FAILED};
	char text[MFA_TEXT];

	if (!cache || access(cache, R_OK | W_OK | X_OK) == 0)
		return 0;
	snprintf(text, sizeof(text), "cache: user id %u can't use \"%.90s\": %s",
		(unsigned)geteuid(), cache, strerror(errno));
	(void)serve_tell(MFA_FD, &failed, text);
	return -EACCES;
}

static int run(const char *backend, const char *want, uint64_t memory, const char *cache)
{
	struct serve serve = {.socket = MFA_FD, .backend = backend, .want = want, .memory = memory};
	int type = 0, missing;
	socklen_t size = sizeof(type);

	if (getsockopt(MFA_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
		fputs(usage, stderr);
		return USAGE;
	}
	default_signals();
	if (cache)
		keep_kernels(cache);
	missing = jail_enter(backend, cache);
	if (missing < 0) {
		log_error("can't give up its rights: %s", strerror(-missing));
		return FAILED;
	}
	if (check_cache(cache) < 0)
		return FAILED;
	serve.missing = (uint32_t)missing;
	return keeper_run(&serve) < 0 ? FAILED : OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"probe", no_argument, NULL, 'p'},
		{"device", required_argument, NULL, 'd'}, {"memory", required_argument, NULL, 'm'},
		{"cache", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	const char *want = NULL, *cache = NULL;
	uint64_t memory = 0;
	bool probes = false;
	int c;

	log_setup("mayfly-accelerator", LOG_INFO);
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'p': probes = true; break;
		case 'd': want = optarg; break;
		case 'm': (void)num_parse(mf_str_of(optarg, strlen(optarg)), &memory); break;
		case 'c': cache = optarg; break;
		case 'h': fputs(usage, stdout); return OK;
		default: fputs(usage, stderr); return USAGE;
		}
	}
	if (optind >= argc || optind + (probes ? 2 : 1) < argc) {
		fputs(usage, stderr);
		return USAGE;
	}
	if (probes)
		return probe(argv[optind], argv[optind + 1]);
	return run(argv[optind], want, memory, cache);
}
