/*
 * cli/hub/blob.c - mayfly blob: what a hub's disk cache has.
 */
#include <errno.h>
#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/table.h"
#include "cli/out.h"

#define PATH "/.well-known/mayfly/blobs/"
#define NAME 64u

static const char help[] =
	"usage: mayfly blob ls\n"
	"       mayfly blob put FILE...\n"
	"       mayfly blob get HEX [FILE]\n"
	"       mayfly blob rm HEX\n"
	"The disk cache of a hub: what is there; files that shall be, of which what is there "
	"already\n"
	"isn't sent, and their names; a blob, to a file or stdout; away with it.\n" CLIENT_HELP
	"Exit status: 0 ok, 1 it failed, or is in use, 2 usage, 3 no such blob or file, 4 denied, "
	"6 no "
	"hub.\n";

static const struct option options[] = {CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"blob", help, "o:h", options};

struct blob {
	struct client client;
	bool json;
};

/* ------------------------------------------------------------------------- ls */

static const char *when(char to[static TABLE_CELL], const json_t *seconds)
{
	time_t at = (time_t)json_number_value(seconds);
	struct tm tm;

	if (!json_is_number(seconds) || !gmtime_r(&at, &tm))
		return "-";
	strftime(to, TABLE_CELL, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return to;
}

static int list(struct blob *b)
{
	static const char *const heads[] = {"BLOB", ">BYTES", "USED", "KEPT UNTIL", "IN USE"};
	struct table table;
	json_t *answer, *one;
	size_t i;
	int status = client_ask(&b->client, "GET", "/v1/blobs", &answer, NULL);

	if (status != STATUS_OK)
		return status;
	if (b->json)
		return out_json("blob", STATUS_OK, answer);
	table_open(&table, heads, 5);
	json_array_foreach(json_object_get(answer, "blobs"), i, one)
	{
		char bytes[TABLE_CELL], used[TABLE_CELL], kept[TABLE_CELL];

		snprintf(bytes, sizeof(bytes), "%lld", (long long)client_integer(one, "bytes"));
		table_row(&table,
			(const char *const[]){client_text(one, "blob"), bytes,
				when(used, json_object_get(one, "used")),
				when(kept, json_object_get(one, "kept_until")),
				json_is_true(json_object_get(one, "in_use")) ? "yes" : "no"});
	}
	table_close(&table, stdout);
	json_decref(answer);
	return out_end("blob", STATUS_OK);
}

/* ------------------------------------------------------------------------ put */

struct file {
	const char *path;
	FILE *file;
	long long bytes;
	char name[NAME + 1];
};

static int hash(struct file *f)
{
	static unsigned char buffer[1 << 16];
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	size_t n;

	crypto_hash_sha256_init(&state);
	while ((n = fread(buffer, 1, sizeof(buffer), f->file)) > 0) {
		crypto_hash_sha256_update(&state, buffer, n);
		f->bytes += (long long)n;
	}
	if (ferror(f->file))
		return out_say("blob", STATUS_FAILED, "\"%s\": %s", f->path, strerror(errno));
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(f->name, sizeof(f->name), hash, sizeof(hash));
	return STATUS_OK;
}

/* How much of it is there: all of it, or where to go on. */
static int look(struct blob *b, const struct file *f, bool *whole, long long *offset)
{
	char page[CLIENT_PAGE] = "/v1/blobs";
	json_t *answer;
	int status;

	client_parameter(page, sizeof(page), "name", f->name);
	status = client_ask(&b->client, "GET", page, &answer, NULL);
	if (status != STATUS_OK)
		return status;
	*whole = json_array_size(json_object_get(answer, "blobs")) > 0;
	*offset = client_integer(answer, "upload_offset");
	json_decref(answer);
	return STATUS_OK;
}

static int send(struct blob *b, const struct file *f, long long offset)
{
	char page[CLIENT_PAGE], header[128];
	struct client_transfer t = {.page = page, .from = f->file};

	if (offset >= f->bytes)
		offset = 0;
	snprintf(page, sizeof(page), PATH "%s", f->name);
	snprintf(header, sizeof(header), "Content-Range: bytes %lld-%lld/%lld", offset,
		f->bytes - 1, f->bytes);
	if (offset > 0)
		t.header = header;
	t.from_bytes = f->bytes - offset;
	if (fseeko(f->file, (off_t)offset, SEEK_SET) < 0)
		return out_say("blob", STATUS_FAILED, "\"%s\": %s", f->path, strerror(errno));
	return client_transfer(&b->client, &t);
}

static int put_one(struct blob *b, const char *path, json_t *names)
{
	FILE *file = fopen(path, "re");
	struct file f = {.path = path, .file = file};
	long long offset = 0;
	bool whole = false;
	int status;

	if (!file)
		return out_say("blob", errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"\"%s\": %s", path, strerror(errno));
	status = hash(&f);
	if (status == STATUS_OK)
		status = look(b, &f, &whole, &offset);
	if (status == STATUS_OK && !whole)
		status = send(b, &f, offset);
	fclose(file);
	if (status != STATUS_OK)
		return status;
	if (b->json)
		json_array_append_new(names,
			json_pack("{ss sI ss}", "blob", f.name, "bytes", (json_int_t)f.bytes,
				"file", path));
	else
		printf("%s  %s\n", f.name, path);
	return STATUS_OK;
}

static int put(struct blob *b, char **path, int count)
{
	json_t *names = json_array();
	int status = STATUS_OK;

	for (int i = 0; i < count && status == STATUS_OK; i++)
		status = put_one(b, path[i], names);
	if (b->json && status == STATUS_OK)
		return out_json("blob", STATUS_OK, json_pack("{so}", "blobs", names));
	json_decref(names);
	return status == STATUS_OK ? out_end("blob", STATUS_OK) : status;
}

/* -------------------------------------------------------------------- get, rm */

static int get(struct blob *b, const char *name, const char *path)
{
	char page[CLIENT_PAGE];
	struct client_transfer t = {.page = page, .to = stdout};
	int status;

	if (path)
		t.to = fopen(path, "we");
	if (!t.to)
		return out_say("blob", STATUS_FAILED, "\"%s\": %s", path, strerror(errno));
	snprintf(page, sizeof(page), PATH "%s", name);
	status = client_transfer(&b->client, &t);
	if (path && fclose(t.to) != 0 && status == STATUS_OK)
		status = out_say("blob", STATUS_FAILED, "\"%s\": %s", path, strerror(errno));
	if (path && status != STATUS_OK)
		(void)unlink(path);
	return status == STATUS_OK ? out_end("blob", STATUS_OK) : status;
}

static int drop(struct blob *b, const char *name)
{
	char page[CLIENT_PAGE] = "/v1/blobs/rm";
	json_t *answer;
	int status;

	client_parameter(page, sizeof(page), "name", name);
	status = client_ask(&b->client, "POST", page, &answer, NULL);
	if (status != STATUS_OK)
		return status;
	json_decref(answer);
	if (b->json)
		return out_json("blob", STATUS_OK, json_pack("{ss}", "blob", name));
	return out_end("blob", STATUS_OK);
}

/* ----------------------------------------------------------------------- main */

static bool is_name(const char *text)
{
	return strlen(text) == NAME && strspn(text, "0123456789abcdef") == NAME;
}

static int run(struct blob *b, const char *verb, char **operand, int count)
{
	static const struct {
		const char *verb;
		int least, most;
	} verbs[] = {{"ls", 0, 0}, {"put", 1, 1000000}, {"get", 1, 2}, {"rm", 1, 1}};
	size_t i = 0;

	while (i < 4 && strcmp(verbs[i].verb, verb) != 0)
		i++;
	if (i == 4)
		return out_say("blob", STATUS_USAGE, "\"%s\": it is one of ls, put, get, rm", verb);
	if (count < verbs[i].least || count > verbs[i].most)
		return out_say("blob", STATUS_USAGE, "%s: too %s operands: see mayfly blob --help",
			verb, count < verbs[i].least ? "few" : "many");
	if (i > 1 && !is_name(operand[0]))
		return out_say("blob", STATUS_USAGE,
			"\"%s\": a blob's name is its SHA-256, 64 digits in lower case: mayfly "
			"blob "
			"ls shows them",
			operand[0]);
	switch (i) {
	case 0: return list(b);
	case 1: return put(b, operand, count);
	case 2: return get(b, operand[0], count > 1 ? operand[1] : NULL);
	default: return drop(b, operand[0]);
	}
}

int cmd_blob(int argc, char **argv)
{
	struct client_options o = {0};
	struct blob b = {0};
	int status, c;

	while ((c = client_option(&o, &usage, argc, argv, &status)) != -1)
		if (c == -2)
			return status;
	if (optind >= argc)
		return out_say("blob", STATUS_USAGE,
			"say what: mayfly blob ls|put|get|rm: see mayfly blob --help");
	status = client_open(&b.client, "blob", &o);
	b.json = o.json;
	if (status == STATUS_OK)
		status = run(&b, argv[optind], argv + optind + 1, argc - optind - 1);
	client_close(&b.client);
	return status;
}
