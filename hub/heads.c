/* hub/heads.c - see heads.h */
#include "hub/heads.h"

#include <errno.h>

#include "hub/cache.h"

static void was_read(struct blob_op *op, int error);

/* The next head, if the formula looks at one more and there is one. */
static void read_on(struct heads *h)
{
	struct blob *blob;
	uint64_t left;

	while (h->next < h->count && h->at == blob_size(h->blobs[h->next])) {
		h->next++;
		h->at = 0;
	}
	if (h->input.arrays == h->wanted || h->next == h->count) {
		h->done(h, 0, NULL);
		return;
	}
	blob = h->blobs[h->next];
	left = blob_size(blob) - h->at;
	h->n = left < sizeof(h->head) ? (size_t)left : sizeof(h->head);
	blob_read(h->hub->blobs, blob, &h->op, h->at, h->head, h->n);
}

static void was_read(struct blob_op *op, int error)
{
	struct heads *h = LOOP_OWNER(op, struct heads, op);
	struct blob *blob = h->blobs[h->next];
	unsigned which = h->input.arrays;
	char why[PRICE_ERROR_MAX];
	uint64_t whole = 0;

	cache_note(h->hub, blob, error);
	if (error < 0) {
		h->done(h, error, NULL);
	} else if (!price_head(
			   mf_str_of(h->head, h->n), which, &h->input.array[which], &whole, why) ||
		!price_head_fits(which, whole, blob_size(blob) - h->at, why)) {
		h->done(h, -EINVAL, why);
	} else {
		h->input.arrays++;
		h->at += whole;
		read_on(h);
	}
}

void heads_read(struct heads *h)
{
	h->op.done = was_read;
	read_on(h);
}
