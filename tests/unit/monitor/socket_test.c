/*
 * A worker with a UDP socket of its own, on loopback: what it answers, when it takes
 * datagrams and when not, what it counts and tells.
 */
#include "monitor/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/monitor/worker_hub.h"
#include "wire/words.h"

#define ECHO "build/services/echo.mfy"

static uint32_t turn;

static int bound(uint32_t address, int wildcard, struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(*at);

	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	assert_int_equal(bind(fd, (void *)at, sizeof(*at)), 0);
	assert_int_equal(getsockname(fd, (void *)at, &n), 0);
	if (wildcard)
		assert_int_equal(
			setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &wildcard, sizeof(wildcard)), 0);
	return fd;
}

/* Starts a worker and a client that is connected to its socket. */
static int start(struct hub *h, const char *guest, enum mfw_backend backend, uint32_t threads)
{
	struct sockaddr_in at;
	int client = socket(AF_INET, SOCK_DGRAM, 0);

	need_backend(backend);
	turn = 0;
	hub_open(h, backend, threads);
	h->head->flags = MFW_OWN_SOCKET;
	h->head->words = WORDS_DNS;
	h->head->subject_bytes = 4;
	memcpy(h->head->subject, "here", 4);
	h->socket = bound(INADDR_LOOPBACK, 0, &at);
	hub_start(h, guest, 0);
	if (h->status->state != MFW_READY)
		fail_msg("%s", h->status->message);
	assert_int_equal(connect(client, (void *)&at, sizeof(at)), 0);
	return client;
}

static void turn_to(struct hub *h, enum mfw_kind kind)
{
	hub_send(h, (struct mfw_message){.kind = (uint16_t)kind, .bytes = ++turn});
}

static void finish(struct hub *h)
{
	struct mfw_message m;

	turn_to(h, MFW_FINISH);
	do
		m = hub_hear(h);
	while (m.kind != MFW_FINISHED); /* what it told before lies in front */
	assert_int_equal(m.bytes, turn);
}

/* How many bytes came; 0: none in `ms`. */
static size_t answer(int client, char to[static 512], int ms)
{
	struct pollfd wait = {.fd = client, .events = POLLIN};
	ssize_t n;

	if (poll(&wait, 1, ms) == 0)
		return 0;
	n = recv(client, to, 512, 0);
	assert_true(n > 0);
	return (size_t)n;
}

static void ask(int client, const char *text)
{
	char reply[512];

	assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
	assert_int_equal(answer(client, reply, SECONDS * 1000), strlen(text));
	assert_memory_equal(reply, text, strlen(text));
}

/* Not before the hub says so, not after it said otherwise, and again. */
static void by_turns(enum mfw_backend backend, uint32_t threads)
{
	struct hub h;
	int client = start(&h, ECHO, backend, threads);
	char reply[512];

	assert_int_equal(send(client, "early", 5, 0), 5);
	assert_int_equal(answer(client, reply, 200), 0);
	turn_to(&h, MFW_RECEIVE);
	assert_int_equal(answer(client, reply, SECONDS * 1000), 5);
	for (int i = 0; i < 100; i++)
		ask(client, "hello");
	finish(&h);
	assert_int_equal(send(client, "late", 4, 0), 4);
	assert_int_equal(answer(client, reply, 200), 0);
	assert_int_equal(live(&h), MFW_OK); /* it is still there for the hub */
	turn_to(&h, MFW_RECEIVE);
	assert_int_equal(answer(client, reply, SECONDS * 1000), 4);
	assert_int_equal(live(&h), MFW_OK); /* and in between */
	ask(client, "again");
	finish(&h);
	assert_int_equal(h.own->counts.events, 103);
	assert_int_equal(h.own->counts.replied, 103);
	assert_int_equal(h.own->counts.replies, 103);
	assert_int_equal(h.own->counts.lives, 103);
	assert_int_equal(h.own->counts.results[MFW_OK], 103);
	assert_int_equal(h.own->counts.bytes_in, 5 + 100 * 5 + 4 + 5);
	assert_int_equal(h.own->counts.bytes_out, 5 + 100 * 5 + 4 + 5);
	hub_close(&h);
	close(client);
}

/* Many at once: whatever was taken before the end is answered, the rest is left in the socket. */
static void nothing_lost(enum mfw_backend backend, uint32_t threads)
{
	struct hub h;
	int client = start(&h, ECHO, backend, threads);
	unsigned answered = 0, sent = 0;
	char reply[512];

	for (int round = 0; round < 20; round++) {
		turn_to(&h, MFW_RECEIVE);
		for (int i = 0; i < 10; i++, sent++) /* a socket holds some 270 */
			assert_int_equal(send(client, "hello", 5, 0), 5);
		finish(&h);
		while (answer(client, reply, 0) > 0)
			answered++;
		assert_int_equal(answered, h.own->counts.events);
	}
	turn_to(&h, MFW_RECEIVE);
	while (answered < sent && answer(client, reply, SECONDS * 1000) > 0)
		answered++;
	assert_int_equal(answered, sent);
	hub_close(&h);
	close(client);
}

static const uint8_t query[] = {0x12, 0x34, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, /* header */
	3, 'w', 'w', 'w', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};

/* A life that ends badly: the protocol's words for whoever asked, a count, and a message. */
static void refused(const char *guest, enum mfw_kind kind, enum mfw_result result, enum refusal why,
	unsigned code)
{
	struct hub h;
	int client = start(&h, guest, MFW_BACKEND_PROCESS, 1);
	struct mfw_message m;
	char reply[512];

	turn_to(&h, MFW_RECEIVE);
	assert_int_equal(send(client, query, sizeof(query), 0), sizeof(query));
	assert_int_equal(answer(client, reply, SECONDS * 1000), sizeof(query));
	assert_int_equal(reply[3] & 15, code);
	do
		m = hub_hear(&h);
	while (m.kind == MFW_TOLD_LOG && kind != MFW_TOLD_LOG);
	assert_int_equal(m.kind, kind);
	assert_int_equal(m.result, result);
	assert_true(m.slot < MFW_TOLD);
	for (int i = 0; i < 32; i++)
		assert_non_null(strchr("0123456789abcdef", h.own->told[m.slot].id[i]));
	assert_int_equal(h.own->counts.refused[why], 1);
	assert_int_equal(h.own->counts.replied, 0);
	hub_close(&h);
	close(client);
}

static void refusals(void **state)
{
	(void)state;
	refused("recurse", MFW_TOLD_END, MFW_ERR_CRASHED, REFUSED_FAILED, 2);
	refused("fail", MFW_TOLD_END, MFW_ERR_FAILED, REFUSED_FAILED, 2);
	refused("loop", MFW_TOLD_END, MFW_ERR_CPU, REFUSED_LATE, 2);
	refused("state", MFW_TOLD_DENIED, 0, REFUSED_DENIED, 5);
}

/* More than the service's events may hold. */
static void too_big(void **state)
{
	static char big[60000];
	struct hub h;
	int client = start(&h, ECHO, MFW_BACKEND_PROCESS, 1);
	char reply[512];

	(void)state;
	memcpy(big, query, sizeof(query));
	turn_to(&h, MFW_RECEIVE);
	assert_int_equal(send(client, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(answer(client, reply, SECONDS * 1000), sizeof(query));
	assert_int_equal(reply[3] & 15, 2);
	assert_int_equal(h.own->counts.refused[REFUSED_TOO_BIG], 1);
	assert_int_equal(h.own->counts.lives, 0);
	ask(client, "small");
	hub_close(&h);
	close(client);
}

/* What lives log is told, but only so much of it. */
static uint64_t counted(const struct hub *h)
{
	return __atomic_load_n(&h->own->counts.events, __ATOMIC_RELAXED);
}

static void logs(void **state)
{
	struct hub h;
	int client = start(&h, "log", MFW_BACKEND_PROCESS, 1);
	unsigned told = 0;
	char reply[512];

	(void)state;
	turn_to(&h, MFW_RECEIVE);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(send(client, "x", 1, 0), 1);
		answer(client, reply, 1);
	}
	for (int i = 0; i < SECONDS * 1000 && counted(&h) < 300; i++)
		usleep(1000);
	finish(&h);
	assert_int_equal(h.own->counts.events, 300);
	told = h.own->counts.lives > 0 ? h.to_hub->tail - 1 : 0;
	assert_true(told > 0 && told <= MFW_TOLD);
	hub_close(&h);
	close(client);
}

/* A socket of all addresses: the reply comes from the one that was asked. */
static void wildcard(void **state)
{
	struct sockaddr_in at, other = {.sin_family = AF_INET};
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	struct hub h;

	(void)state;
	turn = 0;
	hub_open(&h, MFW_BACKEND_PROCESS, 1);
	h.head->flags = MFW_OWN_SOCKET | MFW_WILDCARD;
	h.socket = bound(INADDR_ANY, 1, &at);
	hub_start(&h, ECHO, 0);
	turn_to(&h, MFW_RECEIVE);
	for (uint32_t i = 1; i < 20; i++) {
		other.sin_addr.s_addr = htonl(0x7f000000 + i);
		other.sin_port = at.sin_port;
		assert_int_equal(connect(client, (void *)&other, sizeof(other)), 0);
		ask(client, "whoever you are");
	}
	hub_close(&h);
	close(client);
}

/* Out of order, as two threads of the worker may take them: the later word counts. */
static void late_word(void **state)
{
	struct hub h;
	int client = start(&h, ECHO, MFW_BACKEND_PROCESS, 1);
	struct mfw_message m;
	char reply[512];

	(void)state;
	hub_send(&h, (struct mfw_message){.kind = MFW_FINISH, .bytes = 2});
	m = hub_hear(&h);
	assert_int_equal(m.kind, MFW_FINISHED);
	assert_int_equal(m.bytes, 2);
	hub_send(&h, (struct mfw_message){.kind = MFW_RECEIVE, .bytes = 1});
	assert_int_equal(send(client, "x", 1, 0), 1);
	assert_int_equal(answer(client, reply, 200), 0);
	hub_close(&h);
	close(client);
}

#define BOTH(name, threads)                                                                        \
	static void name##_kvm(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_KVM, threads);                                                    \
	}                                                                                          \
	static void name##_process(void **state)                                                   \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_PROCESS, threads);                                                \
	}                                                                                          \
	static void name##_threads(void **state)                                                   \
	{                                                                                          \
		(void)state;                                                                       \
		name(MFW_BACKEND_PROCESS, 3);                                                      \
	}
BOTH(by_turns, 1)
BOTH(nothing_lost, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_turns_kvm),
		cmocka_unit_test(by_turns_process),
		cmocka_unit_test(by_turns_threads),
		cmocka_unit_test(nothing_lost_kvm),
		cmocka_unit_test(nothing_lost_process),
		cmocka_unit_test(nothing_lost_threads),
		cmocka_unit_test(refusals),
		cmocka_unit_test(too_big),
		cmocka_unit_test(logs),
		cmocka_unit_test(wildcard),
		cmocka_unit_test(late_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
