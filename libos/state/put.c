/*
 * state: changing it is an effect, committed with the rest.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"

static void put(const char *key, struct mf_str value, uint16_t flags, uint64_t version)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_PUT,
		.flags = flags,
		.value = version,
		.field[MF_FIELD_NAME] = effect_text(key),
		.field[MF_FIELD_BODY] = value,
	});
}

void mf_put(const char *key, const void *value, size_t n)
{
	put(key, mf_str_of(value, n), 0, 0);
}

void mf_put_if(const char *key, const void *value, size_t n, uint64_t version)
{
	put(key, mf_str_of(value, n), MF_EFFECT_IF_VERSION, version);
}

void mf_put_u64(const char *key, uint64_t value)
{
	uint8_t text[20]; /* 2^64 - 1 has 20 digits */
	size_t at = sizeof(text);

	do {
		text[--at] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	put(key, mf_str_of(text + at, sizeof(text) - at), 0, 0);
}

void mf_delete(const char *key)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_DELETE,
		.field[MF_FIELD_NAME] = effect_text(key),
	});
}
