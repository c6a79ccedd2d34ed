/* cli/quote.c - `mayfly quote`: what a request would cost, asked of a hub or computed from an image. */
#include "cli/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "image/image.h"
#include "image/note.h"
#include "image/price_heads.h"
#include "market/offer.h"

static const char usage[] =
	"usage: mayfly quote URL [SHAPE|FILE.npy]... [--token FILE] [--cacert FILE] [-o "
	"text|json]\n"
	"       mayfly quote IMAGE PATH[?QUERY] [SHAPE|FILE.npy]... [-o text|json]\n"
	"\n"
	"What a request would cost: a hub is asked, or the price in an image computed. Nothing is\n"
	"done, and nothing is sent but shapes: of .npy files only the heads are read.\n"
	"\n"
	"  1000x10        an array of that shape, of float64; 1000x10:c16 is complex128\n"
	"  5000bytes      a body of that length\n"
	"  --token FILE   the token in FILE opens the hub\n"
	"  --cacert FILE  who is believed for https\n"
	"\n"
	"  mayfly quote https://center.example/linalg/solve?assume=positive a.npy 1000x3\n"
	"  mayfly quote build/services/linalg.mfy /linalg/solve 1000x1000 1000x3\n"
	"\n"
	"Exit status: 0 ok, 1 there is no quote, 2 usage, 3 not found, 4 denied, 6 unreachable.\n";

/* ---------------------------------------------------------------------- shapes */

static int add_text(struct quote *q, const char *text)
{
	size_t n = strlen(q->shapes);

	if (n + strlen(text) + 2 > sizeof(q->shapes))
		return out_say("quote", STATUS_USAGE, "\"%s\": too many arrays", text);
	snprintf(q->shapes + n, sizeof(q->shapes) - n, "%s%s", n > 0 ? "," : "", text);
	return STATUS_OK;
}

static bool is_file(const char *text)
{
	size_t n = strlen(text);

	return strchr(text, '/') || strchr(text, '.') || access(text, F_OK) == 0 || n == 0;
}

/* The array in a file, as a shape. */
static int add_file(struct quote *q, const char *path)
{
	static uint8_t head[PRICE_HEAD_MOST];
	char text[128], error[PRICE_ERROR_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
	const int why = errno;
	struct npy npy;
	struct price_array array;
	uint64_t whole;
	size_t at;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return out_say("quote", why == EACCES ? STATUS_DENIED : STATUS_NOT_FOUND,
			"\"%s\": %s", path, strerror(why));
	if (!price_head(mf_str_of(head, (size_t)n), 0, &array, &whole, error) ||
		npy_read(mf_str_of(head, (size_t)n), &npy))
		return out_say("quote", STATUS_USAGE, "\"%s\": %s", path, error);
	if (npy.dims == 0)
		return out_say("quote", STATUS_USAGE,
			"\"%s\": is a number and no array: it has no shape", path);
	for (unsigned i = 0, used = 0; i < npy.dims; i++) {
		used += (unsigned)snprintf(text + used, sizeof(text) - used, "%s%llu", i ? "x" : "",
			(unsigned long long)npy.shape[i]);
	}
	at = strlen(text);
	snprintf(text + at, sizeof(text) - at, ":%c%u", array.is_complex ? 'c' : 'f',
		array.itemsize);
	return add_text(q, text);
}

static int add(struct quote *q, const char *text)
{
	struct price_input input;
	char error[PRICE_ERROR_MAX];

	if (is_file(text))
		return add_file(q, text);
	if (!price_shapes(mf_str_of(text, strlen(text)), &input, error))
		return out_say("quote", STATUS_USAGE, "%s", error);
	return add_text(q, text);
}

/* ---------------------------------------------------------------------- image */

static int offer(
	const struct quote *q, const struct image *image, const struct manifest *m, json_t **answer)
{
	const char *query = strchr(q->path, '?');
	size_t n = query ? (size_t)(query - q->path) : strlen(q->path);
	struct price_input input;
	struct market_quote quote;
	char why[PRICE_ERROR_MAX], *path = strndup(q->path, n);
	enum market_result result;

	if (!path)
		return out_say("quote", STATUS_MEMORY, "no memory");
	(void)price_shapes(mf_str_of(q->shapes, strlen(q->shapes)), &input, why);
	input.query = query ? mf_str_of(query + 1, strlen(query + 1)) : mf_str_of(NULL, 0);
	result = market_offer(m, mf_str_of(path, n), &input, &quote, why);
	if (result == MARKET_QUOTED)
		*answer = market_offer_json(m, m->name, image->digest, path, &quote);
	free(path);
	if (result != MARKET_QUOTED)
		return out_say("quote",
			result == MARKET_NO_FORMULA ? STATUS_NOT_FOUND : STATUS_FAILED, "%s: %s",
			q->path, why);
	return *answer ? STATUS_OK : out_say("quote", STATUS_USAGE, "\"%s\": is no UTF-8", q->path);
}

static int compute(const struct quote *q, json_t **answer)
{
	char error[MANIFEST_ERROR_MAX];
	struct image image;
	struct manifest manifest;
	int fd = open(q->what, O_RDONLY | O_CLOEXEC), status;

	if (fd < 0)
		return out_say("quote", errno == EACCES ? STATUS_DENIED : STATUS_NOT_FOUND,
			"\"%s\": %s", q->what, strerror(errno));
	status = image_open(&image, fd, error);
	close(fd);
	if (status)
		return out_say("quote", STATUS_USAGE, "\"%s\": %s", q->what, error);
	if (note_manifest(&manifest, &image, "its mayfly.yaml", error))
		status = out_say("quote", STATUS_DENIED, "\"%s\": %s", q->what, error);
	else
		status = offer(q, &image, &manifest, answer);
	manifest_free(&manifest);
	image_close(&image);
	return status;
}

/* ------------------------------------------------------------------------ text */

static int show(const struct quote *q, json_t *answer)
{
	const char *amount = json_string_value(json_object_get(answer, "amount"));
	const char *currency = json_string_value(json_object_get(answer, "currency"));

	if (q->json)
		return out_json("quote", STATUS_OK, answer);
	printf("%lld %s", (long long)json_integer_value(json_object_get(answer, "units")),
		json_string_value(json_object_get(answer, "unit")));
	if (amount && currency)
		printf(", %s %s", amount, currency);
	putchar('\n');
	json_decref(answer);
	return out_end("quote", STATUS_OK);
}

static int parse(struct quote *q, int argc, char **argv)
{
	static const struct option options[] = {{"token", required_argument, NULL, 't'},
		{"cacert", required_argument, NULL, 'c'}, {"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 't': q->token = optarg; break;
		case 'c': q->authority = optarg; break;
		case 'o':
			if (!out_format("quote", optarg, &q->json))
				return STATUS_USAGE;
			break;
		case 'h': fputs(usage, stdout); exit(out_end("quote", STATUS_OK));
		default:
			return out_say("quote", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly quote --help",
				argv[optind - 1]);
		}
	}
	return STATUS_OK;
}

int cmd_quote(int argc, char **argv)
{
	struct quote q = {0};
	json_t *answer = NULL;
	int status = parse(&q, argc, argv), next = optind;
	bool remote;

	if (status != STATUS_OK)
		return status;
	if (next == argc)
		return out_say("quote", STATUS_USAGE, "of what? mayfly quote URL|IMAGE ...");
	q.what = argv[next++];
	remote = strstr(q.what, "://") != NULL;
	if (!remote && (next == argc || argv[next][0] != '/'))
		return out_say(
			"quote", STATUS_USAGE, "which path? mayfly quote %s /path 1000x10", q.what);
	if (!remote)
		q.path = argv[next++];
	while (status == STATUS_OK && next < argc)
		status = add(&q, argv[next++]);
	if (status == STATUS_OK)
		status = remote ? quote_ask(&q, &answer) : compute(&q, &answer);
	return status == STATUS_OK ? show(&q, answer) : status;
}
