/* hub/in_http.c with the hub's own pages: whole exchanges over a socket, on a loop by hand. */
#include "hub/in_http.h"

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
#include "sys/clock.h"

static struct hub hub;
static struct input *input;
static int client = -1;
static unsigned calls;

static void on_echo(struct hub *h, const struct page_request *q, struct page_reply *r)
{
	(void)h;
	calls++;
	fprintf(r->body, "%.*s %.*s?%.*s %.*s", (int)q->method.n, (const char *)q->method.p,
		(int)q->path.n, (const char *)q->path.p, (int)q->query.n, (const char *)q->query.p,
		(int)q->body.n, (const char *)q->body.p);
}

static void on_large(struct hub *h, const struct page_request *q, struct page_reply *r)
{
	(void)h, (void)q;
	for (int i = 0; i < 1 << 20; i++)
		fputs("0123456789abcdef", r->body);
}

static void add(struct router *router, const char *method, const char *path, page_answer *page)
{
	const struct route route = {.method = method, .path = path, .page = page, .place = "here"};
	const struct route *other;

	assert_int_equal(router_add(router, &route, &other), 0);
}

static int open_all(void **state)
{
	struct router *router;
	struct net_address address;
	char error[HTTP_ERROR_MAX];

	(void)state;
	calls = 0;
	hub_init(&hub);
	hub.connections_most = 8;
	assert_int_equal(loop_open(&hub.loop), 0);
	assert_int_equal(router_open(&router), 0);
	add(router, NULL, "/echo", on_echo);
	add(router, "GET", "/get", on_echo);
	add(router, "GET", "/large", on_large);
	assert_int_equal(net_parse(&address, "127.0.0.1:0"), 0);
	assert_int_equal(in_http_open(&input, &hub, &address, NULL, router, error), 0);
	hub.inputs = input;
	client = -1;
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	if (client >= 0)
		close(client);
	input->ops->close(input);
	assert_int_equal(hub.connections, 0);
	assert_int_equal(hub.held.held, 0);
	recent_close(&hub.recent);
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
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* what is said comes at once */
	assert_int_equal(connect(fd, &input->address.any, input->address.size), 0);
	rounds(1);
	return fd;
}

static void say(const char *text)
{
	size_t n = strlen(text);

	if (client < 0)
		client = dial();
	assert_int_equal(send(client, text, n, MSG_NOSIGNAL), n);
}

static char heard[1 << 16];
static size_t heard_n;

/* One round, and what came in it. */
static bool hear_more(void)
{
	ssize_t n;

	rounds(1);
	n = recv(client, heard + heard_n, sizeof(heard) - heard_n - 1, MSG_DONTWAIT);
	heard_n += n > 0 ? (size_t)n : 0;
	heard[heard_n] = '\0';
	return n > 0;
}

/* What comes until nothing more does for some rounds. */
static const char *hear(void)
{
	heard_n = 0;
	for (int quiet = 0; quiet < 20; quiet++)
		if (hear_more())
			quiet = 0;
	return heard;
}

/* Is one answer there, with its body? */
static bool is_whole(bool bodiless)
{
	const char *end = strstr(heard, "\r\n\r\n"), *size = strstr(heard, "\r\nContent-Length: ");

	if (!end)
		return false;
	return bodiless || !size || strlen(end + 4) >= (size_t)atoi(size + 18);
}

static bool ended(void)
{
	char c;

	rounds(20);
	return recv(client, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

#define HOST "Host: a\r\n"

static void expect(const char *request, const char *status, const char *body)
{
	const char *answer, *end;

	say(request);
	heard_n = 0;
	heard[0] = '\0';
	for (int i = 0; i < PATIENCE && !is_whole(body && !*body); i++)
		hear_more();
	answer = heard;
	end = strstr(answer, "\r\n\r\n");
	if (strncmp(answer, status, strlen(status)) != 0)
		fail_msg("not %s but:\n%s\nto:\n%s", status, answer, request);
	assert_non_null(end);
	assert_non_null(strstr(answer, "\r\nMayfly-Event: "));
	if (body)
		assert_string_equal(end + 4, body);
}

static void keeps_connections(void **state)
{
	(void)state;
	expect("GET /echo?a HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "GET /echo?a ");
	expect("\r\nPOST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 200",
		"POST /echo? abc");
	expect("POST /echo HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
		"HTTP/1.1 200", "POST /echo? abcd");
	expect("GET /nowhere HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404", NULL);
	assert_false(ended());
	assert_int_equal(hub.connections, 1);
	assert_int_equal(hub.held.held, 0);
	expect("GET /echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "HTTP/1.1 200", NULL);
	assert_true(ended());
	assert_int_equal(hub.connections, 1); /* until we have closed it too */
	shutdown(client, SHUT_WR);
	rounds(20);
	assert_int_equal(hub.connections, 0);
}

/* The hub's descriptor of `client`. */
static int other_end(void)
{
	struct sockaddr_in mine = {0}, peer = {0};
	socklen_t n = sizeof(mine);
	int fd = 0;

	assert_int_equal(getsockname(client, (void *)&mine, &n), 0);
	while (fd < 1024 &&
		(getpeername(fd, (void *)&peer, &(socklen_t){sizeof(peer)}) < 0 ||
			peer.sin_port != mine.sin_port))
		fd++;
	assert_true(fd < 1024);
	return fd;
}

/* sys/pace.h. Where the machine's own is reno this shows nothing. */
static void does_not_pace_its_own_machine(void **state)
{
	char name[16] = "";
	socklen_t n = sizeof(name);

	(void)state;
	expect("GET /get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "GET /get? ");
	assert_int_equal(getsockopt(other_end(), IPPROTO_TCP, TCP_CONGESTION, name, &n), 0);
	assert_string_equal(name, "reno");
}

static void speaks_the_old_version(void **state)
{
	(void)state;
	expect("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.1 200",
		"GET /echo? ");
	assert_non_null(strstr(heard, "\r\nConnection: keep-alive\r\n"));
	expect("GET /echo HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "GET /echo? ");
	assert_true(ended());
}

static void answers_head_without_body(void **state)
{
	(void)state;
	expect("HEAD /get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "");
	assert_non_null(strstr(heard, "\r\nContent-Length: 11\r\n"));
	expect("HEAD /nowhere HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404", "");
	expect("GET /get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "GET /get? ");
}

static void answers_in_order(void **state)
{
	const char *answer;

	(void)state;
	say("GET /echo?1 HTTP/1.1\r\n" HOST "\r\nPOST /echo?2 HTTP/1.1\r\n" HOST
	    "Content-Length: 2\r\n\r\nhiGET /nowhere HTTP/1.1\r\n" HOST
	    "\r\nPOST /echo?3 HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n"
	    "\r\nGET /echo?4 HTTP/1.1\r\n" HOST "\r\nGET /ec");
	answer = hear();
	assert_int_equal(count(answer, "HTTP/1.1 "), 5);
	assert_true(strstr(answer, "/echo?1 ") < strstr(answer, "/echo?2 hi"));
	assert_true(strstr(answer, "/echo?2 hi") < strstr(answer, "HTTP/1.1 404"));
	assert_true(strstr(answer, "HTTP/1.1 404") < strstr(answer, "/echo?3 ho"));
	assert_true(strstr(answer, "/echo?3 ho") < strstr(answer, "/echo?4 "));
	expect("ho?5 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "GET /echo?5 ");
}

/* The client has said all and shut its side: what is whole is answered. */
static void answers_who_sends_no_more(void **state)
{
	(void)state;
	say("GET /echo?1 HTTP/1.1\r\n" HOST "\r\nGET /echo?2 HTTP/1.1\r\n" HOST "\r\nGET /");
	shutdown(client, SHUT_WR);
	assert_int_equal(count(hear(), "HTTP/1.1 200"), 2);
	assert_true(ended());
	assert_int_equal(hub.connections, 0);
}

static void takes_any_pieces(void **state)
{
	static const char *const requests[] = {"POST /echo?x HTTP/1.1\r\n" HOST
					       "Content-Length: 5\r\n\r\nhello",
		"POST /echo?x HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(requests[i]);

		for (size_t cut = 1; cut < n; cut++) {
			char part[512];

			snprintf(part, cut + 1, "%s", requests[i]);
			say(part);
			rounds(2);
			expect(requests[i] + cut, "HTTP/1.1 200", "POST /echo?x hello");
		}
		for (size_t at = 0; at + 1 < n; at++) {
			char one[2] = {requests[i][at], '\0'};

			say(one);
			rounds(1);
		}
		expect(requests[i] + n - 1, "HTTP/1.1 200", "POST /echo?x hello");
	}
	assert_int_equal(hub.held.held, 0);
}

static void continues(void **state)
{
	const char *head = "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n";

	(void)state;
	say(head);
	say("Content-Length: 3\r\n\r\n");
	assert_string_equal(hear(), "HTTP/1.1 100 Continue\r\n\r\n");
	expect("abc", "HTTP/1.1 200", "POST /echo? abc");
	say(head);
	say("Transfer-Encoding: chunked\r\n\r\n");
	assert_string_equal(hear(), "HTTP/1.1 100 Continue\r\n\r\n");
	expect("1\r\na\r\n0\r\n\r\n", "HTTP/1.1 200", "POST /echo? a");
	say(head); /* all is there: no need to ask for it */
	expect("Content-Length: 3\r\n\r\nabc", "HTTP/1.1 200", "POST /echo? abc");
}

/* The answer comes instead of 100 Continue, and the body is neither waited for nor taken. */
static void does_not_continue(void **state)
{
	(void)state;
	expect("POST /nowhere HTTP/1.1\r\n" HOST
	       "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 404", NULL);
	assert_non_null(strstr(heard, "\r\nConnection: close\r\n"));
	assert_true(ended());
}

static void says_what_is_allowed(void **state)
{
	(void)state;
	expect("POST /get HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", "HTTP/1.1 405", NULL);
	assert_non_null(strstr(heard, "\r\nAllow: GET"));
	expect("OPTIONS /get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 204", "");
	assert_non_null(strstr(heard, "\r\nAllow: GET"));
	expect("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 204", "");
	assert_non_null(strstr(heard, "\r\nAllow: GET, HEAD"));
	expect("GET http://a/get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "GET /get? ");
	assert_int_equal(calls, 1);
}

static void refuses(const char *request, const char *status)
{
	expect(request, status, NULL);
	assert_non_null(strstr(heard, "\r\nContent-Type: application/problem+json\r\n"));
	assert_non_null(strstr(heard, "\r\nConnection: close\r\n"));
	assert_int_equal(count(heard, "\nMayfly-Event: "), 1);
	close(client);
	client = -1;
	rounds(3);
	assert_int_equal(hub.connections, 0);
	assert_int_equal(hub.held.held, 0);
}

static void refuses_and_closes(void **state)
{
	char line[9000], lines[20000];

	(void)state;
	refuses("POST /echo HTTP/1.1\r\n" HOST
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /echo",
		"HTTP/1.1 400");
	refuses("GET /echo HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400");
	refuses("GET /echo HTTP/1.1\r\nX: y\n", "HTTP/1.1 400"); /* at once */
	refuses("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"HTTP/1.1 400");
	refuses("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\nabc", "HTTP/1.1 413");
	refuses("POST /echo HTTP/1.1\r\n" HOST
		"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 415");
	assert_non_null(strstr(heard, "\r\nAccept-Encoding: identity\r\n"));
	refuses("GET /echo HTTP/2.0\r\n" HOST "\r\n", "HTTP/1.1 505");
	memset(line, 'a', sizeof(line));
	memcpy(line, "GET /", 5);
	line[sizeof(line) - 1] = '\0';
	refuses(line, "HTTP/1.1 414");
	strcpy(lines, "GET / HTTP/1.1\r\n");
	while (strlen(lines) <= 16384)
		strcat(lines, "X-Long-Name-Of-A-Header: and its value, which is long too\r\n");
	refuses(lines, "HTTP/1.1 431");
	assert_int_equal(calls, 0);
}

static void bounds_chunked_bodies(void **state)
{
	char chunk[16384 + 16];

	(void)state;
	say("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk, "4000\r\n", 6);
	strcpy(chunk + 6 + 16384, "\r\n");
	for (int i = 0; i < 4; i++) {
		say(chunk);
		rounds(2);
	}
	refuses("1\r\nx", "HTTP/1.1 413");
}

/* The socket takes only a part of a large answer at once. */
static void sends_as_the_client_reads(void **state)
{
	size_t got = 0;
	ssize_t n = -1;

	(void)state;
	say("GET /large HTTP/1.1\r\n" HOST "\r\n");
	rounds(5);
	assert_true(hub.held.held > 0);
	for (int i = 0; i < PATIENCE && (got <= 16u << 20 || n > 0 || hub.held.held > 0); i++) {
		rounds(1);
		n = recv(client, heard, sizeof(heard), MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_true(got > 16u << 20);
	assert_int_equal(hub.held.held, 0);
	expect("GET /get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", "GET /get? ");
}

/* A client that sends on and on without reading has what it sends left in the socket. */
static void reads_no_more_than_may_wait(void **state)
{
	/* before the hub has enough of one that takes nothing */
	const uint64_t until = clock_mono_ns() + 2 * CLOCK_S;
	char more[8192];

	(void)state;
	say("GET /large HTTP/1.1\r\n" HOST "\r\n");
	rounds(3);
	memset(more, 'x', sizeof(more));
	for (int i = 0; i < 1000 && clock_mono_ns() < until; i++) {
		if (send(client, more, sizeof(more), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		rounds(1);
	}
	assert_true(hub.held.held < (16u << 20) * 2 + 65536);
	assert_int_equal(hub.connections, 1);
}

static void pass(uint64_t ns)
{
	uint64_t until = clock_mono_ns() + ns;

	while (clock_mono_ns() < until)
		rounds(1);
}

static void waits_so_long_for_requests(void **state)
{
	(void)state;
	hub.http.request_ns = 20 * CLOCK_MS;
	say("GET /echo HTTP/1.1\r\n");
	pass(40 * CLOCK_MS);
	assert_int_equal(strncmp(hear(), "HTTP/1.1 408", 12), 0);
	close(client);
	client = -1;
	say("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
	pass(40 * CLOCK_MS);
	assert_int_equal(strncmp(hear(), "HTTP/1.1 408", 12), 0);
	assert_int_equal(calls, 0);
}

static void waits_so_long_between_requests(void **state)
{
	(void)state;
	hub.http.keepalive_ns = CLOCK_S / 2;
	expect("GET /echo HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", NULL);
	pass(CLOCK_S);
	assert_true(ended());
	assert_int_equal(hub.connections, 0);
}

/* A request for nobody is a request too. */
static void is_idle_since_the_last_answer(void **state)
{
	uint64_t before;

	(void)state;
	expect("GET /get HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", NULL);
	before = input->ops->idle_since(input);
	pass(2 * CLOCK_MS);
	expect("GET /nowhere HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404", NULL);
	assert_true(input->ops->idle_since(input) > before);
}

static void the_idlest_makes_room(void **state)
{
	int others[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		others[i] = dial();
	assert_int_equal(hub.connections, 8);
	expect("GET /echo HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200", NULL);
	assert_int_equal(hub.connections, 8);
	assert_int_equal(input->counts.connections, 9);
	assert_int_equal(recv(others[0], heard, 1, MSG_DONTWAIT), 0);
	for (int i = 0; i < 8; i++)
		close(others[i]);
}

static void stops(void **state)
{
	int idle;

	(void)state;
	idle = dial();
	say("GET /echo HTTP/1.1\r\n");
	rounds(2);
	hub.stopping = true;
	input->ops->stop(input);
	assert_int_equal(strncmp(hear(), "HTTP/1.1 503", 12), 0);
	assert_int_equal(recv(idle, heard, 1, MSG_DONTWAIT), 0);
	close(idle);
	close(client);
	client = -1;
	rounds(3);
	assert_false(input->ops->busy(input));
}

static void changes_routes(void **state)
{
	struct router *router;
	char error[HTTP_ERROR_MAX];
	const struct http_options none = {.tls = {.certificate = "/proc/nonexistent/certificate",
						  .key = "/proc/nonexistent/key"}};
	struct tls_context *tls;

	(void)state;
	say("GET /new HTTP/1.1\r\n");
	rounds(2);
	assert_int_equal(router_open(&router), 0);
	add(router, "GET", "/new", on_echo);
	assert_int_equal(in_http_prepare(&tls, &none, error), -ENOENT);
	assert_non_null(strstr(error, "\"/proc/nonexistent/certificate\": No such file"));
	assert_int_equal(in_http_prepare(&tls, NULL, error), 0);
	assert_null(tls);
	in_http_change(input, tls, router);
	expect(HOST "\r\n", "HTTP/1.1 200", "GET /new? ");
	expect("GET /echo HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_connections),
		TEST(does_not_pace_its_own_machine),
		TEST(speaks_the_old_version),
		TEST(answers_head_without_body),
		TEST(answers_in_order),
		TEST(answers_who_sends_no_more),
		TEST(takes_any_pieces),
		TEST(continues),
		TEST(does_not_continue),
		TEST(says_what_is_allowed),
		TEST(refuses_and_closes),
		TEST(bounds_chunked_bodies),
		TEST(sends_as_the_client_reads),
		TEST(reads_no_more_than_may_wait),
		TEST(waits_so_long_for_requests),
		TEST(waits_so_long_between_requests),
		TEST(is_idle_since_the_last_answer),
		TEST(the_idlest_makes_room),
		TEST(stops),
		TEST(changes_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
