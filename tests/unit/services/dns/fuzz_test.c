/*
 * fuzz_test.c - a million mutated queries and thousands of mutated zone files. Seeds are fixed:
 * the same runs every time. Every reply is read again, strictly; the sanitizers watch the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "abi/guest.h"
#include "services/dns/answer.h"
#include "tests/unit/services/dns/host.h"
#include "tests/unit/services/dns/message.h"

#define QUERIES    1000000u
#define ZONES      20000u
#define SECONDS    5 /* for each of the two: a slow machine tries fewer */
#define ZONE_QUERY 4u

static uint64_t seed;
static uint8_t reply[65536];
static struct message m;
static char *zone_text;
static size_t zone_len;

static uint32_t below(uint32_t bound)
{
	seed ^= seed << 13; /* xorshift64 */
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * bound >> 32);
}

static bool in_time(clock_t start)
{
	return (clock() - start) / CLOCKS_PER_SEC < SECONDS;
}

static const struct {
	const char *name;
	uint16_t type, edns;
} queries[] = {
	{"example.test", DNS_MX, 0},
	{"www.example.test", DNS_A, 1232},
	{"x.wild.example.test", DNS_MX, 512},
	{"a.b.sub.example.test", DNS_A, 0},
	{"x.fat.example.test", DNS_AAAA, 512},
	{"big.example.test", DNS_A, 0},
	{"huge.example.test", DNS_TXT, 4096},
	{"nothing.at.all.example.test", DNS_ANY, 1232},
	{"any.alias.example.test", DNS_A, 700},
	{"_sip._tcp.example.test", DNS_SRV, 1232},
	{"alias-sub.example.test", DNS_A, 0},
	{".", DNS_NS, 0},
	{"example.test", DNS_ANY, 0},
	{"x.y.z.very.deep.example.test", 65280, 1232},
	{"ring1.example.test", DNS_AXFR, 0},
};

#define NQUERIES (sizeof(queries) / sizeof(queries[0]))

static size_t any_query(uint8_t out[static 512])
{
	uint32_t i = below(NQUERIES);

	return host_query(out, queries[i].name, queries[i].type, queries[i].edns);
}

/* Bytes that mean something in a message. */
static const uint8_t telling[] = {0, 1, 2, 3, 5, 11, 12, 13, 41, 63, 64, 0x7f, 0x80, 0xbf, 0xc0,
	0xc1, 0xf0, 0xff, 'a', 'A', '*', '.'};

static size_t mutate(uint8_t *bytes, size_t n, size_t max)
{
	uint32_t at = n ? below((uint32_t)n) : 0;

	switch (below(6)) {
	case 0: /* one bit */
		if (n)
			bytes[at] ^= (uint8_t)(1u << below(8));
		return n;
	case 1:
		if (n)
			bytes[at] = telling[below(sizeof(telling))];
		return n;
	case 2: return at; /* cut */
	case 3:            /* more behind it */
		for (uint32_t more = below(24); more > 0 && n < max; more--)
			bytes[n++] = telling[below(sizeof(telling))];
		return n;
	case 4: /* a byte less, or a byte more, in the middle */
		if (n == 0)
			return n;
		if (below(2) || n == max) {
			memmove(bytes + at, bytes + at + 1, n - at - 1);
			return n - 1;
		}
		memmove(bytes + at + 1, bytes + at, n - at);
		return n + 1;
	default: /* a piece of it again, elsewhere */
		if (n > 16) {
			uint32_t from = below((uint32_t)n - 8), to = below((uint32_t)n - 8);
			memmove(bytes + to, bytes + from, below(8));
		}
		return n;
	}
}

static void try(const uint8_t *query, size_t n)
{
	bool tcp = below(4) == 0;
	size_t size = host_main(tcp ? MF_SOURCE_TCP : MF_SOURCE_UDP, query, n, reply);

	if (!dns_is_query(query, n)) {
		assert_int_equal(size, 0);
		return;
	}
	const char *wrong = message_check(&m, query, n, reply, size);
	if (wrong)
		fail_msg("seed %llu: %s", (unsigned long long)seed, wrong);
	assert_true(size <= host_allowed(query, n, tcp));
}

static bool load(const char *text, size_t n)
{
	struct host_file file = {"example.test.zone", text, n};

	return host_init(&file, 1);
}

static void test_mutated_queries(void **state)
{
	uint8_t query[512];
	clock_t start = clock();

	(void)state;
	seed = 0x6d6179666c79;
	assert_true(load(zone_text, zone_len));
	unsigned i = 0;
	for (; i < QUERIES && (i % 1024 != 0 || in_time(start)); i++) {
		size_t n = any_query(query);
		for (uint32_t times = 1 + below(4); times > 0; times--)
			n = mutate(query, n, sizeof(query));
		try(query, n);
	}
	print_message("%u queries\n", i);
}

/* Lines too: swapped, doubled, dropped, and with words of one in another. */
static size_t mutate_lines(char *to, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at < zone_len;) {
		const char *line = zone_text + at;
		const char *newline = memchr(line, '\n', zone_len - at);
		size_t len = newline ? (size_t)(newline - line) + 1 : zone_len - at;
		uint32_t times = below(40) == 0 ? below(3) : 1;

		for (; times > 0 && n + len < max; times--) {
			memcpy(to + n, line, len);
			n += len;
		}
		at += len;
	}
	return n;
}

static size_t mutate_text(char *text, size_t n, size_t max)
{
	static const char *const words[] = {"(", ")", "\"", "\\", "\\000", "\\#", ";", "\n",
		"\n\n@ ", " CNAME ", " NS ", " IN ", " 1w ", ".", "..", " *", " $TTL ",
		"\n$ORIGIN a\n", "@", " TYPE1 \\# 4 01020304 ", "\x80", "\t", "4294967296",
		"\n$INCLUDE x\n"};
	const char *word = words[below(sizeof(words) / sizeof(words[0]))];
	size_t len = strlen(word), at = below((uint32_t)n + 1);

	if (below(2))
		return mutate((uint8_t *)text, n, max);
	if (n + len > max)
		return n;
	memmove(text + at + len, text + at, n - at);
	memcpy(text + at, word, len);
	return n + len;
}

/* A zone file is refused with a place and a reason, or it is served. */
static void test_mutated_zones(void **state)
{
	const size_t max = 2 * zone_len;
	char *text = malloc(max);
	unsigned i = 0, loaded = 0;
	clock_t start = clock();
	uint8_t query[512];

	(void)state;
	assert_non_null(text);
	seed = 0x7a6f6e65;
	for (; i < ZONES && (i % 64 != 0 || in_time(start)); i++) {
		size_t n = mutate_lines(text, max);
		for (uint32_t times = below(3); times > 0; times--)
			n = mutate_text(text, n, max);
		/* at its size exactly, so that a byte behind it is seen */
		char *exact = malloc(n ? n : 1);
		memcpy(exact, text, n);
		if (load(exact, n)) {
			loaded++;
			for (unsigned k = 0; k < ZONE_QUERY; k++)
				try(query, any_query(query));
		} else {
			assert_memory_equal(host_error, "example.test.zone:", 18);
			assert_non_null(strstr(host_error, "expected "));
		}
		free(exact);
	}
	free(text);
	print_message("%u zone files, %u good ones\n", i, loaded);
	assert_in_range(loaded, i / 20, i - i / 20);
}

static int setup(void **state)
{
	(void)state;
	zone_text = host_read("services/dns/example.test.zone", &zone_len);
	return zone_text ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(zone_text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutated_queries),
		cmocka_unit_test(test_mutated_zones),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
