/* cli/market/usage.c - `mayfly ledger usage`: what was used, as CloudEvents, for whoever meters and bills. */
#include "cli/market/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/commands.h"
#include "cli/market/book.h"
#include "cli/market/push.h"
#include "cli/out.h"
#include "market/usage.h"
#include "market/written.h"

#define BATCH_MOST  10000u
#define BATCH_USUAL 100u
#define CURSOR_MOST 256u

static const char help[] =
	"usage: mayfly ledger usage [--from NUMBER] [--account NAME] [--batch N]\n"
	"       mayfly ledger usage --to URL --cursor FILE [--account NAME] [--batch N]\n"
	"                           [--patience TIME] [--token-file FILE] [--cacert FILE]\n"
	"Charges as CloudEvents 1.0 (JSON): one in a line, or, with --batch, N in an array in a "
	"line. "
	"An\n"
	"event's id is its receipt's: whoever gets it twice knows that. data.entry is its entry; "
	"the next\n"
	"export begins --from the one behind. With --to they are POSTed in batches (of 100, if "
	"--batch\n"
	"doesn't say else) until they were taken; FILE says up to where, and is made if it isn't "
	"there.\n"
	"Nothing is left out; what may have arrived is sent again.\n"
	"  --account NAME     of this one only\n"
	"  --patience TIME    how long a batch is tried again; without it 5m\n"
	"  --token-file FILE  a bearer token, for URL\n" BOOK_HELP
	"Exit status: 0 all is told, 1 refused, 2 usage, 3 not found, 4 the ledger isn't what it "
	"was,\n"
	"6 nobody took it.\n";

enum {
	OPT_FROM = BOOK_OWN,
	OPT_ACCOUNT,
	OPT_BATCH,
	OPT_TO,
	OPT_CURSOR,
	OPT_PATIENCE,
	OPT_TOKEN,
	OPT_AUTHORITIES
};

struct args {
	struct book book;
	uint64_t from, batch, number; /* number: of the account; 0: all */
	const char *account, *cursor;
	struct push push;
};

/* ------------------------------------------------------------------- arguments */

static int take_number(const char *what, uint64_t most, uint64_t *number)
{
	if (num_parse(mf_str_of(optarg, strlen(optarg)), number) && *number > 0 && *number <= most)
		return STATUS_OK;
	return out_say("ledger", STATUS_USAGE, "%s \"%s\": a number from 1 to %" PRIu64, what,
		optarg, most);
}

static int take(struct args *a, int c, char **argv)
{
	switch (c) {
	case OPT_FROM: return take_number("--from", INT64_MAX, &a->from);
	case OPT_ACCOUNT: a->account = optarg; return STATUS_OK;
	case OPT_BATCH: return take_number("--batch", BATCH_MOST, &a->batch);
	case OPT_TO: a->push.url = optarg; return STATUS_OK;
	case OPT_CURSOR: a->cursor = optarg; return STATUS_OK;
	case OPT_TOKEN: a->push.token_file = optarg; return STATUS_OK;
	case OPT_AUTHORITIES: a->push.authorities = optarg; return STATUS_OK;
	case OPT_PATIENCE:
		return written_read_time(optarg, &a->push.patience_ns)
			? STATUS_OK
			: out_say("ledger", STATUS_USAGE, "--patience \"%s\": " WRITTEN_TIME_IS,
				  optarg);
	default: return book_option(&a->book, c, argv);
	}
}

static int check(const struct args *a, int words)
{
	if (words != 1)
		return out_say("ledger", STATUS_USAGE,
			"say what to do: mayfly ledger usage [--to URL --cursor FILE]");
	if (!a->push.url != !a->cursor)
		return out_say("ledger", STATUS_USAGE,
			"--to URL and --cursor FILE, which says up to where, belong together");
	if (a->cursor && a->from)
		return out_say("ledger", STATUS_USAGE, "--from: the cursor says that");
	if (!a->push.url && (a->push.token_file || a->push.authorities))
		return out_say(
			"ledger", STATUS_USAGE, "--token-file and --cacert are for --to URL");
	return STATUS_OK;
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"from", required_argument, NULL, OPT_FROM},
		{"account", required_argument, NULL, OPT_ACCOUNT},
		{"batch", required_argument, NULL, OPT_BATCH},
		{"to", required_argument, NULL, OPT_TO},
		{"cursor", required_argument, NULL, OPT_CURSOR},
		{"patience", required_argument, NULL, OPT_PATIENCE},
		{"token-file", required_argument, NULL, OPT_TOKEN},
		{"cacert", required_argument, NULL, OPT_AUTHORITIES}, BOOK_LONG_OPTIONS,
		{NULL, 0, NULL, 0}};
	int c, status = STATUS_OK;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	return status == STATUS_OK ? check(a, argc - optind) : status;
}

/* ---------------------------------------------------------------------- cursor */

/* Of the entry that was told last; so that nobody goes on in another ledger with the old one's number. */
struct mark {
	uint64_t next;
	char hex[2 * CHAIN_HASH + 1]; /* "" : none was told */
};

static bool take_mark(
	const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH], void *context)
{
	struct mark *mark = context;

	if (entry->number + 1 == mark->next)
		out_hex(hash, CHAIN_HASH, mark->hex);
	return false;
}

static int mark_of(struct args *a, uint64_t next, struct mark *mark)
{
	int e;

	*mark = (struct mark){.next = next};
	if (next <= 1)
		return STATUS_OK;
	e = ledger_entries(a->book.ledger, next - 1, take_mark, mark);
	return e < 0 ? book_fail(&a->book, e, a->book.directory) : STATUS_OK;
}

static int bad_cursor(const struct args *a, const char *why)
{
	return out_say("ledger", STATUS_DENIED, "--cursor \"%s\": %s", a->cursor, why);
}

/* "next N", and in the second line "hash HEX", which may be empty. False: it isn't so. */
static bool parse_cursor(const char *text, struct mark *mark)
{
	const char *digits = text + 5, *line = strchr(text, '\n'), *hex;

	if (!line || strncmp(text, "next ", 5) != 0 || strncmp(line, "\nhash ", 6) != 0 ||
		!num_parse(mf_str_of(digits, (size_t)(line - digits)), &mark->next))
		return false;
	hex = line + 6;
	(void)snprintf(mark->hex, sizeof(mark->hex), "%.*s", (int)strcspn(hex, "\n"), hex);
	return mark->next > 0 && mark->next <= INT64_MAX && strcspn(hex, "\n") < sizeof(mark->hex);
}

static int read_cursor(struct args *a)
{
	struct mark mark, told;
	uint8_t *bytes;
	size_t n;
	bool good;
	int e = out_read_file(a->cursor, CURSOR_MOST, &bytes, &n), status;

	a->from = 1;
	if (e == -ENOENT)
		return STATUS_OK;
	if (e < 0)
		return out_say(
			"ledger", STATUS_FAILED, "--cursor \"%s\": %s", a->cursor, strerror(-e));
	good = parse_cursor((const char *)bytes, &told);
	free(bytes);
	if (!good)
		return bad_cursor(a, "what is in it is no cursor");
	a->from = told.next;
	status = mark_of(a, a->from, &mark);
	return status != STATUS_OK || strcmp(mark.hex, told.hex) == 0
		? status
		: bad_cursor(a, "the entry that was told last isn't in this ledger");
}

static int write_cursor(struct args *a, uint64_t next)
{
	char text[CURSOR_MOST];
	struct mark mark;
	int status = mark_of(a, next, &mark), e;

	if (status != STATUS_OK)
		return status;
	(void)snprintf(text, sizeof(text), "next %" PRIu64 "\nhash %s\n", next, mark.hex);
	e = out_write_file(a->cursor, text, strlen(text));
	return e < 0
		? out_say("ledger", STATUS_FAILED, "--cursor \"%s\": %s", a->cursor, strerror(-e))
		: STATUS_OK;
}

/* ---------------------------------------------------------------------- events */

static int put_line(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	const bool good = text && puts(text) != EOF;

	free(text);
	return good ? STATUS_OK : STATUS_FAILED;
}

static int put_events(const struct args *a, const json_t *events)
{
	const json_t *event;
	int status = STATUS_OK;
	size_t i;

	if (a->batch)
		return put_line(events);
	json_array_foreach(events, i, event) if (status == STATUS_OK) status = put_line(event);
	return status;
}

static int post(struct args *a, const json_t *events)
{
	char *body = json_dumps(events, JSON_COMPACT);
	int status = body ? push_post(&a->push, body, strlen(body))
			  : out_say("ledger", STATUS_MEMORY, "no memory");

	free(body);
	return status;
}

/* One batch; the ledger is looked at no longer than it takes to read it. */
static int read_batch(struct args *a, struct usage *usage)
{
	char error[USAGE_ERROR_MAX];
	int e = ledger_look(a->book.ledger);

	if (e < 0)
		return book_fail(&a->book, e, a->book.directory);
	e = usage_read(a->book.ledger, a->from, UINT64_MAX, a->number,
		(unsigned)(a->batch ? a->batch : BATCH_USUAL), usage, error);
	ledger_rollback(a->book.ledger);
	return e < 0 ? out_say("ledger", e == -EUCLEAN ? STATUS_DENIED : STATUS_FAILED, "%s: %s",
			       a->book.directory, error)
		     : STATUS_OK;
}

static int tell_all(struct args *a)
{
	struct usage usage = {.more = true};
	int status = STATUS_OK;

	while (status == STATUS_OK && usage.more) {
		status = read_batch(a, &usage);
		if (status != STATUS_OK)
			return status;
		if (json_array_size(usage.events) > 0)
			status = a->push.url ? post(a, usage.events) : put_events(a, usage.events);
		json_decref(usage.events);
		if (status == STATUS_OK && a->cursor && usage.next != a->from)
			status = write_cursor(a, usage.next);
		a->from = usage.next;
	}
	return status == STATUS_OK ? out_end("ledger", STATUS_OK) : status;
}

static int find_account(struct args *a)
{
	struct ledger_account account = {0};
	int e = ledger_look(a->book.ledger);

	if (e == 0) {
		e = ledger_account_get(a->book.ledger, a->account, &account);
		ledger_rollback(a->book.ledger);
	}
	if (e < 0)
		return book_fail(&a->book, e, a->account);
	a->number = account.number;
	return STATUS_OK;
}

int usage_main(int argc, char **argv)
{
	struct args a = {.book = {.command = "ledger", .help = help},
		.push = {.command = "ledger", .patience_ns = 300000000000}};
	int status = parse(&a, argc, argv);

	if (status == STATUS_OK)
		status = book_open(&a.book, true);
	if (status == STATUS_OK && a.account)
		status = find_account(&a);
	if (status == STATUS_OK && a.cursor)
		status = read_cursor(&a);
	else if (status == STATUS_OK && a.from == 0)
		a.from = 1;
	if (status == STATUS_OK && a.push.url)
		status = push_open(&a.push);
	if (status == STATUS_OK)
		status = tell_all(&a);
	push_close(&a.push);
	ledger_close(a.book.ledger);
	return status;
}
