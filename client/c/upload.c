/* client/c/upload.c - blobs: their names, and sending one in such a way that what was interrupted goes on.
 *
 * The hub is asked what it has (HEAD: all of it, Upload-Offset, or nothing), and gets the rest by PUT with
 * Content-Range; whenever that fails for a reason that may pass, again from there. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "client/c/inner.h"

#define BLOBS "/.well-known/mayfly/blobs/"
#define PATH  (sizeof(BLOBS) + MAYFLY_HASH)
#define MS    UINT64_C(1000000)
#define S     UINT64_C(1000000000)
#define HASH  32u
#define RANGE 96u

/* ------------------------------------------------------------------------------ name */

static bool hash_all(EVP_MD_CTX *hash, struct cursor *cursor, unsigned char to[HASH])
{
	const void *bytes;
	size_t n = SIZE_MAX;

	if (EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return false;
	while ((bytes = cursor_next(cursor, &n))) {
		if (EVP_DigestUpdate(hash, bytes, n) != 1)
			return false;
		n = SIZE_MAX;
	}
	return EVP_DigestFinal_ex(hash, to, NULL) == 1;
}

enum mayfly_error mayfly_hash(
	const struct mayfly_piece *pieces, size_t pieces_count, char name[MAYFLY_HASH])
{
	struct cursor cursor = {.pieces = pieces, .count = pieces_count};
	unsigned char hash[HASH];
	EVP_MD_CTX *context;
	uint64_t bytes;
	bool well;

	name[0] = '\0';
	if (!pieces_size(pieces, pieces_count, &bytes))
		return MAYFLY_WRONG;
	context = EVP_MD_CTX_new();
	well = context && hash_all(context, &cursor, hash);
	EVP_MD_CTX_free(context);
	if (!well)
		return MAYFLY_NO_MEMORY;
	for (size_t i = 0; i < HASH; i++)
		snprintf(name + 2 * i, 3, "%02x", hash[i]);
	return MAYFLY_OK;
}

/* ----------------------------------------------------------------------------- sending */

struct upload {
	struct mayfly_client *client;
	const struct mayfly_piece *pieces;
	size_t count;
	uint64_t bytes, deadline; /* NEVER */
	unsigned attempts;
	char path[PATH];
	struct mayfly_answer *answer;
};

/* 0: there is no time left. */
static uint64_t left_ms(const struct upload *u)
{
	uint64_t now = now_ns();

	if (u->deadline == NEVER)
		return MAYFLY_UNLIMITED;
	return now >= u->deadline ? 0 : (u->deadline - now + MS - 1) / MS;
}

static enum mayfly_error late(struct upload *u)
{
	mayfly_answer_free(u->answer);
	u->answer->error = MAYFLY_DEADLINE;
	u->answer->attempts = u->attempts;
	text_add(u->answer->text, "%s%s: it took too long", u->client->url, u->path);
	return MAYFLY_DEADLINE;
}

/* How many of its bytes the hub has, of a HEAD's answer; false: that is an error. */
static bool has(const struct upload *u, uint64_t *offset)
{
	const char *said = mayfly_header(u->answer, "upload-offset");

	*offset = u->bytes;
	if (u->answer->error == MAYFLY_OK)
		return true;
	if (u->answer->error != MAYFLY_REFUSED || u->answer->status != 404)
		return false;
	*offset = said ? strtoull(said, NULL, 10) : 0;
	if (*offset >= u->bytes) /* whole, and yet not there */
		*offset = 0;
	return true;
}

static enum mayfly_error ask(struct upload *u, uint64_t *offset)
{
	const struct mayfly_request head = {
		.method = "HEAD", .path = u->path, .deadline_ms = left_ms(u)};

	if (head.deadline_ms == 0)
		return late(u);
	mayfly_answer_free(u->answer);
	(void)mayfly_call(u->client, &head, u->answer);
	return has(u, offset) ? MAYFLY_OK : u->answer->error;
}

/* The pieces from an offset on: one that is cut in the middle of a row becomes two or three. */
static size_t rest_of(const struct upload *u, uint64_t offset, struct mayfly_piece *to)
{
	struct cursor cursor = {.pieces = u->pieces, .count = u->count};
	const struct mayfly_piece *cut;
	size_t n = 0, rows;

	cursor_seek(&cursor, offset);
	if (cursor.piece == u->count)
		return 0;
	cut = &u->pieces[cursor.piece];
	rows = (cut->rows ? cut->rows : 1) - cursor.row;
	if (cursor.at > 0) {
		to[n++] = (struct mayfly_piece){
			(const char *)cut->data + (ptrdiff_t)cursor.row * cut->stride + cursor.at,
			cut->bytes - cursor.at, 1, 0};
		cursor.row++;
		rows--;
	}
	if (rows > 0)
		to[n++] = (struct mayfly_piece){
			(const char *)cut->data + (ptrdiff_t)cursor.row * cut->stride, cut->bytes,
			rows, cut->stride};
	for (size_t i = cursor.piece + 1; i < u->count; i++)
		to[n++] = u->pieces[i];
	return n;
}

/* Once: what it takes to go on is asked for by HEAD. */
static enum mayfly_error send_rest(struct upload *u, uint64_t offset)
{
	struct mayfly_piece *rest = calloc(u->count + 2, sizeof(*rest));
	char range[RANGE];
	const char *const headers[] = {range};
	struct mayfly_request put = {.method = "PUT",
		.path = u->path,
		.pieces = rest,
		.headers = headers,
		.flags = MAYFLY_ONCE,
		.deadline_ms = left_ms(u)};

	mayfly_answer_free(u->answer);
	if (!rest)
		return u->answer->error = MAYFLY_NO_MEMORY;
	put.pieces_count = rest_of(u, offset, rest);
	if (offset > 0) {
		snprintf(range, sizeof(range),
			"Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, offset,
			u->bytes - 1, u->bytes);
		put.headers_count = 1;
	}
	if (put.deadline_ms > 0)
		(void)mayfly_call(u->client, &put, u->answer);
	free(rest);
	return put.deadline_ms > 0 ? u->answer->error : late(u);
}

/* Another has sent some of it meanwhile (416), or what was the rest is a piece now (202). */
static bool has_moved(const struct mayfly_answer *a)
{
	return a->status == 416 || a->status == 202;
}

/* False: it may not, or there is no time. */
static bool wait_to_go_on(struct upload *u)
{
	const struct mayfly_answer *a = u->answer;
	struct outcome outcome = {
		a->error, a->status, mayfly_header(a, "retry-after") != NULL, true};
	uint64_t random = 0, pause;
	struct timespec time;

	if (has_moved(a))
		outcome =
			(struct outcome){.error = MAYFLY_REFUSED, .status = 408}; /* a few times */
	(void)!getrandom(&random, sizeof(random), 0);
	pause = retry_pause_ns(u->attempts, a->retry_s, random);
	if (!retry_may(&outcome, 0, u->attempts) || pause / MS >= left_ms(u))
		return false;
	time.tv_sec = (time_t)(pause / S);
	time.tv_nsec = (long)(pause % S);
	(void)nanosleep(&time, NULL);
	return true;
}

static enum mayfly_error send_all(struct upload *u)
{
	uint64_t offset;

	for (;;) {
		enum mayfly_error error = ask(u, &offset);

		if (error != MAYFLY_OK)
			return error;
		if (offset == u->bytes && u->answer->error == MAYFLY_OK)
			return MAYFLY_OK;
		u->attempts++;
		error = send_rest(u, offset);
		if (error == MAYFLY_OK && !has_moved(u->answer))
			return error;
		if (!wait_to_go_on(u))
			break;
	}
	if (has_moved(u->answer))
		u->answer->error = MAYFLY_REFUSED;
	if (u->answer->error == MAYFLY_REFUSED && u->answer->status == 422)
		u->answer->error = MAYFLY_CHANGED;
	return u->answer->error;
}

enum mayfly_error mayfly_upload(struct mayfly_client *client, const struct mayfly_piece *pieces,
	size_t pieces_count, uint64_t deadline_ms, char name[MAYFLY_HASH],
	struct mayfly_answer *answer)
{
	uint64_t ms = deadline_ms ? deadline_ms : client->deadline_ms, now = now_ns();
	struct upload u = {.client = client,
		.pieces = pieces,
		.count = pieces_count,
		.deadline = ms > (NEVER - now) / MS - 1 ? NEVER : now + ms * MS,
		.answer = answer};

	*answer = (struct mayfly_answer){0};
	answer->error = mayfly_hash(pieces, pieces_count, name);
	if (answer->error != MAYFLY_OK) {
		text_add(answer->text, "a piece has no memory, or they are more than can be sent");
		return answer->error;
	}
	(void)pieces_size(pieces, pieces_count, &u.bytes);
	snprintf(u.path, sizeof(u.path), BLOBS "%s", name);
	return send_all(&u);
}
