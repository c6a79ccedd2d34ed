/*
 * HTTP connections under what chance makes of requests, and with allocations that fail: the
 * hub neither breaks nor leaks, and the next client is served. Under ASan and UBSan.
 */
/* link: -Xlinker --wrap=malloc -Xlinker --wrap=calloc -Xlinker --wrap=realloc */
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"
#include "hub/in_http.h"

/* ------------------------------------------------------------ failing memory */

static long countdown = -1; /* the allocation that fails; -1: none does */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* --------------------------------------------------------------------- a hub */

static struct hub hub;
static struct input *input;

static void on_echo(struct hub *h, const struct page_request *q, struct page_reply *r)
{
	(void)h;
	fwrite(q->body.p, 1, q->body.n, r->body);
}

static int open_hub(void **state)
{
	const struct route route = {.path = "/#", .page = on_echo, .place = "here"}, *other;
	struct net_address address;
	struct router *router;
	char error[HTTP_ERROR_MAX];

	(void)state;
	hub_init(&hub);
	hub.connections_most = 100;
	assert_int_equal(loop_open(&hub.loop), 0);
	assert_int_equal(router_open(&router), 0);
	assert_int_equal(router_add(router, &route, &other), 0);
	assert_int_equal(net_parse(&address, "127.0.0.1:0"), 0);
	assert_int_equal(in_http_open(&input, &hub, &address, NULL, router, error), 0);
	hub.inputs = input;
	return 0;
}

static int close_hub(void **state)
{
	(void)state;
	input->ops->close(input);
	assert_int_equal(hub.connections, 0);
	assert_int_equal(hub.held.held, 0);
	loop_close(hub.loop);
	return 0;
}

#define PATIENCE 5000 /* rounds, of a millisecond at most */

static void rounds(int n)
{
	while (n-- > 0)
		assert_int_equal(loop_once(hub.loop, 1), 0);
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(connect(fd, &input->address.any, input->address.size), 0);
	rounds(2);
	return fd;
}

/* In up to three pieces, then the end. What was answered is left in `answer`. */
static char answer[65536];
static void exchange(const char *text, size_t n, size_t one, size_t two)
{
	const size_t cuts[] = {0, one < n ? one : n, two < n ? two : n, n};
	int fd = dial();
	size_t got = 0;
	ssize_t more = -1;

	for (int i = 0; i < 3; i++) {
		if (cuts[i + 1] > cuts[i])
			(void)!send(fd, text + cuts[i], cuts[i + 1] - cuts[i], MSG_NOSIGNAL);
		rounds(2);
	}
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < PATIENCE && more != 0; i++) {
		rounds(1);
		more = recv(fd, answer + got, sizeof(answer) - 1 - got, MSG_DONTWAIT);
		if (more < 0 && errno != EAGAIN) /* a reset */
			more = 0;
		got += more > 0 ? (size_t)more : 0;
	}
	answer[got] = '\0';
	close(fd);
	for (int i = 0; i < PATIENCE && hub.connections > 0; i++)
		rounds(1);
	assert_int_equal(hub.connections, 0);
	assert_int_equal(hub.held.held, 0);
}

static const char *const samples[] = {
	"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
	"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close, x\r\nContent-Type: a/b\r\n\r\n",
	"GET http://a.b:1/c?d HTTP/1.1\r\nHost: e\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
};
#define SAMPLES (sizeof(samples) / sizeof(*samples))

static uint64_t random_state = 1;
static size_t below(size_t bound)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(random_state >> 33) % bound;
}

/* One change: a byte, or a piece that goes, or comes twice. Returns the new length. */
static size_t change(char *text, size_t n)
{
	static const char odd[] = "\r\n\0 \t:;,/%.-0123fx\xff\x7f";
	size_t at = below(n), some = 1 + below(8);

	if (some > n - at)
		some = n - at;
	switch (below(4)) {
	case 0: text[at] = odd[below(sizeof(odd) - 1)]; return n;
	case 1: text[at] = (char)below(256); return n;
	case 2: memmove(text + at, text + at + some, n - at - some); return n - some;
	default: memmove(text + at + some, text + at, n - at); return n + some;
	}
}

static void survives_noise(void **state)
{
	unsigned answered = 0, refused = 0;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		char text[1024];
		const char *sample = samples[below(SAMPLES)];
		size_t n = strlen(sample);

		memcpy(text, sample, n);
		for (size_t changes = below(4); changes > 0 && n > 8; changes--)
			n = change(text, n);
		exchange(text, n, below(n), below(n));
		answered += strstr(answer, "HTTP/1.1 200") != NULL;
		refused += strstr(answer, "HTTP/1.1 4") != NULL;
	}
	/* both happened, so the changes are neither too few nor too many */
	assert_true(answered > 300 && refused > 300);
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SAMPLES; i++)
		for (long n = 0; n < 20; n++) {
			size_t size = strlen(samples[i]);

			countdown = n;
			exchange(samples[i], size, size / 3, size / 2);
			countdown = -1;
			exchange(samples[0], strlen(samples[0]), 0, 0);
			assert_non_null(strstr(answer, "HTTP/1.1 200"));
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hub, close_hub)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(survives_noise),
		TEST(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
