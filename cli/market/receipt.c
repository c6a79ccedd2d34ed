/* cli/market/receipt.c - `mayfly receipt verify`: did this center sign these, and what do they sum up to? */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/out.h"
#include "market/receipt.h"
#include "market/written.h"

#define FILE_MOST (1u << 30)

static const char help[] =
	"usage: mayfly receipt verify FILE --key KEY [-o text|json]\n"
	"FILE has receipts, a line each. All must be signed by KEY, a center's public key (a file, "
	"or the key\n"
	"itself), none may stand there twice, and all must be in one currency. Shows how many "
	"there\n"
	"are, and the sum of their prices: an invoice is nothing else.\n"
	"Exit status: 0 they are, 1 failed, 2 usage, 3 not found, 4 one of them isn't.\n";

struct args {
	const char *file, *key;
	bool json;
};

/* Who the receipts are of, for finding those that stand there twice. */
struct name {
	char account[RECEIPT_WORD + 1], event[RECEIPT_EVENT + 1];
	unsigned line;
};

struct sum {
	struct name *name;
	unsigned count, room;
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

static int bad(const struct args *a, unsigned line, const char *why)
{
	return out_say("receipt", STATUS_DENIED, "\"%s\" line %u: %s", a->file, line, why);
}

static int add(const struct args *a, struct sum *sum, unsigned line, const struct receipt *r)
{
	if (sum->count == sum->room) {
		unsigned room = sum->room ? 2 * sum->room : 64;
		struct name *more = reallocarray(sum->name, room, sizeof(*more));

		if (!more)
			return out_say("receipt", STATUS_MEMORY, "no memory");
		sum->name = more;
		sum->room = room;
	}
	sum->name[sum->count].line = line;
	memcpy(sum->name[sum->count].account, r->account, sizeof(r->account));
	memcpy(sum->name[sum->count].event, r->event, sizeof(r->event));
	if (sum->count++ == 0)
		memcpy(sum->currency, r->currency, sizeof(sum->currency));
	if (strcmp(sum->currency, r->currency) != 0)
		return bad(a, line, "it is in another currency than the first");
	return __builtin_add_overflow(sum->price, r->price, &sum->price)
		? bad(a, line, "they sum up to too much")
		: STATUS_OK;
}

static int look(const struct args *a, struct sum *sum, const struct sign_key *key, unsigned line,
	struct mf_str text)
{
	char error[RECEIPT_ERROR_MAX];
	struct receipt r;

	if (receipt_read(text, &r, error) < 0)
		return bad(a, line, error);
	if (memcmp(r.key_id, key->id, sizeof(r.key_id)) != 0)
		return bad(a, line, "another key signed it");
	if (!receipt_is_signed(&r, key->bytes))
		return bad(a, line, "it was altered: its signature is of something else");
	return add(a, sum, line, &r);
}

static int look_at_all(
	const struct args *a, struct sum *sum, const struct sign_key *key, struct mf_str text)
{
	unsigned line = 1;
	int status = STATUS_OK;

	for (; status == STATUS_OK && text.n > 0; line++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;

		if (n > 0)
			status = look(a, sum, key, line, mf_str_of(text.p, n));
		text = mf_str_of(text.p + n + (end != NULL), text.n - n - (end != NULL));
	}
	return status;
}

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int account = strcmp(x->account, y->account);

	return account != 0 ? account : strcmp(x->event, y->event);
}

static int look_for_twins(const struct args *a, struct sum *sum)
{
	if (sum->count == 0)
		return out_say("receipt", STATUS_DENIED, "\"%s\": there is none in it", a->file);
	qsort(sum->name, sum->count, sizeof(*sum->name), compare);
	for (unsigned i = 1; i < sum->count; i++)
		if (compare(&sum->name[i - 1], &sum->name[i]) == 0)
			return bad(a, sum->name[i].line, "it stands there twice");
	return STATUS_OK;
}

static int tell(const struct args *a, const struct sum *sum)
{
	char price[WRITTEN_AMOUNT];

	if (a->json)
		return out_json("receipt", STATUS_OK,
			json_pack("{sI ss ss}", "receipts", (json_int_t)sum->count, "price",
				written_amount(sum->price, price), "currency", sum->currency));
	printf("%u receipts, %s %s\n", sum->count, written_amount(sum->price, price),
		sum->currency);
	return out_end("receipt", STATUS_OK);
}

int cmd_receipt(int argc, char **argv)
{
	struct args a = {0};
	struct sum sum = {0};
	struct sign_key key;
	uint8_t *text;
	size_t n;
	int status = parse(&a, argc, argv), e;

	if (status == STATUS_OK)
		status = keys_public("receipt", a.key, &key);
	if (status != STATUS_OK)
		return status;
	e = out_read_file(a.file, FILE_MOST, &text, &n);
	if (e < 0)
		return out_say("receipt", e == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"\"%s\": %s", a.file, strerror(-e));
	status = look_at_all(&a, &sum, &key, mf_str_of(text, n));
	free(text);
	if (status == STATUS_OK)
		status = look_for_twins(&a, &sum);
	if (status == STATUS_OK)
		status = tell(&a, &sum);
	free(sum.name);
	return status;
}
