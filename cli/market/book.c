/* cli/market/book.c - see book.h */
#include "cli/market/book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "image/units.h"
#include "wire/decimal.h"

#define PLACES 6u
#define DAY_NS 86400000000000ull

int book_option(struct book *b, int c, char **argv)
{
	switch (c) {
	case BOOK_STATE: b->directory = optarg; return STATUS_OK;
	case 'o': return out_format(b->command, optarg, &b->json) ? STATUS_OK : STATUS_USAGE;
	case 'h': fputs(b->help, stdout); exit(out_end(b->command, STATUS_OK));
	default:
		return out_say(b->command, STATUS_USAGE,
			"\"%s\": unknown, or its value is missing: see mayfly %s --help",
			argv[optind - 1], b->command);
	}
}

int book_fail(const struct book *b, int error, const char *name)
{
	switch (error) {
	case -ENOENT: return out_say(b->command, STATUS_NOT_FOUND, "\"%s\": there is none", name);
	case -EEXIST: return out_say(b->command, STATUS_FAILED, "\"%s\" is there already", name);
	case -EINVAL:
		return out_say(b->command, STATUS_USAGE,
			"\"%s\": it can't be so: names have up to %u letters, digits and '-_.@', "
			"amounts up to 1000000000",
			name, LEDGER_NAME);
	case -EBUSY:
		return out_say(b->command, STATUS_FAILED, "\"%s\": somebody else uses it", name);
	default: return out_say(b->command, STATUS_FAILED, "\"%s\": %s", name, strerror(-error));
	}
}

/* ------------------------------------------------------------------------ open */

int book_open(struct book *b, bool existing)
{
	const char *from = b->directory ? b->directory : getenv("MAYFLY_STATE");
	char error[LEDGER_ERROR_MAX];
	int e;

	b->directory = from && *from ? from : "/var/lib/mayfly";
	e = ledger_open(&b->ledger, b->directory, b->currency, existing, error);
	if (e == 0)
		return STATUS_OK;
	if (e == -ENOENT)
		return out_say(b->command, STATUS_NOT_FOUND,
			"there is no ledger in \"%s\": --state DIR says where, and mayfly plan put "
			"and mayfly account add make one in a directory that is there",
			b->directory);
	return out_say(b->command,
		e == -EINVAL                          ? STATUS_USAGE
			: e == -EACCES || e == -EROFS ? STATUS_DENIED
						      : STATUS_FAILED,
		"%s", error);
}

int book_begin(struct book *b, bool existing)
{
	int status = book_open(b, existing), e;

	if (status != STATUS_OK)
		return status;
	e = ledger_begin(b->ledger, true);
	if (e == 0)
		return STATUS_OK;
	ledger_close(b->ledger);
	b->ledger = NULL;
	return book_fail(b, e, b->directory);
}

int book_end(struct book *b, int status)
{
	int e = 0;

	if (status == STATUS_OK)
		e = ledger_commit(b->ledger);
	else
		ledger_rollback(b->ledger);
	ledger_close(b->ledger);
	b->ledger = NULL;
	return e < 0 ? book_fail(b, e, b->directory) : status;
}

/* --------------------------------------------------------------------- amounts */

/* Behind the point; none of them may be lost. */
static size_t places_of(const char *text)
{
	const char *point = strchr(text, '.');

	return point ? strspn(point + 1, "0123456789") : 0;
}

int book_amount(const struct book *b, const char *what, const char *text, bool any, int64_t *amount)
{
	if (decimal_read(mf_str_of(text, strlen(text)), PLACES, amount) &&
		places_of(text) <= PLACES && (any || *amount >= 0) &&
		*amount <= LEDGER_AMOUNT_MOST && *amount >= -LEDGER_AMOUNT_MOST)
		return STATUS_OK;
	return out_say(b->command, STATUS_USAGE,
		"%s \"%s\": an amount has up to %u places, like 12.50, and is at most 1000000000%s",
		what, text, PLACES, any ? "" : ", and not below zero");
}

int book_limit(const struct book *b, const char *what, const char *text, int64_t *amount)
{
	if (strcmp(text, "none") != 0)
		return book_amount(b, what, text, false, amount);
	*amount = LEDGER_UNLIMITED;
	return STATUS_OK;
}

const char *book_money(int64_t amount, char to[static BOOK_AMOUNT])
{
	if (amount == LEDGER_UNLIMITED)
		return strcpy(to, "none");
	to[decimal_write(amount, PLACES, to)] = '\0';
	return to;
}

json_t *book_json(int64_t amount)
{
	char text[BOOK_AMOUNT];

	return amount == LEDGER_UNLIMITED ? json_null() : json_string(book_money(amount, text));
}

/* ----------------------------------------------------------------------- times */

int book_time(const struct book *b, const char *what, const char *text, int64_t *ns)
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
	if (good && value <= INT64_MAX / 4) {
		*ns = (int64_t)value;
		return STATUS_OK;
	}
	return out_say(
		b->command, STATUS_USAGE, "%s \"%s\": a time, like 90d, 12h, 30m", what, text);
}

const char *book_date(int64_t at, char to[static BOOK_TIME])
{
	time_t seconds = (time_t)(at / 1000000000);
	struct tm tm;

	if (at == 0 || !gmtime_r(&seconds, &tm))
		return strcpy(to, "-");
	(void)strftime(to, BOOK_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return to;
}

int book_account(const struct book *b, const char *name, struct ledger_account *account)
{
	int e = ledger_account_get(b->ledger, name, account);

	return e < 0 ? book_fail(b, e, name) : STATUS_OK;
}
