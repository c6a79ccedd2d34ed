/* hub/answers.c - a hash table of keys, for each service a list of answers by age. */
#include "hub/answers.h"

#include <sodium/crypto_generichash.h>
#include <stdlib.h>
#include <string.h>

#include "sys/random.h"

#define DIGEST 32u

struct answers_owner {
	struct answers_owner *next;
	struct answers_entry *oldest, *newest; /* of those kept; those that run are in no list */
	size_t bytes;                          /* of those kept */
	unsigned entries;                      /* with those that run; it is gone with the last */
	size_t name_n;
	uint8_t name[];
};

struct answers_entry {
	struct answers_entry *chain; /* the next in this part of the table */
	struct answers_owner *owner;
	struct answers_entry *newer; /* of the owner's that are kept */
	uint8_t name[DIGEST];        /* of scope and key */
	uint8_t request[DIGEST];
	bool kept;
	uint64_t since_ns;
	struct answer answer; /* if kept; points into data */
	uint8_t *data;
	size_t bytes; /* what it counts for */
};

/* --------------------------------------------------------------------- keys */

static bool is_key_byte(uint8_t c, bool quoted)
{
	if (quoted)
		return c >= 0x20 && c <= 0x7e;
	return c > 0x20 && c < 0x7f && !strchr("\"\\,;", c);
}

static struct mf_str trim(struct mf_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool answers_key(struct mf_str field, char key[static ANSWERS_KEY], size_t *n)
{
	struct mf_str s = trim(field);
	bool quoted = s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
	size_t end = quoted ? s.n - 1 : s.n;

	*n = 0;
	for (size_t i = quoted; i < end; i++) {
		uint8_t c = s.p[i];

		if (!is_key_byte(c, quoted) || *n == ANSWERS_KEY || (quoted && c == '"'))
			return false;
		if (quoted && c == '\\') {
			c = ++i < end ? s.p[i] : 0;
			if (c != '"' && c != '\\')
				return false;
		}
		key[(*n)++] = (char)c;
	}
	return *n > 0;
}

/* The pieces one after another, each with its length, so that none can pass for two. With a
 * seed, so that nobody can make up keys that fill one part of the table. */
static void digest(const struct answers *a, uint8_t to[static DIGEST], const struct mf_str *pieces,
	size_t count, const struct mf_str *more, size_t more_count)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, a->seed, sizeof(a->seed), DIGEST);
	for (size_t i = 0; i < count + more_count; i++) {
		/* cppcheck-suppress nullPointer ; none is read if there are none */
		struct mf_str piece = i < count ? pieces[i] : more[i - count];
		uint64_t n = piece.n;

		crypto_generichash_update(&state, (const uint8_t *)&n, sizeof(n));
		crypto_generichash_update(&state, piece.p, n);
	}
	crypto_generichash_final(&state, to, DIGEST);
}

/* ------------------------------------------------------------------ entries */

static struct answers_entry **find(struct answers *a, const uint8_t name[static DIGEST])
{
	size_t part = (name[0] | (size_t)name[1] << 8) % ANSWERS_TABLE;
	struct answers_entry **at = &a->table[part];

	while (*at && memcmp((*at)->name, name, DIGEST) != 0)
		at = &(*at)->chain;
	return at;
}

/* ------------------------------------------------------------------- owners */

static struct answers_owner *owner_join(struct answers *a, struct mf_str name)
{
	struct answers_owner *o = a->owners;

	while (o && !mf_str_eq(mf_str_of(o->name, o->name_n), name))
		o = o->next;
	if (!o) {
		o = calloc(1, sizeof(*o) + name.n);
		if (!o)
			return NULL;
		if (name.n > 0)
			memcpy(o->name, name.p, name.n);
		o->name_n = name.n;
		o->next = a->owners;
		a->owners = o;
	}
	o->entries++;
	return o;
}

static void owner_leave(struct answers *a, struct answers_owner *o)
{
	struct answers_owner **at = &a->owners;

	if (--o->entries > 0)
		return;
	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o);
}

static void list(struct answers_entry *e)
{
	struct answers_owner *o = e->owner;

	e->newer = NULL;
	*(o->newest ? &o->newest->newer : &o->oldest) = e;
	o->newest = e;
	o->bytes += e->bytes;
}

/* Its oldest, of which there is one. */
static struct answers_entry *unlist(struct answers_owner *o)
{
	struct answers_entry *e = o->oldest;

	o->oldest = e->newer;
	if (!o->oldest)
		o->newest = NULL;
	o->bytes -= e->bytes;
	return e;
}

/* ------------------------------------------------------------------- dropping */

/* It is in no list, or was taken out. */
static void discard(struct answers *a, struct answers_entry *e)
{
	*find(a, e->name) = e->chain;
	a->count--;
	a->bytes -= e->bytes;
	owner_leave(a, e->owner);
	free(e->data);
	free(e);
}

static void drop_running(struct answers *a, struct answers_entry *e)
{
	a->running--;
	discard(a, e);
}

/* Of those kept. False: the owner has no more of any kind, and is gone too. */
static bool drop_oldest(struct answers *a, struct answers_owner *o)
{
	bool last = o->entries == 1;

	discard(a, unlist(o));
	return !last;
}

/* Whoever has most kept; NULL: nothing is. */
static struct answers_owner *fullest(const struct answers *a)
{
	struct answers_owner *found = NULL;

	for (struct answers_owner *o = a->owners; o; o = o->next)
		if (o->oldest && (!found || o->bytes > found->bytes))
			found = o;
	return found;
}

static void make_room(struct answers *a)
{
	struct answers_owner *o;

	while (a->bytes > ANSWERS_BYTES && (o = fullest(a)))
		drop_oldest(a, o);
}

static bool has_old(const struct answers_owner *o, uint64_t now)
{
	return o->oldest && o->oldest->since_ns + ANSWERS_AGE_NS <= now;
}

void answers_expire(struct answers *answers, uint64_t now)
{
	struct answers_owner *next;

	for (struct answers_owner *o = answers->owners; o; o = next) {
		next = o->next;
		while (has_old(o, now) && drop_oldest(answers, o))
			;
	}
}

static bool make_table(struct answers *a)
{
	if (a->table)
		return true;
	random_bytes(a->seed, sizeof(a->seed));
	a->table = calloc(ANSWERS_TABLE, sizeof(struct answers_entry *));
	return a->table != NULL;
}

static enum answers_found begin(struct answers *a, struct mf_str owner, struct answers_entry **at,
	const uint8_t name[static DIGEST], const uint8_t request[static DIGEST],
	struct answers_entry **entry)
{
	struct answers_entry *e = calloc(1, sizeof(*e));

	if (e)
		e->owner = owner_join(a, owner);
	if (!e || !e->owner) {
		free(e);
		return ANSWERS_FULL;
	}
	memcpy(e->name, name, DIGEST);
	memcpy(e->request, request, DIGEST);
	e->bytes = sizeof(*e);
	*at = e;
	a->count++;
	a->running++;
	a->bytes += e->bytes;
	make_room(a);
	*entry = e;
	return ANSWERS_NEW;
}

enum answers_found answers_find(struct answers *answers, struct mf_str key,
	const struct answers_request *request, uint64_t now, struct answers_entry **entry,
	struct answer *answer)
{
	const struct mf_str names[] = {request->scope, key};
	const struct mf_str what[] = {
		request->method, request->path, request->query, request->body};
	uint8_t name[DIGEST], same[DIGEST];
	struct answers_entry **at, *e;

	if (!make_table(answers))
		return ANSWERS_FULL;
	answers_expire(answers, now);
	digest(answers, name, names, 2, request->who, request->who_count);
	digest(answers, same, what, 4, NULL, 0);
	at = find(answers, name);
	e = *at;
	if (!e)
		return begin(answers, request->owner, at, name, same, entry);
	if (memcmp(e->request, same, DIGEST) != 0) {
		answers->conflicts++;
		return ANSWERS_OTHER;
	}
	if (!e->kept) {
		answers->conflicts++;
		return ANSWERS_RUNNING;
	}
	answers->replayed++;
	*answer = e->answer;
	return ANSWERS_KEPT;
}

/* --------------------------------------------------------------------- keep */

static struct mf_str copy(uint8_t **to, struct mf_str s)
{
	struct mf_str copied = mf_str_of(*to, s.n);

	if (s.n == 0)
		return s;
	memcpy(*to, s.p, s.n);
	*to += s.n;
	return copied;
}

static bool take_copy(struct answers_entry *e, const struct answer *answer, size_t n)
{
	const struct reply *r = &answer->reply;
	uint8_t *to = e->data = malloc(n + 1); /* 0 bytes may be NULL */

	if (!to)
		return false;
	e->answer = *answer;
	if (answer->empty)
		return true;
	e->answer.reply.content_type = copy(&to, r->content_type);
	e->answer.reply.headers = copy(&to, r->headers);
	e->answer.reply.body = copy(&to, r->body);
	return true;
}

void answers_keep(struct answers *answers, struct answers_entry *entry, const struct answer *answer,
	uint64_t now)
{
	const struct reply *r = &answer->reply;
	size_t n = answer->empty ? 0 : r->content_type.n + r->headers.n + r->body.n;

	if ((!answer->empty && r->status >= 500) || n > ANSWERS_LARGE ||
		!take_copy(entry, answer, n)) {
		drop_running(answers, entry);
		return;
	}
	entry->bytes += n;
	answers->bytes += n;
	answers->running--;
	entry->kept = true;
	entry->since_ns = now;
	list(entry);
	answers_expire(answers, now);
	make_room(answers);
}

void answers_drop(struct answers *answers, struct answers_entry *entry)
{
	drop_running(answers, entry);
}

void answers_close(struct answers *answers)
{
	while (answers->owners)
		drop_oldest(answers, answers->owners);
	free(answers->table);
	answers->table = NULL;
}
