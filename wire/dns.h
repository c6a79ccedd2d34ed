/*
 * wire/dns.h - the DNS message (RFC 1035, 6891): read a query, write a reply.
 *
 * Pure and freestanding: no I/O, no allocation, no state outside the structs
 * that the caller owns. Any bytes are safe to read; what is wrong with them
 * comes back as the response code that its sender should get. Names are in wire
 * form: labels with their lengths, the root's zero byte included.
 */
#ifndef WIRE_DNS_H
#define WIRE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER     12u  /* RFC 1035 4.1.1 */
#define DNS_LABEL_MAX  63u  /* RFC 1035 2.3.4: two bits of the length are taken */
#define DNS_NAME_MAX   255u /* RFC 1035 2.3.4, with lengths and the root */
#define DNS_LABELS_MAX 127u /* (255 - 1) / 2 */
#define DNS_UDP_MIN    512u /* RFC 1035 2.3.4; RFC 6891 6.2.3: less means this */
#define DNS_TCP_MAX    65535u
#define DNS_TTL_MAX    0x7fffffffu /* RFC 2181 8 */
#define DNS_OPT_BYTES  11u         /* an OPT record without options */
#define DNS_NAME_TEXT  1024u /* a name as text at its longest: 4 characters a byte, and '\0' */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_DNAME = 39,
	DNS_OPT = 41,
	DNS_DS = 43,
	DNS_RRSIG = 46,
	DNS_NSEC = 47,
	DNS_TKEY = 249,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
	DNS_CAA = 257,
};

enum dns_class { DNS_IN = 1, DNS_CLASS_ANY = 255 };

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* its upper bits travel in the OPT record */
};

enum dns_flag {
	DNS_QR = 0x8000,
	DNS_OPCODE = 0x7800,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
};

enum dns_section { DNS_QUESTION, DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

/* ------------------------------------------------------------------- read */

struct dns_query {
	uint16_t id, flags;
	bool question; /* the question was read: the members up to label[] mean something */
	uint16_t type, class;
	uint8_t name_len; /* the name stands at DNS_HEADER, in whole */
	uint8_t labels;   /* without the root */
	bool edns;        /* an OPT record was there */
	bool dnssec_ok;
	uint8_t edns_version;
	uint16_t edns_size;            /* as sent */
	uint8_t label[DNS_LABELS_MAX]; /* where each label starts, counted from DNS_HEADER */
};

/* Is this something to answer at all? False for less than a header and for replies. */
bool dns_is_query(const uint8_t *msg, size_t n);

/* Reads a message for which dns_is_query holds. DNS_NOERROR: exactly one question, whole
 * and alone but for additional records. Otherwise the code to reply with. */
enum dns_rcode dns_query_read(struct dns_query *query, const uint8_t *msg, size_t n);

/* Reads a name that may be compressed, at msg[at]: writes it to `out`, its length to *len.
 * Returns where it ends in the message, or 0 if it is malformed. A pointer must lead to
 * before the name that it is in, so every chain of them ends. */
size_t dns_name_read(
	const uint8_t *msg, size_t n, size_t at, uint8_t out[static DNS_NAME_MAX], size_t *len);

/* The name as text, with a final dot, escaped as in a zone file; returns `text`. */
const char *dns_name_text(char text[static DNS_NAME_TEXT], const uint8_t *name);

static inline uint16_t dns_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t dns_get32(const uint8_t *p)
{
	return (uint32_t)dns_get16(p) << 16 | dns_get16(p + 2);
}

/* ------------------------------------------------------------------ write
 *
 * A writer fills the caller's buffer. What doesn't fit is left out and sets
 * `full`; the caller goes back to a mark, so that no half record stays.
 *
 * Compression is by identity: the caller gives each name that it may write a
 * number other than 0, and tells where the name has been written.
 */
#define DNS_SEEN_MAX 64u /* names remembered in one message; later ones are written in full */

struct dns_writer {
	uint8_t *msg; /* the caller's */
	uint32_t used, size;
	bool full;
	uint16_t count[DNS_SECTIONS];
	uint32_t seen; /* used of the arrays below */
	uint32_t seen_id[DNS_SEEN_MAX];
	uint16_t seen_at[DNS_SEEN_MAX];
};

struct dns_mark {
	uint32_t used, seen;
	uint16_t count[DNS_SECTIONS];
};

/* Starts behind the header, which dns_write_header fills in at the end. */
void dns_write_begin(struct dns_writer *w, uint8_t *msg, size_t size);
struct dns_mark dns_write_mark(const struct dns_writer *w);
void dns_write_back(struct dns_writer *w, const struct dns_mark *mark); /* clears `full` */

void dns_put8(struct dns_writer *w, uint8_t v);
void dns_put16(struct dns_writer *w, uint16_t v);
void dns_put32(struct dns_writer *w, uint32_t v);
void dns_put(struct dns_writer *w, const void *bytes, size_t n);
void dns_put_pointer(struct dns_writer *w, uint16_t to);

/* Where the name `id` stands, or 0. */
uint16_t dns_seen(const struct dns_writer *w, uint32_t id);
/* The name `id` stands at `at`; ignored where no pointer could lead. */
void dns_saw(struct dns_writer *w, uint32_t id, size_t at);

/* What follows a record's name. Returns where the data's length stands, for dns_end_record. */
uint32_t dns_begin_record(struct dns_writer *w, enum dns_section section, uint16_t type,
	uint16_t class, uint32_t ttl);
void dns_end_record(struct dns_writer *w, uint32_t length_at);

/* An OPT record without options, with the upper bits of rcode (RFC 6891 6.1.2). */
void dns_put_opt(struct dns_writer *w, uint16_t udp_size, enum dns_rcode rcode, bool dnssec_ok);

/* The header, with the writer's counts. The whole message has w->used bytes. */
void dns_write_header(struct dns_writer *w, uint16_t id, uint16_t flags, enum dns_rcode rcode);

#endif
