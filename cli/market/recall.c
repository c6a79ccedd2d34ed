/* cli/market/recall.c - `mayfly recall`: what a bad version was paid for, computed anew where that can be, and taken back. */
#include <errno.h>
#include <getopt.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/table.h"
#include "cli/market/book.h"
#include "cli/market/recompute.h"
#include "cli/out.h"
#include "market/recall.h"
#include "market/written.h"
#include "sys/clock.h"

static const char help[] =
	"usage: mayfly recall SERVICE VERSION [--image DIGEST] [--recompute GOOD.mfy]\n"
	"                     [--credit NOTE]\n"
	"What accounts of a center paid for lives of a version that turned out to be bad: each "
	"receipt,\n"
	"and sums.\n"
	"  --image DIGEST        only of the image with this SHA-256\n"
	"  --recompute GOOD.mfy  runs those events that the hub has kept once more, on a good "
	"version:\n"
	"                        where the answer was the same the charge stands\n"
	"  --data [NAME=]FILE, --config KEY=VALUE, --backend NAME  for that, as for mayfly run\n"
	"  --hub PATH            and the hub, as for mayfly ps\n"
	"  --credit NOTE         takes the charges back, and says why in the ledger; those that\n"
	"                        were taken back before stay so, so it may be done "
	"again\n" BOOK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 no ledger, or no such receipt, 4 denied.\n";

enum {
	OPT_IMAGE = BOOK_OWN,
	OPT_RECOMPUTE,
	OPT_CREDIT,
	OPT_HUB,
	OPT_DATA,
	OPT_CONFIG,
	OPT_BACKEND
};

struct recall {
	struct book book;
	struct recall_what what;
	const char *credit;
	uint8_t image[32];
	struct client_options client;
	struct life_options life; /* image_path NULL: nothing is computed */
	struct recall_row *rows;
	size_t count, room;
	bool failed; /* no memory */
	struct recall_sum sum;
};

/* ------------------------------------------------------------------- arguments */

static int take_image(struct recall *a, const char *text)
{
	size_t n = 0;

	a->what.image = a->image;
	return strlen(text) == 64 &&
			sodium_hex2bin(a->image, sizeof(a->image), text, 64, NULL, &n, NULL) == 0 &&
			n == sizeof(a->image)
		? STATUS_OK
		: out_say("recall", STATUS_USAGE,
			  "--image \"%s\": 64 hexadecimal digits, which mayfly inspect shows",
			  text);
}

static int take(struct recall *a, int c, char **argv)
{
	switch (c) {
	case OPT_IMAGE: return take_image(a, optarg);
	case OPT_RECOMPUTE: a->life.image_path = optarg; return STATUS_OK;
	case OPT_HUB: a->client.hub = optarg; return STATUS_OK;
	case OPT_DATA: return life_option(&a->life, LIFE_OPT_DATA, optarg);
	case OPT_CONFIG: return life_option(&a->life, LIFE_OPT_CONFIG, optarg);
	case OPT_BACKEND: return life_option(&a->life, LIFE_OPT_BACKEND, optarg);
	case OPT_CREDIT:
		a->credit = optarg;
		return strlen(optarg) <= CHAIN_NOTE && *optarg
			? STATUS_OK
			: out_say("recall", STATUS_USAGE,
				  "--credit: say why, in at most %u letters", CHAIN_NOTE);
	default: return book_option(&a->book, c, argv);
	}
}

static int parse(struct recall *a, int argc, char **argv)
{
	static const struct option options[] = {{"image", required_argument, NULL, OPT_IMAGE},
		{"recompute", required_argument, NULL, OPT_RECOMPUTE},
		{"credit", required_argument, NULL, OPT_CREDIT},
		{"hub", required_argument, NULL, OPT_HUB},
		{"data", required_argument, NULL, OPT_DATA},
		{"config", required_argument, NULL, OPT_CONFIG},
		{"backend", required_argument, NULL, OPT_BACKEND}, BOOK_LONG_OPTIONS,
		{NULL, 0, NULL, 0}};
	int c, status = STATUS_OK;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	if (status != STATUS_OK)
		return status;
	if (argc - optind != 2)
		return out_say("recall", STATUS_USAGE,
			"say which: mayfly recall SERVICE VERSION, as receipts have it");
	a->what.service = argv[optind];
	a->what.version = argv[optind + 1];
	return STATUS_OK;
}

/* ------------------------------------------------------------------------ rows */

static bool add(const struct recall_charge *charge, void *context)
{
	struct recall *a = context;
	struct recall_row *more, *row;

	if (a->count == a->room) {
		a->room = a->room > 0 ? 2 * a->room : 256;
		more = reallocarray(a->rows, a->room, sizeof(*more));
		if (!more) {
			a->failed = true;
			return false;
		}
		a->rows = more;
	}
	row = &a->rows[a->count++];
	*row = (struct recall_row){.entry = charge->entry,
		.account = strdup(charge->account),
		.event = strdup(charge->receipt->event),
		.at = charge->receipt->at,
		.price = charge->receipt->price,
		.taken_back = charge->taken_back};
	memcpy(row->output, charge->receipt->output, sizeof(row->output));
	a->failed = !row->account || !row->event;
	return !a->failed;
}

static int by_account(const void *a, const void *b)
{
	const struct recall_row *x = a, *y = b;
	int order = strcmp(x->account, y->account);

	return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

static int gather(struct recall *a)
{
	int e = recall_each(a->book.ledger, &a->what, add, a);

	if (e == -EUCLEAN)
		return out_say("recall", STATUS_DENIED,
			"a receipt in the ledger can't be read: mayfly ledger verify says which");
	if (e < 0)
		return book_fail(&a->book, e, a->book.directory);
	if (a->failed)
		return out_say("recall", STATUS_MEMORY, "no memory");
	if (a->count == 0)
		return out_say("recall", STATUS_NOT_FOUND, "no receipt is of version %s of %s",
			a->what.version, a->what.service);
	return STATUS_OK;
}

static int compute(struct recall *a)
{
	int status = STATUS_OK;

	if (a->life.image_path) {
		qsort(a->rows, a->count, sizeof(*a->rows), recompute_order);
		status = recompute(a->rows, a->count, a->what.service, &a->client, &a->life);
	}
	qsort(a->rows, a->count, sizeof(*a->rows), by_account);
	return status;
}

/* ------------------------------------------------------------------- take back */

static int take_back(struct recall *a)
{
	struct recall_set kept = {0};
	int e = 0;

	for (size_t i = 0; i < a->count && e == 0; i++)
		if (a->rows[i].recomputed == RECOMPUTED_SAME)
			e = recall_set_add(&kept, a->rows[i].entry);
	recall_set_sort(&kept);
	a->what.kept = &kept;
	if (e == 0)
		e = recall_take_back(a->book.ledger, &a->what,
			mf_str_of(a->credit, strlen(a->credit)), clock_wall_ns(), &a->sum);
	a->what.kept = NULL;
	recall_set_free(&kept);
	for (size_t i = 0; i < a->count && e == 0; i++)
		a->rows[i].taken_back |=
			a->rows[i].recomputed != RECOMPUTED_SAME && a->rows[i].price > 0;
	return e < 0 ? book_fail(&a->book, e, a->book.directory) : STATUS_OK;
}

/* ------------------------------------------------------------------------ tell */

/* Of one account, or of all. */
struct sums {
	uint64_t receipts, taken_back, same;
	int64_t charged, back;
};

static void sum_up(struct sums *s, const struct recall_row *row)
{
	s->receipts++;
	s->charged += row->price;
	s->taken_back += row->taken_back;
	s->back += row->taken_back ? row->price : 0;
	s->same += row->recomputed == RECOMPUTED_SAME;
}

static json_t *row_json(const struct recall_row *row)
{
	char at[WRITTEN_TIME];

	return json_pack("{sI ss ss ss so sb ss}", "entry", (json_int_t)row->entry, "account",
		row->account, "event", row->event, "at", written_date(row->at, at), "price",
		written_amount_json(row->price), "taken_back", (int)row->taken_back, "recomputed",
		recomputed_names[row->recomputed]);
}

static json_t *sums_json(const struct sums *s)
{
	return json_pack("{sI so sI so sI}", "receipts", (json_int_t)s->receipts, "charged",
		written_amount_json(s->charged), "taken_back", (json_int_t)s->taken_back,
		"taken_back_amount", written_amount_json(s->back), "same", (json_int_t)s->same);
}

static int tell_json(const struct recall *a)
{
	json_t *rows = json_array(), *accounts = json_object(), *o;
	struct sums all = {0}, one = {0};

	for (size_t i = 0; i < a->count; i++) {
		const struct recall_row *row = &a->rows[i];

		json_array_append_new(rows, row_json(row));
		sum_up(&all, row);
		sum_up(&one, row);
		if (i + 1 == a->count || strcmp(row->account, row[1].account) != 0) {
			json_object_set_new(accounts, row->account, sums_json(&one));
			one = (struct sums){0};
		}
	}
	o = sums_json(&all);
	json_object_set_new(o, "service", json_string(a->what.service));
	json_object_set_new(o, "version", json_string(a->what.version));
	json_object_set_new(o, "currency", json_string(ledger_currency(a->book.ledger)));
	json_object_set_new(o, "now_taken_back", json_integer((json_int_t)a->sum.charges));
	json_object_set_new(o, "accounts", accounts);
	json_object_set_new(o, "list", rows);
	return out_json("recall", STATUS_OK, o);
}

static void tell_sums(const char *name, const struct sums *s, const char *currency)
{
	char charged[WRITTEN_AMOUNT], back[WRITTEN_AMOUNT];

	printf("%s: %llu receipts, %s %s; %llu taken back, %s %s", name,
		(unsigned long long)s->receipts, written_amount(s->charged, charged), currency,
		(unsigned long long)s->taken_back, written_amount(s->back, back), currency);
	if (s->same > 0)
		printf("; %llu are right", (unsigned long long)s->same);
	putchar('\n');
}

static int tell(const struct recall *a)
{
	static const char *const heads[] = {
		">ENTRY", "ACCOUNT", "AT", "EVENT", ">PRICE", "TAKEN-BACK", "RECOMPUTED"};
	const char *currency = ledger_currency(a->book.ledger);
	struct sums all = {0}, one = {0};
	struct table table;

	table_open(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < a->count; i++) {
		const struct recall_row *row = &a->rows[i];
		char entry[24], at[WRITTEN_TIME], price[WRITTEN_AMOUNT];
		const char *const cells[] = {entry, row->account, written_date(row->at, at),
			row->event, written_amount(row->price, price),
			row->taken_back ? "yes" : "no",
			a->life.image_path ? recomputed_names[row->recomputed] : NULL};

		snprintf(entry, sizeof(entry), "%llu", (unsigned long long)row->entry);
		table_row(&table, cells);
	}
	table_close(&table, stdout);
	for (size_t i = 0; i < a->count; i++) {
		sum_up(&all, &a->rows[i]);
		sum_up(&one, &a->rows[i]);
		if (i + 1 < a->count && strcmp(a->rows[i].account, a->rows[i + 1].account) == 0)
			continue;
		tell_sums(a->rows[i].account, &one, currency);
		one = (struct sums){0};
	}
	tell_sums("all", &all, currency);
	return out_end("recall", STATUS_OK);
}

int cmd_recall(int argc, char **argv)
{
	struct recall a = {.book = {.command = "recall", .help = help},
		.life = {.command = "recall", .source = MF_SOURCE_RUN}};
	int status = parse(&a, argc, argv);

	if (status == STATUS_OK)
		status = book_open(&a.book, true);
	if (status != STATUS_OK)
		return status;
	status = gather(&a);
	if (status == STATUS_OK)
		status = compute(&a);
	if (status == STATUS_OK && a.credit)
		status = take_back(&a);
	if (status == STATUS_OK)
		status = a.book.json ? tell_json(&a) : tell(&a);
	for (size_t i = 0; i < a.count; i++) {
		free(a.rows[i].account);
		free(a.rows[i].event);
	}
	free(a.rows);
	ledger_close(a.book.ledger);
	return status;
}
