/* tests/unit/wire/dns_test.c - wire/dns: what is read from any bytes, what is written */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/dns.h"

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define QUESTION                    "\3www\4test\0\0\1\0\1"
#define OPT(size, version, flags)   "\0\0\x29" size "\0" version flags

static void test_what_is_a_query(void **state)
{
	(void)state;
	assert_false(dns_is_query(BYTES("")));
	assert_false(dns_is_query(BYTES("\x12\x34\1\0\0\1\0\0\0\0\0")));
	assert_true(dns_is_query(BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0"))));
	assert_false(dns_is_query(BYTES(HEAD("\x81\0", "\1", "\0", "\0", "\0"))));
}

static enum dns_rcode read(struct dns_query *q, const uint8_t *msg, size_t n)
{
	/* a copy of just that size, so that the sanitizer sees a byte too many */
	uint8_t copy[n];

	memcpy(copy, msg, n);
	memset(q, 0xa5, sizeof(*q));
	return dns_query_read(q, copy, n);
}

static void test_a_plain_query(void **state)
{
	struct dns_query q;

	(void)state;
	assert_int_equal(
		read(&q, BYTES(HEAD("\1\0", "\1", "\0", "\0", "\0") QUESTION)), DNS_NOERROR);
	assert_true(q.question);
	assert_false(q.edns);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.flags, DNS_RD);
	assert_int_equal(q.type, DNS_A);
	assert_int_equal(q.class, DNS_IN);
	assert_int_equal(q.name_len, 10);
	assert_int_equal(q.labels, 2);
	assert_int_equal(q.label[0], 0);
	assert_int_equal(q.label[1], 4);
}

static void test_edns(void **state)
{
	struct dns_query q;

	(void)state;
	assert_int_equal(read(&q,
				 BYTES(HEAD("\0\0", "\1", "\0", "\0", "\1")
						 QUESTION OPT("\x04\xd0", "\0", "\x80\0") "\0\0")),
		DNS_NOERROR);
	assert_true(q.edns && q.dnssec_ok);
	assert_int_equal(q.edns_size, 1232);
	assert_int_equal(read(&q,
				 BYTES(HEAD("\0\0", "\1", "\0", "\0", "\1")
						 QUESTION OPT("\x04\xd0", "\1", "\0\0") "\0\0")),
		DNS_BADVERS);
	assert_true(q.edns);
	/* two options, unknown */
	assert_int_equal(read(&q,
				 BYTES(HEAD("\0\0", "\1", "\0", "\0", "\1") QUESTION OPT(
					 "\x04\xd0", "\0", "\0\0") "\0\xa\xff\x01\0\2xy\0\0\0\0")),
		DNS_NOERROR);
}

struct bad {
	const char *what;
	const uint8_t *msg;
	size_t n;
};

#define QUERY "\1\0"
static const struct bad malformed[] = {
	{"no question", BYTES(HEAD(QUERY, "\0", "\0", "\0", "\0"))},
	{"a count without its question", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\0"))},
	{"two questions", BYTES(HEAD(QUERY, "\2", "\0", "\0", "\0") QUESTION QUESTION)},
	{"an answer in a query",
		BYTES(HEAD(QUERY, "\1", "\1", "\0", "\0") QUESTION "\xc0\x0c\0\1\0\1\0\0\0\0\0\0")},
	{"an authority in a query for A",
		BYTES(HEAD(QUERY, "\1", "\0", "\1", "\0") QUESTION "\xc0\x0c\0\1\0\1\0\0\0\0\0\0")},
	{"a label of 64",
		BYTES(HEAD(QUERY, "\1", "\0", "\0",
			"\0") "\x40"
			      "0123456789012345678901234567890123456789012345678901234567890123"
			      "\0\0\1\0\1")},
	{"a question of pointers", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\0") "\xc0\x0c\0\1\0\1")},
	{"a name without end", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\0") "\3www\4test")},
	{"a label over the end", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\0") "\x3fwww")},
	{"half a question", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\0") "\3www\4test\0\0\1\0")},
	{"bytes behind the question", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\0") QUESTION "\0")},
	{"an additional that isn't there", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1") QUESTION)},
	{"65535 additionals",
		BYTES("\x12\x34\1\0\0\1\0\0\0\0\xff\xff" QUESTION "\0\0\1\0\1\0\0\0\0\0\0")},
	{"data over the end",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1") QUESTION "\0\0\1\0\1\0\0\0\0\0\1")},
	{"a pointer to itself",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1") QUESTION "\xc0\x1a\0\1\0\1\0\0\0\0\0\0")},
	{"pointers to each other",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\2") QUESTION
			"\xc0\x26\0\1\0\1\0\0\0\0\0\0\xc0\x1a\0\1\0\1\0\0\0\0\0\0")},
	{"a pointer into the header",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1") QUESTION "\xc0\x02\0\1\0\1\0\0\0\0\0\0")},
	{"half a pointer", BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1") QUESTION "\xc0")},
	{"two OPT",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\2") QUESTION OPT(
			"\2\0", "\0", "\0\0") "\0\0" OPT("\2\0", "\0", "\0\0") "\0\0")},
	{"an OPT with a name",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1") QUESTION
			"\1a" OPT("\2\0", "\0", "\0\0") "\0\0")},
	{"an option over the end",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1")
				QUESTION OPT("\2\0", "\0", "\0\0") "\0\4\0\x0a\0\1")},
	{"half an option",
		BYTES(HEAD(QUERY, "\1", "\0", "\0", "\1")
				QUESTION OPT("\2\0", "\0", "\0\0") "\0\2\0\x0a")},
};

static void test_malformed(void **state)
{
	struct dns_query q;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		enum dns_rcode rcode = read(&q, malformed[i].msg, malformed[i].n);
		if (rcode != DNS_FORMERR)
			fail_msg("%s: %d", malformed[i].what, rcode);
		assert_false(q.edns); /* no OPT in a reply to what can't be read */
	}
}

static void test_other_opcodes(void **state)
{
	struct dns_query q;

	(void)state;
	for (uint8_t opcode = 1; opcode < 16; opcode++) {
		uint8_t msg[DNS_HEADER] = {0x12, 0x34, (uint8_t)(opcode << 3)};
		assert_int_equal(read(&q, msg, sizeof(msg)), DNS_NOTIMP);
		assert_false(q.question);
	}
}

/* names up to the limit, and one byte over it */
static void test_longest_names(void **state)
{
	uint8_t msg[512] = {0x12, 0x34, 1, 0, 0, 1};
	struct dns_query q;

	(void)state;
	for (unsigned last = 61; last <= 62; last++) {
		size_t n = DNS_HEADER;
		for (unsigned i = 0; i < 4; i++) {
			unsigned len = i < 3 ? 63 : last;
			msg[n] = (uint8_t)len;
			memset(msg + n + 1, 'x', len);
			n += len + 1;
		}
		memcpy(msg + n, "\0\0\1\0\1", 5);
		assert_int_equal(read(&q, msg, n + 5), last == 61 ? DNS_NOERROR : DNS_FORMERR);
	}
	size_t n = DNS_HEADER;
	for (unsigned i = 0; i < DNS_LABELS_MAX; i++) {
		msg[n++] = 1;
		msg[n++] = 'x';
	}
	memcpy(msg + n, "\0\0\1\0\1", 5);
	assert_int_equal(read(&q, msg, n + 5), DNS_NOERROR);
	assert_int_equal(q.labels, DNS_LABELS_MAX);
	assert_int_equal(q.name_len, DNS_NAME_MAX);
}

static void test_compressed_names(void **state)
{
	static const uint8_t msg[] = "............\3www\4test\0\1a\xc0\x10\xc0\x16";
	uint8_t out[DNS_NAME_MAX];
	size_t len;

	(void)state;
	assert_int_equal(dns_name_read(msg, sizeof(msg) - 1, 12, out, &len), 22);
	assert_int_equal(len, 10);
	assert_int_equal(dns_name_read(msg, sizeof(msg) - 1, 22, out, &len), 26);
	assert_int_equal(len, 8);
	assert_memory_equal(out, "\1a\4test\0", 8);
	assert_int_equal(dns_name_read(msg, sizeof(msg) - 1, 26, out, &len), 28);
	assert_memory_equal(out, "\1a\4test\0", 8);
	assert_int_equal(dns_name_read(msg, 27, 26, out, &len), 0);
}

/* a name that pointers make longer than any may be */
static void test_names_grown_by_pointers(void **state)
{
	uint8_t msg[600] = {0};
	uint8_t out[DNS_NAME_MAX];
	size_t len, at = DNS_HEADER, before = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		size_t start = at;
		msg[at] = 63;
		memset(msg + at + 1, 'x', 63);
		at += 64;
		if (i > 0) {
			msg[at++] = (uint8_t)(0xc0 | before >> 8);
			msg[at++] = (uint8_t)before;
		} else {
			msg[at++] = 0;
		}
		/* four labels of 63 and the root are 257 bytes */
		assert_int_equal(dns_name_read(msg, at, start, out, &len), i < 3 ? at : 0);
		before = start;
	}
}

static void test_writing(void **state)
{
	static const uint8_t expected[] = "\x12\x34\x85\0\0\0\0\1\0\0\0\1"
					  "\1a\0\0\1\0\1\0\0\0\5\0\4\1\2\3\4"
					  "\0\0\x29\x04\xd0\1\0\x80\0\0\0";
	uint8_t msg[64];
	struct dns_writer w;

	(void)state;
	dns_write_begin(&w, msg, sizeof(msg));
	dns_put(&w, "\1a", 3);
	uint32_t at = dns_begin_record(&w, DNS_ANSWER, DNS_A, DNS_IN, 5);
	dns_put32(&w, 0x01020304);
	dns_end_record(&w, at);
	dns_put_opt(&w, 1232, DNS_BADVERS, true);
	dns_write_header(&w, 0x1234, DNS_QR | DNS_AA | DNS_RD, DNS_BADVERS);
	assert_false(w.full);
	assert_int_equal(w.used, sizeof(expected) - 1);
	assert_memory_equal(msg, expected, w.used);
}

static void test_going_back(void **state)
{
	uint8_t msg[30];
	struct dns_writer w;

	(void)state;
	dns_write_begin(&w, msg, sizeof(msg));
	dns_put(&w, "\1a", 3);
	dns_saw(&w, 7, DNS_HEADER);
	struct dns_mark mark = dns_write_mark(&w);
	dns_put_pointer(&w, DNS_HEADER);
	dns_saw(&w, 8, 15);
	dns_begin_record(&w, DNS_ANSWER, DNS_A, DNS_IN, 5);
	dns_put32(&w, 1); /* one byte too many */
	assert_true(w.full);
	assert_int_equal(w.count[DNS_ANSWER], 1);
	dns_put8(&w, 1); /* and no byte more, though there is room for one */
	assert_int_equal(w.used, 27);
	dns_write_back(&w, &mark);
	assert_false(w.full);
	assert_int_equal(w.used, 15);
	assert_int_equal(w.count[DNS_ANSWER], 0);
	assert_int_equal(dns_seen(&w, 7), DNS_HEADER);
	assert_int_equal(dns_seen(&w, 8), 0);
}

static void test_what_pointers_can_reach(void **state)
{
	struct dns_writer w;
	uint8_t msg[64];

	(void)state;
	dns_write_begin(&w, msg, sizeof(msg));
	dns_saw(&w, 1, 0x3fff);
	dns_saw(&w, 2, 0x4000);
	assert_int_equal(dns_seen(&w, 1), 0x3fff);
	assert_int_equal(dns_seen(&w, 2), 0);
	for (uint32_t i = 0; i < 2 * DNS_SEEN_MAX; i++)
		dns_saw(&w, 100 + i, 20);
	assert_int_equal(w.seen, DNS_SEEN_MAX);
	dns_write_begin(&w, msg, DNS_HEADER - 1);
	assert_true(w.full);
}

static void test_text(void **state)
{
	char text[DNS_NAME_TEXT];
	uint8_t longest[DNS_NAME_MAX];
	size_t n = 0;

	(void)state;
	assert_string_equal(dns_name_text(text, (const uint8_t *)""), ".");
	assert_string_equal(dns_name_text(text, (const uint8_t *)"\3wWw\4test"), "wWw.test.");
	assert_string_equal(dns_name_text(text, (const uint8_t *)"\7a.b\\c \377\1@"),
		"a\\.b\\\\c\\032\\255.\\@.");
	for (unsigned i = 0; i < 4; i++) {
		uint8_t len = i < 3 ? 63 : 61;
		longest[n] = len;
		memset(longest + n + 1, 1, len);
		n += len + 1u;
	}
	longest[n] = 0;
	assert_int_equal(strlen(dns_name_text(text, longest)), 4 * 250 + 4);
}

/* Whatever the bytes: no crash, and what was read lies inside. */
static void test_random_bytes(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;
	uint8_t msg[128];
	struct dns_query q;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		for (size_t i = 0; i < sizeof(msg); i += 8) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			memcpy(msg + i, &seed, 8);
		}
		memcpy(msg + 2, "\1\0\0\1\0\0\0\0\0", 9);
		for (size_t i = 12; i < sizeof(msg); i++)
			msg[i] &= (round & 1) ? 7 : 0xcf;
		size_t n = 12 + seed % (sizeof(msg) - 12);
		if (read(&q, msg, n) == DNS_NOERROR) {
			assert_true(q.question);
			assert_true(DNS_HEADER + q.name_len + 4u <= n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_a_query),
		cmocka_unit_test(test_a_plain_query),
		cmocka_unit_test(test_edns),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_other_opcodes),
		cmocka_unit_test(test_longest_names),
		cmocka_unit_test(test_compressed_names),
		cmocka_unit_test(test_names_grown_by_pointers),
		cmocka_unit_test(test_writing),
		cmocka_unit_test(test_going_back),
		cmocka_unit_test(test_what_pointers_can_reach),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
