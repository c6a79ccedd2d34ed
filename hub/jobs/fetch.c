/*
 * hub/jobs/fetch.c - a blob comes from another hub: by ranges of some MiB, each a GET of its own, so that what was cut off goes on where
 * it ended. The disk cache says in the end if it is what its name says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/peer.h"

#define PIECE   (4u << 20)
#define TIME_NS (60 * CLOCK_S) /* of one */

static void end(struct fetch *f, struct blob *blob, int error)
{
	if (f->writer)
		blob_break(f->writer);
	f->writer = NULL;
	free(f->piece);
	f->piece = NULL;
	f->done(f, blob, error);
}

static void ask(struct fetch *f);

static void committed(struct blob_op *op, int error)
{
	struct fetch *f = LOOP_OWNER(op, struct fetch, op);

	end(f, error == 0 ? op->blob : NULL, error);
}

static void next(struct fetch *f)
{
	struct blob_writer *writer = f->writer;

	if (f->left) {
		end(f, NULL, -ECANCELED);
	} else if (blob_written(writer) < f->bytes) {
		ask(f);
	} else {
		memset(&f->op, 0, sizeof(f->op));
		f->op.done = committed;
		f->writer = NULL;
		blob_commit(writer, &f->op);
	}
}

static void appended(struct blob_op *op, int error)
{
	struct fetch *f = LOOP_OWNER(op, struct fetch, op);

	if (error < 0)
		end(f, NULL, error);
	else
		next(f);
}

static void came(void *context, const struct web_answer *answer)
{
	struct fetch *f = context;

	f->call = NULL;
	if (answer->status != 206 || answer->taken != f->n) {
		end(f, NULL, answer->status == 404 ? -ENOENT : -EREMOTEIO);
		return;
	}
	f->peers->counts.fetched += f->n;
	memset(&f->op, 0, sizeof(f->op));
	f->op.done = appended;
	blob_append(f->writer, &f->op, f->piece, f->n);
}

static void ask(struct fetch *f)
{
	uint64_t at = blob_written(f->writer), left = f->bytes - at;
	struct peer_texts texts;
	struct web_request r = peer_request(f->peers, f->url, f->hash, &texts);

	f->n = left < PIECE ? (size_t)left : PIECE;
	snprintf(texts.range, sizeof(texts.range), "Range: bytes=%llu-%llu", (unsigned long long)at,
		(unsigned long long)(at + f->n - 1));
	r.method = "GET";
	texts.headers[r.headers_count++] = texts.range;
	r.take = f->piece;
	r.take_most = f->n;
	r.time_ns = TIME_NS;
	f->call = web_post(f->peers->web, &r, came, f);
	if (!f->call)
		end(f, NULL, -ENOMEM);
}

/* One that is under way already, from elsewhere, doesn't disturb. */
static int open_writer(struct fetch *f)
{
	struct blobs *blobs = f->peers->hub->blobs;
	int e = blob_begin(blobs, f->hash, f->bytes, true, &f->writer);

	return e == 0 || e == -EEXIST ? e : blob_begin(blobs, f->hash, f->bytes, false, &f->writer);
}

void fetch_begin(struct fetch *f)
{
	int e;

	f->left = false;
	f->writer = NULL;
	f->call = NULL;
	f->piece = malloc(f->bytes < PIECE ? (size_t)f->bytes + 1 : PIECE);
	e = f->piece ? open_writer(f) : -ENOMEM;
	if (e < 0)
		end(f, NULL, e);
	else
		next(f);
}

bool fetch_leave(struct fetch *f)
{
	if (f->call) {
		web_cancel(f->call);
		f->call = NULL;
		if (f->writer)
			blob_break(f->writer);
		f->writer = NULL;
		free(f->piece);
		f->piece = NULL;
		return true;
	}
	f->left = true;
	return false;
}
