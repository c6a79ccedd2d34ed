/* hub/http/request.c: heads of requests, good and bad, whole and byte by byte. */
#include "hub/http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct request r;

static bool parse(const char *text, struct request_wrong *wrong)
{
	*wrong = (struct request_wrong){0};
	return request_parse(&r, (const uint8_t *)text, strlen(text), wrong);
}

static void good(const char *text)
{
	struct request_wrong wrong;

	if (!parse(text, &wrong))
		fail_msg("refused with %u (%s):\n%s", wrong.status, wrong.detail, text);
}

static void bad(unsigned status, const char *text)
{
	struct request_wrong wrong;

	if (parse(text, &wrong))
		fail_msg("accepted:\n%s", text);
	if (wrong.status != status)
		fail_msg("refused with %u (%s), not %u:\n%s", wrong.status, wrong.detail, status,
			text);
	assert_non_null(wrong.detail);
}

static void assert_str(struct mf_str s, const char *text)
{
	if (!mf_str_is(s, text))
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.n, (const char *)s.p, text);
}

#define HOST "Host: a.example\r\n"
#define GET  "GET / HTTP/1.1\r\n"

static void reads_a_request(void **state)
{
	unsigned next = 0;

	(void)state;
	good("POST /press/me?a=1&b=%20 HTTP/1.1\r\nHost: hub.example:8080\r\n"
	     "content-type: text/plain \t\r\nX-A:one\r\nContent-Length: 12\r\nx-a:  two  \r\n\r\n");
	assert_str(r.method, "POST");
	assert_str(r.path, "/press/me");
	assert_str(r.query, "a=1&b=%20");
	assert_str(r.host, "hub.example:8080");
	assert_str(r.content_type, "text/plain");
	assert_int_equal(r.length, 12);
	assert_int_equal(r.minor, 1);
	assert_true(r.keep_alive);
	assert_false(r.chunked);
	assert_false(r.expects);
	assert_str(request_header(&r, "x-a", &next), "one");
	assert_str(request_header(&r, "x-a", &next), "two");
	assert_null(request_header(&r, "x-a", &next).p);
}

static void reads_variants(void **state)
{
	(void)state;
	good("GET / HTTP/1.0\r\n\r\n");
	assert_false(r.keep_alive);
	assert_int_equal(r.host.n, 0);
	assert_null(r.query.p);
	good("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_true(r.keep_alive);
	good(GET HOST "Connection: close\r\n\r\n");
	assert_false(r.keep_alive);
	good(GET HOST "Connection:\tX ,\tClose\t\r\nConnection: keep-alive\r\n\r\n");
	assert_false(r.keep_alive);
	good(GET HOST "Connection: closed, x-close\r\n\r\n");
	assert_true(r.keep_alive);
	good("POST /? HTTP/1.1\r\n" HOST
	     "Transfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n");
	assert_true(r.chunked);
	assert_true(r.expects);
	assert_non_null(r.query.p);
	assert_int_equal(r.query.n, 0);
	good("GET http://other.example/x?y HTTP/1.1\r\n" HOST "\r\n");
	assert_str(r.host, "other.example");
	assert_str(r.path, "/x");
	good("GET https://other.example HTTP/1.1\r\n" HOST "\r\n");
	assert_str(r.path, "/");
	good("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
	assert_str(r.path, "*");
	good(GET "Host:\r\n\r\n");
	assert_int_equal(r.host.n, 0);
	good(GET "Host: [::1]:80\r\n\r\n");
	good(GET HOST "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n");
	good(GET HOST "X-Empty:\r\nX-High: \xc3\xa9\r\n\r\n");
	good("GET /a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
	assert_false(r.expects);
}

static void refuses_bad_first_lines(void **state)
{
	(void)state;
	bad(400, "GET\r\n\r\n");
	bad(400, "GET /\r\n\r\n");
	bad(400, "GET / HTTP/1.1 \r\n" HOST "\r\n");
	bad(400, "GET  / HTTP/1.1\r\n" HOST "\r\n");
	bad(400, "G@T / HTTP/1.1\r\n" HOST "\r\n");
	bad(400, " GET / HTTP/1.1\r\n" HOST "\r\n");
	bad(400, "GET / HTTX/1.1\r\n" HOST "\r\n");
	bad(400, "GET / RTSP/1.0\r\n" HOST "\r\n");
	bad(505, "GET / HTTP/2.0\r\n" HOST "\r\n");
	bad(505, "GET / HTTP/0.9\r\n" HOST "\r\n");
	bad(505, "GET / HTTP/1.2\r\n" HOST "\r\n");
	bad(505, "PRI * HTTP/2.0\r\n\r\n");
	bad(501, "BREW / HTTP/1.1\r\n" HOST "\r\n");
	bad(501, "DESCRIBE / HTTP/1.1\r\n" HOST "\r\n");
	bad(501, "get / HTTP/1.1\r\n" HOST "\r\n");
	bad(501, "CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n");
	bad(400, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST "\r\n");
}

static void refuses_bad_hosts(void **state)
{
	(void)state;
	bad(400, GET "\r\n");
	bad(400, GET "Host: a\r\nHost: a\r\n\r\n");
	bad(400, GET "Host: a b\r\n\r\n");
	bad(400, GET "Host: a/b\r\n\r\n");
	bad(400, GET "Host: user@a\r\n\r\n");
	bad(400, GET "Host: a:http\r\n\r\n");
	bad(400, GET "Host: a:99999\r\n\r\n");
	bad(400, GET "Host: [::1\r\n\r\n");
	bad(400, "GET http://a@b/ HTTP/1.1\r\n" HOST "\r\n");
	bad(400, "GET http:///x HTTP/1.1\r\n" HOST "\r\n");
}

/* What another reader of the same bytes could take for two requests, or for another one. */
static void refuses_smuggling(void **state)
{
	(void)state;
	bad(400,
		"POST / HTTP/1.1\r\n" HOST
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
	bad(400,
		"POST / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n");
	bad(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n");
	bad(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n");
	bad(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n");
	bad(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n");
	bad(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n");
	bad(501,
		"POST / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
	bad(400, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	bad(400, GET HOST "X: a\r\n folded\r\n\r\n");
	bad(400, GET HOST "X: a\r\n\tfolded\r\n\r\n");
	bad(400, GET " Host: a\r\n\r\n");
	bad(400, GET HOST "X : a\r\n\r\n");
	bad(400, GET HOST "X\t: a\r\n\r\n");
	bad(400, GET HOST ": a\r\n\r\n");
	bad(400, GET HOST "X\r\n\r\n");
	bad(400, GET HOST "X: a\nY: b\r\n\r\n");
	bad(400, GET HOST "X: a\rY: b\r\n\r\n");
	bad(400, GET HOST "X: a\r\r\nY: b\r\n\r\n");
	bad(400, "GET / HTTP/1.1\n" HOST "\r\n");
	bad(400, GET HOST "X: a\x01\r\n\r\n");
	bad(400, GET HOST "X: a\x7f\r\n\r\n");
	bad(400, GET HOST "X(: a\r\n\r\n");
}

static void refuses_zero_bytes(void **state)
{
	static const char text[] = GET HOST "X: a\0b\r\n\r\n";
	struct request_wrong wrong;

	(void)state;
	assert_false(request_parse(&r, (const uint8_t *)text, sizeof(text) - 1, &wrong));
	assert_int_equal(wrong.status, 400);
}

static void refuses_what_it_cannot_do(void **state)
{
	(void)state;
	bad(417, GET HOST "Expect: a-miracle\r\n\r\n");
	bad(417, GET HOST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n");
	bad(400, GET HOST "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n");
}

static void counts_header_lines(void **state)
{
	char text[4096] = GET HOST;

	(void)state;
	for (unsigned i = 1; i < REQUEST_HEADERS_MOST; i++)
		strcat(text, "X-Y: z\r\n");
	strcat(text, "\r\n");
	good(text);
	assert_int_equal(r.count, REQUEST_HEADERS_MOST);
	strcpy(text + strlen(text) - 2, "X-Y: z\r\n\r\n");
	bad(431, text);
}

/* The head is found at the same place however the bytes come. */
static void finds_the_end_byte_by_byte(void **state)
{
	static const char text[] = GET HOST "\r\nbody";
	const size_t head = sizeof(text) - 1 - 4;
	size_t seen = 0;

	(void)state;
	assert_int_equal(request_head((const uint8_t *)text, sizeof(text) - 1, &seen), head);
	seen = 0;
	for (size_t n = 1; n < head; n++)
		assert_int_equal(request_head((const uint8_t *)text, n, &seen), 0);
	assert_int_equal(request_head((const uint8_t *)text, head, &seen), head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_request),
		cmocka_unit_test(reads_variants),
		cmocka_unit_test(refuses_bad_first_lines),
		cmocka_unit_test(refuses_bad_hosts),
		cmocka_unit_test(refuses_smuggling),
		cmocka_unit_test(refuses_zero_bytes),
		cmocka_unit_test(refuses_what_it_cannot_do),
		cmocka_unit_test(counts_header_lines),
		cmocka_unit_test(finds_the_end_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
