/* message.c - a reply read again */
#include "tests/unit/services/dns/message.h"

#include <string.h>

/* Names in the data, where there are any, must end where the data does. */
static const char *check_data(const struct message *m, const struct message_record *r)
{
	static const struct {
		uint16_t type;
		uint8_t before, names, after;
	} layout[] = {
		{DNS_NS, 0, 1, 0},
		{DNS_CNAME, 0, 1, 0},
		{DNS_PTR, 0, 1, 0},
		{DNS_MX, 2, 1, 0},
		{DNS_SOA, 0, 2, 20},
		{DNS_SRV, 6, 1, 0},
		{DNS_A, 4, 0, 0},
		{DNS_AAAA, 16, 0, 0},
	};
	uint8_t name[DNS_NAME_MAX];
	size_t len;

	for (size_t i = 0; i < sizeof(layout) / sizeof(layout[0]); i++) {
		if (layout[i].type != r->type)
			continue;
		size_t at = r->data + layout[i].before;
		for (unsigned k = 0; k < layout[i].names; k++) {
			at = dns_name_read(m->bytes, m->n, at, name, &len);
			if (!at)
				return "a malformed name in data";
		}
		if (at + layout[i].after != r->data + r->len)
			return "data of another length than its type's";
	}
	return NULL;
}

static const char *read_record(struct message *m, enum dns_section section, size_t *at)
{
	struct message_record r = {.section = section};
	size_t len;

	size_t p = dns_name_read(m->bytes, m->n, *at, r.name, &len);
	if (!p || m->n - p < 10)
		return "a malformed record";
	r.type = dns_get16(m->bytes + p);
	r.class = dns_get16(m->bytes + p + 2);
	r.ttl = dns_get32(m->bytes + p + 4);
	r.len = dns_get16(m->bytes + p + 8);
	r.data = p + 10;
	if (r.len > m->n - r.data)
		return "data over the end";
	*at = r.data + r.len;
	if (r.type == DNS_OPT) {
		if (m->opt || section != DNS_ADDITIONAL || r.len != 0)
			return "a bad OPT";
		m->opt = true;
		m->rcode |= r.ttl >> 24 << 4;
		return NULL;
	}
	if (m->records < MESSAGE_RECORDS)
		m->record[m->records++] = r;
	return r.class == DNS_IN ? check_data(m, &r) : "a class other than IN";
}

const char *message_read(struct message *m, const uint8_t *bytes, size_t n)
{
	uint8_t name[DNS_NAME_MAX];
	size_t len, at = DNS_HEADER;

	if (n < DNS_HEADER)
		return "less than a header";
	m->bytes = bytes;
	m->n = n;
	m->opt = false;
	m->records = 0;
	m->id = dns_get16(bytes);
	m->flags = dns_get16(bytes + 2);
	m->rcode = m->flags & 15;
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		m->count[i] = dns_get16(bytes + 4 + 2 * i);
	for (unsigned i = 0; i < m->count[DNS_QUESTION]; i++) {
		at = dns_name_read(bytes, n, at, name, &len);
		if (!at || n - at < 4)
			return "a malformed question";
		at += 4;
	}
	for (unsigned s = DNS_ANSWER; s < DNS_SECTIONS; s++) {
		for (unsigned i = 0; i < m->count[s]; i++) {
			const char *wrong = read_record(m, s, &at);
			if (wrong)
				return wrong;
		}
	}
	return at == n ? NULL : "bytes behind the message";
}

const char *message_check(
	struct message *m, const uint8_t *query, size_t query_len, const uint8_t *reply, size_t n)
{
	const char *wrong = message_read(m, reply, n);

	if (wrong)
		return wrong;
	if (query_len < DNS_HEADER || memcmp(query, reply, 2) != 0)
		return "another id";
	uint16_t asked = dns_get16(query + 2);
	if ((m->flags & (DNS_QR | DNS_OPCODE | DNS_RD)) !=
		(DNS_QR | (asked & (DNS_OPCODE | DNS_RD))))
		return "flags that don't belong to the query's";
	if (m->flags & 0x00f0)
		return "RA, Z, AD or CD";
	if (m->count[DNS_QUESTION] > 1)
		return "several questions";
	if (m->count[DNS_QUESTION] == 1) {
		size_t len, end = dns_name_read(reply, n, DNS_HEADER, m->record[0].name, &len);
		(void)len;
		if (end + 4 > query_len ||
			memcmp(query + DNS_HEADER, reply + DNS_HEADER, end + 4 - DNS_HEADER) != 0)
			return "another question";
		return message_read(m, reply, n);
	}
	return m->records == 0 ? NULL : "records without a question";
}

unsigned message_count(const struct message *m, enum dns_section section, uint16_t type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->records; i++)
		n += m->record[i].section == section && m->record[i].type == type;
	return n;
}
