/* wire/dns_write.c - write a DNS message */
#include "wire/dns.h"

#define POINTER     0xc000u
#define POINTER_MAX 0x3fffu

void dns_write_begin(struct dns_writer *w, uint8_t *msg, size_t size)
{
	w->msg = msg;
	w->size = (uint32_t)(size < DNS_TCP_MAX ? size : DNS_TCP_MAX);
	w->used = DNS_HEADER;
	w->full = size < DNS_HEADER;
	w->seen = 0;
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		w->count[i] = 0;
}

struct dns_mark dns_write_mark(const struct dns_writer *w)
{
	struct dns_mark mark = {.used = w->used, .seen = w->seen};

	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		mark.count[i] = w->count[i];
	return mark;
}

void dns_write_back(struct dns_writer *w, const struct dns_mark *mark)
{
	w->used = mark->used;
	w->seen = mark->seen;
	w->full = false;
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		w->count[i] = mark->count[i];
}

static uint8_t *room(struct dns_writer *w, size_t n)
{
	if (w->full || n > w->size - w->used) {
		w->full = true;
		return NULL;
	}
	w->used += (uint32_t)n;
	return w->msg + w->used - n;
}

static void set16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void set32(uint8_t *p, uint32_t v)
{
	set16(p, (uint16_t)(v >> 16));
	set16(p + 2, (uint16_t)v);
}

void dns_put8(struct dns_writer *w, uint8_t v)
{
	uint8_t *p = room(w, 1);

	if (p)
		*p = v;
}

void dns_put16(struct dns_writer *w, uint16_t v)
{
	uint8_t *p = room(w, 2);

	if (p)
		set16(p, v);
}

void dns_put32(struct dns_writer *w, uint32_t v)
{
	uint8_t *p = room(w, 4);

	if (p)
		set32(p, v);
}

void dns_put(struct dns_writer *w, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	uint8_t *p = room(w, n);

	if (!p)
		return;
	for (size_t i = 0; i < n; i++)
		p[i] = from[i];
}

void dns_put_pointer(struct dns_writer *w, uint16_t to)
{
	dns_put16(w, (uint16_t)(POINTER | to));
}

uint16_t dns_seen(const struct dns_writer *w, uint32_t id)
{
	for (uint32_t i = 0; i < w->seen; i++)
		if (w->seen_id[i] == id)
			return w->seen_at[i];
	return 0;
}

void dns_saw(struct dns_writer *w, uint32_t id, size_t at)
{
	if (w->seen == DNS_SEEN_MAX || at > POINTER_MAX)
		return;
	w->seen_id[w->seen] = id;
	w->seen_at[w->seen++] = (uint16_t)at;
}

uint32_t dns_begin_record(
	struct dns_writer *w, enum dns_section section, uint16_t type, uint16_t class, uint32_t ttl)
{
	uint8_t *p = room(w, 10);

	if (!p)
		return 0;
	set16(p, type);
	set16(p + 2, class);
	set32(p + 4, ttl);
	w->count[section]++;
	return w->used - 2;
}

void dns_end_record(struct dns_writer *w, uint32_t length_at)
{
	if (!w->full)
		set16(w->msg + length_at, (uint16_t)(w->used - length_at - 2));
}

void dns_put_opt(struct dns_writer *w, uint16_t udp_size, enum dns_rcode rcode, bool dnssec_ok)
{
	uint32_t ttl = (uint32_t)rcode >> 4 << 24 | (dnssec_ok ? 0x8000u : 0);

	dns_put8(w, 0);
	dns_end_record(w, dns_begin_record(w, DNS_ADDITIONAL, DNS_OPT, udp_size, ttl));
}

void dns_write_header(struct dns_writer *w, uint16_t id, uint16_t flags, enum dns_rcode rcode)
{
	set16(w->msg, id);
	set16(w->msg + 2, (uint16_t)(flags | (rcode & 15)));
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		set16(w->msg + 4 + 2 * i, w->count[i]);
}
