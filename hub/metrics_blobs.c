/* hub/metrics_blobs.c - the disk cache. */
#include "hub/hub.h"
#include "hub/metrics_parts.h"
#include "store/blobs.h"

#define OF(member) offsetof(struct blobs_counts, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
} of_blobs[] = {
	{"mayfly_blobs", "gauge", "Blobs in the disk cache.", OF(blobs)},
	{"mayfly_blobs_bytes", "gauge", "What lies there takes, in blocks; uploads too.",
		OF(bytes)},
	{"mayfly_blobs_limit_bytes", "gauge", "And may take.", OF(most)},
	{"mayfly_blobs_held_bytes", "gauge", "What of it is in use or kept.", OF(held_bytes)},
	{"mayfly_blobs_kept", "gauge", "Blobs that are kept until a time.", OF(kept)},
	{"mayfly_blobs_uploads", "gauge", "Uploads that aren't whole.", OF(parts)},
	{"mayfly_blobs_hits_total", "counter", "How often a blob was asked for that was there.",
		OF(hits)},
	{"mayfly_blobs_misses_total", "counter", "And wasn't.", OF(misses)},
	{"mayfly_blobs_doubles_total", "counter", "Blobs that came and were there already.",
		OF(doubles)},
	{"mayfly_blobs_written_bytes_total", "counter", "Bytes that were written.", OF(written)},
	{"mayfly_blobs_read_bytes_total", "counter", "Bytes that were read.", OF(read)},
	{"mayfly_blobs_evictions_total", "counter", "Blobs that made room.", OF(evictions)},
	{"mayfly_blobs_evicted_bytes_total", "counter", "Their bytes.", OF(evicted_bytes)},
	{"mayfly_blobs_damaged_total", "counter", "Blobs whose file somebody altered or took away.",
		OF(damaged)},
	{"mayfly_blobs_wrong_total", "counter", "Uploads that had another hash.", OF(wrong)},
	{"mayfly_blobs_full_total", "counter", "How often there was no room.", OF(full)},
	{"mayfly_blobs_expired_total", "counter", "Uploads that nobody went on with.", OF(expired)},
};

void metrics_blobs(struct metrics_text *t)
{
	struct blobs_counts counts;

	if (!t->hub->blobs)
		return;
	blobs_count(t->hub->blobs, &counts);
	for (unsigned i = 0; i < sizeof(of_blobs) / sizeof(of_blobs[0]); i++)
		metrics_plain(t, of_blobs[i].name, of_blobs[i].type, of_blobs[i].help,
			*(const uint64_t *)(const void *)((const char *)&counts +
				of_blobs[i].offset));
}
