/*
 * fuzz/data.c - a bundle of attached data (image/bundle.h), which a worker checks before its guest sees
 * it. What is accepted can be walked as the guest walks it, and packed again it is accepted again.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/guest.h"
#include "fuzz/lib/fuzz.h"
#include "image/bundle.h"

#define ITEMS_MOST 64u

static char *text_of(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);

	MUST(text != NULL);
	if (n > 0)
		memcpy(text, bytes, n);
	text[n] = '\0';
	return text;
}

/* As libos/data/data.c does, without a further look. */
static unsigned walk(const uint8_t *bytes, size_t n, struct bundle_item items[static ITEMS_MOST])
{
	struct mf_data_head head;
	unsigned count = 0;

	memcpy(&head, bytes, sizeof(head));
	MUST(head.bytes == n);
	for (uint32_t i = 0; i < head.count; i++) {
		struct mf_data_entry e;

		memcpy(&e, bytes + sizeof(head) + i * sizeof(e), sizeof(e));
		MUST(e.name_off <= n && e.name_len <= n - e.name_off);
		MUST(e.value_off <= n && e.value_len <= n - e.value_off);
		if (count == ITEMS_MOST)
			continue;
		items[count++] = (struct bundle_item){.kind = e.kind,
			.name = text_of(bytes + e.name_off, e.name_len),
			.value = bytes + e.value_off,
			.n = e.value_len};
	}
	return count;
}

static void check_again(struct bundle_item *items, unsigned count)
{
	struct bundle_item again[ITEMS_MOST];
	uint8_t *packed;
	size_t size;

	MUST(bundle_pack(items, count, &packed, &size) == 0);
	MUST(bundle_check(packed, size) == 0);
	MUST(walk(packed, size, again) == count);
	for (unsigned i = 0; i < count; i++) {
		MUST(again[i].kind == items[i].kind && again[i].n == items[i].n);
		MUST(strcmp(again[i].name, items[i].name) == 0);
		MUST(again[i].n == 0 || memcmp(again[i].value, items[i].value, again[i].n) == 0);
		free((char *)(uintptr_t)again[i].name);
	}
	free(packed);
}

/* A bundle of the input's own items; names that are there twice are refused. */
static void pack(struct feed *feed)
{
	struct bundle_item items[ITEMS_MOST];
	unsigned count = feed_below(feed, ITEMS_MOST);
	uint8_t *packed = NULL;
	size_t size;

	for (unsigned i = 0; i < count; i++) {
		struct mf_str name = feed_some(feed, 40), value = feed_some(feed, 400);

		items[i] = (struct bundle_item){.kind = 1 + feed_below(feed, 2),
			.name = text_of(name.p, name.n),
			.value = value.p,
			.n = value.n};
	}
	if (bundle_pack(items, count, &packed, &size) == 0)
		check_again(items, count);
	free(packed);
	for (unsigned i = 0; i < count; i++)
		free((char *)(uintptr_t)items[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct bundle_item items[ITEMS_MOST];
	struct feed feed = {input, n};
	unsigned count;
	uint8_t *bytes;

	if (feed_8(&feed) & 1) {
		pack(&feed);
		return 0;
	}
	bytes = fuzz_copy(feed.p, feed.n);
	if (bundle_check(bytes, feed.n) == 0) {
		count = walk(bytes, feed.n, items);
		check_again(items, count);
		for (unsigned i = 0; i < count; i++)
			free((char *)(uintptr_t)items[i].name);
	}
	free(bytes);
	return 0;
}
