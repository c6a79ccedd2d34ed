/* wire/dns.c - read a DNS query */
#include "wire/dns.h"

#define RECORD_FIXED 10u /* type, class, ttl, length */
#define OPT_DO       0x8000u

/* where the counts of the sections stand */
static uint16_t count_of(const uint8_t *msg, enum dns_section section)
{
	return dns_get16(msg + 4 + 2 * section);
}

bool dns_is_query(const uint8_t *msg, size_t n)
{
	return n >= DNS_HEADER && !(dns_get16(msg + 2) & DNS_QR);
}

size_t dns_name_read(
	const uint8_t *msg, size_t n, size_t at, uint8_t out[static DNS_NAME_MAX], size_t *len)
{
	size_t end = 0;
	size_t start = at; /* of the run of labels that we are in */

	*len = 0;
	while (at < n) {
		uint8_t c = msg[at];

		if (c >= 0xc0) {
			if (n - at < 2)
				return 0;
			size_t to = dns_get16(msg + at) & 0x3fffu;
			if (to < DNS_HEADER || to >= start)
				return 0;
			if (!end)
				end = at + 2;
			at = start = to;
			continue;
		}
		if (c > DNS_LABEL_MAX || c >= n - at || *len + c + 1u > DNS_NAME_MAX)
			return 0;
		for (unsigned i = 0; i <= c; i++)
			out[(*len)++] = msg[at++];
		if (c == 0)
			return end ? end : at;
	}
	return 0;
}

/* The question's name has nothing before it to point to, so it is plain labels. */
static size_t read_question(struct dns_query *q, const uint8_t *msg, size_t n)
{
	size_t at = DNS_HEADER;

	q->labels = 0;
	while (at < n && msg[at] != 0) {
		if (msg[at] > DNS_LABEL_MAX || at - DNS_HEADER + msg[at] + 2u > DNS_NAME_MAX)
			return 0;
		q->label[q->labels++] = (uint8_t)(at - DNS_HEADER);
		at += msg[at] + 1u;
	}
	if (at >= n || n - at < 5)
		return 0;
	q->name_len = (uint8_t)(at + 1 - DNS_HEADER);
	q->type = dns_get16(msg + at + 1);
	q->class = dns_get16(msg + at + 3);
	q->question = true;
	return at + 5;
}

static bool options_whole(const uint8_t *p, size_t n)
{
	while (n >= 4) {
		size_t size = 4u + dns_get16(p + 2);

		if (size > n)
			return false;
		p += size;
		n -= size;
	}
	return n == 0;
}

static bool read_opt(struct dns_query *q, const uint8_t *fixed, bool root)
{
	if (q->edns || !root)
		return false;
	q->edns = true;
	q->edns_size = dns_get16(fixed + 2);
	q->edns_version = fixed[5];
	q->dnssec_ok = (dns_get16(fixed + 6) & OPT_DO) != 0;
	/* what the options of a later version look like is not ours to judge */
	return q->edns_version != 0 || options_whole(fixed + RECORD_FIXED, dns_get16(fixed + 8));
}

static size_t read_record(
	struct dns_query *q, const uint8_t *msg, size_t n, size_t at, bool additional)
{
	uint8_t name[DNS_NAME_MAX];
	size_t len, fixed = dns_name_read(msg, n, at, name, &len);

	if (!fixed || n - fixed < RECORD_FIXED)
		return 0;
	at = fixed + RECORD_FIXED;
	if (dns_get16(msg + fixed + 8) > n - at)
		return 0;
	if (dns_get16(msg + fixed) == DNS_OPT &&
		!(additional && read_opt(q, msg + fixed, len == 1)))
		return 0;
	return at + dns_get16(msg + fixed + 8);
}

enum dns_rcode dns_query_read(struct dns_query *q, const uint8_t *msg, size_t n)
{
	q->id = dns_get16(msg);
	q->flags = dns_get16(msg + 2);
	q->question = q->edns = q->dnssec_ok = false;
	q->edns_version = 0;
	if (q->flags & DNS_OPCODE)
		return DNS_NOTIMP;
	if (count_of(msg, DNS_QUESTION) != 1)
		return DNS_FORMERR;

	size_t at = read_question(q, msg, n);
	uint32_t authority = count_of(msg, DNS_AUTHORITY);
	uint32_t records = authority + count_of(msg, DNS_ADDITIONAL);

	/* only an IXFR has something in its authority section */
	if (!at || count_of(msg, DNS_ANSWER) != 0 || (authority && q->type != DNS_IXFR))
		return DNS_FORMERR;
	for (uint32_t i = 0; i < records; i++) {
		at = read_record(q, msg, n, at, i >= authority);
		if (!at) {
			q->edns = false;
			return DNS_FORMERR;
		}
	}
	if (at != n)
		return DNS_FORMERR;
	return q->edns_version != 0 ? DNS_BADVERS : DNS_NOERROR;
}
