/* fuzz/lib/talk.c - see talk.h */
#include "fuzz/lib/talk.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/lib/clock.h"
#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/hub.h"

#define QUIET_ROUNDS 3u
#define END_ROUNDS   100u

int talk_pair(struct talk *talk)
{
	int fds[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	talk->fd = fds[0];
	talk->ended = false;
	talk->n = 0;
	return fds[1];
}

static void hear(struct talk *t)
{
	ssize_t n;

	while ((n = recv(t->fd, t->heard + t->n, sizeof(t->heard) - t->n, MSG_DONTWAIT)) > 0)
		t->n += (size_t)n;
	t->ended |= n == 0 || (n < 0 && errno == ECONNRESET);
}

static void go_on(struct talk *t)
{
	fuzz_hub_rounds(1);
	fuzz_hub_serve();
	fuzz_hub_rounds(1);
	hear(t);
}

static size_t piece(uint32_t *pieces, size_t left)
{
	static const uint32_t most[] = {1, 3, 16, 200, 5000, 1u << 20};
	size_t n = left;

	if (*pieces != 0)
		n = 1 + fuzz_below(pieces, most[fuzz_below(pieces, 6)]);
	return n < left ? n : left;
}

void talk_send(struct talk *t, const uint8_t *p, size_t n, uint32_t pieces, uint64_t pause_ns)
{
	unsigned stuck = 0;

	while (n > 0 && !t->ended && stuck < QUIET_ROUNDS) {
		size_t one = piece(&pieces, n);
		ssize_t sent = send(t->fd, p, one, MSG_NOSIGNAL);

		stuck = sent > 0 ? 0 : stuck + 1;
		p += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
		clock_advance(pause_ns);
		go_on(t);
	}
}

void talk_end(struct talk *t)
{
	for (unsigned quiet = 0; quiet < QUIET_ROUNDS && !t->ended;) {
		size_t before = t->n;

		go_on(t);
		quiet = t->n == before ? quiet + 1 : 0;
	}
	close(t->fd);
	for (unsigned i = 0;
		i < END_ROUNDS && (fuzz_hub.connections > 0 || !service_quiet(fuzz_service)); i++) {
		fuzz_hub_rounds(1);
		fuzz_hub_serve();
	}
	MUST(fuzz_hub.connections == 0 && fuzz_hub.held.held == 0);
}
