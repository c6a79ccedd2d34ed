/* market/ledger_keys.c - see ledger.h: keys, of which the hashes are here. */
#include "market/ledger_inner.h"

#define COLUMNS 13u

static bool is_limit(int64_t limit)
{
	return limit >= 0 && (limit <= LEDGER_AMOUNT_MOST || limit == LEDGER_UNLIMITED);
}

/* Names of services, one space between two. */
static bool are_services(const char *text)
{
	size_t n = strlen(text);

	if (n > LEDGER_SERVICES || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789- ") != n)
		return false;
	return n == 0 || (text[0] != ' ' && text[n - 1] != ' ' && !strstr(text, "  "));
}

int ledger_key_add(struct ledger *l, struct ledger_key *k)
{
	struct sql_value row[1];
	int e;

	if (!are_services(k->services) || !is_limit(k->most) || !is_limit(k->day_most) ||
		k->expires < 0)
		return -EINVAL;
	e = ledger_one(l, KEY_ADD,
		LEDGER_IN(sql_int((int64_t)k->account), ledger_text(k->shown),
			sql_bytes(k->hash, sizeof(k->hash)), ledger_text(k->services),
			sql_int(k->made), sql_int(k->expires), sql_int(k->most),
			sql_int(k->day_most), sql_int((int64_t)k->replaces)),
		row, 1);
	if (e == 1)
		k->number = (uint64_t)row[0].n;
	return e < 0 ? e : ledger_note(l, sql_tell(l->sql));
}

static bool take_key(const struct sql_value *row, struct ledger_key *k)
{
	*k = (struct ledger_key){.number = (uint64_t)row[0].n,
		.account = (uint64_t)row[1].n,
		.made = row[5].n,
		.expires = row[6].n,
		.revoked = row[7].n,
		.most = row[8].n,
		.day_most = row[9].n,
		.spent = row[10].n,
		.held = row[11].n,
		.replaces = (uint64_t)row[12].n};
	return ledger_take_text(&row[2], k->shown, MARKET_KEY_SHOWN - 1) &&
		ledger_take_hash(&row[3], k->hash) &&
		ledger_take_text(&row[4], k->services, LEDGER_SERVICES);
}

static int one_key(
	struct ledger *l, enum statement how, struct sql_value by, struct ledger_key *key)
{
	struct sql_value row[COLUMNS];
	int e = ledger_one(l, how, &by, 1, row, COLUMNS);

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	return take_key(row, key) ? 0 : ledger_note(l, -EUCLEAN);
}

int ledger_key_find(
	struct ledger *l, const uint8_t hash[static MARKET_KEY_HASH], struct ledger_key *key)
{
	int e = one_key(l, KEY_FIND, sql_bytes(hash, MARKET_KEY_HASH), key);

	/* the index compared bytes until they differed: of a hash, which tells nothing of a key */
	return e == 0 && !market_key_same(hash, key->hash) ? -ENOENT : e;
}

int ledger_subscriber(
	struct ledger *l, const uint8_t hash[static MARKET_KEY_HASH], struct ledger_subscriber *s)
{
	struct sql_value row[11];
	int e = ledger_one(l, SUBSCRIBER, LEDGER_IN(sql_bytes(hash, MARKET_KEY_HASH)), row, 11);

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	*s = (struct ledger_subscriber){.key = (uint64_t)row[0].n,
		.account = (uint64_t)row[1].n,
		.rate = row[3].n,
		.at_once = row[4].n,
		.left = row[5].n - row[6].n + row[7].n,
		.key_left = row[8].n == LEDGER_UNLIMITED ? LEDGER_UNLIMITED
							 : row[8].n - row[9].n - row[10].n};
	return ledger_take_text(&row[2], s->name, LEDGER_NAME) ? 0 : ledger_note(l, -EUCLEAN);
}

int ledger_key_get(struct ledger *l, uint64_t number, struct ledger_key *key)
{
	return one_key(l, KEY_GET, sql_int((int64_t)number), key);
}

int ledger_key_rotate(
	struct ledger *l, uint64_t number, int64_t now, int64_t overlap, struct ledger_key *key)
{
	struct ledger_key old;
	int64_t end;
	int e = ledger_key_get(l, number, &old);

	if (e < 0)
		return e;
	if (old.revoked || (old.expires && old.expires <= now))
		return -EPERM;
	if (overlap < 0 || __builtin_add_overflow(now, overlap, &end))
		return -EINVAL;
	key->account = old.account;
	memcpy(key->services, old.services, sizeof(key->services));
	key->made = now;
	key->expires = old.expires;
	key->most = old.most;
	key->day_most = old.day_most;
	key->replaces = number;
	e = ledger_key_add(l, key);
	if (e == 0 && (old.expires == 0 || end < old.expires))
		e = ledger_do(l, KEY_EXPIRE, LEDGER_IN(sql_int(end), sql_int((int64_t)number)));
	return e < 0 ? e : 0;
}

int ledger_key_revoke(struct ledger *l, uint64_t number, int64_t now)
{
	struct ledger_key key;
	int e = ledger_key_get(l, number, &key);

	if (e < 0)
		return e;
	e = ledger_do(l, KEY_REVOKE, LEDGER_IN(sql_int(now), sql_int((int64_t)number)));
	return e < 0 ? e : ledger_note(l, sql_tell(l->sql));
}

struct keys {
	void (*each)(const struct ledger_key *key, void *context);
	void *context;
	bool wrong;
};

static bool next_key(void *context, const struct sql_value *row)
{
	struct keys *keys = context;
	struct ledger_key key;

	keys->wrong = !take_key(row, &key);
	if (!keys->wrong)
		keys->each(&key, keys->context);
	return !keys->wrong;
}

int ledger_keys(struct ledger *l, uint64_t account,
	void (*each)(const struct ledger_key *key, void *context), void *context)
{
	struct keys keys = {each, context, false};
	int e = sql_each(l->sql, KEYS, LEDGER_IN(sql_int((int64_t)account)), next_key, &keys);

	return ledger_note(l, keys.wrong ? -EUCLEAN : e);
}

bool ledger_key_may(const struct ledger_key *key, struct mf_str service)
{
	const char *p = key->services;

	if (*p == '\0')
		return true;
	while (*p) {
		size_t n = strcspn(p, " ");

		if (mf_str_eq(service, mf_str_of(p, n)))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}
