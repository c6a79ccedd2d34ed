/* hub/http/blobs.c - which blob, which bytes of it, and what is said when that can't be. */
#include "hub/http/blobs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/hub.h"

/* --- ranges */

/* Digits, as many as there are; false: none, or too large a number. */
static bool take_number(struct mf_str *text, uint64_t *to)
{
	size_t n = 0;

	*to = 0;
	for (; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++)
		if (__builtin_mul_overflow(*to, 10, to) ||
			__builtin_add_overflow(*to, (uint64_t)(text->p[n] - '0'), to))
			return false;
	text->p += n;
	text->n -= n;
	return n > 0;
}

static bool take_word(struct mf_str *text, const char *word)
{
	size_t n = strlen(word);

	if (text->n < n || memcmp(text->p, word, n) != 0)
		return false;
	text->p += n;
	text->n -= n;
	return true;
}

int blob_content_range(struct mf_str text, uint64_t *first, uint64_t *last, uint64_t *size)
{
	if (!take_word(&text, "bytes ") || !take_number(&text, first) || !take_word(&text, "-") ||
		!take_number(&text, last) || !take_word(&text, "/") || !take_number(&text, size) ||
		text.n > 0)
		return -EINVAL;
	return *first <= *last && *last < *size && *size < UINT64_MAX ? 0 : -EINVAL;
}

/* --- refusals */

void blob_refuse(struct conn *c, unsigned status, const char *detail, uint64_t offset)
{
	const struct problem p = {
		.status = status, .retry_after = status == 409 || status == 503, .detail = detail};
	struct response r = {0};
	char line[64];
	int n = snprintf(line, sizeof(line), "Upload-Offset: %llu\r\n", (unsigned long long)offset);

	if (offset != UINT64_MAX)
		r.lines = mf_str_of(line, (size_t)n);
	exchange_turn_away(c, &p, &r);
}

static const struct {
	int error;
	unsigned status;
	const char *detail;
} errors[] = {
	{-EBADMSG, 422, "the bytes haven't this SHA-256; all of them are dropped"},
	{-EINVAL, 400, "the body has fewer bytes than was said"},
	{-EFBIG, 413,
		"the blob is larger than it was said to be, or than the cache (limits.blobs)"},
	{-EBUSY, 409, "somebody else is sending this blob"},
	{-EEXIST, 409, "the blob came from somebody else meanwhile"},
	{-ENOENT, 404, "the blob isn't here any more: its file was taken away"},
	{-EUCLEAN, 404, "the blob isn't here any more: its file was altered"},
	{-ENOSPC, 507, "the cache is full of what is in use or kept, or the disk is full"},
	{-ENOMEM, 503, "the hub has no memory"},
};

void blob_refuse_error(struct conn *c, int error, uint64_t offset)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error) {
			blob_refuse(c, errors[i].status, errors[i].detail, offset);
			return;
		}
	blob_refuse(c, 500, "the disk cache failed", offset);
}

bool blob_hold(struct conn *c, size_t n)
{
	struct bytes_total *held = &c->http->input.hub->held;

	if (held->held + n <= held->most) {
		held->held += n;
		return true;
	}
	blob_refuse(c, 503, "the hub holds as much for its clients as it may", UINT64_MAX);
	return false;
}

/* --- requests */

bool blob_of(struct conn *c, const struct request *request, uint8_t hash[static BLOB_HASH])
{
	const size_t before = sizeof(BLOBS_PATH) - 1;

	if (request->path.n == before + BLOB_NAME && blob_name_read(request->path.p + before, hash))
		return true;
	blob_refuse(c, 404, "a blob's name is its SHA-256: 64 digits, lower case", UINT64_MAX);
	return false;
}

bool blob_admit(struct conn *c, const struct request *request, size_t *most)
{
	*most = 0;
	if (!c->http->input.hub->blobs) {
		blob_refuse(c, 503, "the disk cache isn't open", UINT64_MAX);
		return false;
	}
	if (mf_str_is(request->method, "PUT"))
		return blob_put_admit(c, request);
	if (request->length == 0)
		return true;
	blob_refuse(c, 413, "there is no use for a body", UINT64_MAX);
	return false;
}

void blob_run(struct conn *c, const struct request *request)
{
	if (!c->http->input.hub->blobs)
		blob_refuse(c, 503, "the disk cache isn't open", UINT64_MAX);
	else if (c->sink)
		blob_put_run(c);
	else
		blob_get_run(c, request);
}
