/*
 * zonefile_test.c - zone files: what they may look like, and what the operator reads when they
 * are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/dns/build.h"
#include "tests/unit/services/dns/host.h"

/* two lines that every zone needs; what a test adds starts at line 3 */
#define APEX "@ 1h SOA ns1 admin 1 2 3 4 5\n@ 1h NS ns1\n"

static const struct zone_set *find(const struct zones *z, const char *name, uint16_t type)
{
	uint8_t query[512];
	struct dns_query q;
	unsigned label;

	size_t n = host_query(query, name, type, 0);
	assert_int_equal(dns_query_read(&q, query, n), DNS_NOERROR);
	const struct zone_node *node = zone_deepest(z, &q, query + DNS_HEADER, &label);
	return label == 0 ? zone_set(z, node, type) : NULL;
}

/* The index-th record's data is these bytes. */
static void assert_data(const struct zones *z, const char *name, uint16_t type, unsigned index,
	const void *bytes, size_t n)
{
	const struct zone_set *set = find(z, name, type);

	if (!set || index >= set->count)
		fail_msg("no record %u of type %u at %s", index, type, name);
	const struct zone_record *record = zone_at(z, set->first);
	while (index-- > 0)
		record = zone_at(z, record->next);
	assert_int_equal(record->len, n);
	assert_memory_equal(record->data, bytes, n);
}

#define ASSERT_DATA(z, name, type, index, literal)                                                 \
	assert_data(z, name, type, index, literal, sizeof(literal) - 1)

static struct zones load(const char *lines)
{
	struct zones z = {0};
	char text[4096];

	snprintf(text, sizeof(text), APEX "%s", lines);
	if (!host_load_text(&z, "t.test.zone", text))
		fail_msg("%s", host_error);
	return z;
}

static void test_addresses(void **state)
{
	(void)state;
	struct zones z = load("a 5 A 192.0.2.255\n"
			      "b 5 AAAA ::\n"
			      "c 5 AAAA 2001:DB8::1\n"
			      "d 5 AAAA ::ffff:192.0.2.1\n"
			      "e 5 AAAA 1:2:3:4:5:6:7:8\n"
			      "f 5 AAAA fe80::\n"
			      "g 5 AAAA 1:2:3:4:5:6:1.2.3.4\n");
	ASSERT_DATA(&z, "a.t.test", DNS_A, 0, "\xc0\0\2\xff");
	ASSERT_DATA(&z, "b.t.test", DNS_AAAA, 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	ASSERT_DATA(&z, "c.t.test", DNS_AAAA, 0, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
	ASSERT_DATA(&z, "d.t.test", DNS_AAAA, 0, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1");
	ASSERT_DATA(&z, "e.t.test", DNS_AAAA, 0, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\x08");
	ASSERT_DATA(&z, "f.t.test", DNS_AAAA, 0, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	ASSERT_DATA(&z, "g.t.test", DNS_AAAA, 0, "\0\1\0\2\0\3\0\4\0\5\0\6\1\2\3\4");
}

static void test_strings(void **state)
{
	char text[1200], *to = text;

	(void)state;
	struct zones z = load("a 5 TXT one \"two words\" \"\" ; comment\n"
			      "a TXT \"a\\\"b\" \\;x\\032y \\065 ( \"in\"\n \"lines\" ; here\n )\n"
			      "b CAA 128 issue \"ca.test; x\"\n"
			      "b CAA 0 iodef mailto:a@b\n");
	ASSERT_DATA(&z, "a.t.test", DNS_TXT, 0, "\3one\11two words\0");
	ASSERT_DATA(&z, "a.t.test", DNS_TXT, 1, "\3a\"b\4;x y\1A\2in\5lines");
	ASSERT_DATA(&z, "b.t.test", DNS_CAA, 0, "\x80\5issueca.test; x");
	ASSERT_DATA(&z, "b.t.test", DNS_CAA, 1, "\0\5iodefmailto:a@b");

	to += sprintf(to, "a 5 TXT \"%0255d\"\nb 5 TXT \"%0256d\"\n", 0, 0);
	struct host_file file = {"t.test.zone", text, (size_t)(to - text)};
	assert_false(host_load(&z, &file, 1));
	assert_string_equal(host_error,
		"t.test.zone:2:9: a string that is too long: "
		"\"0000000000000000000000000000000000000000...\": expected at most 255 bytes: "
		"write it as \"...\" \"...\"");
}

static void test_names(void **state)
{
	(void)state;
	struct zones z = load("a\\.b.c 5 A 192.0.2.1\n"
			      "\\097\\ X 5 A 192.0.2.2\n"
			      "full.t.test. 5 A 192.0.2.3\n"
			      "\\@ 5 A 192.0.2.4\n"
			      "$ORIGIN sub\n"
			      "@ 5 A 192.0.2.5\n"
			      "x A 192.0.2.6\n"
			      "$ORIGIN .\n"
			      "y.t.test A 192.0.2.7\n");
	uint8_t query[512];
	struct dns_query q;
	unsigned label;

	memcpy(query, "\0\0\0\0\0\1\0\0\0\0\0\0\3a.b\1c\1t\4test\0\0\1\0\1", 30);
	assert_int_equal(dns_query_read(&q, query, 30), DNS_NOERROR);
	zone_deepest(&z, &q, query + DNS_HEADER, &label);
	assert_int_equal(label, 0);
	ASSERT_DATA(&z, "a x.t.test", DNS_A, 0, "\xc0\0\2\2");
	ASSERT_DATA(&z, "full.T.test", DNS_A, 0, "\xc0\0\2\3");
	ASSERT_DATA(&z, "@.t.test", DNS_A, 0, "\xc0\0\2\4");
	ASSERT_DATA(&z, "sub.t.test", DNS_A, 0, "\xc0\0\2\5");
	ASSERT_DATA(&z, "x.sub.t.test", DNS_A, 0, "\xc0\0\2\6");
	ASSERT_DATA(&z, "y.t.test", DNS_A, 0, "\xc0\0\2\7");
}

static void test_ttls_and_classes(void **state)
{
	static const struct {
		const char *name;
		uint32_t ttl;
	} expected[] = {
		{"a", 5},
		{"b", 6},
		{"c", 7},
		{"d", 7},
		{"e", 5400},
		{"f", 788645},
		{"g", 9},
		{"h", 0},
		{"i", 9},
	};

	(void)state;
	struct zones z = load("a 5 IN A 192.0.2.1\n"
			      "b in 6 A 192.0.2.1\n"
			      "c CLASS1 7 A 192.0.2.1\n"
			      "d A 192.0.2.1 ; the last one stated\n"
			      "e 1h30m A 192.0.2.1\n"
			      "f 1W2D3H4M5s A 192.0.2.1\n"
			      "$TTL 9\n"
			      "g IN A 192.0.2.1\n"
			      "h 0 A 192.0.2.1\n"
			      "i A 192.0.2.1\n");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		char name[16];
		snprintf(name, sizeof(name), "%s.t.test", expected[i].name);
		assert_int_equal(find(&z, name, DNS_A)->ttl, expected[i].ttl);
	}
}

static void test_layout_of_lines(void **state)
{
	(void)state;
	struct zones z = load("\n  ; nothing\n\t\n()\n"
			      "a 5 A 192.0.2.1\n"
			      "\tA 192.0.2.2\r\n"
			      "  ( TXT \n x ; y ) z\n ) \n"
			      "b ( 5\n IN\n A\n 192.0.2.3 )\n"
			      "c 5 MX ( 10 ) (b)\n"
			      "d 5 TXT a\"b\"c\n"
			      "e 5 A 192.0.2.4");
	ASSERT_DATA(&z, "a.t.test", DNS_A, 1, "\xc0\0\2\2");
	ASSERT_DATA(&z, "a.t.test", DNS_TXT, 0, "\1x");
	ASSERT_DATA(&z, "b.t.test", DNS_A, 0, "\xc0\0\2\3");
	assert_non_null(find(&z, "c.t.test", DNS_MX));
	ASSERT_DATA(&z, "d.t.test", DNS_TXT, 0, "\1a\1b\1c");
	ASSERT_DATA(&z, "e.t.test", DNS_A, 0, "\xc0\0\2\4");
}

static void test_types_by_number(void **state)
{
	(void)state;
	struct zones z = load("a 5 TYPE65280 \\# 4 0a000001\n"
			      "a type65281 \\# 0\n"
			      "a TYPE1 192.0.2.1\n"
			      "a A \\# 4 c0 0002 02\n"
			      "a TYPE16 \\# ( 6 026869\n 02796f )\n"
			      "a MX \\# 12 000a 0162 0174 0474657374 00\n"
			      "a MX 10 b\n"
			      "a CAA \\# 11 00 05 6973737565 61626364\n");
	ASSERT_DATA(&z, "a.t.test", 65280, 0, "\12\0\0\1");
	ASSERT_DATA(&z, "a.t.test", 65281, 0, "");
	ASSERT_DATA(&z, "a.t.test", DNS_A, 0, "\xc0\0\2\1");
	ASSERT_DATA(&z, "a.t.test", DNS_A, 1, "\xc0\0\2\2");
	ASSERT_DATA(&z, "a.t.test", DNS_TXT, 0, "\2hi\2yo");
	ASSERT_DATA(&z, "a.t.test", DNS_CAA, 0, "\0\5issueabcd");
	assert_int_equal(find(&z, "a.t.test", DNS_MX)->count, 1); /* both are the same */
}

static void test_what_is_dropped_and_warned(void **state)
{
	(void)state;
	struct zones z = load("a 5 A 192.0.2.1\n"
			      "a 5 A 192.0.2.1\n"
			      "A.t.TEST. 4 A 192.0.2.2\n"
			      "a 9 A 192.0.2.3\n"
			      "b 5 NS c\nb 5 NS C.T.test.\n"
			      "@ 1h SOA ns1 admin 1 2 3 4 5\n");
	assert_int_equal(find(&z, "a.t.test", DNS_A)->count, 3);
	assert_int_equal(find(&z, "a.t.test", DNS_A)->ttl, 4);
	assert_int_equal(find(&z, "b.t.test", DNS_NS)->count, 1);
	assert_string_equal(host_log,
		"t.test.zone:5:1: TTLs of one name and type differ; the lowest is used\n"
		"t.test.zone:6:1: TTLs of one name and type differ; the lowest is used\n"
		"zone t.test.: 6 records at 3 names\n"
		"4 of 1024 KiB of init memory used\n");
}

static void test_cname_may_be_signed(void **state)
{
	(void)state;
	struct zones z = load("a 5 TYPE46 \\# 1 00\na CNAME b\na TYPE47 \\# 1 00\n");
	assert_non_null(find(&z, "a.t.test", DNS_CNAME));
	assert_non_null(find(&z, "a.t.test", DNS_NSEC));
}

#define BAD_ADDRESS4 "expected one as 192.0.2.1"
#define BAD_ADDRESS6 "expected one as 2001:db8::1"
#define BAD_TIME     "expected seconds up to 2147483647, or units as in 1h30m"

/* what stands in line 3, and the message */
static const struct {
	const char *line, *message;
} errors[] = {
	{"$INCLUDE other.zone",
		"3:1: $INCLUDE is not possible: a service sees no other files: "
		"\"$INCLUDE\": expected the records themselves, in one file"},
	{"$GENERATE 1-9 a A 1.1.1.1",
		"3:1: an unknown directive: \"$GENERATE\": expected $ORIGIN or $TTL"},
	{"$TTL", "3:5: not a time: end of line: " BAD_TIME},
	{"$TTL soon", "3:6: not a time: \"soon\": " BAD_TIME},
	{"$TTL 1h 2h", "3:9: more than the directive holds: \"2h\": expected the end of the line"},
	{"$ORIGIN", "3:8: not a name: end of line: expected a domain name"},
	{"a 2147483648 A 192.0.2.1", "3:3: a time out of range: \"2147483648\": " BAD_TIME},
	{"a 9999w A 192.0.2.1", "3:3: a time out of range: \"9999w\": " BAD_TIME},
	{"a 99999999999999999999999 A 192.0.2.1",
		"3:3: a time out of range: \"99999999999999999999999\": " BAD_TIME},
	{"a 5x A 192.0.2.1",
		"3:3: an unknown type: \"5x\": expected A AAAA NS SOA CNAME MX TXT SRV PTR "
		"CAA, or TYPE123 \\# LENGTH HEX"},
	{"a CH A 192.0.2.1", "3:3: a class that is not served here: \"CH\": expected IN"},
	{"a CLASS3 A 192.0.2.1", "3:3: a class that is not served here: \"CLASS3\": expected IN"},
	{"a 5 6 A 192.0.2.1",
		"3:5: an unknown type: \"6\": expected A AAAA NS SOA CNAME MX TXT SRV "
		"PTR CAA, or TYPE123 \\# LENGTH HEX"},
	{"a 5 IN", "3:7: a record without a type: end of line: expected a type as A or MX"},
	{"a AAA ::1",
		"3:3: an unknown type: \"AAA\": expected A AAAA NS SOA CNAME MX TXT SRV PTR "
		"CAA, or TYPE123 \\# LENGTH HEX"},
	{"a DNAME b",
		"3:3: DNAME is not served here: \"DNAME\": expected CNAMEs, or a wildcard "
		"CNAME"},
	{"a TYPE39 \\# 0",
		"3:7: DNAME is not served here: \"39\": expected CNAMEs, or a wildcard "
		"CNAME"},
	{"a TYPE255 \\# 0", "3:7: a type that no zone can hold: \"255\": expected another type"},
	{"a TYPE70000 \\# 0",
		"3:7: a number out of range: \"70000\": expected a number from 0 to 65535"},
	{"a A", "3:4: data is missing: end of line: expected an IPv4 address"},
	{"a A 192.0.2", "3:5: not an IPv4 address: \"192.0.2\": " BAD_ADDRESS4},
	{"a A 192.0.2.256", "3:5: not an IPv4 address: \"192.0.2.256\": " BAD_ADDRESS4},
	{"a A 192.0.2.01", "3:5: not an IPv4 address: \"192.0.2.01\": " BAD_ADDRESS4},
	{"a A 192.0.2.1.", "3:5: not an IPv4 address: \"192.0.2.1.\": " BAD_ADDRESS4},
	{"a A \"192.0.2.1\"", "3:5: not an IPv4 address: \"192.0.2.1\": " BAD_ADDRESS4},
	{"a A 192.0.2.1 x",
		"3:15: more than the record holds: \"x\": expected the end of the record"},
	{"a AAAA 1::2::3", "3:8: not an IPv6 address: \"1::2::3\": " BAD_ADDRESS6},
	{"a AAAA 1:2:3:4:5:6:7", "3:8: not an IPv6 address: \"1:2:3:4:5:6:7\": " BAD_ADDRESS6},
	{"a AAAA 1:2:3:4:5:6:7:8:9",
		"3:8: not an IPv6 address: \"1:2:3:4:5:6:7:8:9\": " BAD_ADDRESS6},
	{"a AAAA ::12345", "3:8: not an IPv6 address: \"::12345\": " BAD_ADDRESS6},
	{"a AAAA 1:2:3:4:5:6:7:8::",
		"3:8: not an IPv6 address: \"1:2:3:4:5:6:7:8::\": " BAD_ADDRESS6},
	{"a AAAA 1.2.3", "3:8: not an IPv6 address: \"1.2.3\": " BAD_ADDRESS6},
	{"a AAAA 1:", "3:8: not an IPv6 address: \"1:\": " BAD_ADDRESS6},
	{"a AAAA :1", "3:8: not an IPv6 address: \":1\": " BAD_ADDRESS6},
	{"a AAAA 1:2:3:4:5:6:7:1.2.3.4",
		"3:8: not an IPv6 address: \"1:2:3:4:5:6:7:1.2.3.4\": " BAD_ADDRESS6},
	{"a MX b", "3:6: not a number: \"b\": expected a number from 0 to 65535"},
	{"a MX 10", "3:8: data is missing: end of line: expected a domain name"},
	{"a MX 65536 b",
		"3:6: a number out of range: \"65536\": expected a number from 0 to 65535"},
	{"a SRV 1 2 3", "3:12: data is missing: end of line: expected a domain name"},
	{"a CAA 256 issue x",
		"3:7: a number out of range: \"256\": expected a number from 0 to 255"},
	{"a CAA 0 is-sue x",
		"3:9: not a CAA tag: \"is-sue\": expected a tag as issue or iodef: 1 to "
		"15 letters and digits"},
	{"a CAA 0 issue", "3:14: data is missing: end of line: expected a value, in quotes"},
	{"a TXT", "3:6: data is missing: end of line: expected a string"},
	{"a TXT \"x",
		"3:7: a string without an end: \"x\": expected a closing \" on the same line"},
	{"a TXT \\300",
		"3:7: a bad escape: \"\\300\": expected \\DDD with three digits up to 255, or "
		"\\X"},
	{"a TXT \\1",
		"3:7: a bad escape: \"\\1\": expected \\DDD with three digits up to 255, or \\X"},
	{"a TXT ( x", "3:7: a parenthesis that is never closed: \"(\": expected a ) after it"},
	{"a TXT x )", "3:9: a parenthesis that closes nothing: \")\": expected a ( before it"},
	{"a..b A 192.0.2.1",
		"3:1: a name with an empty label: \"a..b\": expected one dot between "
		"labels"},
	{".a A 192.0.2.1",
		"3:1: a name with an empty label: \".a\": expected one dot between labels"},
	{"a\\25 A 192.0.2.1",
		"3:1: a bad escape: \"a\\25\": expected \\DDD with three digits up to "
		"255, or \\X"},
	{"\"a\" A 192.0.2.1", "3:1: not a name: \"a\": expected a domain name"},
	{"x123456789012345678901234567890123456789012345678901234567890123 A 192.0.2.1",
		"3:1: a name with a label that is too long: "
		"\"x123456789012345678901234567890123456789...\": expected at most 63 bytes a "
		"label"},
	{"other. A 192.0.2.1",
		"3:1: a name outside the zone: \"other.\": expected a name at or below "
		"that of the SOA"},
	{"@ SOA ns1 admin 2 2 3 4 5", "3:3: a second SOA: \"SOA\": expected one SOA in a file"},
	{"a SOA ns1 admin 1 2 3 4 5",
		"3:3: a second SOA, at another name: \"SOA\": expected one SOA in a file"},
	{"@ CNAME b",
		"3:3: a CNAME and other data at one name: \"CNAME\": expected a CNAME alone, or "
		"none"},
	{"a TYPE1 \\# 4 c0000203\na CNAME b",
		"4:3: a CNAME and other data at one name: \"CNAME\": expected a CNAME alone, or "
		"none"},
	{"a CNAME b\na A 192.0.2.1",
		"4:3: a CNAME and other data at one name: \"A\": expected a CNAME alone, or none"},
	{"a CNAME b\na CNAME c", "4:3: a second CNAME at one name: \"CNAME\": expected one CNAME"},
	{"*.a NS b",
		"3:5: a delegation of a wildcard, which has no meaning: \"NS\": expected another "
		"type (RFC 4592 4.2)"},
	{"@ TYPE43 \\# 1 00",
		"3:3: a DS at the apex: \"TYPE43\": expected it in the parent's zone"},
	{"a TYPE9 x",
		"3:9: data of a type without a text form here: \"x\": expected \\# LENGTH HEX"},
	{"a A \\# 4 c00002",
		"3:16: data is shorter than its length: end of line: expected hex "
		"digits"},
	{"a A \\# 4 c0000201ff",
		"3:10: data is longer than its length: \"c0000201ff\": expected the "
		"end of the record"},
	{"a A \\# 4 c0000201 ff",
		"3:19: more than the record holds: \"ff\": expected the end of the "
		"record"},
	{"a A \\# 3 c00002",
		"3:8: data that is too short for its type: \"3\": expected a greater "
		"length"},
	{"a A \\# 5 c000020101",
		"3:8: data that is too long for its type: \"5\": expected a smaller "
		"length"},
	{"a A \\# 4 c00002xx", "3:10: not hex: \"c00002xx\": expected digits 0 to 9 and a to f"},
	{"a A \\#", "3:7: not a number: end of line: expected a number from 0 to 65535"},
	{"a TYPE9 \\# 4 0a0b0c0",
		"3:21: data is shorter than its length: end of line: expected hex "
		"digits"},
	{"a MX \\# 4 000a c00c",
		"3:16: not a name: \"c00c\": expected labels up to 63 bytes, 255 in "
		"all"},
	{"a TXT \\# 2 0561",
		"3:10: data that is too short for its type: \"2\": expected a greater "
		"length"},
};

static void test_errors(void **state)
{
	struct zones z;
	char text[512], expected[512];

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		snprintf(text, sizeof(text), APEX "%s\n", errors[i].line);
		snprintf(expected, sizeof(expected), "t.test.zone:%s", errors[i].message);
		if (host_load_text(&z, "t.test.zone", text))
			fail_msg("no error: %s", errors[i].line);
		assert_string_equal(host_error, expected);
	}
}

static void test_errors_of_whole_files(void **state)
{
	static const struct {
		const char *file, *text, *message;
	} cases[] = {
		{"readme.txt", APEX,
			"no zone is attached: attach a file whose name ends in .zone, as "
			"with --data example.test.zone=FILE"},
		{"t.test.zone", "",
			"t.test.zone: no SOA record: expected exactly one, at the zone's "
			"apex"},
		{"t.test.zone", "@ 1h SOA ns1 admin 1 2 3 4 5\n",
			"t.test.zone: no NS record at the zone's apex, t.test.: expected one at "
			"least"},
		{"t.test.zone", " 1h A 192.0.2.1\n",
			"t.test.zone:1:2: a record without an owner: "
			"\"1h\": expected a name at the start of the line"},
		{"t.test.zone", "@ SOA ns1 admin 1 2 3 4 5\n",
			"t.test.zone:1:3: a record without a TTL: \"SOA\": expected $TTL before "
			"it, or "
			"a TTL before the type"},
		{"my zone.zone", APEX,
			"my zone.zone:1:1: a relative name where no origin is known: "
			"\"@\": expected a name with a final dot, or $ORIGIN before it"},
		{"t.test.zone", "@ 1h SOA a b (\n 1 2 3\n 4",
			"t.test.zone:1:14: a parenthesis that is "
			"never closed: \"(\": expected a ) after it"},
		{"t.test.zone", "@ 1h SOA a b 1 2 3 4",
			"t.test.zone:1:21: data is missing: end of "
			"file: expected seconds, or units as in 1h30m"},
	};
	struct zones z;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(host_load_text(&z, cases[i].file, cases[i].text));
		assert_string_equal(host_error, cases[i].message);
	}
}

static void test_a_zero_byte(void **state)
{
	static const char text[] = APEX "a\0b A 192.0.2.1\n";
	struct host_file file = {"t.test.zone", text, sizeof(text) - 1};
	struct zones z;

	(void)state;
	assert_false(host_load(&z, &file, 1));
	assert_string_equal(host_error, "t.test.zone:3:1: a zero byte: \"\": expected text");
}

static void test_names_of_255_bytes(void **state)
{
	char text[1024];
	struct zones z;

	(void)state;
	/* 3 * 64 + 1 + n + "t.test." (8) bytes */
	for (int n = 54; n <= 55; n++) {
		snprintf(text, sizeof(text), APEX "%063d.%063d.%063d.%0*d 5 A 192.0.2.1\n", 0, 0, 0,
			n, 0);
		assert_int_equal(host_load_text(&z, "t.test.zone", text), n == 54);
	}
	assert_string_equal(host_error,
		"t.test.zone:3:1: a name that is too long: "
		"\"0000000000000000000000000000000000000000...\": expected at most 255 bytes with "
		"its "
		"origin");
}

static void test_data_of_65535_bytes(void **state)
{
	/* 256 strings of 255 bytes and their lengths are 65536 */
	char *text = malloc(1 << 18), *end = text;
	struct zones z;

	(void)state;
	for (int last = 254; last <= 255; last++) {
		end = text + sprintf(text, APEX "a 5 TXT (");
		for (int i = 0; i < 256; i++)
			end += sprintf(end, " %0*d\n", i < 255 ? 255 : last, 0);
		end += sprintf(end, ")\n");
		assert_int_equal(host_load_text(&z, "t.test.zone", text), last == 254);
	}
	assert_string_equal(host_error,
		"t.test.zone:3:11: data that is too long: "
		"\"0000000000000000000000000000000000000000...\": expected at "
		"most 65535 bytes");
	free(text);
}

static void test_two_files_one_zone(void **state)
{
	struct host_file files[] = {
		{"a.zone", "$ORIGIN t.test.\n" APEX, 0}, {"b.zone", "$ORIGIN t.test.\n" APEX, 0}};
	struct zones z;

	(void)state;
	files[0].n = strlen(files[0].text);
	files[1].n = strlen(files[1].text);
	assert_false(host_load(&z, files, 2));
	assert_string_equal(host_error,
		"b.zone:2:1: a zone that another attached file holds too: "
		"\"@\": expected one file for each zone");
}

/* The message names the key to raise, however little memory there is. */
static void test_too_little_memory(void **state)
{
	size_t n, enough = 0;
	char *text = host_read("services/dns/example.test.zone", &n);
	struct host_file file = {"example.test.zone", text, n};
	struct zones z;

	(void)state;
	assert_non_null(text);
	for (host_init_bytes = 0; !enough && host_init_bytes < 1 << 20; host_init_bytes += 64) {
		char expected[256];

		snprintf(expected, sizeof(expected),
			"the zones don't fit into %zu KiB of init memory: raise memory.init in "
			"mayfly.yaml and build the image again",
			host_init_bytes >> 10);
		if (host_load(&z, &file, 1))
			enough = host_init_bytes;
		else
			assert_string_equal(host_error, expected);
	}
	host_init_bytes = 1 << 20;
	assert_in_range(enough, 4096, 16384);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ttls_and_classes),
		cmocka_unit_test(test_layout_of_lines),
		cmocka_unit_test(test_types_by_number),
		cmocka_unit_test(test_what_is_dropped_and_warned),
		cmocka_unit_test(test_cname_may_be_signed),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_errors_of_whole_files),
		cmocka_unit_test(test_a_zero_byte),
		cmocka_unit_test(test_names_of_255_bytes),
		cmocka_unit_test(test_data_of_65535_bytes),
		cmocka_unit_test(test_two_files_one_zone),
		cmocka_unit_test(test_too_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
