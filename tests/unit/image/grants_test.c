/* image/grants.c: what an image and its manifest let a life ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/grants.h"
#include "wire/effects.h"

#define ALL (~0u)

static char why[GRANTS_WHY_MAX];

static bool may(enum mf_effect_kind kind, const char *entry, uint32_t grants, struct mf_str name)
{
	char text[256];
	char *list[] = {text};
	const struct mfi_image note = {.grants = grants};
	struct manifest m = {0};

	strncpy(text, entry, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	m.emits = m.writes = m.upstream = m.calls = list;
	m.emits_count = kind == MF_EFFECT_EMIT;
	m.writes_count = kind == MF_EFFECT_PUT || kind == MF_EFFECT_DELETE;
	m.upstream_count = kind == MF_EFFECT_UPSTREAM;
	m.calls_count = kind == MF_EFFECT_CALL;
	memset(why, 'z', sizeof(why));
	return grants_allow(&note, &m, kind, name, effect_names[kind], why);
}

static bool emits(const char *entry, const char *name)
{
	return may(MF_EFFECT_EMIT, entry, ALL, mf_str_of(name, strlen(name)));
}

static void patterns(void **state)
{
	static const struct {
		const char *entry, *name;
		bool allowed;
	} table[] = {
		{"home/hall", "home/hall", true},
		{"home/hall", "home/hal", false},
		{"home/hall", "home/hall/", false},
		{"home/hall", "home/hallo", false},
		{"home/hall", "/home/hall", false},
		{"home/#", "home/hall/light", true},
		{"home/#", "home/", true},
		{"home/#", "home", false},
		{"home/#", "homes/x", false},
		{"home/+/set", "home/hall/set", true},
		{"home/+/set", "home//set", true},
		{"home/+/set", "home/hall/door/set", false},
		{"home/+/set", "home/hall/sets", false},
		{"home/+", "home/hall", true},
		{"home/+", "home/hall/x", false},
		{"http:/#", "http://a.example/b", true},
		{"https://a.example/#", "https://a.example/b?c", true},
		{"https://a.example/#", "https://a.example.org/b", false},
		{"https://a.example/#", "https://a.example:8443/b", false},
		{"https://a.example/#", "https://a.example@b.example/b", false},
		{"https://+/b", "https://a.example/b", true},
		{"https://a.example/+", "https://a.example/b?c", true},
		{"https://a.example/+/b", "https://a.example/c/b", true},
		{"https://a.example/+/b", "https://a.example/c?d=/b", false},
		{"https://a.example/+/#", "https://a.example/c?d=/b", false},
		{"coap://192.0.2.7/+/b", "coap://192.0.2.7/c?/b", false},
		{"a/+/b", "a/c?d/b", true},
		{"#", "https://a.example/b", false},
		{"+//+/b", "https://a.example/b", false},
		{"+/#", "coap://192.0.2.7/b", false},
		{"#", "a:b/c", true},
		{"#", "://b", true},
		{"+", "hall", true},
		{"+", "home/hall", false},
		{"#", "anything/at/all", true},
		{"#", "$SYS/broker", false},
		{"+/broker", "$SYS/broker", false},
		{"$SYS/#", "$SYS/broker", true},
		{"home/#", "home/+/x", false},
		{"#", "#", false},
		{"a+b", "a+b", false},
		{"lamp/{1}", "lamp/hall", true},
		{"lamp/{1}", "lamp/hall/x", false},
		{"lamp/{1}/x", "lamp/hall/x", true},
		{"lamp/{1}/x", "lamp/hall/y", false},
		{"{9}", "hall", true},
		{"{9}", "$SYS", false},
		{"{0}", "hall", false},
		{"lamp/{1}", "lamp/{1}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (emits(table[i].entry, table[i].name) != table[i].allowed)
			fail_msg("%s, %s", table[i].entry, table[i].name);
	/* a zero in a name is a byte like others */
	assert_false(may(MF_EFFECT_EMIT, "home", ALL, mf_str_of("home\0x", 6)));
	assert_true(may(MF_EFFECT_EMIT, "home/+", ALL, mf_str_of("home/\0x", 7)));
}

/* Every kind: neither the manifest alone nor the image's note alone is enough. */
static void both(void **state)
{
	static const enum mf_effect_kind named[] = {MF_EFFECT_EMIT, MF_EFFECT_PUT, MF_EFFECT_DELETE,
		MF_EFFECT_UPSTREAM, MF_EFFECT_CALL};
	static const char *const keys[] = {"emits: [\"y\"]", "writes: [\"y\"]", "writes: [\"y\"]",
		"upstream: [\"y\"]", "calls: [\"y\"]"};
	static const enum mf_effect_kind nameless[] = {MF_EFFECT_METER, MF_EFFECT_SCHEDULE};

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		assert_true(may(named[i], "x", MFI_GRANT(named[i]), MF_STR("x")));
		assert_false(may(named[i], "x", ALL & ~MFI_GRANT(named[i]), MF_STR("x")));
		assert_non_null(strstr(why, "its code calls no mf_"));
		assert_non_null(strstr(why, effect_names[named[i]]));
		assert_null(strstr(why, "would allow"));
		assert_false(may(named[i], "x", ALL, MF_STR("y")));
		assert_non_null(strstr(why, keys[i]));
		assert_false(may(named[i], "x", 0, MF_STR("y")));
		assert_non_null(strstr(why, keys[i]));
	}
	for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		assert_true(may(nameless[i], "x", MFI_GRANT(nameless[i]), MF_STR("y")));
		assert_false(may(nameless[i], "x", ALL & ~MFI_GRANT(nameless[i]), MF_STR("y")));
		assert_non_null(strstr(why, "holds no grant to"));
	}
	assert_true(may(MF_EFFECT_REPLY, "x", 0, MF_STR("")));
	assert_true(may(MF_EFFECT_LOG, "x", 0, MF_STR("")));
}

/* An empty list is not the same as that of another key. */
static void writes_of_none(void **state)
{
	static char key[] = "seen";
	char *reads[] = {key};
	const struct mfi_image note = {.grants = ALL};
	const struct manifest m = {.reads = reads, .reads_count = 1};

	(void)state;
	assert_false(grants_allow(&note, &m, MF_EFFECT_PUT, MF_STR("seen"), "put", why));
}

/* A name is quoted so that the line can be copied and says that name, no other. */
static void what_to_write(void **state)
{
	char longest[4000];

	(void)state;
	assert_false(emits("home/x", "a\", \"#"));
	assert_non_null(strstr(why, "names have no '+' and no '#'"));
	assert_false(emits("home/x", "a\", \"b\\"));
	assert_non_null(strstr(why, "emits: [\"a\\\", \\\"b\\\\\"]"));
	assert_false(emits("home/x", "#"));
	assert_null(strstr(why, "would allow"));
	memset(longest, '"', sizeof(longest));
	assert_false(may(MF_EFFECT_UPSTREAM, "x", ALL, mf_str_of(longest, sizeof(longest))));
	assert_true(strlen(why) < sizeof(why) - 1);
	assert_non_null(strstr(why, "...\"]"));
}

static void covering(void **state)
{
	static const struct {
		const char *wide, *narrow;
		bool covers;
	} table[] = {
		{"home/hall", "home/hall", true},
		{"home/#", "home/hall", true},
		{"home/#", "home/hall/#", true},
		{"home/#", "home/#", true},
		{"home/#", "home/+/set", true},
		{"#", "home/+/set", true},
		{"#", "#", true},
		{"+", "home", true},
		{"+/set", "home/set", true},
		{"home/+/set", "home/+/set", true},
		{"home/hall/#", "home/#", false},
		{"home/+", "home/#", false},
		{"home/+/set", "home/hall/set/x", false},
		{"home/+", "home/hall/x", false},
		{"home", "home/", false},
		{"home/", "home", false},
		{"home/#", "home", false},
		{"home/hall", "home/+", false},
		{"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true},
		{"#", "http:/#", false},
		{"+/#", "https://a.example/b", false},
		{"https://+/#", "https://a.example/b", true},
		{"#", "a:b/c", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (grants_covers(table[i].wide, table[i].narrow) != table[i].covers)
			fail_msg("%s, %s", table[i].wide, table[i].narrow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(both),
		cmocka_unit_test(writes_of_none),
		cmocka_unit_test(what_to_write),
		cmocka_unit_test(covering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
