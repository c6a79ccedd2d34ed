/*
 * fuzz/tcp.c - messages with their length in front (hub/in_tcp.c), whole and in pieces. The pieces
 * change nothing: the same messages become events, none that isn't there, each of them once.
 */
/* with: fuzz/lib/hub.c fuzz/lib/worker.c fuzz/lib/clock.c fuzz/lib/talk.c */
/* link: -Wl,--wrap=clock_gettime -Wl,--wrap=acceptor_open */
/* libfuzzer: -max_len=8192 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/hub.h"
#include "fuzz/lib/talk.h"
#include "hub/accept.h"

#define MESSAGES_MOST 256u

static struct seen {
	uint32_t sum[MESSAGES_MOST];
	unsigned count;
} * seeing;

static uint32_t sum_of(const uint8_t *p, size_t n)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 16777619u;
	return sum;
}

static void on_served(const struct mf_event *event)
{
	MUST(event->source == MF_SOURCE_TCP);
	if (seeing->count < MESSAGES_MOST)
		seeing->sum[seeing->count++] =
			sum_of((const uint8_t *)event + event->payload.off, event->payload.len);
}

/* Whose connections are made here, without the network. */
static struct acceptor *acceptor;

int __real_acceptor_open(struct acceptor *to, struct input *input, int fd);
int __wrap_acceptor_open(struct acceptor *to, struct input *input, int fd);
int __wrap_acceptor_open(struct acceptor *to, struct input *input, int fd)
{
	acceptor = to;
	return __real_acceptor_open(to, input, fd);
}

static void run(const uint8_t *p, size_t n, unsigned framing, enum words words, uint32_t pieces,
	struct seen *seen)
{
	static struct talk talk;
	struct net_address address, peer;
	struct input *input;

	seen->count = 0;
	seeing = seen;
	fuzz_hub_open();
	fuzz_service->queue_most = MESSAGES_MOST;
	fuzz_hub_served = on_served;
	MUST(net_parse(&address, "127.0.0.1:0") == 0);
	MUST(in_tcp_open(&input, fuzz_service, &address, words, framing) == 0);
	fuzz_hub.inputs = input;
	MUST(net_parse(&peer, "192.0.2.1:9") == 0);
	MUST(acceptor->take(input, talk_pair(&talk), &peer) == 0);
	talk_send(&talk, p, n, pieces, 0);
	talk_end(&talk);
	fuzz_hub_close();
}

/* The messages by the framing alone, up to the first that no event can hold. */
static void read_plain(const uint8_t *p, size_t n, unsigned framing, struct seen *seen)
{
	seen->count = 0;
	while (n >= framing && seen->count < MESSAGES_MOST) {
		size_t size = 0;

		for (unsigned i = 0; i < framing; i++)
			size = size << 8 | *p++;
		n -= framing;
		if (size > n)
			return;
		seen->sum[seen->count++] = sum_of(p, size);
		p += size;
		n -= size;
	}
}

/* Is all of `a` in `b`, in its order? */
static bool within(const struct seen *a, const struct seen *b)
{
	unsigned at = 0;

	for (unsigned i = 0; i < a->count; i++) {
		while (at < b->count && b->sum[at] != a->sum[i])
			at++;
		if (at++ >= b->count)
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static struct seen whole, pieces, plain;
	struct feed feed = {input, n};
	uint8_t how = feed_8(&feed);
	unsigned framing = how & 1 ? 2 : 4;
	enum words words = how & 2 ? WORDS_DNS : WORDS_NONE;
	uint32_t cut = 1 + feed_16(&feed);
	uint8_t *stream = fuzz_copy(feed.p, feed.n);

	read_plain(stream, feed.n, framing, &plain);
	run(stream, feed.n, framing, words, 0, &whole);
	run(stream, feed.n, framing, words, cut, &pieces);
	MUST(within(&whole, &plain) && within(&pieces, &plain));
	MUST(whole.count == pieces.count);
	MUST(memcmp(whole.sum, pieces.sum, whole.count * sizeof(whole.sum[0])) == 0);
	free(stream);
	return 0;
}
