/*
 * fuzz/gdb.c - what somebody says on the port of `mayfly run --gdb`, to a life that isn't there: packets,
 * whole and damaged, and all that a session makes of them. Each answer is a whole packet.
 */
/* libfuzzer: -max_len=4096 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/gdb/session.h"
#include "fuzz/lib/fuzz.h"
#include "monitor/debug.h"

#define MEMORY 32768u /* a window; text and the like are as any other address */

/* --------------------------------------------- a life: in the place of monitor/debug.c */

struct debug {
	struct feed *feed;
	struct debug_registers registers;
	uint8_t memory[MEMORY];
	unsigned resumed;
	struct life life;
};

struct debug_registers *debug_registers(struct debug *d)
{
	return &d->registers;
}

void debug_registers_changed(struct debug *d)
{
	(void)d;
}

static size_t there(uint64_t address, size_t n)
{
	if (address < MF_ADDR_WINDOW || address >= MF_ADDR_WINDOW + MEMORY)
		return 0;
	return n < MF_ADDR_WINDOW + MEMORY - address ? n
						     : (size_t)(MF_ADDR_WINDOW + MEMORY - address);
}

size_t debug_read(const struct debug *d, uint64_t address, void *to, size_t n)
{
	n = there(address, n);
	if (n > 0)
		memcpy(to, d->memory + (address - MF_ADDR_WINDOW), n);
	return n;
}

size_t debug_write(struct debug *d, uint64_t address, const void *from, size_t n)
{
	n = there(address, n);
	if (n > 0)
		memcpy(d->memory + (address - MF_ADDR_WINDOW), from, n);
	return n;
}

int debug_break(struct debug *d, uint64_t address)
{
	(void)d;
	return there(address, 1) ? 0 : -EFAULT;
}

int debug_unbreak(struct debug *d, uint64_t address)
{
	return debug_break(d, address);
}

int debug_watch(struct debug *d, uint64_t address, size_t n)
{
	(void)d;
	return n > DEBUG_WATCH_BYTES ? -ENOSPC : there(address, n) == n ? 0 : -EFAULT;
}

int debug_unwatch(struct debug *d, uint64_t address, size_t n)
{
	return debug_watch(d, address, n);
}

int debug_resume(struct debug *d, bool step, int wake_fd, struct debug_stop *stop)
{
	(void)step, (void)wake_fd;
	*stop = (struct debug_stop){.why = feed_below(d->feed, DEBUG_ENDED + 1),
		.vector = feed_below(d->feed, 40),
		.touched = feed_16(d->feed)};
	if (stop->why == DEBUG_WOKEN || d->resumed++ > 100)
		stop->why = DEBUG_ENDED;
	return feed_below(d->feed, 50) == 1 ? -EIO : 0;
}

void debug_crash(struct debug *d, const struct debug_stop *stop)
{
	(void)stop;
	d->life.result = MFW_ERR_CRASHED;
}

void debug_leave(struct debug *d)
{
	(void)d;
}

const struct life *debug_life(const struct debug *d)
{
	return &d->life;
}

/* ------------------------------------------------------------------- packets */

/* What a frame holds comes out of it again. */
static void try_frame(const uint8_t *p, size_t n)
{
	static uint8_t frame[2 * GDB_PACKET_MAX + 8];
	static struct gdb_packet packet;
	size_t size, used;

	if (n > GDB_PACKET_MAX / 2)
		n = GDB_PACKET_MAX / 2;
	size = gdb_frame(p, n, frame, sizeof(frame));
	MUST(size > 0);
	MUST(gdb_parse(frame, size, &used, &packet) == GDB_PACKET && used == size);
	MUST(packet.size == n && (n == 0 || memcmp(packet.data, p, n) == 0));
	for (size_t i = 0; i < size; i++)
		MUST(gdb_parse(frame, i, &used, &packet) == GDB_MORE && used == 0);
}

/* All that came back is acknowledgements and whole packets. */
static void check_heard(const uint8_t *p, size_t n)
{
	static struct gdb_packet packet;

	while (n > 0) {
		size_t used;
		enum gdb_item item = gdb_parse(p, n, &used, &packet);

		MUST(item == GDB_PACKET || item == GDB_ACK || item == GDB_NAK);
		p += used;
		n -= used;
	}
}

static void send_packets(int fd, struct feed *feed)
{
	static uint8_t frame[8192];

	for (unsigned i = 0; i < 40 && feed->n > 0; i++) {
		bool raw = feed_below(feed, 8) == 7;
		struct mf_str data = feed_some(feed, 2000);
		size_t n = raw ? 0 : gdb_frame(data.p, data.n, frame, sizeof(frame));

		/* never more than the socket holds, so nobody waits */
		(void)!send(
			fd, raw ? data.p : frame, raw ? data.n : n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static uint8_t heard[1 << 22];
	static struct gdb_link link;
	static struct debug debug;
	struct feed feed = {input, n}, how;
	struct image image = {.entry = MF_ADDR_TEXT,
		.note = {.name = "fuzzed",
			.event_bytes = MF_EVENT_MIN,
			.effects_bytes = MF_EFFECTS_MIN,
			.stack_bytes = MF_STACK_MIN,
			.window_bytes = MEMORY}};
	int fds[2], size = 1 << 21;
	ssize_t got;

	try_frame(input, n);
	memset(&debug, 0, sizeof(debug));
	memset(&link, 0, sizeof(link));
	how = (struct feed){input, n < 64 ? n : 64};
	debug.feed = &how;
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	send_packets(fds[0], &feed);
	shutdown(fds[0], SHUT_WR);
	link.listener = -1;
	link.fd = fds[1];
	MUST(gdb_session(&link, &debug, &image) != GDB_GOES_ON);
	got = recv(fds[0], heard, sizeof(heard), MSG_DONTWAIT);
	check_heard(heard, got > 0 ? (size_t)got : 0);
	gdb_close(&link);
	close(fds[0]);
	return 0;
}
