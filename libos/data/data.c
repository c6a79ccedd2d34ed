/*
 * data - attached files and config, which the hub packed and checked: entries
 * sorted by kind, then name.
 */
#include "libos/mayfly.h"
#include "libos/place.h"

static struct mf_str find(enum mf_data_kind kind, const char *name)
{
	const uint8_t *bytes = (const uint8_t *)MF_ADDR_DATA;
	const struct mf_data_head *head = (const struct mf_data_head *)MF_ADDR_DATA;
	const struct mf_data_entry *entry = (const struct mf_data_entry *)(head + 1);

	if (place_info()->data_bytes == 0)
		return mf_str_of(NULL, 0);
	for (uint32_t i = 0; i < head->count; i++, entry++)
		if (entry->kind == (uint32_t)kind &&
			mf_str_is(mf_str_of(bytes + entry->name_off, entry->name_len), name))
			return mf_str_of(bytes + entry->value_off, entry->value_len);
	return mf_str_of(NULL, 0);
}

struct mf_str mf_data(const char *name)
{
	return find(MF_DATA_FILE, name);
}

struct mf_str mf_config(const char *key)
{
	return find(MF_DATA_CONFIG, key);
}

/* Sorted by kind, and files are the first kind. */
bool mf_data_at(size_t i, struct mf_str *name, struct mf_str *value)
{
	const uint8_t *bytes = (const uint8_t *)MF_ADDR_DATA;
	const struct mf_data_head *head = (const struct mf_data_head *)MF_ADDR_DATA;
	const struct mf_data_entry *entry = (const struct mf_data_entry *)(head + 1) + i;

	if (place_info()->data_bytes == 0 || i >= head->count || entry->kind != MF_DATA_FILE)
		return false;
	*name = mf_str_of(bytes + entry->name_off, entry->name_len);
	*value = mf_str_of(bytes + entry->value_off, entry->value_len);
	return true;
}
