/*
 * tests/client/ask.c - what end-to-end tests ask a hub with: libmayfly's header and library, and nothing else of ours.
 *
 *	client-ask OPTION... URL PATH [BODY...]
 *
 * Each BODY is a piece. Prints each answer as a line of JSON, in the order in which they came. Options of its own:
 *	--at-once N    so many calls that don't block, in this one thread
 *	--cancel N     the first N of them are cancelled when the first answer is there
 *	--again N      the same call N times, one after another
 *	--upload FILE  as a blob, before; it is the first operand, the body the second
 *	--subscriber KEY   of who pays
 *	--center FILE      the center's public key: each answer's receipt is verified with it, and shown
 *	--quote N          and costs N millionths at most
 */
#include <mayfly-client.h>

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES 16

static struct mayfly_settings settings;
static struct mayfly_request request;
static struct mayfly_piece pieces[PIECES];
static unsigned at_once, cancel, again = 1;
static const char *upload;
static struct mayfly_expected expected;
static char operands[MAYFLY_HASH + 8];

enum {
	TOKEN = 256,
	CA,
	CERT,
	KEY,
	DEADLINE,
	MOST,
	METHOD,
	TYPE,
	ID,
	PURE,
	ONCE,
	MINIMAL,
	KEEP,
	OPERANDS,
	INTO,
	AT_ONCE,
	CANCEL,
	AGAIN,
	UPLOAD,
	SUBSCRIBER,
	CENTER,
	QUOTE
};

static const struct option options[] = {
	{"token", 1, NULL, TOKEN},
	{"ca", 1, NULL, CA},
	{"cert", 1, NULL, CERT},
	{"key", 1, NULL, KEY},
	{"deadline", 1, NULL, DEADLINE},
	{"most", 1, NULL, MOST},
	{"method", 1, NULL, METHOD},
	{"type", 1, NULL, TYPE},
	{"id", 1, NULL, ID},
	{"pure", 0, NULL, PURE},
	{"once", 0, NULL, ONCE},
	{"minimal", 0, NULL, MINIMAL},
	{"keep", 1, NULL, KEEP},
	{"operands", 1, NULL, OPERANDS},
	{"into", 1, NULL, INTO},
	{"at-once", 1, NULL, AT_ONCE},
	{"cancel", 1, NULL, CANCEL},
	{"again", 1, NULL, AGAIN},
	{"upload", 1, NULL, UPLOAD},
	{"subscriber", 1, NULL, SUBSCRIBER},
	{"center", 1, NULL, CENTER},
	{"quote", 1, NULL, QUOTE},
	{NULL, 0, NULL, 0},
};

static void into(size_t n)
{
	request.into = malloc(n + 1);
	request.into_size = n;
	if (!request.into)
		abort();
}

static void take(int option, const char *value)
{
	switch (option) {
	case TOKEN: settings.token_file = value; break;
	case CA: settings.authorities_file = value; break;
	case CERT: settings.certificate_file = value; break;
	case KEY: settings.key_file = value; break;
	case DEADLINE: settings.deadline_ms = strtoull(value, NULL, 10); break;
	case MOST: settings.connections_most = (unsigned)strtoul(value, NULL, 10); break;
	case METHOD: request.method = value; break;
	case TYPE: request.content_type = value; break;
	case ID: request.id = value; break;
	case PURE: request.flags |= MAYFLY_PURE; break;
	case ONCE: request.flags |= MAYFLY_ONCE; break;
	case MINIMAL: request.flags |= MAYFLY_MINIMAL; break;
	case KEEP: request.keep_s = strtoull(value, NULL, 10); break;
	case OPERANDS: request.operands = value; break;
	case INTO: into(strtoul(value, NULL, 10)); break;
	case AT_ONCE: at_once = (unsigned)strtoul(value, NULL, 10); break;
	case CANCEL: cancel = (unsigned)strtoul(value, NULL, 10); break;
	case AGAIN: again = (unsigned)strtoul(value, NULL, 10); break;
	case UPLOAD: upload = value; break;
	case SUBSCRIBER: settings.token = value; break;
	case CENTER: expected.key_file = value; break;
	case QUOTE:
		expected.has_quote = 1;
		expected.quote = strtoll(value, NULL, 10);
		break;
	default: exit(2);
	}
}

/* Its line, or why not. */
static json_t *receipt_json(const struct mayfly_answer *a)
{
	struct mayfly_receipt receipt;
	char text[MAYFLY_TEXT];
	enum mayfly_error error = mayfly_receipt(a, &receipt, text);

	expected.input = request.operands ? NULL : pieces;
	expected.input_count = request.operands ? 0 : request.pieces_count;
	expected.output = a->body;
	expected.output_size = a->size;
	if (error == MAYFLY_OK)
		error = mayfly_receipt_verify(&receipt, &expected, text);
	return json_pack("{si ss sI}", "error", (int)error, error == MAYFLY_OK ? "line" : "text",
		error == MAYFLY_OK ? receipt.line : text, "price", (json_int_t)receipt.price);
}

/* Frees it. */
static void show(struct mayfly_answer *a)
{
	json_t *json = json_pack("{si si sI ss ss ss ss ss sb sI}", "error", (int)a->error,
		"status", a->status, "attempts", (json_int_t)a->attempts, "text", a->text, "id",
		a->id, "event", a->event, "blob", a->blob, "type", a->content_type, "replayed",
		a->replayed, "size", (json_int_t)a->size);

	if (a->body && a->size < 1u << 20)
		json_object_set_new(json, "body", json_stringn_nocheck(a->body, (size_t)a->size));
	if (expected.key_file)
		json_object_set_new(json, "receipt", receipt_json(a));
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(json);
	mayfly_answer_free(a);
}

static void ask_each(struct mayfly_client *client)
{
	while (again-- > 0) {
		struct mayfly_answer answer;

		(void)mayfly_call(client, &request, &answer);
		show(&answer);
	}
}

static void on_end(void *context, struct mayfly_call *call)
{
	struct mayfly_call **calls = context;
	struct mayfly_answer answer;

	for (unsigned i = 0; i < at_once; i++)
		if (calls[i] == call)
			calls[i] = NULL;
	(void)mayfly_finish(call, &answer);
	show(&answer);
	for (; cancel > 0; cancel--)
		if (calls[cancel - 1]) {
			mayfly_cancel(calls[cancel - 1]);
			calls[cancel - 1] = NULL;
		}
}

static void ask_at_once(struct mayfly_client *client)
{
	struct mayfly_call **calls = calloc(at_once, sizeof(struct mayfly_call *));

	if (!calls)
		abort();
	request.done = on_end;
	request.context = calls;
	for (unsigned i = 0; i < at_once; i++)
		calls[i] = mayfly_start(client, &request);
	while (mayfly_wait(client, -1) > 0)
		;
	free(calls);
}

/* The whole file; never freed before the end. */
static struct mayfly_piece file_of(const char *path)
{
	static char *bytes;
	FILE *file = fopen(path, "rb");
	size_t n = 0, some, room = 1u << 26;

	bytes = malloc(room);
	if (!file || !bytes)
		exit(2);
	while ((some = fread(bytes + n, 1, room - n, file)) > 0)
		n += some;
	fclose(file);
	return (struct mayfly_piece){bytes, n, 1, 0};
}

static enum mayfly_error upload_it(struct mayfly_client *client)
{
	struct mayfly_piece piece = file_of(upload);
	struct mayfly_answer answer;
	enum mayfly_error error;
	char name[MAYFLY_HASH];

	error = mayfly_upload(client, &piece, 1, 0, name, &answer);
	free((void *)(uintptr_t)piece.data);
	snprintf(operands, sizeof(operands), "%s%s", name, request.pieces_count > 0 ? ", -" : "");
	request.operands = operands;
	if (error != MAYFLY_OK)
		show(&answer);
	mayfly_answer_free(&answer);
	return error;
}

int main(int argc, char **argv)
{
	struct mayfly_client *client;
	char text[MAYFLY_TEXT];
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take(option, optarg);
	if (argc - optind < 2 || argc - optind - 2 > PIECES)
		return 2;
	settings.url = argv[optind++];
	request.path = argv[optind++];
	request.pieces = pieces;
	for (; optind < argc; optind++)
		pieces[request.pieces_count++] =
			(struct mayfly_piece){argv[optind], strlen(argv[optind]), 0, 0};
	if (mayfly_open(&client, &settings, text) != MAYFLY_OK) {
		fprintf(stderr, "%s\n", text);
		return 1;
	}
	if (!upload || upload_it(client) == MAYFLY_OK) {
		if (at_once > 0)
			ask_at_once(client);
		else
			ask_each(client);
	}
	mayfly_close(client);
	free(request.into);
	return 0;
}
