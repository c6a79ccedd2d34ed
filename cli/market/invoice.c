/* cli/market/invoice.c - `mayfly invoice`: what an account used in a month; and is an invoice what its receipts make? */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/market/book.h"
#include "cli/market/receipts.h"
#include "cli/out.h"
#include "market/invoice.h"
#include "sys/clock.h"

#define INVOICE_MOST (64u << 20)

static const char help[] =
	"usage: mayfly invoice ACCOUNT MONTH [-o text|html|json]\n"
	"       mayfly invoice verify INVOICE.json RECEIPTS --key KEY [-o text|json]\n"
	"What an account of a center used in a month, like 2026-11 (UTC): quantities and amounts "
	"of "
	"each\n"
	"service, version and unit, payments, credits, what was taken back, its balance before "
	"and\n"
	"after. It is the sum of receipts and nothing else: verify computes it anew from a file "
	"of\n"
	"receipts, a line each, all signed by KEY, a center's public key, and compares. Receipts "
	"of\n"
	"other months may be in the file.\n" BOOK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 the invoice isn't what the receipts "
	"make.\n";

enum { OPT_KEY = BOOK_OWN };

struct args {
	struct book book;
	const char *key, *account, *month;
	const char *invoice, *receipts; /* verify; NULL: make one */
	bool html;
};

/* ------------------------------------------------------------------- arguments */

static int take(struct args *a, int c, char **argv)
{
	if (c == OPT_KEY) {
		a->key = optarg;
		return STATUS_OK;
	}
	if (c == 'o' && strcmp(optarg, "html") == 0) {
		a->html = true;
		return STATUS_OK;
	}
	return book_option(&a->book, c, argv);
}

static int take_words(struct args *a, int argc, char **argv)
{
	int64_t from, to;

	if (argc - optind == 3 && strcmp(argv[optind], "verify") == 0) {
		a->invoice = argv[optind + 1];
		a->receipts = argv[optind + 2];
		return a->key ? STATUS_OK
			      : out_say("invoice", STATUS_USAGE,
					"signed by whom? mayfly invoice verify INVOICE RECEIPTS "
					"--key KEY");
	}
	if (argc - optind != 2 || strcmp(argv[optind], "verify") == 0)
		return out_say("invoice", STATUS_USAGE,
			"say whose, and of which month: mayfly invoice ACCOUNT 2026-11, or verify "
			"INVOICE RECEIPTS --key KEY");
	a->account = argv[optind];
	a->month = argv[optind + 1];
	return invoice_month(a->month, &from, &to)
		? STATUS_OK
		: out_say("invoice", STATUS_USAGE, "\"%s\": write a month as 2026-11", a->month);
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, OPT_KEY}, BOOK_LONG_OPTIONS, {NULL, 0, NULL, 0}};
	int c, status = STATUS_OK;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	return status == STATUS_OK ? take_words(a, argc, argv) : status;
}

/* ------------------------------------------------------------------------ make */

static int show(const struct args *a, const struct invoice *v)
{
	if (a->book.json)
		return out_json("invoice", STATUS_OK, invoice_json(v));
	if (a->html)
		invoice_html(v, stdout);
	else
		invoice_text(v, stdout);
	return out_end("invoice", STATUS_OK);
}

static int make(struct args *a)
{
	char error[INVOICE_ERROR_MAX];
	struct invoice v = {0};
	int status = book_open(&a->book, true), e;

	if (status != STATUS_OK)
		return status;
	e = invoice_make(&v, a->book.ledger, a->account, a->month, error);
	if (e < 0)
		status = out_say("invoice",
			e == -ENOENT            ? STATUS_NOT_FOUND
				: e == -EUCLEAN ? STATUS_DENIED
						: STATUS_FAILED,
			"%s", error);
	else if (v.to > clock_wall_ns())
		(void)out_say("invoice", 0, "%s hasn't ended: more may come to it", a->month);
	if (e == 0)
		status = show(a, &v);
	invoice_close(&v);
	ledger_close(a->book.ledger);
	return status;
}

/* ---------------------------------------------------------------------- verify */

struct check {
	struct invoice v;
	unsigned others; /* of other months */
};

static int add(struct receipts *receipts, const struct receipt *r, struct mf_str text)
{
	struct check *check = receipts->context;
	struct invoice *v = &check->v;
	int e;

	if (strcmp(r->account, v->account) != 0)
		return receipts_bad(receipts, receipts->line, "it is another account's");
	if (r->at < v->from || r->at >= v->to) {
		check->others++;
		return STATUS_OK;
	}
	if (strcmp(r->currency, v->currency) != 0)
		return receipts_bad(receipts, receipts->line, "it is in another currency");
	e = invoice_add(v, r, text);
	return e == 0 ? STATUS_OK
		      : out_say("invoice", e == -ENOMEM ? STATUS_MEMORY : STATUS_DENIED,
				"\"%s\" line %u: %s", receipts->file, receipts->line, strerror(-e));
}

static int compare(const struct args *a, const json_t *shown, struct check *check)
{
	char error[INVOICE_ERROR_MAX] = "a receipt stands there twice";
	const struct invoice *v = &check->v;

	if (invoice_end(&check->v) < 0 || invoice_check(shown, v, error) < 0)
		return out_say("invoice", STATUS_DENIED, "\"%s\": %s", a->invoice, error);
	if (a->book.json)
		return out_json("invoice", STATUS_OK,
			json_pack("{so sI so ss}", "invoice",
				json_incref(json_object_get(shown, "invoice")), "receipts",
				(json_int_t)v->receipts, "charged",
				json_incref(json_object_get(shown, "charged")), "currency",
				v->currency));
	printf("%s: %zu receipts, %s %s\n", json_string_value(json_object_get(shown, "invoice")),
		v->receipts, json_string_value(json_object_get(shown, "charged")), v->currency);
	if (check->others > 0)
		(void)out_say("invoice", 0, "%u receipts are of other months", check->others);
	return out_end("invoice", STATUS_OK);
}

static int verify_with(const struct args *a, const json_t *shown, const struct sign_key *key)
{
	const char *account = json_string_value(json_object_get(shown, "account"));
	const char *month = json_string_value(json_object_get(shown, "month"));
	const char *currency = json_string_value(json_object_get(shown, "currency"));
	struct check check = {0};
	struct receipts receipts = {.command = "invoice",
		.file = a->receipts,
		.key = key,
		.each = add,
		.context = &check};
	int status = STATUS_OK;

	if (!account || !month || !currency || invoice_open(&check.v, account, month, currency) < 0)
		status = out_say("invoice", STATUS_DENIED,
			"\"%s\": it is no invoice: account, month or currency is missing",
			a->invoice);
	if (status == STATUS_OK)
		status = receipts_read(&receipts);
	if (status == STATUS_OK)
		status = compare(a, shown, &check);
	invoice_close(&check.v);
	return status;
}

static int verify(const struct args *a)
{
	struct sign_key key;
	json_t *shown = NULL;
	uint8_t *text = NULL;
	size_t n;
	int status = keys_public("invoice", a->key, &key), e;

	if (status != STATUS_OK)
		return status;
	e = out_read_file(a->invoice, INVOICE_MOST, &text, &n);
	if (e < 0)
		return out_say("invoice", e == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"\"%s\": %s", a->invoice, strerror(-e));
	shown = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	status = json_is_object(shown)
		? verify_with(a, shown, &key)
		: out_say("invoice", STATUS_DENIED, "\"%s\": it is no JSON: -o json makes it",
			  a->invoice);
	json_decref(shown);
	return status;
}

int cmd_invoice(int argc, char **argv)
{
	struct args a = {.book = {.command = "invoice", .help = help}};
	int status = parse(&a, argc, argv);

	if (status != STATUS_OK)
		return status;
	return a.invoice ? verify(&a) : make(&a);
}
