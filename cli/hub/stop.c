/*
 * cli/hub/stop.c - mayfly stop: a hub finishes what it accepted, and ends.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/out.h"

static const char help[] =
	"usage: mayfly stop [--now] [--hub PATH] [-o text|json]\n"
	"Asks a hub to accept nothing more, to finish what it has, and to end; waits until it "
	"has.\n"
	"  --now          it doesn't finish: what runs is refused\n" CLIENT_HELP
	"Exit status: 0 it has ended, 2 usage, 4 denied, 6 no hub.\n";

#define OPT_NOW 0x200

static const struct option options[] = {
	CLIENT_LONG_OPTIONS, {"now", no_argument, NULL, OPT_NOW}, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"stop", help, "o:h", options};

/* Until the process is gone, however long what it has accepted takes. */
static int wait_for(pid_t pid)
{
	struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int n;

	if (p.fd < 0)
		return errno == ESRCH ? 0 : -errno;
	do
		n = poll(&p, 1, -1);
	while (n < 0 && errno == EINTR);
	close(p.fd);
	return 0;
}

/* A process of another machine can't be waited for: what its hub answered is all there is. */
static int ended(json_t *answer, bool remote, bool json)
{
	long long pid = client_integer(answer, "pid");
	int err = remote ? 0 : wait_for((pid_t)pid);

	json_decref(answer);
	if (err < 0)
		return out_say("stop", STATUS_FAILED,
			"asked hub %lld to end, can't wait for it: %s", pid, strerror(-err));
	if (json)
		return out_json("stop", STATUS_OK, json_pack("{sI}", "pid", (json_int_t)pid));
	printf("hub %lld %s\n", pid, remote ? "ends" : "has ended");
	return out_end("stop", STATUS_OK);
}

int cmd_stop(int argc, char **argv)
{
	struct client_options o = {0};
	bool now = false;
	json_t *answer;
	int status, c;

	while ((c = client_option(&o, &usage, argc, argv, &status)) != -1) {
		if (c == -2)
			return status;
		now = true;
	}
	status = client_operands("stop", argc, argv, NULL);
	if (status != STATUS_OK)
		return status;
	status = client_ask_once("stop", &o, "POST", now ? "/v1/stop?now=1" : "/v1/stop", &answer);
	return status == STATUS_OK ? ended(answer, client_is_remote(&o), o.json) : status;
}
