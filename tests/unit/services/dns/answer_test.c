/* answer_test.c - replies to queries, with the example zone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/guest.h"
#include "services/dns/answer.h"
#include "tests/unit/services/dns/host.h"
#include "tests/unit/services/dns/message.h"

static uint8_t query[512], reply[65536];
static struct message m;
static char *text;

static int load_example(void **state)
{
	size_t n;

	(void)state;
	free(text);
	text = host_read("services/dns/example.test.zone", &n);
	if (!text)
		return -1;
	struct host_file file = {"example.test.zone", text, n};
	return host_init(&file, 1) ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static void ask_bytes(unsigned source, size_t n)
{
	size_t size = host_main(source, query, n, reply);
	const char *wrong = message_check(&m, query, n, reply, size);

	if (wrong)
		fail_msg("%s", wrong);
}

static void ask(const char *name, uint16_t type, uint16_t edns_size)
{
	ask_bytes(MF_SOURCE_UDP, host_query(query, name, type, edns_size));
}

static void ask_tcp(const char *name, uint16_t type)
{
	ask_bytes(MF_SOURCE_TCP, host_query(query, name, type, 0));
}

static void expect(
	unsigned rcode, unsigned flags, unsigned answer, unsigned authority, unsigned additional)
{
	assert_int_equal(m.rcode, rcode);
	assert_int_equal(m.flags & (DNS_AA | DNS_TC), flags);
	assert_int_equal(m.count[DNS_ANSWER], answer);
	assert_int_equal(m.count[DNS_AUTHORITY], authority);
	assert_int_equal(m.count[DNS_ADDITIONAL], additional);
}

static void test_answers(void **state)
{
	(void)state;
	ask("example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	ask("example.test", DNS_MX, 0);
	expect(DNS_NOERROR, DNS_AA, 2, 0, 3);
	ask("example.test", DNS_NS, 0);
	expect(DNS_NOERROR, DNS_AA, 3, 0, 3);
	ask("_sip._tcp.example.test", DNS_SRV, 0); /* its target's address is a wildcard's */
	expect(DNS_NOERROR, DNS_AA, 1, 0, 1);
	assert_int_equal(message_count(&m, DNS_ADDITIONAL, DNS_A), 1);
	ask("private.example.test", 65280, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	assert_memory_equal(reply + m.record[0].data, "\12\0\0\1", 4);
	ask("empty-data.example.test", 65281, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
}

/* A reply is as small as pointers make it. */
static void test_compression(void **state)
{
	(void)state;
	ask("www.example.test", DNS_CNAME, 0);
	/* the question; then pointer, fixed part, "web" and a pointer */
	assert_int_equal(m.n, 12 + 22 + 2 + 10 + 6);
	assert_memory_equal(reply + 12 + 22, "\xc0\x0c\0\5\0\1\0\0\x0e\x10\0\6\3web\xc0\x10", 18);
	ask("_dns._udp.example.test", DNS_SRV, 0); /* a target that may not be compressed */
	assert_int_equal(m.record[0].len, 6 + 18);
}

static void test_case_of_the_question(void **state)
{
	(void)state;
	size_t n = host_query(query, "wWw.eXaMPLE.TEST", DNS_A, 0);
	ask_bytes(MF_SOURCE_UDP, n);
	expect(DNS_NOERROR, DNS_AA, 3, 0, 0);
	assert_memory_equal(reply + 12, query + 12, n - 12);
	assert_memory_equal(m.record[0].name, "\3wWw\7eXaMPLE\4TEST", 18);
}

static void test_chains(void **state)
{
	(void)state;
	ask("www.example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 3, 0, 0);
	ask("www.example.test", DNS_TXT, 0); /* at the end no such type */
	expect(DNS_NOERROR, DNS_AA, 2, 1, 0);
	ask("away.example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	ask("dangling.example.test", DNS_A, 0); /* RFC 6604 3: the code is that of the last name */
	expect(DNS_NXDOMAIN, DNS_AA, 1, 1, 0);
	ask("ring1.example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 2, 0, 0);
	ask("alias-wild.example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 2, 0, 0);
	ask("any.alias.example.test", DNS_A, 0); /* a wildcard CNAME, then a chain */
	expect(DNS_NOERROR, DNS_AA, 4, 0, 0);
	ask("alias-sub.example.test", DNS_A, 0); /* into a delegation */
	expect(DNS_NOERROR, DNS_AA, 1, 2, 4);
}

static void test_negative(void **state)
{
	(void)state;
	ask("nothing.example.test", DNS_A, 0);
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
	assert_int_equal(m.record[0].type, DNS_SOA);
	assert_int_equal(m.record[0].ttl, 300); /* not 3600: the SOA's minimum is less */
	assert_memory_equal(m.record[0].name, "\7example\4test", 14);
	ask("host.example.test", DNS_MX, 0);
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("deep.example.test", DNS_A, 0); /* exists, since end.very.deep does */
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("very.deep.example.test", DNS_ANY, 0);
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("x.very.deep.example.test", DNS_A, 0);
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
	ask("nothing.here.example.test", DNS_A, 0); /* a name in data only does not exist */
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
}

static void test_wildcards(void **state)
{
	(void)state;
	ask("x.wild.example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	assert_memory_equal(m.record[0].name, "\1x\4wild\7example\4test", 21);
	ask("x.y.wild.example.test", DNS_MX, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 2);
	ask("x.wild.example.test", DNS_AAAA, 0);
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("wild.example.test", DNS_TXT, 0); /* not its own child */
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("*.wild.example.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	ask("b.wild.example.test", DNS_A, 0); /* exists by a.b, so that no wildcard stands for it */
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("x.b.wild.example.test", DNS_A, 0); /* closest encloser: b.wild, without a wildcard */
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
	ask("y.odd.example.test", DNS_A, 0); /* *.odd exists, and is empty */
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
}

static void test_delegations(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = {
			"sub.example.test", "ns.sub.example.test", "a.b.sub.example.test"};
		ask(names[i], i == 0 ? DNS_NS : DNS_A, 0);
		expect(DNS_NOERROR, 0, 0, 2, 4);
		assert_int_equal(message_count(&m, DNS_AUTHORITY, DNS_NS), 2);
	}
	ask("x.sub2.example.test", DNS_A, 0); /* its server lies in another delegation */
	expect(DNS_NOERROR, 0, 0, 1, 2);
	ask("x.sub3.example.test", DNS_A, 0);
	expect(DNS_NOERROR, 0, 0, 1, 0);
	ask("sub.example.test", DNS_DS, 0); /* the parent's to say */
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("x.sub.example.test", DNS_DS, 0);
	expect(DNS_NOERROR, 0, 0, 2, 4);
	ask("x.sub.example.test", DNS_ANY, 0);
	expect(DNS_NOERROR, 0, 0, 2, 4);
}

/* Glue is whole, or there is TC (RFC 9471). */
static void test_glue_that_does_not_fit(void **state)
{
	(void)state;
	ask("x.fat.example.test", DNS_A, 0);
	assert_int_equal(m.flags & (DNS_AA | DNS_TC), DNS_TC);
	assert_int_equal(m.count[DNS_AUTHORITY], 4);
	assert_in_range(m.count[DNS_ADDITIONAL], 1, 7);
	ask("x.fat.example.test", DNS_A, 1232);
	expect(DNS_NOERROR, 0, 0, 4, 9);
}

static void test_any(void **state)
{
	(void)state;
	ask("example.test", DNS_ANY, 0); /* RFC 8482 4.2 */
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	assert_int_equal(m.record[0].type, DNS_HINFO);
	assert_int_equal(m.record[0].len, 9);
	assert_memory_equal(reply + m.record[0].data, "\7RFC8482", 9);
	ask("x.wild.example.test", DNS_ANY, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	assert_memory_equal(m.record[0].name, "\1x\4wild\7example\4test", 21);
	ask("www.example.test", DNS_ANY, 0); /* a CNAME is answered, and not followed */
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	assert_int_equal(m.record[0].type, DNS_CNAME);
	ask("nothing.example.test", DNS_ANY, 0);
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
}

static void test_refused(void **state)
{
	static const char *const outside[] = {
		".", "test", "example", "xexample.test", "other.test"};

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		ask(outside[i], DNS_A, 0);
		expect(DNS_REFUSED, 0, 0, 0, 0);
		assert_int_equal(m.count[DNS_QUESTION], 1);
	}
	ask("example.test", DNS_AXFR, 0);
	expect(DNS_REFUSED, 0, 0, 0, 0);
	ask_tcp("example.test", DNS_AXFR);
	expect(DNS_REFUSED, 0, 0, 0, 0);
	ask("example.test", DNS_IXFR, 1232);
	expect(DNS_REFUSED, 0, 0, 0, 1);
}

static void test_classes(void **state)
{
	(void)state;
	size_t n = host_query(query, "example.test", DNS_A, 0);
	query[n - 1] = 3; /* CH */
	ask_bytes(MF_SOURCE_UDP, n);
	expect(DNS_REFUSED, 0, 0, 0, 0);
	query[n - 1] = DNS_CLASS_ANY;
	ask_bytes(MF_SOURCE_UDP, n);
	expect(DNS_NOERROR, 0, 1, 0, 0);
}

static void test_edns(void **state)
{
	(void)state;
	ask("example.test", DNS_A, 0);
	assert_false(m.opt);
	ask("example.test", DNS_A, 4096);
	assert_true(m.opt);
	assert_memory_equal(reply + m.n - 11, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);

	size_t n = host_query(query, "example.test", DNS_A, 1232);
	query[n - 4] = 0x80; /* DO comes back */
	ask_bytes(MF_SOURCE_UDP, n);
	assert_memory_equal(reply + m.n - 11, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11);
	query[n - 5] = 1; /* version 1 */
	ask_bytes(MF_SOURCE_UDP, n);
	expect(DNS_BADVERS, 0, 0, 0, 1);
	assert_memory_equal(reply + m.n - 11, "\0\0\x29\x04\xd0\1\0\x80\0\0\0", 11);
	query[n - 5] = 0;
	query[n - 1] = 4; /* a cookie without a body: an option that nobody knows here */
	memcpy(query + n, "\0\x0a\0\0", 4);
	ask_bytes(MF_SOURCE_UDP, n + 4);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 1);
}

static void test_sizes(void **state)
{
	static const struct {
		uint16_t offered;
		size_t most;
	} cases[] = {{0, 512}, {1, 512}, {512, 512}, {600, 600}, {1231, 1231}, {1232, 1232},
		{1233, 1232}, {4096, 1232}, {65535, 1232}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask("huge.example.test", DNS_TXT, cases[i].offered); /* 8 * 213 bytes */
		expect(DNS_NOERROR, DNS_AA | DNS_TC, 0, 0, cases[i].offered != 0);
		ask("big.example.test", DNS_A, cases[i].offered); /* 34 + 36 * 16 bytes */
		bool fits = cases[i].most >= 34 + 36 * 16 + (cases[i].offered ? 11 : 0);
		expect(DNS_NOERROR, DNS_AA | (fits ? 0 : DNS_TC), fits ? 36 : 0, 0,
			cases[i].offered != 0);
		assert_true(m.n <= cases[i].most);
	}
	ask_tcp("huge.example.test", DNS_TXT);
	expect(DNS_NOERROR, DNS_AA, 8, 0, 0);
	ask_tcp("big.example.test", DNS_A);
	expect(DNS_NOERROR, DNS_AA, 36, 0, 0);
}

/* What is only a courtesy is left out without TC. */
static void test_additional_that_does_not_fit(void **state)
{
	(void)state;
	for (uint16_t size = 512; size < 600; size++) {
		ask("example.test", DNS_MX, size);
		expect(DNS_NOERROR, DNS_AA, 2, 0, 4);
	}
	host_room = 110;
	size_t n = host_query(query, "example.test", DNS_MX, 0);
	ask_bytes(MF_SOURCE_TCP, n);
	host_room = 32 << 10;
	expect(DNS_NOERROR, DNS_AA, 2, 0, 1);
}

/* Over TCP there is no later: a reply that the effects area can't hold is a failure. */
static void test_too_large_for_tcp(void **state)
{
	(void)state;
	host_room = 1500;
	ask_tcp("huge.example.test", DNS_TXT);
	host_room = 32 << 10;
	expect(DNS_SERVFAIL, 0, 0, 0, 0);
	assert_non_null(strstr(host_log, "raise memory.effects"));
}

static void test_broken_queries(void **state)
{
	size_t n = host_query(query, "example.test", DNS_A, 1232);

	(void)state;
	ask_bytes(MF_SOURCE_UDP, n - 1);
	expect(DNS_FORMERR, 0, 0, 0, 0);
	query[12] = 64;
	ask_bytes(MF_SOURCE_UDP, n);
	expect(DNS_FORMERR, 0, 0, 0, 0);
	assert_int_equal(m.n, DNS_HEADER);
	query[2] = 5 << 3; /* UPDATE */
	ask_bytes(MF_SOURCE_UDP, n);
	expect(DNS_NOTIMP, 0, 0, 0, 0);
	assert_int_equal(m.n, DNS_HEADER);
}

static void test_no_reply(void **state)
{
	size_t n = host_query(query, "example.test", DNS_A, 0);

	(void)state;
	for (size_t i = 0; i < DNS_HEADER; i++)
		assert_int_equal(host_main(MF_SOURCE_UDP, query, i, reply), 0);
	query[2] |= 0x80; /* a reply: answering it could go on for ever */
	assert_int_equal(host_main(MF_SOURCE_UDP, query, n, reply), 0);
	assert_int_equal(host_main(MF_SOURCE_TCP, query, n, reply), 0);
}

#define NESTED_APEX "@ 1h SOA ns admin 1 2 3 4 5\n@ 1h NS ns\nns 1h A 192.0.2.1\n"

/* A zone and one below it that it delegates, both served here. */
static void test_zones_in_zones(void **state)
{
	struct host_file files[] = {
		{"a.test.zone",
			NESTED_APEX "c.b 5 NS ns.c.b\nc.b TYPE43 \\# 1 2a\n"
				    "ns.c.b A 192.0.2.2\nonly-here.c.b A 192.0.2.3\n"
				    "d.b NS ns\n",
			0},
		{"c.b.a.test.zone", NESTED_APEX "x 1h CNAME y.a.test.\n", 0},
	};

	(void)state;
	files[0].n = strlen(files[0].text);
	files[1].n = strlen(files[1].text);
	assert_true(host_init(files, 2));
	ask("c.b.a.test", DNS_SOA, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	ask("ns.c.b.a.test", DNS_A, 0); /* the child's, not the parent's glue */
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	assert_memory_equal(reply + m.record[0].data, "\xc0\0\2\1", 4);
	ask("only-here.c.b.a.test", DNS_A, 0);
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
	ask("b.a.test", DNS_A, 0); /* exists in the parent, by what it delegates */
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("c.b.a.test", DNS_DS, 0); /* from the parent */
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	ask("d.b.a.test", DNS_A, 0);
	expect(DNS_NOERROR, 0, 0, 1, 1);
	ask("x.c.b.a.test", DNS_A, 0); /* a chain from the child into its parent */
	expect(DNS_NXDOMAIN, DNS_AA, 1, 1, 0);
	assert_memory_equal(m.record[1].name, "\1a\4test", 8);
	ask("a.test", DNS_DS, 0);
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	load_example(NULL);
}

static void test_the_root_zone(void **state)
{
	struct host_file file = {"root.zone",
		"$ORIGIN .\n@ 1h SOA a b 1 2 3 4 5\n@ 1h NS ns.\n"
		"ns 1h A 192.0.2.1\n* 1h A 192.0.2.9\n",
		0};

	(void)state;
	file.n = strlen(file.text);
	assert_true(host_init(&file, 1));
	ask(".", DNS_NS, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 1);
	ask(".", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 0, 1, 0);
	ask("any.thing", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA, 1, 0, 0);
	load_example(NULL);
}

/* A chain that is longer than any should be ends without an error. */
static void test_long_chains(void **state)
{
	char zone[4096] = NESTED_APEX, *end = zone + strlen(zone);
	struct host_file file = {"a.test.zone", zone, 0};

	(void)state;
	for (int i = 0; i < 40; i++)
		end += sprintf(end, "c%d 5 CNAME c%d\n", i, i + 1);
	file.n = (size_t)(end - zone);
	assert_true(host_init(&file, 1));
	ask("c0.a.test", DNS_A, 1232);
	expect(DNS_NOERROR, DNS_AA, 16, 0, 1);
	load_example(NULL);
}

#define X59   "23456789012345678901234567890123456789012345678901234567890"
#define LONG  "x" X59 ".x" X59 ".x" X59
#define OTHER "y" X59 ".y" X59 ".y" X59

/* Names so long that an SOA, a chain, a delegation don't fit into 512 bytes. */
static void test_long_names(void **state)
{
	static const char zone[] =
		"@ 1h SOA " LONG " " OTHER " 1 2 3 4 5\n@ 1h NS ns\n"
		"a 1h CNAME " LONG "\n" LONG " 1h CNAME " OTHER "\n" OTHER " 1h CNAME " LONG ".b.\n"
		"cut 1h NS " LONG ".b.\ncut 1h NS " OTHER ".c.\n";
	struct host_file file = {"a.test.zone", zone, sizeof(zone) - 1};

	(void)state;
	assert_true(host_init(&file, 1));
	ask("nothing.a.test", DNS_A, 0);
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
	ask("nothing." LONG ".a.test", DNS_A, 0); /* shares much with the SOA's data */
	expect(DNS_NXDOMAIN, DNS_AA, 0, 1, 0);
	ask("z" X59 ".z" X59 ".z" X59 ".a.test", DNS_A, 0);
	expect(DNS_NXDOMAIN, DNS_AA | DNS_TC, 0, 0, 0);
	ask("a.a.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_AA | DNS_TC, 2, 0, 0);
	ask("a.a.test", DNS_A, 1232);
	expect(DNS_NOERROR, DNS_AA, 3, 0, 1);
	ask("z" X59 ".z" X59 ".z" X59 ".cut.a.test", DNS_A, 0);
	expect(DNS_NOERROR, DNS_TC, 0, 0, 0);
	load_example(NULL);
}

/* More names than the writer remembers: larger, but right. */
static void test_many_names(void **state)
{
	static char zone[16384] = NESTED_APEX;
	char *end = zone + strlen(zone);
	struct host_file file = {"a.test.zone", zone, 0};

	(void)state;
	for (int i = 0; i < 120; i++)
		end += sprintf(end, "@ 1h MX %d m%d\nm%d 5 A 192.0.2.%d\n", i, i, i, i);
	file.n = (size_t)(end - zone);
	assert_true(host_init(&file, 1));
	ask_tcp("a.test", DNS_MX);
	expect(DNS_NOERROR, DNS_AA, 120, 0, 64);
	load_example(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_compression),
		cmocka_unit_test(test_case_of_the_question),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_delegations),
		cmocka_unit_test(test_glue_that_does_not_fit),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_edns),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_additional_that_does_not_fit),
		cmocka_unit_test(test_too_large_for_tcp),
		cmocka_unit_test(test_broken_queries),
		cmocka_unit_test(test_no_reply),
		cmocka_unit_test(test_zones_in_zones),
		cmocka_unit_test(test_the_root_zone),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_many_names),
	};

	return cmocka_run_group_tests(tests, load_example, unload);
}
