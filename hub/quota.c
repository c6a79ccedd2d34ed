/* hub/quota.c - see quota.h */
#include "hub/quota.h"

#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"

struct quota_key {
	struct quota_key *next;
	uint8_t hash[MARKET_KEY_HASH];
	struct quota *quota;
};

const char *const quota_words[] = {
	[QUOTA_RATE] = "rate",
	[QUOTA_AT_ONCE] = "at_once",
};

/* A SHA-256 is spread evenly. */
static unsigned place(const uint8_t hash[static MARKET_KEY_HASH])
{
	return hash[0] % QUOTA_TABLE;
}

static struct quota_key *key_of(const struct quotas *q, const uint8_t hash[static MARKET_KEY_HASH])
{
	struct quota_key *key = q->keys[place(hash)];

	while (key && memcmp(key->hash, hash, MARKET_KEY_HASH) != 0)
		key = key->next;
	return key;
}

struct quota *quotas_find(const struct quotas *q, const uint8_t hash[static MARKET_KEY_HASH])
{
	const struct quota_key *key = key_of(q, hash);

	return key ? key->quota : NULL;
}

static bool is_idle(const struct quota *quota, uint64_t now)
{
	return quota->running == 0 && quota->full_ns <= now;
}

static void forget_idle(struct quotas *q, uint64_t now)
{
	for (unsigned i = 0; i < QUOTA_TABLE; i++)
		for (struct quota_key **at = &q->keys[i], *key; (key = *at);) {
			if (!is_idle(key->quota, now)) {
				at = &key->next;
				continue;
			}
			*at = key->next;
			free(key);
			q->count--;
		}
	for (unsigned i = 0; i < QUOTA_TABLE; i++)
		for (struct quota **at = &q->accounts[i], *quota; (quota = *at);) {
			if (!is_idle(quota, now)) {
				at = &quota->next;
				continue;
			}
			*at = quota->next;
			free(quota);
		}
}

static struct quota *account_of(struct quotas *q, uint64_t account)
{
	struct quota **list = &q->accounts[account % QUOTA_TABLE], *quota = *list;

	while (quota && quota->account != account)
		quota = quota->next;
	if (quota)
		return quota;
	quota = calloc(1, sizeof(*quota));
	if (!quota)
		return NULL;
	quota->account = account;
	quota->next = *list;
	*list = quota;
	return quota;
}

static struct quota *add_key(
	struct quotas *q, const uint8_t hash[static MARKET_KEY_HASH], struct quota *quota)
{
	struct quota_key *key = calloc(1, sizeof(*key));

	if (!key)
		return NULL;
	memcpy(key->hash, hash, MARKET_KEY_HASH);
	key->quota = quota;
	key->next = q->keys[place(hash)];
	q->keys[place(hash)] = key;
	q->count++;
	return quota;
}

struct quota *quotas_learn(struct quotas *q, const uint8_t hash[static MARKET_KEY_HASH],
	uint64_t account, int64_t rate, int64_t at_once, uint64_t now)
{
	struct quota *quota = quotas_find(q, hash);

	if (!quota && q->count >= QUOTA_KEYS)
		forget_idle(q, now);
	if (!quota)
		quota = account_of(q, account);
	if (!quota)
		return NULL;
	quota->rate = rate;
	quota->at_once = at_once;
	return key_of(q, hash) ? quota : add_key(q, hash, quota);
}

void quotas_close(struct quotas *q)
{
	for (unsigned i = 0; i < QUOTA_TABLE; i++) {
		for (struct quota_key *key = q->keys[i], *next; key; key = next) {
			next = key->next;
			free(key);
		}
		for (struct quota *quota = q->accounts[i], *next; quota; quota = next) {
			next = quota->next;
			free(quota);
		}
	}
	memset(q, 0, sizeof(*q));
}

static uint64_t each_ns(const struct quota *quota)
{
	return quota->rate > 0 ? CLOCK_S / (uint64_t)quota->rate : 0;
}

/* When its bucket will be full, if nothing more comes. */
static uint64_t full_at(const struct quota *quota, uint64_t now)
{
	return quota->full_ns > now ? quota->full_ns : now;
}

enum quota_result quota_look(const struct quota *quota, uint64_t now, uint64_t *wait)
{
	const uint64_t each = each_ns(quota), most = each > CLOCK_S ? each : CLOCK_S;
	const uint64_t after = full_at(quota, now) + each - now;

	if (quota->at_once > 0 && quota->running >= (uint64_t)quota->at_once) {
		*wait = CLOCK_S; /* until one of his own has ended */
		return QUOTA_AT_ONCE;
	}
	*wait = after > most ? after - most : 0;
	return after > most ? QUOTA_RATE : QUOTA_OK;
}

enum quota_result quota_begin(struct quota *quota, uint64_t now, uint64_t *wait)
{
	const enum quota_result result = quota_look(quota, now, wait);

	if (result == QUOTA_OK) {
		quota->full_ns = full_at(quota, now) + each_ns(quota);
		quota->running++;
	}
	return result;
}

void quota_end(struct quota *quota)
{
	quota->running--;
}
