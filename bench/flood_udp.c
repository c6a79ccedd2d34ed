/*
 * bench/flood_udp - devices that speak by datagrams: name servers' clients, or CoAP sensors.
 *
 *	flood_udp dns  SERVICES NAMES WINDOW EVENTS ADDRESS...    an address a service
 *	flood_udp coap SERVICES NAMES WINDOW EVENTS ADDRESS       PUT /cI/cInJ/t, confirmable
 *
 * SERVICES x NAMES devices, each with a socket of its own and up to WINDOW (a power of two) questions under way (CoAP allows one: NSTART,
 * RFC 7252, 4.7). What isn't answered is sent again as the protocols have it: CoAP after 2 to 3 s, then twice as long,
 * four times in all (4.2, 4.8); DNS twice, each after 5 s.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/flood.h"
#include "sys/net.h"
#include "sys/random.h"

#define TICK_NS     (100 * CLOCK_MS)
#define DNS_NS      (5 * CLOCK_S)
#define DNS_TRIES   3u
#define COAP_NS     (2 * CLOCK_S)
#define COAP_TRIES  5u
#define COAP_WAIT   (30 * CLOCK_S) /* for the answer to a request that was acknowledged */
#define MESSAGE     512u
#define WINDOW_MOST 64u

struct question {
	uint64_t sent_ns, due_ns; /* due_ns 0: none is under way */
	uint64_t wait_ns;
	unsigned tries;
	uint16_t id;
	bool acked;
};

struct device {
	int fd;
	unsigned service, name;
	uint16_t next_id;
	struct question *window;
};

static struct {
	struct flood f;
	bool coap;
	unsigned services, names, window;
	struct device *device;
	int epoll;
} flood;

static uint32_t dice(void)
{
	uint32_t n;

	random_bytes(&n, sizeof(n));
	return n;
}

/* ------------------------------------------------------------------ messages */

static size_t put_option(uint8_t *to, unsigned delta, const char *value)
{
	size_t n = strlen(value);

	to[0] = (uint8_t)(delta << 4 | n); /* both below 13 */
	memcpy(to + 1, value, n);
	return n + 1;
}

/* A token of four bytes: the message's id, twice. */
static size_t write_coap(const struct device *d, uint16_t id, uint8_t to[static MESSAGE])
{
	const uint8_t head[8] = {0x44, 3, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(id >> 8),
		(uint8_t)id, (uint8_t)id, (uint8_t)(id >> 8)};
	char service[16], name[16];
	size_t n = sizeof(head);

	snprintf(service, sizeof(service), "c%u", d->service);
	snprintf(name, sizeof(name), "c%un%u", d->service, d->name);
	memcpy(to, head, sizeof(head));
	n += put_option(to + n, 11, service);
	n += put_option(to + n, 0, name);
	n += put_option(to + n, 0, "t");
	to[n++] = 0xff;
	return n + (size_t)snprintf((char *)to + n, 16, "%u", id);
}

static size_t write_dns(uint16_t id, uint8_t to[static MESSAGE])
{
	static const uint8_t rest[] = "\1\0\0\1\0\0\0\0\0\0\3www\7example\4test\0\0\1\0\1";

	to[0] = (uint8_t)(id >> 8);
	to[1] = (uint8_t)id;
	memcpy(to + 2, rest, sizeof(rest) - 1);
	return 2 + sizeof(rest) - 1;
}

static void send_question(const struct device *d, struct question *q, uint64_t now)
{
	uint8_t message[MESSAGE];
	size_t n = flood.coap ? write_coap(d, q->id, message) : write_dns(q->id, message);

	q->due_ns = now + q->wait_ns;
	q->tries++;
	(void)send(d->fd, message, n, 0); /* full: as lost */
}

static void ask(struct device *d, struct question *q, uint64_t now)
{
	unsigned slot = (unsigned)(q - d->window);

	q->due_ns = 0;
	if (!flood_next(&flood.f, now))
		return;
	/* Ids go round, each belongs to one place of the window. In CoAP none may come again within 247 s (RFC 7252,
	 * 4.4): a device with more than 265 requests a second would get old answers. */
	d->next_id = (uint16_t)(d->next_id + flood.window);
	q->id = (uint16_t)(d->next_id + slot);
	q->tries = 0;
	q->acked = false;
	q->sent_ns = now;
	q->wait_ns = flood.coap ? COAP_NS + dice() % 1000 * CLOCK_MS : DNS_NS;
	send_question(d, q, now);
}

static void end(struct device *d, struct question *q, enum flood_end how, uint64_t now)
{
	flood_end(&flood.f, how, q->sent_ns, now);
	ask(d, q, now);
}

/* ------------------------------------------------------------------- answers */

/* NULL: it isn't awaited (any more). */
static struct question *find(struct device *d, uint16_t id)
{
	struct question *q = &d->window[id % flood.window];

	return q->due_ns != 0 && q->id == id ? q : NULL;
}

static void take_dns(struct device *d, const uint8_t *p, size_t n, uint64_t now)
{
	struct question *q = n >= 12 ? find(d, (uint16_t)(p[0] << 8 | p[1])) : NULL;
	unsigned code = n >= 12 ? p[3] & 15u : 0;

	if (!q)
		return;
	end(d, q,
		code == 2 || code == 5          ? FLOOD_REFUSED
			: code == 0 && p[7] > 0 ? FLOOD_ANSWERED
						: FLOOD_FAILED,
		now);
}

static enum flood_end meaning(unsigned code)
{
	if (code >> 5 == 2)
		return FLOOD_ANSWERED;
	return code == (5 << 5 | 3)    ? FLOOD_REFUSED
		: code == (5 << 5 | 4) ? FLOOD_LATE
				       : FLOOD_FAILED;
}

static void take_coap(struct device *d, const uint8_t *p, size_t n, uint64_t now)
{
	unsigned type = n >= 4 ? p[0] >> 4 & 3u : 0, code = n >= 4 ? p[1] : 0;
	struct question *q;

	if (n < 4)
		return;
	if (type == 0) { /* in a message of its own: it is acknowledged, wanted or not */
		const uint8_t ack[4] = {0x60, 0, p[2], p[3]};

		(void)send(d->fd, ack, sizeof(ack), 0);
	}
	if (type >= 2 && code == 0) {
		q = find(d, (uint16_t)(p[2] << 8 | p[3]));
		if (q && type == 3)
			end(d, q, FLOOD_FAILED, now);
		else if (q) {
			q->acked = true;
			q->due_ns = now + COAP_WAIT;
		}
		return;
	}
	q = n >= 8 && (p[0] & 15) == 4 ? find(d, (uint16_t)(p[4] << 8 | p[5])) : NULL;
	if (q)
		end(d, q, meaning(code), now);
}

static void receive(struct device *d)
{
	uint8_t message[4096];
	ssize_t n;

	while ((n = recv(d->fd, message, sizeof(message), MSG_DONTWAIT)) >= 0) {
		uint64_t now = clock_mono_ns();

		if (flood.coap)
			take_coap(d, message, (size_t)n, now);
		else
			take_dns(d, message, (size_t)n, now);
	}
}

/* -------------------------------------------------------------------- time */

static void late(struct device *d, struct question *q, uint64_t now)
{
	if (q->acked || q->tries >= (flood.coap ? COAP_TRIES : DNS_TRIES)) {
		end(d, q, FLOOD_UNHEARD, now);
		return;
	}
	if (flood.coap)
		q->wait_ns *= 2;
	flood.f.again++;
	send_question(d, q, now);
}

static void tick(uint64_t now)
{
	for (unsigned i = 0; i < flood.services * flood.names; i++)
		for (unsigned j = 0; j < flood.window; j++) {
			struct question *q = &flood.device[i].window[j];

			if (q->due_ns != 0 && q->due_ns <= now)
				late(&flood.device[i], q, now);
		}
}

static void run(void)
{
	struct epoll_event events[256];
	uint64_t next = flood.f.began_ns + TICK_NS, now;

	for (unsigned j = 0; j < flood.window; j++)
		for (unsigned i = 0; i < flood.services * flood.names; i++)
			ask(&flood.device[i], &flood.device[i].window[j], clock_mono_ns());
	while (!flood_is_over(&flood.f)) {
		int n = epoll_wait(flood.epoll, events, 256, 100);

		for (int i = 0; i < n; i++)
			receive(events[i].data.ptr);
		now = clock_mono_ns();
		if (now < next)
			continue;
		tick(now);
		next = now + TICK_NS;
	}
}

/* -------------------------------------------------------------------- set up */

static bool make(struct device *d, const char *address)
{
	struct net_address to;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = d};

	if (net_parse(&to, address) < 0)
		return false;
	d->fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	d->window = calloc(flood.window, sizeof(*d->window));
	d->next_id = (uint16_t)(dice() / flood.window * flood.window);
	return d->fd >= 0 && d->window && connect(d->fd, &to.any, to.size) == 0 &&
		epoll_ctl(flood.epoll, EPOLL_CTL_ADD, d->fd, &event) == 0;
}

int main(int argc, char **argv)
{
	unsigned count;

	if (argc < 7)
		return 2;
	flood.coap = strcmp(argv[1], "coap") == 0;
	flood.services = (unsigned)atoi(argv[2]);
	flood.names = (unsigned)atoi(argv[3]);
	flood.window = (unsigned)atoi(argv[4]);
	if (flood.window == 0 || flood.window > WINDOW_MOST ||
		(flood.window & (flood.window - 1)) ||
		argc != (flood.coap ? 7 : 6 + (int)flood.services))
		return 2;
	flood_open(&flood.f, strtoull(argv[5], NULL, 10));
	count = flood.services * flood.names;
	flood.device = calloc(count + 1, sizeof(*flood.device));
	flood.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!flood.device || flood.epoll < 0)
		return 1;
	for (unsigned i = 0; i < count; i++) {
		struct device *d = &flood.device[i];

		d->service = i % flood.services;
		d->name = i / flood.services;
		if (!make(d, argv[6 + (flood.coap ? 0 : d->service)])) {
			fprintf(stderr, "flood_udp: device %u: %s\n", i, strerror(errno));
			return 1;
		}
	}
	flood_wait(&flood.f);
	run();
	flood_print(&flood.f, "");
	return 0;
}
