/*
 * image/bundle.c - the data area of a guest: head, entries, then names and
 * values in the same order, each value at a multiple of 16.
 */
#include "image/bundle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLE_MAX (MF_ADDR_DATA_END - MF_ADDR_DATA)

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct bundle_item *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Fills the entries' offsets; returns the size of all, or 0 if it is too big. */
static uint64_t lay_out(
	const struct bundle_item *items, size_t count, struct mf_data_entry *entries)
{
	uint64_t at = sizeof(struct mf_data_head) + count * sizeof(*entries);

	for (size_t i = 0; i < count; i++) {
		size_t name = strlen(items[i].name);

		if (name > BUNDLE_MAX || items[i].n > BUNDLE_MAX)
			return 0;
		entries[i] = (struct mf_data_entry){
			.kind = items[i].kind,
			.name_len = (uint32_t)name,
			.name_off = at,
			.value_off = round_up(at + name, 16),
			.value_len = items[i].n,
		};
		at = entries[i].value_off + items[i].n;
		if (at > BUNDLE_MAX)
			return 0;
	}
	return round_up(at, 16);
}

static void fill(uint8_t *bytes, uint64_t size, const struct bundle_item *items,
	const struct mf_data_entry *entries, size_t count)
{
	struct mf_data_head head = {
		.magic = MF_DATA_MAGIC, .bytes = size, .count = (uint32_t)count};

	memcpy(bytes, &head, sizeof(head));
	for (size_t i = 0; i < count; i++) {
		memcpy(bytes + sizeof(head) + i * sizeof(*entries), &entries[i], sizeof(*entries));
		memcpy(bytes + entries[i].name_off, items[i].name, entries[i].name_len);
		if (items[i].n)
			memcpy(bytes + entries[i].value_off, items[i].value, items[i].n);
	}
}

int bundle_pack(struct bundle_item *items, size_t count, uint8_t **out, size_t *out_size)
{
	struct mf_data_entry *entries;
	uint64_t size;
	int rc = 0;

	if (count > BUNDLE_MAX / sizeof(*entries) / 2)
		return -EFBIG;
	if (count)
		qsort(items, count, sizeof(*items), by_kind_and_name);
	for (size_t i = 1; i < count; i++)
		if (by_kind_and_name(&items[i - 1], &items[i]) == 0)
			return -EEXIST;
	entries = calloc(count + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	size = lay_out(items, count, entries);
	*out = size ? calloc(1, size) : NULL;
	if (size == 0)
		rc = -EFBIG;
	else if (!*out)
		rc = -ENOMEM;
	else
		fill(*out, size, items, entries, count);
	*out_size = rc ? 0 : size;
	free(entries);
	return rc;
}

static bool span_inside(uint64_t off, uint64_t len, uint64_t least, uint64_t size)
{
	return off >= least && off <= size && len <= size - off;
}

/* Is `b` behind `a` in the order of by_kind_and_name, and not its equal? */
static bool ordered(
	const uint8_t *bytes, const struct mf_data_entry *a, const struct mf_data_entry *b)
{
	uint32_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c;

	if (a->kind != b->kind)
		return a->kind < b->kind;
	c = memcmp(bytes + a->name_off, bytes + b->name_off, n);
	return c < 0 || (c == 0 && a->name_len < b->name_len);
}

int bundle_check(const uint8_t *bytes, size_t size)
{
	struct mf_data_head head;
	struct mf_data_entry entry, before = {0};
	uint64_t entries_end;

	if (size < sizeof(head) || size > BUNDLE_MAX)
		return -EINVAL;
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != MF_DATA_MAGIC || head.bytes != size || head.reserved ||
		head.count > (size - sizeof(head)) / sizeof(entry))
		return -EINVAL;
	entries_end = sizeof(head) + head.count * sizeof(entry);
	for (uint32_t i = 0; i < head.count; i++) {
		memcpy(&entry, bytes + sizeof(head) + i * sizeof(entry), sizeof(entry));
		if (entry.kind != MF_DATA_FILE && entry.kind != MF_DATA_CONFIG)
			return -EINVAL;
		if (!span_inside(entry.name_off, entry.name_len, entries_end, size) ||
			!span_inside(entry.value_off, entry.value_len, entries_end, size) ||
			memchr(bytes + entry.name_off, 0, entry.name_len))
			return -EINVAL;
		if (i && !ordered(bytes, &before, &entry))
			return -EINVAL;
		before = entry;
	}
	return 0;
}
