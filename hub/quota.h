/*
 * hub/quota.h - how many requests a second, and how many at once, an account may ask (its plan's `rate` and `at_once`). In memory, of
 * the accounts whose keys were seen; what the ledger says of them is learned with each request. Pure but for memory; the
 * caller says what time it is.
 *
 * A rate is a bucket of one second: after a second of silence so many come through together.
 */
#ifndef HUB_QUOTA_H
#define HUB_QUOTA_H

#include <stdint.h>

#include "market/key.h"

#define QUOTA_KEYS                                                                                 \
	4096u /* remembered; beyond that those who ask nothing at the moment are forgotten */
#define QUOTA_TABLE 256u

struct quota {
	struct quota *next;
	uint64_t account;
	int64_t rate, at_once; /* 0: as many as come */
	uint64_t running;
	uint64_t full_ns; /* when its bucket will be full again */
};

struct quota_key;
struct quotas {
	struct quota *accounts[QUOTA_TABLE];
	struct quota_key *keys[QUOTA_TABLE];
	unsigned count; /* of keys */
};

enum quota_result { QUOTA_OK, QUOTA_RATE, QUOTA_AT_ONCE };
extern const char *const quota_words[];

/* Of the account that has this key; NULL: it wasn't seen yet. */
struct quota *quotas_find(const struct quotas *quotas, const uint8_t hash[static MARKET_KEY_HASH]);
/* It has it, and these limits. NULL: no memory. */
struct quota *quotas_learn(struct quotas *quotas, const uint8_t hash[static MARKET_KEY_HASH],
	uint64_t account, int64_t rate, int64_t at_once, uint64_t now);
void quotas_close(struct quotas *quotas);

/* One more of it; QUOTA_OK: quota_end once. Else *wait: after so many ns it makes sense to ask again. */
enum quota_result quota_begin(struct quota *quota, uint64_t now, uint64_t *wait);
/* The same without beginning anything. */
enum quota_result quota_look(const struct quota *quota, uint64_t now, uint64_t *wait);
void quota_end(struct quota *quota);

#endif
