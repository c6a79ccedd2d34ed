/* cli/market/receipt.c - `mayfly receipt verify`: did this center sign these, and what do they sum up to? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/market/receipt_ls.h"
#include "cli/market/receipts.h"
#include "cli/out.h"
#include "market/receipt.h"
#include "market/written.h"

static const char help[] =
	"usage: mayfly receipt verify FILE --key KEY [-o text|json]\n"
	"       mayfly receipt ls ACCOUNT [MONTH] [--state DIR]\n"
	"FILE has receipts, a line each. All must be signed by KEY, a center's public key (a file, "
	"or the key\n"
	"itself), none may stand there twice, and all must be in one currency. Shows how\n"
	"many there are, and the sum of their prices: an invoice is nothing else. ls prints\n"
	"those of an account that are in a center's ledger (of a month: 2026-11), also such\n"
	"that its subscriber didn't get.\n"
	"Exit status: 0 they are, 1 failed, 2 usage, 3 not found, 4 one of them isn't.\n";

struct args {
	const char *file, *key;
	bool json;
};

struct sum {
	char currency[4];
	int64_t price;
};

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"key", required_argument, NULL, 'k'},
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'k': a->key = optarg; break;
		case 'h': fputs(help, stdout); exit(out_end("receipt", STATUS_OK));
		case 'o':
			if (!out_format("receipt", optarg, &a->json))
				return STATUS_USAGE;
			break;
		default:
			return out_say("receipt", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly receipt "
				"--help",
				argv[optind - 1]);
		}
	}
	if (argc - optind != 2 || strcmp(argv[optind], "verify") != 0)
		return out_say("receipt", STATUS_USAGE,
			"give one file: mayfly receipt verify FILE --key KEY");
	a->file = argv[optind + 1];
	return a->key ? STATUS_OK
		      : out_say("receipt", STATUS_USAGE,
				"signed by whom? mayfly receipt verify FILE --key KEY");
}

static int add(struct receipts *receipts, const struct receipt *r, struct mf_str text)
{
	struct sum *sum = receipts->context;

	(void)text;
	if (receipts->count == 1)
		memcpy(sum->currency, r->currency, sizeof(sum->currency));
	if (strcmp(sum->currency, r->currency) != 0)
		return receipts_bad(
			receipts, receipts->line, "it is in another currency than the first");
	return __builtin_add_overflow(sum->price, r->price, &sum->price)
		? receipts_bad(receipts, receipts->line, "they sum up to too much")
		: STATUS_OK;
}

static int tell(const struct args *a, const struct receipts *receipts, const struct sum *sum)
{
	char price[WRITTEN_AMOUNT];

	if (a->json)
		return out_json("receipt", STATUS_OK,
			json_pack("{sI ss ss}", "receipts", (json_int_t)receipts->count, "price",
				written_amount(sum->price, price), "currency", sum->currency));
	printf("%u receipts, %s %s\n", receipts->count, written_amount(sum->price, price),
		sum->currency);
	return out_end("receipt", STATUS_OK);
}

int cmd_receipt(int argc, char **argv)
{
	struct args a = {0};
	struct sum sum = {0};
	struct sign_key key;
	struct receipts receipts = {
		.command = "receipt", .key = &key, .each = add, .context = &sum};
	int status;

	if (argc > 1 && strcmp(argv[1], "ls") == 0)
		return receipt_ls_main(argc, argv, help);
	status = parse(&a, argc, argv);
	if (status == STATUS_OK)
		status = keys_public("receipt", a.key, &key);
	receipts.file = a.file;
	if (status == STATUS_OK)
		status = receipts_read(&receipts);
	if (status == STATUS_OK && receipts.count == 0)
		status = out_say("receipt", STATUS_DENIED, "\"%s\": there is none in it", a.file);
	return status == STATUS_OK ? tell(&a, &receipts, &sum) : status;
}
