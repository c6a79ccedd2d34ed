/* accelerator/keeper.c - see keeper.h */
#include "accelerator/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"

#define PAUSE_MS      1000u
#define PAUSE_MOST_MS 60000u
/* One that lived so long was well. */
#define WELL_NS (60 * CLOCK_S)

unsigned keeper_pause_ms(unsigned failures)
{
	unsigned ms = PAUSE_MS;

	while (failures-- > 1 && ms < PAUSE_MOST_MS)
		ms *= 2;
	return ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
}

static pid_t start(const struct serve *s)
{
	pid_t keeper = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_NAME, "mayfly-device");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != keeper)
		_exit(1);
	serve(s);
}

/* Until the other has ended, or the hub has gone: false. */
static bool watch(int socket, int pidfd)
{
	struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = socket}};
	int n;

	do {
		n = poll(fds, 2, -1);
	} while (n < 0 && errno == EINTR);
	return (fds[1].revents & (POLLHUP | POLLERR)) == 0;
}

/* Waits; false: the hub has gone meanwhile. */
static bool rest(int socket, unsigned ms)
{
	struct pollfd fd = {.fd = socket};

	return poll(&fd, 1, (int)ms) <= 0;
}

static void tell_end(const struct serve *s, int status)
{
	struct mfa_news news = {.kind = MFA_GONE, .generation = s->generation};
	char text[MFA_TEXT] = "it ended";

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(text, sizeof(text), "a product took too long");
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "it was ended by %s", strsignal(WTERMSIG(status)));
	(void)serve_tell(s->socket, &news, text);
}

/* One life of the other. *well: it lived long enough to be started again at once. False: the hub has gone. */
static bool keep_one(struct serve *s, bool *well)
{
	uint64_t since = clock_mono_ns();
	pid_t pid = start(s);
	int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1, status = 0;
	bool go_on = pidfd >= 0 && watch(s->socket, pidfd);

	if (pid > 0) {
		if (!go_on)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (pidfd >= 0)
		close(pidfd);
	*well = clock_mono_ns() - since > WELL_NS;
	if (pid > 0 && pidfd >= 0 && !go_on)
		return false;
	tell_end(s, status);
	return true;
}

int keeper_run(struct serve *s)
{
	unsigned failures = 0;
	bool well;

	for (;;) {
		s->generation++;
		if (!keep_one(s, &well))
			return 0;
		failures = well ? 1 : failures + 1;
		if (!rest(s->socket, keeper_pause_ms(failures)))
			return 0;
	}
}
