/*
 * hub/http/conn.c and intake.c: where does one request end, and the next begin? Pipelines that are made
 * of right and wrong pieces, changed byte by byte, arrive in pieces of any size; what the hub makes of
 * them is compared with a second reader, written from RFC 9112 alone and given all bytes at once. The hub
 * may refuse what the other takes, never take what the other doesn't, nor something else.
 *
 * MAYFLY_FUZZ_SECONDS=600 goes on for that long, MAYFLY_FUZZ_SEED begins elsewhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/http/conn.h"
#include "hub/hub.h"
#include "sys/clock.h"
#include "tests/unit/hub/http/second.h"

#define STREAM_MAX (256u << 10)

static struct second_seen hub_saw[SECOND_SEEN], we_saw[SECOND_SEEN];
static unsigned hub_count, our_count;

/* ------------------------------------------------------------------- random */

static uint64_t state = 1;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % below);
}

/* Some streams are tame, and get far; some are wild. */
static uint32_t tameness = 1;
static bool odd(uint32_t one_in)
{
	return rnd(one_in * tameness) == 0;
}

#define PICK(list) (list)[rnd(sizeof(list) / sizeof((list)[0]))]

/* ---------------------------------------------------------------- requests */

static uint8_t stream[STREAM_MAX];
static size_t stream_n;

static void put(const void *p, size_t n)
{
	if (n > STREAM_MAX - stream_n)
		n = STREAM_MAX - stream_n;
	memcpy(stream + stream_n, p, n);
	stream_n += n;
}

static void say(const char *text)
{
	put(text, strlen(text));
}

/* Now and then something else than `usual`. */
static void say_or(const char *usual, const char *const *others, uint32_t count, uint32_t one_in)
{
	say(odd(one_in) ? others[rnd(count)] : usual);
}
#define SAY_OR(usual, others, one_in)                                                              \
	say_or(usual, others, sizeof(others) / sizeof((others)[0]), one_in)

static const char *const ends[] = {"\n", "\r", "\r\r\n", "\n\r\n", "", " \r\n", "\r\n ", "\v\r\n"};

static void say_line_end(void)
{
	SAY_OR("\r\n", ends, 150);
}

static void say_body(size_t n)
{
	static const char *const inside[] = {"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
		"0\r\n\r\n", "\r\n\r\n", "x", "\r\n", "5\r\nhello\r\n"};
	size_t end = stream_n + n;

	while (stream_n < end && stream_n < STREAM_MAX)
		say(PICK(inside));
	if (stream_n > end)
		stream_n = end;
}

static void say_chunks(void)
{
	static const char *const formats[] = {"%zx", "%zX", "0%zx", "00000000000000000%zx",
		"%zx;a=b", "%zx ;a", "%zx;a=\"q\\\"\"", "0x%zx", "+%zx", "%zx ", " %zx", "-%zx",
		"%zx\t", "1000000000000000%zx", "%zx;\n", "%zx;a\rb", "%zx,1", "%zx_"};
	static const char *const trailers[] = {"", "", "", "A: b\r\n", "Content-Length: 5\r\n",
		"A: b\n", " A: b\r\n", "Transfer-Encoding: chunked\r\nX: y\r\n", "A\r\n",
		"A: \r\r\n"};
	char size[64];

	for (uint32_t i = rnd(4); i > 0; i--) {
		size_t n = 1 + (rnd(20) == 0 ? rnd(5000) : rnd(30));

		snprintf(size, sizeof(size), odd(10) ? PICK(formats) : "%zx", n);
		say(size);
		say_line_end();
		say_body(n);
		say_line_end();
	}
	SAY_OR("0", formats, 40);
	say_line_end();
	say(odd(4) ? PICK(trailers) : "");
	say_line_end();
}

/* A header line that says how long the body is, or seems to. */
static void say_length(size_t *n, bool *chunked)
{
	static const char *const lengths[] = {"Content-Length: %zu", "content-length:%zu",
		"CONTENT-LENGTH: \t%zu \t", "Content-Length : %zu", "Content-Length: +%zu",
		"Content-Length: 0%zu", "Content-Length: %zu, %zu", "Content-Length: 0x%zu",
		"Content-Length: %zu\r\nContent-Length: %zu",
		"Content-Length: 1844674407370955161%zu", "Content-Length:\r\n %zu",
		"Content_Length: %zu", "Content-Length: %zu ,", "X: y\rContent-Length: %zu",
		"X: y\nContent-Length: %zu", "\tContent-Length: %zu", "Content-Length: -%zu",
		"Content-Length\t: %zu", "Content-Length: %zu\v"};
	static const char *const codings[] = {"Transfer-Encoding: chunked",
		"transfer-encoding:\tCHUNKED ", "Transfer-Encoding: identity",
		"Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked",
		"Transfer-Encoding : chunked", "Transfer-Encoding: xchunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"Transfer-Encoding:\r\n chunked", "Transfer-Encoding: \vchunked",
		"Transfer-Encoding: chunked;a=b", "Transfer-Encoding: \"chunked\"",
		"X: y\nTransfer-Encoding: chunked",
		"Transfer-Encoding:", "Transfer-Encoding: chunked,",
		"Transfer\x80-Encoding: chunked"};
	char line[128];

	*n = 0;
	*chunked = rnd(2) == 0;
	if (*chunked || odd(20)) {
		SAY_OR("Transfer-Encoding: chunked", codings, 6);
		say_line_end();
	}
	if (!*chunked || odd(20)) {
		*n = rnd(4) ? rnd(40) : rnd(3000);
		snprintf(
			line, sizeof(line), odd(6) ? PICK(lengths) : "Content-Length: %zu", *n, *n);
		say(line);
		say_line_end();
	}
}

static void say_request(void)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"};
	static const char *const odd_methods[] = {"get", "CONNECT", "PRI", "G T", "", " GET",
		"GET\t", "SOURCE", "PATCH", "LONGWORDTHATISNONE"};
	static const char *const targets[] = {"/echo", "/echo?a=b", "/nowhere", "/get", "*",
		"/echo?", "http://a/echo", "/echo#f", "/../echo", "/echo/%2e%2e", "//echo", "echo",
		"/echo?\x80", "http://b", "/e%63ho", "/echo%0", "https://a:1/echo?x", "/long"};
	static const char *const versions[] = {" HTTP/1.0", " HTTP/1.2", " HTTP/2.0", " HTTP/0.9",
		"", " http/1.1", "  HTTP/1.1", " HTTP/1.1 ", " HTTP/1.10", "\tHTTP/1.1",
		" RTSP/1.0"};
	static const char *const hosts[] = {"", "Host: a\r\nHost: b\r\n", "Host: a b\r\n",
		"Host : a\r\n", "Host:\r\n", "Host: a@b\r\n", "Host: [::1]:8\r\n", "Host: a:x\r\n"};
	static const char *const more[] = {"Connection: close\r\n", "Connection: keep-alive\r\n",
		"Connection: x, close\r\n", "Expect: 100-continue\r\n", "Expect: other\r\n",
		"Upgrade: h2c\r\nConnection: upgrade\r\n", "X: \x01\r\n", "X: a\r\n b\r\n", "X\r\n",
		": x\r\n", "X: \xff\r\n", "X:\r\n", "X Y: z\r\n", "Cookie: a\r\n", "X: a\0b\r\n",
		"Content-Encoding: gzip\r\n", "Proxy-Connection: close\r\n", "Keep-Alive: 5\r\n",
		"Connection: clos\r\n", "Connection: close, keep-alive\r\n",
		"Connection:\tclose\t\r\n"};
	bool chunked = false;
	size_t n = 0;

	for (uint32_t i = rnd(30) ? 0 : rnd(4); i > 0; i--)
		say_line_end();
	say_or(PICK(methods), odd_methods, 10, 60);
	say(" ");
	SAY_OR("/echo", targets, 3);
	SAY_OR(" HTTP/1.1", versions, 15);
	say_line_end();
	SAY_OR("Host: a\r\n", hosts, 40);
	for (uint32_t i = odd(3) ? rnd(4) : 0; i > 0; i--)
		say(PICK(more));
	if (rnd(3))
		say_length(&n, &chunked);
	say_line_end();
	if (chunked)
		say_chunks();
	else
		say_body(n);
}

static void spoil(void)
{
	static const uint8_t bytes[] = {
		'\r', '\n', ' ', '\t', '\0', ':', '0', ';', 0x80, 0x7f, 'a', ','};
	size_t at = rnd((uint32_t)stream_n), n;

	switch (rnd(6)) {
	case 0: stream[at] = PICK(bytes); break;
	case 1: stream[at] ^= (uint8_t)(1u << rnd(8)); break;
	case 2: /* one out */
		memmove(stream + at, stream + at + 1, stream_n - at - 1);
		stream_n--;
		break;
	case 3: /* one in */
		if (stream_n == STREAM_MAX)
			break;
		memmove(stream + at + 1, stream + at, stream_n - at);
		stream[at] = PICK(bytes);
		stream_n++;
		break;
	case 4: /* a piece twice */
		n = 1 + rnd(20);
		if (n > stream_n - at || stream_n + n > STREAM_MAX)
			break;
		memmove(stream + at + n, stream + at, stream_n - at);
		stream_n += n;
		break;
	default: stream_n -= rnd(4) ? 0 : stream_n - at; break;
	}
	if (stream_n == 0)
		say("x");
}

static void make_stream(void)
{
	stream_n = 0;
	tameness = 1u << (2 * rnd(4));
	for (uint32_t i = 1 + rnd(6); i > 0; i--)
		say_request();
	for (uint32_t i = odd(2) ? 1 + rnd(3) : 0; i > 0; i--)
		spoil();
}

/* -------------------------------------------------------------------- the hub */

static struct hub hub;
static struct input *input;

static void on_echo(struct hub *h, const struct page_request *q, struct page_reply *r)
{
	char target[1024];
	int n = snprintf(target, sizeof(target), "%.*s%s%.*s", (int)q->path.n,
		(const char *)q->path.p, q->query.p ? "?" : "", (int)q->query.n,
		(const char *)q->query.p);

	(void)h;
	fputs("answer\n", r->body);
	assert_true(hub_count < SECOND_SEEN);
	second_note(&hub_saw[hub_count++], (const char *)q->method.p, q->method.n, target,
		(size_t)n < sizeof(target) ? (size_t)n : sizeof(target) - 1, q->body.p, q->body.n);
}

static int open_hub(void **s)
{
	static const struct route route = {.path = "/#", .page = on_echo, .place = "here"};
	const struct route *other;
	struct router *router;
	struct net_address address;
	char error[HTTP_ERROR_MAX];

	(void)s;
	hub_init(&hub);
	assert_int_equal(loop_open(&hub.loop), 0);
	assert_int_equal(router_open(&router), 0);
	assert_int_equal(router_add(router, &route, &other), 0);
	assert_int_equal(net_parse(&address, "127.0.0.1:0"), 0);
	assert_int_equal(in_http_open(&input, &hub, &address, NULL, router, error), 0);
	hub.inputs = input;
	return 0;
}

static int close_hub(void **s)
{
	(void)s;
	input->ops->close(input);
	assert_int_equal(hub.connections, 0);
	assert_int_equal(hub.held.held, 0);
	loop_close(hub.loop);
	return 0;
}

/* ------------------------------------------------------------- what it answered */

static uint8_t answers[1 << 20];
static size_t answers_n;

static void show(const char *what)
{
	fprintf(stderr, "%s\n--- sent:\n", what);
	fwrite(stream, 1, stream_n, stderr);
	fprintf(stderr, "\n--- answered:\n");
	fwrite(answers, 1, answers_n, stderr);
	fprintf(stderr, "\n--- the hub saw %u, we saw %u\n", hub_count, our_count);
	for (unsigned i = 0; i < hub_count || i < our_count; i++)
		fprintf(stderr, "%u: hub \"%s\" %zu %08x, we \"%s\" %zu %08x\n", i,
			i < hub_count ? hub_saw[i].text : "", i < hub_count ? hub_saw[i].n : 0,
			i < hub_count ? hub_saw[i].sum : 0, i < our_count ? we_saw[i].text : "",
			i < our_count ? we_saw[i].n : 0, i < our_count ? we_saw[i].sum : 0);
	fail_msg("%s", what);
}

/* Are they whole answers, and nothing but? */
static void read_answers(bool ended)
{
	const char *p = (const char *)answers, *end = p + answers_n;

	answers[answers_n] = '\0';
	while (p < end) {
		const char *head = strstr(p, "\r\n\r\n"), *length, *tail;
		unsigned status;

		if (sscanf(p, "HTTP/1.1 %u ", &status) != 1 || !head)
			show("an answer is malformed");
		length = strstr(p, "\r\nContent-Length: ");
		tail = head + 4;
		/* of HEAD nothing comes; what follows then is the next answer's first line */
		if (length && length < head) {
			size_t n = strtoul(length + 18, NULL, 10);

			if ((size_t)(end - tail) >= n && n > 0 &&
				strncmp(tail, "HTTP/1.1 ", 9) != 0)
				tail += n;
		}
		p = tail;
	}
	(void)ended;
}

static void compare(void)
{
	if (!second_agrees(hub_saw, hub_count, we_saw, our_count))
		show("the hub took what is no request");
}

static bool hear(int fd)
{
	ssize_t n;

	while ((n = recv(fd, answers + answers_n, sizeof(answers) - 1 - answers_n, MSG_DONTWAIT)) >
		0)
		answers_n += (size_t)n;
	return n == 0;
}

static uint64_t taken, refused;

static void one_stream(void)
{
	struct net_address peer;
	size_t at = 0, size = rnd(3) == 0 ? 1 : rnd(3) == 0 ? 7 : 65536;
	bool ended = false;
	int fds[2];

	make_stream();
	our_count = second_read(stream, stream_n, we_saw);
	hub_count = 0;
	answers_n = 0;
	assert_int_equal(net_parse(&peer, "127.0.0.1:9"), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(conn_open(input, fds[1], &peer), 0);
	while (at < stream_n && !ended) {
		size_t n = 1 + rnd((uint32_t)size);
		ssize_t sent;

		if (n > stream_n - at)
			n = stream_n - at;
		sent = send(fds[0], stream + at, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			break;
		at += sent > 0 ? (size_t)sent : 0;
		assert_int_equal(loop_once(hub.loop, 0), 0);
		ended = hear(fds[0]);
	}
	for (unsigned quiet = 0; quiet < 2 && !ended;) {
		size_t before = answers_n;
		unsigned seen = hub_count;

		assert_int_equal(loop_once(hub.loop, 0), 0);
		ended = hear(fds[0]);
		quiet = answers_n == before && hub_count == seen ? quiet + 1 : 0;
	}
	close(fds[0]);
	for (unsigned i = 0; i < 100 && hub.connections > 0; i++)
		assert_int_equal(loop_once(hub.loop, 0), 0);
	if (hub.connections > 0 || hub.held.held > 0)
		show("a connection outlives its client");
	taken += hub_count;
	refused += our_count - (hub_count < our_count ? hub_count : our_count);
	read_answers(ended);
	compare();
}

static void agrees_with_a_second_reader(void **s)
{
	const char *seconds = getenv("MAYFLY_FUZZ_SECONDS"), *seed = getenv("MAYFLY_FUZZ_SEED");
	uint64_t end = clock_mono_ns() + (seconds ? strtoull(seconds, NULL, 10) : 0) * CLOCK_S;
	unsigned long long n = 0;

	(void)s;
	state = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 1;
	for (; n < 3000 || clock_mono_ns() < end; n++)
		one_stream();
	assert_true(taken > n); /* they aren't all refused */
	if (seconds)
		fprintf(stderr, "%llu streams, %llu requests taken, %llu refused that we took\n", n,
			(unsigned long long)taken, (unsigned long long)refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(agrees_with_a_second_reader, open_hub, close_hub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
