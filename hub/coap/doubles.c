/* hub/coap/doubles.c - see doubles.h: a hash table, its entries also in a list by age. */
#include "hub/coap/doubles.h"

#include <errno.h>
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"
#include "sys/random.h"

#define BUCKETS 8192u

enum state { RUNNING, SEPARATE, ANSWERED };

/* The options that answers of the hub have, as they are sent. */
struct answer {
	uint32_t given, max_age;
	struct message_block block1, block2;
	uint16_t format;
	uint8_t code, etag_n;
	uint8_t etag[MESSAGE_ETAG];
	uint32_t n, size1; /* n: of the payload, which lies behind it */
};

struct doubles_entry {
	struct doubles_entry *next; /* in its bucket */
	struct doubles_entry *newer, *older;
	uint64_t place; /* hash of endpoint and id */
	uint64_t print; /* of all that it says */
	uint64_t at_ns;
	struct answer *answer;
	uint8_t state;
	bool confirmable;
};

struct doubles {
	struct doubles_entry **bucket;
	struct doubles_entry *oldest, *newest;
	size_t most;
	uint8_t seed[crypto_shorthash_KEYBYTES];
	struct doubles_counts counts;
};

int doubles_open(struct doubles **doubles, size_t most_bytes)
{
	struct doubles *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->bucket = calloc(BUCKETS, sizeof(struct doubles_entry *));
	if (!d->bucket) {
		free(d);
		return -ENOMEM;
	}
	d->most = most_bytes;
	random_bytes(d->seed, sizeof(d->seed));
	*doubles = d;
	return 0;
}

/* ---------------------------------------------------------------------- hashes */

static uint64_t hash(const struct doubles *d, const void *bytes, size_t n)
{
	uint64_t out;

	_Static_assert(sizeof(out) == crypto_shorthash_BYTES, "SipHash");
	crypto_shorthash((uint8_t *)&out, bytes, n, d->seed);
	return out;
}

static uint64_t place_of(const struct doubles *d, const struct doubles_key *key)
{
	struct {
		uint8_t host[16];
		uint32_t session;
		uint16_t port, id, family;
	} plain;

	memset(&plain, 0, sizeof(plain)); /* the holes too */
	plain.session = key->session;
	plain.port = net_port(&key->from);
	plain.id = key->id;
	plain.family = key->from.any.sa_family;
	if (plain.family == AF_INET6)
		memcpy(plain.host, &key->from.v6.sin6_addr, 16);
	else
		memcpy(plain.host, &key->from.v4.sin_addr, 4);
	return hash(d, &plain, sizeof(plain));
}

static uint64_t mix(const struct doubles *d, uint64_t so_far, struct mf_str text)
{
	uint64_t both[2] = {so_far, text.n};

	both[0] ^= text.n > 0 ? hash(d, text.p, text.n) : 0;
	return hash(d, both, sizeof(both));
}

static uint64_t print_of(const struct doubles *d, const struct coap_message *m)
{
	uint32_t plain[10] = {m->type, m->code, m->given & ~(unsigned)HAS_NO_RESPONSE, m->format,
		m->accept, m->observe, m->block1.num << 4 | m->block1.szx, m->block1.more,
		m->block2.num << 4 | m->block2.szx, m->size1};
	uint64_t print = hash(d, plain, sizeof(plain));

	print = mix(d, print, mf_str_of(m->token, m->token_n));
	print = mix(d, print, m->host);
	print = mix(d, print, m->path);
	print = mix(d, print, m->query);
	return mix(d, print, m->payload);
}

/* --------------------------------------------------------------------- entries */

/* What malloc takes for each piece. */
#define APART 16u

static size_t size_of(const struct doubles_entry *e)
{
	return APART + sizeof(*e) + (e->answer ? APART + sizeof(*e->answer) + e->answer->n : 0);
}

static void add(struct doubles *d, struct doubles_entry *e)
{
	struct doubles_entry **bucket = &d->bucket[e->place % BUCKETS];

	e->next = *bucket;
	*bucket = e;
	e->older = d->newest;
	if (d->newest)
		d->newest->newer = e;
	else
		d->oldest = e;
	d->newest = e;
	d->counts.count++;
	d->counts.bytes += size_of(e);
}

static void forget(struct doubles *d, struct doubles_entry *e)
{
	struct doubles_entry **at = &d->bucket[e->place % BUCKETS];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (e->newer)
		e->newer->older = e->older;
	else
		d->newest = e->older;
	if (e->older)
		e->older->newer = e->newer;
	else
		d->oldest = e->newer;
	d->counts.count--;
	d->counts.bytes -= size_of(e);
	free(e->answer);
	free(e);
}

static uint64_t life_of(const struct doubles_entry *e)
{
	return (e->confirmable ? DOUBLES_CON_S : DOUBLES_NON_S) * CLOCK_S;
}

static struct doubles_entry *look_up(const struct doubles *d, uint64_t place)
{
	struct doubles_entry *e = d->bucket[place % BUCKETS];

	while (e && e->place != place)
		e = e->next;
	return e;
}

/* One that is still at work may be in the way; there are few. */
static void make_room(struct doubles *d)
{
	struct doubles_entry *newer;

	for (struct doubles_entry *e = d->oldest; e && d->counts.bytes > d->most; e = newer) {
		newer = e->newer;
		if (e->state == RUNNING)
			continue;
		forget(d, e);
		d->counts.forgotten++;
	}
}

uint64_t doubles_expire(struct doubles *doubles, uint64_t now_ns)
{
	struct doubles_entry *e = doubles->oldest;

	while (e && e->state != RUNNING && e->at_ns + life_of(e) <= now_ns) {
		forget(doubles, e);
		e = doubles->oldest;
	}
	if (!e)
		return 0;
	/* a life has its own, shorter limit: look again then */
	return e->at_ns + life_of(e) > now_ns ? e->at_ns + life_of(e) : now_ns + CLOCK_S;
}

/* ---------------------------------------------------------------------- public */

void doubles_close(struct doubles *doubles)
{
	if (!doubles)
		return;
	while (doubles->oldest)
		forget(doubles, doubles->oldest);
	free(doubles->bucket);
	free(doubles);
}

static enum doubles_found found(struct doubles *d, const struct doubles_entry *e)
{
	d->counts.found++;
	switch (e->state) {
	case RUNNING: return DOUBLES_RUNNING;
	case SEPARATE: return DOUBLES_SEPARATE;
	default: return DOUBLES_ANSWERED;
	}
}

/* What has an entry's place and isn't it. One at work must stay for its answer: it goes without a place. */
static void displace(struct doubles *d, struct doubles_entry *e)
{
	struct doubles_entry **at = &d->bucket[e->place % BUCKETS];

	if (e->state != RUNNING) {
		forget(d, e);
		return;
	}
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	e->place = ~e->place;
	at = &d->bucket[e->place % BUCKETS];
	e->next = *at;
	*at = e;
}

enum doubles_found doubles_find(struct doubles *doubles, const struct doubles_key *key,
	const struct coap_message *request, uint64_t now_ns, struct doubles_entry **entry)
{
	uint64_t place = place_of(doubles, key), print = print_of(doubles, request);
	struct doubles_entry *e = look_up(doubles, place);

	if (e && e->print == print && (e->state == RUNNING || e->at_ns + life_of(e) > now_ns)) {
		*entry = e;
		return found(doubles, e);
	}
	if (e)
		displace(doubles, e);
	(void)doubles_expire(doubles, now_ns);
	e = calloc(1, sizeof(*e));
	*entry = e;
	if (!e)
		return DOUBLES_NEW;
	e->place = place;
	e->print = print;
	e->at_ns = now_ns;
	e->confirmable = request->type == MESSAGE_CON;
	add(doubles, e);
	make_room(doubles);
	return DOUBLES_NEW;
}

static struct answer *copy(const struct coap_message *m)
{
	struct answer *a = malloc(sizeof(*a) + m->payload.n);

	if (!a)
		return NULL;
	*a = (struct answer){.given = m->given,
		.max_age = m->max_age,
		.block1 = m->block1,
		.block2 = m->block2,
		.format = (uint16_t)m->format,
		.code = m->code,
		.etag_n = m->etag_n,
		.n = (uint32_t)m->payload.n,
		.size1 = m->size1};
	memcpy(a->etag, m->etag, sizeof(a->etag));
	if (m->payload.n > 0)
		memcpy(a + 1, m->payload.p, m->payload.n);
	return a;
}

void doubles_keep(struct doubles *doubles, struct doubles_entry *entry,
	const struct coap_message *answer, bool separate)
{
	entry->state = separate ? SEPARATE : ANSWERED;
	if (answer && !separate) {
		doubles->counts.bytes -= size_of(entry);
		entry->answer = copy(answer);
		doubles->counts.bytes += size_of(entry);
	}
	make_room(doubles);
}

void doubles_drop(struct doubles *doubles, struct doubles_entry *entry)
{
	forget(doubles, entry);
}

void doubles_answer(const struct doubles_entry *entry, struct coap_message *answer)
{
	const struct answer *a = entry->answer;

	*answer = (struct coap_message){0};
	if (!a)
		return;
	*answer = (struct coap_message){.code = a->code,
		.given = a->given,
		.max_age = a->max_age,
		.block1 = a->block1,
		.block2 = a->block2,
		.format = a->format,
		.etag_n = a->etag_n,
		.size1 = a->size1,
		.payload = mf_str_of((const uint8_t *)(a + 1), a->n)};
	memcpy(answer->etag, a->etag, sizeof(a->etag));
}

void doubles_look(const struct doubles *doubles, struct doubles_counts *counts)
{
	*counts = doubles->counts;
}
