/* tests/unit/services/page/main_test.c - services/page */
/* with: tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/page/type.h"
#include "tests/unit/libos/guest.h"
#include "tests/unit/services/http.h"

#define TEXT(name, text)                                                                           \
	{                                                                                          \
		name, text, sizeof(text) - 1                                                       \
	}
#define DIGITS "0123456789"

static const struct http_file files[] = {
	TEXT("a b.txt", "spaces"),
	TEXT("css/site.css", "body{}"),
	TEXT("css/site.css.gz", "\x1f\x8b compressed"),
	TEXT("digits.txt", DIGITS),
	TEXT("docs/index.html", "<p>docs"),
	TEXT("docs/same.html", "<p>docs"),
	TEXT("empty", ""),
	TEXT("index.html", "<p>home"),
	{NULL, NULL, 0},
};

static enum mf_outcome load(const struct http_file *what, const char *cache, const char *prefix)
{
	const char *const config[][2] = {{"cache", cache}, {"prefix", prefix}, {NULL, NULL}};

	return http_init(what, config);
}

static int set_up(void **state)
{
	(void)state;
	return load(files, "0", "/") == MF_OUTCOME_OK ? 0 : -1;
}

static const struct http_answer *get(const char *line)
{
	return http_ask(line, NULL, NULL, 0);
}

static const struct http_answer *get_with(const char *line, const char *const *headers)
{
	return http_ask(line, headers, NULL, 0);
}

static void assert_body(const struct http_answer *a, unsigned status, const char *body)
{
	assert_int_equal(a->outcome, MF_OUTCOME_OK);
	assert_int_equal(a->status, status);
	assert_string_equal((const char *)a->body, body);
}

static void assert_header(const char *name, const char *value)
{
	const char *is = http_header(name);

	if (!value)
		assert_null(is);
	else if (!is || strcmp(is, value) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", name, is ? is : "(absent)", value);
}

static void etag_of(const char *line, char to[64])
{
	get(line);
	assert_non_null(http_header("ETag"));
	snprintf(to, 64, "%s", http_header("ETag"));
}

/* ------------------------------------------------------------------- files */

static void test_files(void **state)
{
	static const struct {
		const char *line, *type, *body;
	} cases[] = {
		{"GET /", "text/html; charset=utf-8", "<p>home"},
		{"GET /?x=1", "text/html; charset=utf-8", "<p>home"},
		{"GET /index.html", "text/html; charset=utf-8", "<p>home"},
		{"GET /docs/", "text/html; charset=utf-8", "<p>docs"},
		{"GET /css/site.css", "text/css; charset=utf-8", "body{}"},
		{"GET /css/site.css.gz", "application/gzip", "\x1f\x8b compressed"},
		{"GET /a%20b.txt", "text/plain; charset=utf-8", "spaces"},
		{"GET /%64igits.txt", "text/plain; charset=utf-8", DIGITS},
		{"HEAD /digits.txt", "text/plain; charset=utf-8", DIGITS},
		{"GET /empty", "application/octet-stream", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_answer *a = get(cases[i].line);

		assert_body(a, 200, cases[i].body);
		assert_string_equal(a->type, cases[i].type);
		assert_header("Accept-Ranges", "bytes");
		assert_header("Cache-Control", "no-cache");
		assert_header("X-Content-Type-Options", "nosniff");
	}
}

static void test_types(void **state)
{
	(void)state;
	assert_string_equal(type_of(MF_STR("a/b.PNG")), "image/png");
	assert_string_equal(type_of(MF_STR("x.tar.gz")), "application/gzip");
	assert_string_equal(type_of(MF_STR("html")), "application/octet-stream");
	assert_string_equal(type_of(MF_STR("a.html/b")), "application/octet-stream");
	assert_string_equal(type_of(MF_STR("a.")), "application/octet-stream");
	assert_string_equal(type_of(MF_STR("a.htmlx")), "application/octet-stream");
	assert_string_equal(type_of(MF_STR("a.htm")), "text/html; charset=utf-8");
	assert_string_equal(type_of(MF_STR("")), "application/octet-stream");
}

static void test_what_is_not_there(void **state)
{
	static const char *const missing[] = {"GET /nothing", "GET /css/", "GET /css",
		"GET /Index.html", "GET /index.html/", "GET /docs/index", "GET /digits.txt%20",
		"GET /site.css"};

	(void)state;
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		assert_int_equal(get(missing[i])->status, 404);
		assert_string_equal(get(missing[i])->type, "application/problem+json");
	}
}

static void test_an_own_404_page(void **state)
{
	const struct http_file own[] = {
		TEXT("404.html", "<p>not here"), TEXT("index.html", "<p>home"), {NULL, NULL, 0}};

	(void)state;
	assert_int_equal(load(own, "0", "/"), MF_OUTCOME_OK);
	assert_body(get("GET /nothing"), 404, "<p>not here");
	assert_body(get("GET /404.html"), 200, "<p>not here");
}

static void test_paths_that_stray(void **state)
{
	static const char *const wrong[] = {"GET /..", "GET /../index.html",
		"GET /docs/../index.html", "GET /%2e%2e/index.html", "GET /docs/%2E%2e",
		"GET /./index.html", "GET /docs/.", "GET //index.html", "GET /docs//index.html",
		"GET /%00", "GET /index.html%00", "GET /a%0ab", "GET /docs%5cindex.html", "GET /%",
		"GET /%2", "GET /%zz", "GET //example.org/docs", "GET /%2fexample.org/docs"};
	char line[1100] = "GET /";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (get(wrong[i])->status != 400)
			fail_msg("%s: %u", wrong[i], get(wrong[i])->status);
	memset(line + 5, 'x', 1023);
	assert_int_equal(get(line)->status, 404);
	line[5 + 1023] = 'x';
	assert_int_equal(get(line)->status, 414);
}

static void test_directories(void **state)
{
	(void)state;
	assert_body(get("GET /docs"), 308, "");
	assert_header("Location", "/docs/");
	assert_int_equal(get("GET /d%6fcs?a=%2f&b")->status, 308);
	assert_header("Location", "/d%6fcs/?a=%2f&b");
}

static void test_methods(void **state)
{
	(void)state;
	assert_int_equal(get("POST /")->status, 405);
	assert_header("Allow", "GET, HEAD");
}

static void test_a_prefix(void **state)
{
	(void)state;
	assert_int_equal(load(files, "0", "/site/"), MF_OUTCOME_OK);
	assert_body(get("GET /site/"), 200, "<p>home");
	assert_body(get("GET /site/docs/"), 200, "<p>docs");
	assert_int_equal(get("GET /site/docs")->status, 308);
	assert_header("Location", "/site/docs/");
	assert_int_equal(get("GET /")->status, 404);
	assert_int_equal(get("GET /site?a")->status, 308);
	assert_header("Location", "/site/?a");
	assert_int_equal(get("GET /sites/")->status, 404);
	assert_int_equal(get("GET /si")->status, 404);
}

/* ------------------------------------------------------------- entity tags */

static void test_etags(void **state)
{
	char home[64], docs[64], same[64];

	(void)state;
	etag_of("GET /", home);
	etag_of("GET /docs/", docs);
	etag_of("GET /docs/same.html", same);
	assert_string_not_equal(home, docs);
	assert_string_equal(docs, same); /* of the content */
	assert_int_equal(strlen(home), 34);
	assert_true(home[0] == '"' && home[33] == '"');
}

static void test_if_none_match(void **state)
{
	char etag[64], line[200];

	(void)state;
	etag_of("GET /digits.txt", etag);
	snprintf(line, sizeof(line), "If-None-Match: \"x\", W/%s", etag);
	assert_body(get_with("GET /digits.txt", HEADERS(line)), 304, "");
	assert_header("ETag", etag);
	assert_header("Cache-Control", "no-cache");
	assert_body(get_with("GET /digits.txt", HEADERS("If-None-Match: *")), 304, "");
	assert_body(get_with("HEAD /digits.txt", HEADERS(line)), 304, "");
	/* it comes before a range, and after a missing file */
	assert_body(get_with("GET /digits.txt", HEADERS(line, "Range: bytes=0-1")), 304, "");
	assert_int_equal(get_with("GET /none", HEADERS("If-None-Match: *"))->status, 404);
	assert_body(get_with("GET /digits.txt", HEADERS("If-None-Match: \"x\"")), 200, DIGITS);
}

static void test_if_match(void **state)
{
	char etag[64], line[200];

	(void)state;
	etag_of("GET /digits.txt", etag);
	snprintf(line, sizeof(line), "If-Match: %s", etag);
	assert_body(get_with("GET /digits.txt", HEADERS(line, "Range: bytes=8-")), 206, "89");
	assert_int_equal(get_with("GET /digits.txt", HEADERS("If-Match: \"x\""))->status, 412);
	snprintf(line, sizeof(line), "If-Match: W/%s", etag);
	assert_int_equal(get_with("GET /digits.txt", HEADERS(line))->status, 412);
}

static void test_cache(void **state)
{
	(void)state;
	assert_int_equal(load(files, "3600", "/"), MF_OUTCOME_OK);
	get("GET /");
	assert_header("Cache-Control", "public, max-age=3600");
	get("GET /docs");
	assert_header("Cache-Control", "public, max-age=3600");
}

/* ------------------------------------------------------------------ ranges */

static void test_ranges(void **state)
{
	static const struct {
		const char *range;
		unsigned status;
		const char *body, *content_range;
	} cases[] = {
		{"Range: bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"Range: bytes=7-", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=-2", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=-20", 206, DIGITS, "bytes 0-9/10"},
		{"Range: bytes=5-500", 206, "56789", "bytes 5-9/10"},
		{"Range: bytes=0-0,-1", 200, DIGITS, NULL},
		{"Range: pages=1", 200, DIGITS, NULL},
		{"Range: bytes=3-1", 200, DIGITS, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_body(get_with("GET /digits.txt", HEADERS(cases[i].range)), cases[i].status,
			cases[i].body);
		assert_header("Content-Range", cases[i].content_range);
		assert_header("Accept-Ranges", "bytes");
		assert_non_null(http_header("ETag"));
	}
	assert_body(get_with("HEAD /digits.txt", HEADERS("Range: bytes=0-3")), 200, DIGITS);
	assert_int_equal(get_with("GET /digits.txt", HEADERS("Range: bytes=10-"))->status, 416);
	assert_header("Content-Range", "bytes */10");
	assert_int_equal(get_with("GET /empty", HEADERS("Range: bytes=0-"))->status, 416);
	assert_header("Content-Range", "bytes */0");
	assert_body(get_with("GET /empty", HEADERS("Range: bytes=-5")), 200, "");
}

static void test_if_range(void **state)
{
	char etag[64], line[200];

	(void)state;
	etag_of("GET /digits.txt", etag);
	snprintf(line, sizeof(line), "If-Range: %s", etag);
	assert_body(get_with("GET /digits.txt", HEADERS("Range: bytes=5-", line)), 206, "56789");
	snprintf(line, sizeof(line), "If-Range: W/%s", etag);
	assert_body(get_with("GET /digits.txt", HEADERS("Range: bytes=5-", line)), 200, DIGITS);
	assert_body(get_with("GET /digits.txt", HEADERS("Range: bytes=5-", "If-Range: \"x\"")), 200,
		DIGITS);
	/* we know no dates: nothing is the same as of then */
	assert_body(get_with("GET /digits.txt",
			    HEADERS("Range: bytes=5-", "If-Range: Sat, 29 Oct 1994 19:43:31 GMT")),
		200, DIGITS);
	assert_body(get_with("GET /digits.txt", HEADERS("Range: bytes=50-", "If-Range: \"x\"")),
		200, DIGITS);
	/* one validator, no list and no star */
	assert_body(get_with("GET /digits.txt", HEADERS("Range: bytes=5-", "If-Range: *")), 200,
		DIGITS);
	snprintf(line, sizeof(line), "If-Range: \"x\", %s", etag);
	assert_body(get_with("GET /digits.txt", HEADERS("Range: bytes=5-", line)), 200, DIGITS);
}

/* -------------------------------------------------------------- compressed */

static void test_gzip(void **state)
{
	char plain[64], packed[64], line[200];

	(void)state;
	etag_of("GET /css/site.css", plain);
	assert_header("Vary", "Accept-Encoding");
	assert_header("Content-Encoding", NULL);
	assert_body(get_with("GET /css/site.css", HEADERS("Accept-Encoding: br, gzip;q=0.5")), 200,
		"\x1f\x8b compressed");
	snprintf(packed, sizeof(packed), "%s", http_header("ETag"));
	assert_string_not_equal(plain, packed);
	assert_header("Content-Encoding", "gzip");
	assert_header("Vary", "Accept-Encoding");
	assert_string_equal(get_with("GET /css/site.css", HEADERS("Accept-Encoding: *"))->type,
		"text/css; charset=utf-8");
	assert_header("Content-Encoding", "gzip");
	snprintf(line, sizeof(line), "If-None-Match: %s", packed);
	assert_body(get_with("GET /css/site.css", HEADERS(line, "Accept-Encoding: gzip")), 304, "");
	assert_header("Vary", "Accept-Encoding");
	assert_body(get_with("GET /css/site.css", HEADERS(line)), 200, "body{}");
	assert_body(
		get_with("GET /css/site.css", HEADERS("Accept-Encoding: gzip", "Range: bytes=0-1")),
		206, "\x1f\x8b");
	assert_header("Content-Encoding", "gzip");
}

static void test_no_gzip(void **state)
{
	static const char *const accept[] = {"Accept-Encoding: br", "Accept-Encoding: gzip;q=0",
		"Accept-Encoding: identity, gzip;q=0.5", "Accept-Encoding: "};

	(void)state;
	for (size_t i = 0; i < sizeof(accept) / sizeof(accept[0]); i++)
		assert_body(get_with("GET /css/site.css", HEADERS(accept[i])), 200, "body{}");
	get_with("GET /digits.txt", HEADERS("Accept-Encoding: gzip"));
	assert_header("Vary", NULL); /* there is only one of it */
	assert_header("Content-Encoding", NULL);
}

/* ----------------------------------------------------------- configuration */

static void refused_start(
	const struct http_file *what, const char *cache, const char *prefix, const char *words)
{
	assert_int_equal(load(what, cache, prefix), MF_OUTCOME_FAILED);
	if (!strstr(http_log(), words))
		fail_msg("no \"%s\" in %s", words, http_log());
}

static void test_configuration(void **state)
{
	(void)state;
	refused_start(files, "-1", "/", "cache: \"-1\": expected seconds");
	refused_start(files, "1h", "/", "cache: \"1h\": expected seconds");
	refused_start(files, "31536001", "/", "0 to 31536000");
	refused_start(files, "0", "site", "prefix: \"site\": expected a path");
}

static void test_too_large(void **state)
{
	static char bytes[GUEST_EFFECTS_BYTES];
	const size_t most = GUEST_EFFECTS_BYTES - 1024 - 64;
	struct http_file one[] = {{"big.bin", bytes, most}, {NULL, NULL, 0}};

	(void)state;
	memset(bytes, 'b', sizeof(bytes));
	assert_int_equal(load(one, "31536000", "/"), MF_OUTCOME_OK);
	assert_int_equal(get("GET /big.bin")->n, most);
	one[0].n++;
	refused_start(one, "0", "/",
		"big.bin: 7105 bytes, and a reply can have 7104: raise "
		"memory.effects");
}

static bool of_the_site(const struct http_answer *a)
{
	for (const struct http_file *f = files; f->name; f++)
		if (f->n == a->n && memcmp(f->bytes, a->body, a->n) == 0)
			return true;
	return false;
}

/* Whatever is asked, the life ends well and nothing but files of the site is answered with. (No
 * directory is among the pieces: a redirection takes memory, which no death frees here.) */
static void test_any_path(void **state)
{
	static const char *const pieces[] = {"/", "//", ".", "..", "%2e", "%2F", "%00", "%",
		"docs/", "index.html", "css/", "site.css", "digits.txt", "?", "a b", "%20", "\\",
		"x"};
	unsigned found = 0;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 20000; i++) {
		char line[400] = "GET /";
		const struct http_answer *a;

		for (int n = rand() % 20; n > 0; n--)
			strcat(line, pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		a = get(line);
		found += a->status == 200;
		if (a->outcome != MF_OUTCOME_OK ||
			(a->status == 200 ? !of_the_site(a) : a->status != 400 && a->status != 404))
			fail_msg("%s: outcome %d, status %u", line, (int)a->outcome, a->status);
	}
	assert_in_range(found, 1000, 19000);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files),
		TEST(test_types),
		TEST(test_what_is_not_there),
		TEST(test_an_own_404_page),
		TEST(test_paths_that_stray),
		TEST(test_directories),
		TEST(test_methods),
		TEST(test_a_prefix),
		TEST(test_etags),
		TEST(test_if_none_match),
		TEST(test_if_match),
		TEST(test_cache),
		TEST(test_ranges),
		TEST(test_if_range),
		TEST(test_gzip),
		TEST(test_no_gzip),
		TEST(test_configuration),
		TEST(test_too_large),
		TEST(test_any_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
