/* market/written.c - see written.h */
#include "market/written.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image/units.h"
#include "market/ledger.h"
#include "wire/decimal.h"

#define DAY_NS 86400000000000ull

/* Behind the point; none of them may be lost. */
static size_t places_of(const char *text)
{
	const char *point = strchr(text, '.');

	return point ? strspn(point + 1, "0123456789") : 0;
}

bool written_read_amount(const char *text, bool any, int64_t *amount)
{
	return decimal_read(mf_str_of(text, strlen(text)), WRITTEN_PLACES, amount) &&
		places_of(text) <= WRITTEN_PLACES && (any || *amount >= 0) &&
		*amount <= LEDGER_AMOUNT_MOST && *amount >= -LEDGER_AMOUNT_MOST;
}

bool written_read_limit(const char *text, int64_t *amount)
{
	if (strcmp(text, "none") != 0)
		return written_read_amount(text, false, amount);
	*amount = LEDGER_UNLIMITED;
	return true;
}

const char *written_amount(int64_t amount, char to[static WRITTEN_AMOUNT])
{
	if (amount == LEDGER_UNLIMITED)
		return strcpy(to, "none");
	to[decimal_write(amount, WRITTEN_PLACES, to)] = '\0';
	return to;
}

json_t *written_amount_json(int64_t amount)
{
	char text[WRITTEN_AMOUNT];

	return amount == LEDGER_UNLIMITED ? json_null() : json_string(written_amount(amount, text));
}

bool written_read_time(const char *text, int64_t *ns)
{
	char *end;
	unsigned long long n;
	uint64_t value = 0;
	bool good;

	errno = 0;
	n = strtoull(text, &end, 10);
	good = text[0] >= '0' && text[0] <= '9' && errno == 0 && strcmp(end, "d") == 0
		? !__builtin_mul_overflow((uint64_t)n, (uint64_t)DAY_NS, &value)
		: units_time(text, &value);
	if (!good || value > INT64_MAX / 4)
		return false;
	*ns = (int64_t)value;
	return true;
}

const char *written_date(int64_t at, char to[static WRITTEN_TIME])
{
	time_t seconds = (time_t)(at / 1000000000);
	struct tm tm;

	if (at == 0 || !gmtime_r(&seconds, &tm))
		return strcpy(to, "-");
	(void)strftime(to, WRITTEN_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return to;
}

static json_t *hash_json(const uint8_t hash[static CHAIN_HASH])
{
	char hex[2 * CHAIN_HASH + 1];

	return json_string(sodium_bin2hex(hex, sizeof(hex), hash, CHAIN_HASH));
}

json_t *written_entry_json(const struct chain_entry *e, const uint8_t hash[static CHAIN_HASH])
{
	json_t *postings = json_array(), *note = json_stringn((const char *)e->note.p, e->note.n);

	for (unsigned i = 0; i < e->postings; i++)
		json_array_append_new(postings,
			json_pack("[I I I]", (json_int_t)e->posting[i].book,
				(json_int_t)e->posting[i].account,
				(json_int_t)e->posting[i].amount));
	return json_pack("{sI sI sI sI sI so so so so}", "number", (json_int_t)e->number, "at",
		(json_int_t)e->at, "kind", (json_int_t)e->kind, "account", (json_int_t)e->account,
		"refers", (json_int_t)e->refers, "charge", hash_json(e->charge), "note",
		note ? note : json_null(), "postings", postings, "hash", hash_json(hash));
}
