/*
 * market/ledger.h - a center's book: plans, accounts, keys, entries, charges. In a database of its own, `ledger.db` in
 * the state's directory or one of PostgreSQL, through store/sql.h.
 *
 * Everything happens between ledger_begin and ledger_commit, many charges in one transaction if they come
 * together: it is on the disk when ledger_commit returns 0. After an error of any call the transaction can't be
 * committed any more. Others, also other processes, wait meanwhile. One thread at a time; everything waits.
 *
 * Money is a number of millionths of the ledger's currency. Times are wall, ns; days are UTC's. Strings that are given back are
 * the ledger's, until the next call.
 *
 * Errors: those of store/sql.h, and -EINVAL: a name, a text or an amount that can't be; -ENOENT: there is none.
 */
#ifndef MARKET_LEDGER_H
#define MARKET_LEDGER_H

#include "market/chain.h"
#include "market/key.h"

#define LEDGER_FILE        "ledger.db"
#define LEDGER_ERROR_MAX   512
#define LEDGER_NAME        63u                /* letters of an account's or plan's name */
#define LEDGER_SERVICES    255u               /* letters of a key's list of services */
#define LEDGER_ID          255u               /* bytes of an idempotency key */
#define LEDGER_ANSWER      65536u             /* bytes of an answer's record */
#define LEDGER_RECEIPT     4096u              /* and of a receipt */
#define LEDGER_TYPE        255u               /* and of a content type */
#define LEDGER_AMOUNT_MOST 1000000000000000ll /* at a time: a thousand million */
#define LEDGER_UNLIMITED   INT64_MAX          /* where there is no limit */
#define LEDGER_AS_PLANNED  INT64_MIN          /* an account's limit is its plan's */
#define LEDGER_AS_THERE    (INT64_MIN + 1)    /* of ledger_account_set: it stays as it is */

struct ledger;

/* `directory`: in which ledger.db lies, or postgresql://... `existing`: none is made, and -ENOENT where there is none. `currency`: of a new one, NULL: EUR; of one that is there it
 * doesn't matter. -errno with one line in error. */
int ledger_open(struct ledger **ledger, const char *directory, const char *currency, bool existing,
	char error[static LEDGER_ERROR_MAX]);
void ledger_close(struct ledger *ledger); /* NULL is fine */
const char *ledger_currency(const struct ledger *ledger);

/* `durable`: holds alone needn't be. On a server begin doesn't wait: what it would have said, -EBUSY too, comes of the next call. Of a
 * commit that gives -ECONNRESET nobody knows: begin again, and ask with the same idempotency keys. */
int ledger_begin(struct ledger *ledger, bool durable);
/* The same, not durable, for who mustn't wait (store/sql.h): -EBUSY, -EOPNOTSUPP. Its calls don't wait either but for a disk that is slow. */
int ledger_begin_now(struct ledger *ledger);
int ledger_commit(struct ledger *ledger);
/* Instead of ledger_begin, for reading only: all is seen as it is now, and nobody waits. Ends with ledger_rollback. */
int ledger_look(struct ledger *ledger);
void ledger_rollback(struct ledger *ledger);
/* Have plans, accounts or keys changed since this was asked last, or may they have? For who keeps copies of them; outside of a
 * transaction. It asks no server, so it may be asked at any time. Of a file: has any other program written to it? */
bool ledger_changed(struct ledger *ledger);

/* Of an account or a plan: letters, digits and "-_.@", some of them. */
bool ledger_is_name(const char *name);

/* --- plans: what accounts have in common. Quotas are an account's, however many keys it has. */
struct ledger_plan {
	char name[LEDGER_NAME + 1];
	int64_t credit;   /* so far below zero may a balance go; 0: prepaid */
	int64_t day_most; /* charged on a day */
	int64_t rate;     /* requests a second, and how many at once; 0: as many as come */
	int64_t at_once;
};
int ledger_plan_put(struct ledger *ledger, const struct ledger_plan *plan);
int ledger_plan_get(struct ledger *ledger, const char *name, struct ledger_plan *plan);
/* -EBUSY: accounts have it. */
int ledger_plan_remove(struct ledger *ledger, const char *name);
int ledger_plans(struct ledger *ledger, void (*each)(const struct ledger_plan *plan, void *context),
	void *context);

/* --- accounts */
struct ledger_account {
	uint64_t number; /* from 1 on */
	char name[LEDGER_NAME + 1], plan[LEDGER_NAME + 1];
	int64_t balance, held;    /* of that: what work that is under way may cost */
	int64_t credit, day_most; /* its own or its plan's; put: LEDGER_AS_PLANNED */
	bool closed;              /* none of its keys is good */
	int64_t made;
};
/* Fills in the number. -EEXIST: there is one of that name; -ENOENT: no such plan. */
int ledger_account_add(struct ledger *ledger, struct ledger_account *account);
int ledger_account_get(struct ledger *ledger, const char *name, struct ledger_account *account);
/* Its plan, limits, and whether it is closed. */
int ledger_account_set(struct ledger *ledger, const struct ledger_account *account);
int ledger_accounts(struct ledger *ledger,
	void (*each)(const struct ledger_account *account, void *context), void *context);

/* --- keys */
struct ledger_key {
	uint64_t number, account;
	char shown[MARKET_KEY_SHOWN];
	uint8_t hash[MARKET_KEY_HASH];
	char services[LEDGER_SERVICES + 1]; /* names with spaces between; empty: all */
	int64_t made, expires, revoked;     /* 0: never */
	int64_t most, day_most;             /* may be charged to it in all, and on a day */
	int64_t spent, held;
	uint64_t replaces; /* an older key; 0: none */
};
/* Fills in the number. */
int ledger_key_add(struct ledger *ledger, struct ledger_key *key);
int ledger_key_find(
	struct ledger *ledger, const uint8_t hash[static MARKET_KEY_HASH], struct ledger_key *key);
int ledger_key_get(struct ledger *ledger, uint64_t number, struct ledger_key *key);
/* Another key in its place: `key` gets what the old one had but its letters, which the caller fills in, and the old one is good for
 * `overlap` more ns, unless it ends before. -EPERM: it is revoked, or has ended. */
int ledger_key_rotate(struct ledger *ledger, uint64_t number, int64_t now, int64_t overlap,
	struct ledger_key *key);
int ledger_key_revoke(struct ledger *ledger, uint64_t number, int64_t now);
/* Of one account; 0: all. */
int ledger_keys(struct ledger *ledger, uint64_t account,
	void (*each)(const struct ledger_key *key, void *context), void *context);
/* Who asks with a key, and what is left there: what a hub wants to know of him at once. -ENOENT. */
struct ledger_subscriber {
	uint64_t key, account;
	char name[LEDGER_NAME + 1];
	int64_t rate, at_once; /* his plan's */
	int64_t left;          /* of balance and credit, without what is held */
	int64_t key_left;      /* of what may be charged to the key; LEDGER_UNLIMITED */
};
int ledger_subscriber(struct ledger *ledger, const uint8_t hash[static MARKET_KEY_HASH],
	struct ledger_subscriber *subscriber);
/* Is the service on the key's list? */
bool ledger_key_may(const struct ledger_key *key, struct mf_str service);

/* --- what becomes of paid work */
enum ledger_verdict {
	LEDGER_DONE,      /* it is held, or charged */
	LEDGER_AGAIN,     /* it was charged before: *first says what was answered */
	LEDGER_CONFLICT,  /* that idempotency key was used with another body */
	LEDGER_UNDER_WAY, /* the same is being worked at */
	LEDGER_UNKNOWN,   /* no such key */
	LEDGER_REVOKED,
	LEDGER_EXPIRED,
	LEDGER_CLOSED,  /* the account */
	LEDGER_SCOPE,   /* the key isn't for that service */
	LEDGER_BALANCE, /* from here on: there isn't enough of... */
	LEDGER_KEY_MOST,
	LEDGER_KEY_DAY,
	LEDGER_ACCOUNT_DAY,
	LEDGER_VERDICTS
};
/* A status of HTTP, and what is wrong in words. */
extern const struct ledger_meaning {
	unsigned status;
	const char *text;
} ledger_meanings[LEDGER_VERDICTS];

struct ledger_first {
	uint64_t entry;
	int64_t amount;
	uint64_t status;
	struct mf_str type, answer, receipt;
};

struct ledger_ask {
	uint64_t key;
	struct mf_str service, idempotency;
	uint8_t body[CHAIN_HASH]; /* of the request */
	int64_t amount;           /* what it may cost at most: the quote */
	int64_t now, until;       /* by when it will be charged or released */
};
/* Before the work: so much is kept for it. A verdict, or -errno. */
int ledger_hold(struct ledger *ledger, const struct ledger_ask *ask, struct ledger_first *first);
/* Work takes longer: the hold lasts until then. 1; 0: nothing was held. */
int ledger_hold_until(
	struct ledger *ledger, uint64_t account, struct mf_str idempotency, int64_t until);
/* It came to nothing, and costs nothing. 1; 0: nothing was held. */
int ledger_release(struct ledger *ledger, uint64_t account, struct mf_str idempotency);
/* Holds whose time has passed: their hub is gone. How many. */
int ledger_release_old(struct ledger *ledger, int64_t now);

struct ledger_charge {
	uint64_t key;
	struct mf_str service, idempotency;
	uint8_t body[CHAIN_HASH];
	int64_t amount, at;
	uint64_t status; /* the answer's */
	struct mf_str type, answer, receipt;
};
/* After the work: entry, answer and receipt. What was held is charged whatever has happened to the key meanwhile, and
 * never more than was held: -ERANGE. Without a hold it must pass what a hold must. */
int ledger_charge(
	struct ledger *ledger, const struct ledger_charge *charge, struct ledger_first *first);

/* --- entries of another kind. Give the entry's number. */
int ledger_pay(struct ledger *ledger, uint64_t account, int64_t amount, int64_t now,
	struct mf_str note, uint64_t *entry);
int ledger_credit(struct ledger *ledger, uint64_t account, int64_t amount, int64_t now,
	struct mf_str note, uint64_t *entry);
/* -EALREADY: it was voided before; -EPERM: it is a void itself. */
int ledger_void(
	struct ledger *ledger, uint64_t which, int64_t now, struct mf_str note, uint64_t *entry);

/* From number `from` on (0: all that there are), each with its hash, until `each` returns false. */
int ledger_entries(struct ledger *ledger, uint64_t from,
	bool (*each)(const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH],
		void *context),
	void *context);

/* What an entry did to an account's balance. */
struct ledger_move {
	uint64_t number; /* the entry's */
	int64_t at;
	uint64_t kind, account;
	const char *name; /* the account's */
	uint64_t refers;  /* a void: to this entry, which was of that kind, then */
	uint64_t was;
	int64_t was_at;
	int64_t amount; /* negative: of a charge */
	struct mf_str note;
	struct mf_str
		receipt; /* of a charge, or of that which a void takes back; p NULL: there is none */
};
/* Of an account (0: of all), of entries `from` to `to`, until `each` returns false. Between ledger_look (or ledger_begin) and its end. */
int ledger_moves(struct ledger *ledger, uint64_t from, uint64_t to, uint64_t account,
	bool (*each)(const struct ledger_move *move, void *context), void *context);
/* The last entry's hash, as of ledger_look or ledger_begin, and its number; 0: there is none. */
uint64_t ledger_head(const struct ledger *ledger, uint8_t hash[static CHAIN_HASH]);

/* --- is it what it was? */
struct ledger_verified {
	uint64_t entries, charges, accounts;
	uint8_t head[CHAIN_HASH];
	int64_t sales;                /* sum of that book */
	char wrong[LEDGER_ERROR_MAX]; /* the first thing that is; empty: nothing */
};
/* Looks at every row. `receipt`, if it isn't NULL, is called with each charge's receipt, and says what is wrong with it, or
 * NULL. 0 whatever it found; -errno: it couldn't be read. */
int ledger_verify(struct ledger *ledger, const char *(*receipt)(struct mf_str text, void *context),
	void *context, struct ledger_verified *verified);

#endif
