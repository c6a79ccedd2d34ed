/* hub/http/router: who answers a request */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/http/router.h"

static struct router *router;
static char allowed[ROUTER_ALLOW_MAX];

static int setup(void **state)
{
	(void)state;
	return router_open(&router);
}

static int teardown(void **state)
{
	(void)state;
	router_close(router);
	return 0;
}

/* The place of a route names it in these tests. */
static int add(const char *host, const char *method, const char *path, const char *place)
{
	const struct route route = {.host = host, .method = method, .path = path, .place = place};
	const struct route *other = NULL;
	int rc = router_add(router, &route, &other);

	assert_true((rc == -EEXIST) == (other != NULL));
	return rc;
}

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

/* The place of who answers, or "none", or "method". */
static const char *find(const char *host, const char *method, const char *path)
{
	const struct route *route = NULL;

	switch (router_find(router, str(host), str(method), str(path), &route, allowed)) {
	case ROUTER_FOUND: return route->place;
	case ROUTER_NO_PATH: return "none";
	default: return "method";
	}
}

/* RFC 3986, 6.2.2.1 and 6.2.2.2: paths that are the same, and those that only look so. */
static void test_ways_of_writing(void **state)
{
	static const char *const same[] = {
		"/admin/x", "/%61dmin/x", "/%61%64%6d%69%6E/x", "/admi%6e", "/%61dmin/%2e%2e"};
	static const char *const others[] = {"/Admin/x", "/%41dmin/x", "/admin%2fx", "//admin/x",
		"/%2561dmin/x", "/admin%3b/x", "/%61dmi/x", "/%61dmin%20/x"};

	(void)state;
	assert_int_equal(add(NULL, NULL, "/#", "open"), 0);
	assert_int_equal(add(NULL, NULL, "/admin/#", "closed"), 0);
	assert_int_equal(add(NULL, NULL, "/%7efe/caf%c3%a9", "accent"), 0);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_string_equal(find("h", "GET", same[i]), "closed");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_string_equal(find("h", "GET", others[i]), "open");
	assert_string_equal(find("h", "GET", "/~fe/%63af%C3%a9"), "accent");
	assert_int_equal(add(NULL, NULL, "/~fe/caf%C3%A9", "twice"), -EEXIST);
}

/* The longest part that a pattern can have, and one longer, each letter encoded. */
static void test_long_ways_of_writing(void **state)
{
	char pattern[256] = "/", path[3 * 256 + 1] = "/";

	(void)state;
	for (unsigned i = 0; i < 254; i++) {
		strcat(pattern, "a");
		strcat(path, "%61");
	}
	assert_int_equal(add(NULL, NULL, pattern, "long"), 0);
	assert_int_equal(add(NULL, NULL, "/+", "open"), 0);
	assert_string_equal(find("h", "GET", path), "long");
	strcat(path, "%61");
	assert_string_equal(find("h", "GET", path), "open");
}

static void test_empty(void **state)
{
	(void)state;
	assert_string_equal(find("h", "GET", "/"), "none");
	assert_null(router_at(router, 0));
	router_close(NULL);
}

static void test_paths(void **state)
{
	(void)state;
	add(NULL, NULL, "/", "root");
	add(NULL, NULL, "/a", "a");
	add(NULL, NULL, "/a/", "a/");
	add(NULL, NULL, "/b/+", "b+");
	add(NULL, NULL, "/c/#", "c#");
	add(NULL, NULL, "/b/+/d", "b+d");
	assert_string_equal(find("", "GET", "/"), "root");
	assert_string_equal(find("", "GET", "/a"), "a");
	assert_string_equal(find("", "GET", "/a/"), "a/");
	assert_string_equal(find("", "GET", "/A"), "none");
	assert_string_equal(find("", "GET", "/ab"), "none");
	assert_string_equal(find("", "GET", "//"), "none");
	assert_string_equal(find("", "GET", "/a/b"), "none");
	assert_string_equal(find("", "GET", "/b"), "none");
	assert_string_equal(find("", "GET", "/b/"), "none"); /* '+' is a part, not none */
	assert_string_equal(find("", "GET", "/b/x"), "b+");
	assert_string_equal(find("", "GET", "/b/+"), "b+");
	assert_string_equal(find("", "GET", "/b/x/d"), "b+d");
	assert_string_equal(find("", "GET", "/b/x/y"), "none");
	assert_string_equal(find("", "GET", "/c"), "c#");
	assert_string_equal(find("", "GET", "/c/"), "c#");
	assert_string_equal(find("", "GET", "/c/x/y/z"), "c#");
	assert_string_equal(find("", "GET", "/cx"), "none");
	assert_string_equal(find("", "GET", ""), "none");
	assert_string_equal(find("", "GET", "a"), "none");
	assert_string_equal(find("", "GET", "*"), "none");
}

static void test_the_more_exact_one(void **state)
{
	(void)state;
	add(NULL, NULL, "/#", "all");
	add(NULL, NULL, "/a/#", "a#");
	add(NULL, NULL, "/+/b", "+b");
	add(NULL, NULL, "/a/+/c", "a+c");
	add(NULL, NULL, "/a/b/d", "abd");
	add(NULL, NULL, "/+/+", "++");
	assert_string_equal(find("", "GET", "/"), "all");
	assert_string_equal(find("", "GET", "/x"), "all");
	assert_string_equal(find("", "GET", "/a"), "a#");
	assert_string_equal(find("", "GET", "/a/b"), "a#"); /* 'a' before '+' */
	assert_string_equal(find("", "GET", "/x/b"), "+b");
	assert_string_equal(find("", "GET", "/x/y"), "++");
	assert_string_equal(find("", "GET", "/a/b/d"), "abd");
	assert_string_equal(find("", "GET", "/a/b/c"), "a+c"); /* the search goes back */
	assert_string_equal(find("", "GET", "/a/b/e"), "a#");
	assert_string_equal(find("", "GET", "/x/b/e"), "all");
}

static void test_methods(void **state)
{
	(void)state;
	add(NULL, "GET", "/a", "get");
	add(NULL, "POST", "/a", "post");
	add(NULL, "DELETE", "/a/b", "delete");
	add(NULL, NULL, "/b", "any");
	add(NULL, "PUT", "/b", "put");
	add(NULL, "HEAD", "/c", "head");
	add(NULL, "GET", "/c", "get c");
	add(NULL, "PUT", "/+", "put +");
	assert_string_equal(find("", "GET", "/a"), "get");
	assert_string_equal(find("", "HEAD", "/a"), "get");
	assert_string_equal(find("", "POST", "/a"), "post");
	assert_string_equal(find("", "PUT", "/a"), "put +"); /* a less exact one that has it */
	assert_string_equal(find("", "DELETE", "/a"), "method");
	assert_string_equal(find("", "get", "/a"), "method");
	assert_string_equal(find("", "PUT", "/b"), "put");
	assert_string_equal(find("", "GET", "/b"), "any");
	assert_string_equal(find("", "HEAD", "/b"), "any");
	assert_string_equal(find("", "HEAD", "/c"), "head");
	assert_string_equal(allowed, "");
}

static bool allows(const char *method)
{
	char list[ROUTER_ALLOW_MAX + 4], word[32];

	snprintf(list, sizeof(list), ", %s,", allowed);
	snprintf(word, sizeof(word), ", %s,", method);
	return strstr(list, word) != NULL;
}

static void test_allow(void **state)
{
	(void)state;
	add(NULL, "GET", "/a", "get");
	add(NULL, "POST", "/a", "post");
	add(NULL, "POST", "/+", "post+");
	add("h", "PUT", "/a", "put");
	add(NULL, "GETTER", "/a", "getter");
	assert_string_equal(find("h", "PATCH", "/a"), "method");
	assert_int_equal(strlen(allowed), strlen("GET, HEAD, POST, PUT, GETTER, OPTIONS"));
	assert_true(allows("GET") && allows("HEAD") && allows("POST") && allows("PUT"));
	assert_true(allows("GETTER") && allows("OPTIONS"));
	assert_string_equal(find("other", "OPTIONS", "/b"), "method");
	assert_string_equal(allowed, "POST, OPTIONS");
	add(NULL, "OPTIONS", "/b", "options");
	assert_string_equal(find("other", "OPTIONS", "/b"), "options");
	assert_string_equal(find("other", "GET", "/b"), "method");
	assert_true(allows("OPTIONS") && allows("POST"));
	assert_int_equal(strlen(allowed), strlen("OPTIONS, POST"));
}

/* What doesn't fit is left out, whole. */
static void test_long_allow(void **state)
{
	char method[32];

	(void)state;
	for (unsigned i = 0; i < 26; i++) {
		snprintf(method, sizeof(method), "METHOD-%c", 'A' + i);
		assert_int_equal(add(NULL, method, "/a", method), 0);
	}
	assert_string_equal(find("", "GET", "/a"), "method");
	assert_true(strlen(allowed) < ROUTER_ALLOW_MAX);
	assert_true(strlen(allowed) > ROUTER_ALLOW_MAX - 12);
	assert_int_equal(strspn(allowed, "METHODABCDEFGHIJKLMNOPQRSTUVWXYZ-, "), strlen(allowed));
	assert_string_equal(allowed + strlen(allowed) - 9, ", OPTIONS");
}

static void test_hosts(void **state)
{
	(void)state;
	add(NULL, NULL, "/a", "any");
	add("a.Example", NULL, "/#", "a");
	add("[::1]", NULL, "/a", "six");
	add("b.example", "POST", "/a", "b");
	assert_string_equal(find("a.example", "GET", "/a"), "a"); /* before those without */
	assert_string_equal(find("A.EXAMPLE:8080", "GET", "/x"), "a");
	assert_string_equal(find("[::1]:80", "GET", "/a"), "six");
	assert_string_equal(find("[::1]", "GET", "/a"), "six");
	assert_string_equal(find("a.example.org", "GET", "/a"), "any");
	assert_string_equal(find("", "GET", "/a"), "any");
	assert_string_equal(find("", "GET", "/x"), "none");
	assert_string_equal(find("b.example", "GET", "/a"), "any");
	assert_string_equal(find("b.example", "POST", "/a"), "b");
	assert_string_equal(find("+", "GET", "/x"), "none");
}

static void test_long_host(void **state)
{
	char host[300];

	(void)state;
	add(NULL, NULL, "/a", "any");
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_string_equal(find(host, "GET", "/a"), "any");
}

static void test_collisions(void **state)
{
	const struct route again = {.method = "GET", .path = "/a/+", .place = "second"};
	const struct route *other;

	(void)state;
	assert_int_equal(add(NULL, "GET", "/a/+", "first"), 0);
	assert_int_equal(router_add(router, &again, &other), -EEXIST);
	assert_string_equal(other->place, "first");
	assert_int_equal(add(NULL, NULL, "/a/+", "any"), 0);
	assert_int_equal(add(NULL, NULL, "/a/+", "any"), -EEXIST);
	assert_int_equal(add("H", "GET", "/a/+", "host"), 0);
	assert_int_equal(add("h", "GET", "/a/+", "host"), -EEXIST);
	assert_int_equal(add(NULL, "GET", "/a/#", "rest"), 0);
	assert_int_equal(add(NULL, "GET", "a", "bad"), -EINVAL);
	assert_int_equal(add(NULL, "GET", "/a/#/b", "bad"), -EINVAL);
	assert_string_equal(router_at(router, 0)->place, "first");
	assert_string_equal(router_at(router, 3)->place, "rest");
	assert_null(router_at(router, 4));
}

static void test_strings_are_copied(void **state)
{
	char host[] = "h", method[] = "GET", path[] = "/a", place[] = "here";

	(void)state;
	add(host, method, path, place);
	host[0] = method[0] = path[1] = place[0] = 'x';
	assert_string_equal(find("h", "GET", "/a"), "here");
}

/* As many as a big hub has, found where they are. */
static void test_many(void **state)
{
	char path[32];

	(void)state;
	for (unsigned i = 0; i < 4096; i++) {
		snprintf(path, sizeof(path), "/service-%u/press", i * 2654435761u % 4096);
		assert_int_equal(add(NULL, "POST", path, path), 0);
	}
	for (unsigned i = 0; i < 4096; i++) {
		snprintf(path, sizeof(path), "/service-%u/press", i);
		assert_string_equal(find("", "POST", path), path);
	}
}

/* A path of a thousand parts against patterns made to go astray. */
static void test_deep(void **state)
{
	char path[4096], pattern[256] = "";

	(void)state;
	for (unsigned i = 0; i < 120; i++)
		strcat(pattern, "/+");
	assert_int_equal(add(NULL, NULL, pattern, "deep"), 0);
	memcpy(pattern + strlen(pattern) - 1, "a", 1);
	assert_int_equal(add(NULL, NULL, pattern, "deeper"), 0);
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? 'b' : '/';
	path[sizeof(path) - 1] = '\0';
	assert_string_equal(find("", "GET", path), "none");
	path[240] = '\0';
	assert_string_equal(find("", "GET", path), "deep");
	path[239] = 'a';
	assert_string_equal(find("", "GET", path), "deeper");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ways_of_writing),
		TEST(test_long_ways_of_writing),
		TEST(test_empty),
		TEST(test_paths),
		TEST(test_the_more_exact_one),
		TEST(test_methods),
		TEST(test_allow),
		TEST(test_long_allow),
		TEST(test_hosts),
		TEST(test_long_host),
		TEST(test_collisions),
		TEST(test_strings_are_copied),
		TEST(test_many),
		TEST(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
