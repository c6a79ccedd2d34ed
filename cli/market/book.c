/* cli/market/book.c - see book.h */
#include "cli/market/book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"

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
