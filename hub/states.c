/*
 * hub/states.c - a hash table of values by service and key. One that was put stands above the one that it
 * takes the place of, until its transaction is done; those that aren't pending are dropped when there are
 * too many, the one that was used least lately first.
 */
#include "hub/states.h"

#include <errno.h>
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest.h"
#include "sys/random.h"

#define TABLE_LEAST 64u

struct entry {
	struct entry *chain;        /* the next in this part of the table */
	struct entry *under, *over; /* of the same key: what it was before, and what it is now */
	struct entry *prev,
		*next; /* among the pending as they were put, or the others as they were used */
	struct store_tx *tx;    /* that writes it; NULL: it is as in the database */
	uint64_t hash, version; /* 0: there is none */
	uint32_t service, key_n;
	size_t value_n;
	uint8_t bytes[]; /* key, value */
};

struct list {
	struct entry *first, *last;
};

struct states {
	struct store *store;
	struct entry **table; /* NULL: nothing was ever asked for */
	size_t size, count;
	struct list pending, clean; /* clean: used least lately first */
	size_t bytes, clean_bytes;
	uint64_t forgotten; /* how often */
	uint8_t seed[crypto_shorthash_KEYBYTES];
};

struct states_seen {
	unsigned count;
	bool pending; /* one of them was, then */
	uint64_t forgotten;
	uint32_t used;
	struct {
		uint64_t version;
		uint32_t at, n; /* of the key, among the bytes behind */
	} one[];
};

int states_open(struct states **out, struct store *store)
{
	struct states *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->store = store;
	random_bytes(s->seed, sizeof(s->seed));
	*out = s;
	return 0;
}

/* ------------------------------------------------------------------ entries */

static size_t cost(const struct entry *e)
{
	return sizeof(*e) + e->key_n + e->value_n;
}

static struct list *list_of(struct states *s, const struct entry *e)
{
	return e->tx ? &s->pending : &s->clean;
}

static void append(struct states *s, struct entry *e)
{
	struct list *l = list_of(s, e);

	e->next = NULL;
	e->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = e;
	l->last = e;
	s->clean_bytes += e->tx ? 0 : cost(e);
}

static void take_out(struct states *s, struct entry *e)
{
	struct list *l = list_of(s, e);

	*(e->prev ? &e->prev->next : &l->first) = e->next;
	*(e->next ? &e->next->prev : &l->last) = e->prev;
	s->clean_bytes -= e->tx ? 0 : cost(e);
}

static void let_go(struct states *s, struct entry *e)
{
	s->bytes -= cost(e);
	free(e);
}

static uint64_t hash_of(const struct states *s, uint32_t service, struct mf_str key)
{
	uint8_t seed[sizeof(s->seed)];
	uint64_t hash;

	memcpy(seed, s->seed, sizeof(seed));
	for (unsigned i = 0; i < sizeof(service); i++)
		seed[i] ^= (uint8_t)(service >> 8 * i);
	crypto_shorthash((uint8_t *)&hash, key.p, key.n, seed);
	return hash;
}

static struct entry *make(struct states *s, uint64_t hash, uint32_t service, struct mf_str key,
	struct mf_str value, uint64_t version)
{
	struct entry *e = malloc(sizeof(*e) + key.n + value.n);

	if (!e)
		return NULL;
	*e = (struct entry){.hash = hash,
		.version = version,
		.service = service,
		.key_n = (uint32_t)key.n,
		.value_n = value.n};
	if (key.n > 0)
		memcpy(e->bytes, key.p, key.n);
	if (value.p && value.n > 0)
		memcpy(e->bytes + key.n, value.p, value.n);
	s->bytes += cost(e);
	return e;
}

/* -------------------------------------------------------------------- table */

static struct entry **find(
	const struct states *s, uint64_t hash, uint32_t service, struct mf_str key)
{
	struct entry **at = &s->table[hash & (s->size - 1)];

	while (*at &&
		!((*at)->hash == hash && (*at)->service == service &&
			mf_str_eq(mf_str_of((*at)->bytes, (*at)->key_n), key)))
		at = &(*at)->chain;
	return at;
}

/* Where its newest is linked. */
static struct entry **place_of(const struct states *s, const struct entry *e)
{
	return find(s, e->hash, e->service, mf_str_of(e->bytes, e->key_n));
}

/* Twice as large where it is full. False: there is none, and no memory for one. */
static bool have_table(struct states *s)
{
	size_t size = s->size ? 2 * s->size : TABLE_LEAST;
	struct entry **table, *next;

	if (s->count < s->size)
		return true;
	table = calloc(size, sizeof(*table));
	if (!table)
		return s->table != NULL;
	for (size_t i = 0; s->table && i < s->size; i++) {
		for (struct entry *e = s->table[i]; e; e = next) {
			next = e->chain;
			e->chain = table[e->hash & (size - 1)];
			table[e->hash & (size - 1)] = e;
		}
	}
	free(s->table);
	s->table = table;
	s->size = size;
	return true;
}

/* What isn't pending is only a copy. */
static void make_room(struct states *s)
{
	struct entry *e, *next;

	for (e = s->clean.first; e && s->clean_bytes > STATES_CACHE; e = next) {
		next = e->next;
		if (e->over) /* is needed if that is undone */
			continue;
		*place_of(s, e) = e->chain;
		s->count--;
		take_out(s, e);
		let_go(s, e);
	}
}

/* ---------------------------------------------------------------------- get */

static void show(const struct entry *e, struct store_value *value)
{
	bool there = e->version != 0;

	*value = (struct store_value){
		.key = mf_str_of(e->bytes, e->key_n),
		.value = there ? mf_str_of(e->bytes + e->key_n, e->value_n) : mf_str_of(NULL, 0),
		.version = e->version,
	};
}

static int fetch(
	struct states *s, uint64_t hash, uint32_t service, struct mf_str key, struct entry **out)
{
	struct store_value value = {0};
	struct entry *e, **at;
	int rc = store_state(s->store, service, key, &value);

	if (rc < 0)
		return rc;
	if (!have_table(s))
		return -ENOMEM;
	e = make(s, hash, service, key, value.version ? value.value : mf_str_of(NULL, 0),
		value.version);
	if (!e)
		return -ENOMEM;
	at = find(s, hash, service, key);
	*at = e;
	s->count++;
	append(s, e);
	*out = e;
	return 0;
}

static int get(struct states *s, uint32_t service, struct mf_str key, struct entry **out)
{
	uint64_t hash = hash_of(s, service, key);
	struct entry *e;

	make_room(s);
	e = s->table ? *find(s, hash, service, key) : NULL;
	*out = e;
	if (!e)
		return fetch(s, hash, service, key, out);
	if (!e->tx) {
		take_out(s, e);
		append(s, e);
	}
	return 0;
}

int states_get(
	struct states *states, uint32_t service, struct mf_str key, struct store_value *value)
{
	struct entry *e = NULL;
	int rc = get(states, service, key, &e);

	if (rc == 0)
		show(e, value);
	return rc;
}

/* ---------------------------------------------------------------------- put */

uint64_t states_put(struct states *states, struct store_tx *tx, uint32_t service, struct mf_str key,
	struct mf_str value)
{
	uint64_t version = store_version(states->store), hash = hash_of(states, service, key);
	struct entry *e, **at;

	if (!have_table(states))
		return 0;
	e = make(states, hash, service, key, value, value.p ? version : 0);
	if (!e)
		return 0;
	if (value.p)
		store_put(tx, service, key, value, version);
	else
		store_delete(tx, service, key);
	at = find(states, hash, service, key);
	e->under = *at;
	if (e->under) {
		e->chain = e->under->chain;
		e->under->over = e;
	} else {
		states->count++;
	}
	*at = e;
	e->tx = tx;
	append(states, e);
	return version;
}

/* It is in the database: what it was before is of no use any more. */
static void settle(struct states *s, struct entry *e)
{
	struct entry *under = e->under;

	take_out(s, e);
	if (under) { /* which isn't pending, for its transaction came before */
		take_out(s, under);
		let_go(s, under);
		e->under = NULL;
	}
	e->tx = NULL;
	append(s, e);
}

void states_committed(struct states *states, struct store_tx *tx)
{
	while (states->pending.first && states->pending.first->tx == tx)
		settle(states, states->pending.first);
	make_room(states);
}

/* What was below is there again. */
static void undo(struct states *s, struct entry *e)
{
	struct entry **at = place_of(s, e);

	take_out(s, e);
	if (e->under) {
		e->under->chain = e->chain;
		e->under->over = NULL;
		*at = e->under;
	} else {
		*at = e->chain;
		s->count--;
	}
	let_go(s, e);
}

void states_undo(struct states *states, struct store_tx *tx)
{
	struct entry *before;

	for (struct entry *e = states->pending.last; e && e->tx == tx; e = before) {
		before = e->prev;
		undo(states, e);
	}
}

static void drop_all(struct states *s, struct list *list)
{
	struct entry *next;

	for (struct entry *e = list->first; e; e = next) {
		next = e->next;
		let_go(s, e);
	}
	*list = (struct list){0};
}

void states_forget(struct states *states)
{
	states->forgotten++;
	drop_all(states, &states->pending);
	drop_all(states, &states->clean);
	states->clean_bytes = 0;
	states->count = 0;
	if (states->table)
		memset(states->table, 0, states->size * sizeof(*states->table));
}

size_t states_bytes(const struct states *states)
{
	return states->bytes + states->size * sizeof(*states->table);
}

void states_close(struct states *states)
{
	if (!states)
		return;
	states_forget(states);
	free(states->table);
	free(states);
}

/* -------------------------------------------------------------------- reads */

/* The n-th part between slashes, from 1; a slash in front is none. n 0: no part. */
static struct mf_str part_of(struct mf_str subject, unsigned n)
{
	size_t at = subject.n > 0 && subject.p[0] == '/', end;

	for (;; at = end + 1) {
		end = at;
		while (end < subject.n && subject.p[end] != '/')
			end++;
		if (--n == 0)
			return mf_str_of(subject.p + at, end - at);
		if (end == subject.n)
			return mf_str_of(NULL, 0);
	}
}

/* The key that a pattern comes to; how long it is, 0: there is none. */
static size_t expand(const char *pattern, struct mf_str subject, char to[static STATES_KEY_MAX])
{
	size_t n = 0;

	while (*pattern) {
		bool is_part = pattern[0] == '{' && pattern[1] >= '1' && pattern[1] <= '9' &&
			pattern[2] == '}';
		struct mf_str piece = is_part ? part_of(subject, (unsigned)(pattern[1] - '0'))
					      : mf_str_of(pattern, 1);

		if (piece.n == 0 || n + piece.n > STATES_KEY_MAX)
			return 0;
		memcpy(to + n, piece.p, piece.n);
		n += piece.n;
		pattern += is_part ? 3 : 1;
	}
	return n;
}

unsigned states_keys(const struct manifest *manifest, struct mf_str subject,
	char room[static STATES_KEYS_ROOM], struct mf_str to[static STATES_READ_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < manifest->reads_count && n < STATES_READ_MAX; i++) {
		size_t length = expand(manifest->reads[i], subject, room);
		bool twice = length == 0;

		to[n] = mf_str_of(room, length);
		for (unsigned j = 0; j < n && !twice; j++)
			twice = mf_str_eq(to[j], to[n]);
		if (twice)
			continue;
		room += length;
		n++;
	}
	return n;
}

/* ------------------------------------------------------------------- attach */

static struct states_seen *make_seen(
	const struct states *s, const struct mf_str *keys, unsigned count)
{
	struct states_seen *seen;
	size_t bytes = 0;
	uint8_t *to;

	for (unsigned i = 0; i < count; i++)
		bytes += keys[i].n;
	seen = malloc(sizeof(*seen) + count * sizeof(seen->one[0]) + bytes);
	if (!seen)
		return NULL;
	*seen = (struct states_seen){.count = count, .forgotten = s->forgotten};
	to = (uint8_t *)&seen->one[count];
	for (unsigned i = 0; i < count; i++) {
		seen->one[i].version = 0;
		seen->one[i].at = seen->used;
		seen->one[i].n = (uint32_t)keys[i].n;
		memcpy(to + seen->used, keys[i].p, keys[i].n);
		seen->used += (uint32_t)keys[i].n;
	}
	return seen;
}

static struct mf_str key_at(const struct states_seen *seen, unsigned i)
{
	return mf_str_of(
		(const uint8_t *)&seen->one[seen->count] + seen->one[i].at, seen->one[i].n);
}

/* What one more costs, at least. */
static size_t record_bytes(size_t key, size_t value)
{
	return sizeof(struct mf_record) + ((key + value + 7) & ~(size_t)7);
}

static int attach(struct states *s, uint32_t service, struct event_writer *w,
	struct states_seen *seen, size_t *needed)
{
	bool fits = true;

	*needed = w->event->bytes + 8;
	for (unsigned i = 0; i < seen->count; i++) {
		struct mf_str key = key_at(seen, i), value;
		struct entry *e = NULL;
		int rc = get(s, service, key, &e);

		if (rc < 0)
			return rc;
		value = mf_str_of(e->bytes + e->key_n, e->value_n);
		seen->one[i].version = e->version;
		seen->pending |= e->tx != NULL;
		*needed += record_bytes(key.n, value.n);
		fits = fits && event_state(w, key, value, e->version);
	}
	return fits ? 0 : -E2BIG;
}

int states_attach(struct states *states, uint32_t service, const struct manifest *manifest,
	struct event_writer *writer, struct states_seen **seen, size_t *needed)
{
	static char room[STATES_KEYS_ROOM];
	struct mf_str keys[STATES_READ_MAX];
	struct mf_span subject = writer->event->subject;
	unsigned n = states_keys(
		manifest, mf_str_of(writer->base + subject.off, subject.len), room, keys);

	*seen = make_seen(states, keys, n);
	*needed = 0;
	return *seen ? attach(states, service, writer, *seen, needed) : -ENOMEM;
}

bool states_changed(
	struct states *states, uint32_t service, const struct states_seen *seen, struct mf_str *key)
{
	for (unsigned i = 0; i < seen->count; i++) {
		struct entry *e = NULL;

		*key = key_at(seen, i);
		/* what can't be read is run again, and refused when it can't be attached */
		if (get(states, service, *key, &e) < 0 || e->version != seen->one[i].version)
			return true;
	}
	return false;
}

bool states_unsure(const struct states *states, const struct states_seen *seen)
{
	return seen->pending && (states->pending.first || states_doubtful(states, seen));
}

bool states_doubtful(const struct states *states, const struct states_seen *seen)
{
	return seen->pending && seen->forgotten != states->forgotten;
}
