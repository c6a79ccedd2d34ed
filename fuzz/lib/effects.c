/* fuzz/lib/effects.c - see effects.h */
#include "fuzz/lib/effects.h"

#include <string.h>

#include "abi/guest.h"
#include "base/num.h"
#include "fuzz/lib/fuzz.h"

#define RECORDS_MOST 64u

/* -------------------------------------------------------------------- build */

static void set_head(struct effects_build *b, uint32_t count, uint32_t outcome)
{
	const struct mf_effects head = {
		.bytes = (uint32_t)b->used, .count = count, .outcome = outcome};

	memcpy(b->bytes, &head, sizeof(head));
}

static struct mf_effects get_head(const struct effects_build *b)
{
	struct mf_effects head;

	memcpy(&head, b->bytes, sizeof(head));
	return head;
}

void effects_begin(struct effects_build *build, void *bytes, size_t size, uint32_t outcome)
{
	*build = (struct effects_build){bytes, sizeof(struct mf_effects), size};
	set_head(build, 0, outcome);
}

bool effects_add(struct effects_build *b, const struct effect *e)
{
	struct mf_effect head = {.kind = (uint16_t)e->kind,
		.flags = e->flags,
		.status = e->status,
		.value = e->value,
		.extra = e->extra};
	const struct mf_effects area = get_head(b);
	size_t size = sizeof(head), at;

	for (unsigned f = 0; f < MF_FIELDS; f++) {
		head.len[f] = (uint32_t)e->field[f].n;
		size += e->field[f].n;
	}
	head.size = (uint32_t)num_align(size, 8);
	if (head.size > b->size - b->used)
		return false;
	memset(b->bytes + b->used, 0, head.size);
	memcpy(b->bytes + b->used, &head, sizeof(head));
	at = b->used + sizeof(head);
	for (unsigned f = 0; f < MF_FIELDS; at += e->field[f++].n)
		if (e->field[f].n > 0)
			memcpy(b->bytes + at, e->field[f].p, e->field[f].n);
	b->used += head.size;
	set_head(b, area.count + 1, area.outcome);
	return true;
}

/* ------------------------------------------------------------------- mutate */

struct records {
	struct effect at[RECORDS_MOST];
	unsigned count;
	uint32_t outcome;
};

/* As much of them as can be read, whatever it means. */
static void read_records(struct records *records, const uint8_t *bytes, size_t n)
{
	struct mf_effects area = {0};
	struct mf_effect head;

	records->count = 0;
	memcpy(&area, bytes, n < sizeof(area) ? n : sizeof(area));
	records->outcome = area.outcome;
	for (size_t at = sizeof(area);
		records->count < RECORDS_MOST && at < n && num_fits(at, sizeof(head), n);) {
		struct effect *e = &records->at[records->count];
		size_t from = at + sizeof(head);

		memcpy(&head, bytes + at, sizeof(head));
		*e = (struct effect){.kind = (enum mf_effect_kind)(head.kind % MF_EFFECT_KINDS),
			.flags = head.flags,
			.status = head.status,
			.value = head.value,
			.extra = head.extra};
		for (unsigned f = 0; f < MF_FIELDS; f++) {
			size_t left = n - from;

			e->field[f] =
				mf_str_of(bytes + from, head.len[f] < left ? head.len[f] : left);
			from += e->field[f].n;
		}
		at = (size_t)num_align(from, 8);
		records->count++;
	}
}

static const struct effect samples[] = {
	{.kind = MF_EFFECT_REPLY,
		.status = 200,
		.field = {[MF_FIELD_BODY] = {(const uint8_t *)"ok", 2}}},
	{.kind = MF_EFFECT_REPLY,
		.status = 404,
		.field = {[MF_FIELD_TYPE] = {(const uint8_t *)"text/plain", 10},
			[MF_FIELD_META] = {(const uint8_t *)"ETag: \"a\"\r\nX-B: c\r\n", 19}}},
	{.kind = MF_EFFECT_LOG,
		.status = MF_LEVEL_WARN,
		.field = {[MF_FIELD_BODY] = {(const uint8_t *)"a line", 6}}},
	{.kind = MF_EFFECT_EMIT,
		.status = 1,
		.field = {[MF_FIELD_NAME] = {(const uint8_t *)"home/hall", 9},
			[MF_FIELD_BODY] = {(const uint8_t *)"on", 2}}},
	{.kind = MF_EFFECT_PUT,
		.flags = MF_EFFECT_IF_VERSION,
		.value = 7,
		.field = {[MF_FIELD_NAME] = {(const uint8_t *)"key", 3},
			[MF_FIELD_BODY] = {(const uint8_t *)"value", 5}}},
	{.kind = MF_EFFECT_DELETE, .field = {[MF_FIELD_NAME] = {(const uint8_t *)"key", 3}}},
	{.kind = MF_EFFECT_CALL,
		.value = 1000,
		.field = {[MF_FIELD_NAME] = {(const uint8_t *)"sums", 4},
			[MF_FIELD_META] = {(const uint8_t *)"/add", 4}}},
};

static void change_record(struct effect *e, unsigned *seed)
{
	static const uint32_t statuses[] = {0, 1, 2, 3, 4, 199, 200, 204, 304, 599, 600, ~0u};

	switch (fuzz_below(seed, 5)) {
	case 0: e->kind = (enum mf_effect_kind)fuzz_below(seed, MF_EFFECT_KINDS + 2); break;
	case 1: e->flags ^= (uint16_t)(1u << fuzz_below(seed, 4)); break;
	case 2: e->status = statuses[fuzz_below(seed, 12)]; break;
	case 3: e->value = fuzz_below(seed, 2) ? 0 : *seed; break;
	default: e->extra = fuzz_below(seed, 3) ? 0 : *seed; break;
	}
}

/* Puts changed bytes in the place of one field, in memory of its own. */
static void change_field(struct effect *e, unsigned *seed)
{
	static uint8_t changed[4096];
	struct mf_str *f = &e->field[fuzz_below(seed, MF_FIELDS)];
	size_t n = f->n < sizeof(changed) ? f->n : sizeof(changed), most;

	if (n > 0)
		memcpy(changed, f->p, n);
	most = n + sizeof(changed) / (1 + fuzz_below(seed, 32));
	n = LLVMFuzzerMutate(changed, n, most < sizeof(changed) ? most : sizeof(changed));
	*f = mf_str_of(changed, n);
}

static void insert(struct records *records, unsigned *seed)
{
	unsigned at = fuzz_below(seed, records->count + 1);

	if (records->count == RECORDS_MOST)
		return;
	memmove(&records->at[at + 1], &records->at[at],
		(records->count - at) * sizeof(records->at[0]));
	records->at[at] = samples[fuzz_below(seed, sizeof(samples) / sizeof(samples[0]))];
	records->count++;
}

static void change(struct records *records, unsigned *seed)
{
	unsigned i = records->count > 0 ? fuzz_below(seed, records->count) : 0;
	unsigned j = records->count > 0 ? fuzz_below(seed, records->count) : 0;
	struct effect spare = records->at[i];

	if (records->count == 0 || fuzz_below(seed, 6) == 0) {
		insert(records, seed);
		return;
	}
	switch (fuzz_below(seed, 6)) {
	case 0: records->outcome = fuzz_below(seed, 6); break;
	case 1:
		records->at[i] = records->at[j];
		records->at[j] = spare;
		break;
	case 2: records->at[i] = records->at[--records->count]; break;
	case 3: change_record(&records->at[i], seed); break;
	default: change_field(&records->at[i], seed); break;
	}
}

/* A head or a size that lies a little. */
static void spoil(struct effects_build *b, unsigned *seed)
{
	size_t word = fuzz_below(seed, (uint32_t)(b->used / 4 < 64 ? b->used / 4 : 64)) * 4;
	uint32_t value;

	memcpy(&value, b->bytes + word, sizeof(value));
	value += fuzz_below(seed, 2) ? 8 : (uint32_t)-1;
	memcpy(b->bytes + word, &value, sizeof(value));
}

size_t effects_mutate(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
	static uint8_t copy[1 << 20];
	static struct records records;
	struct effects_build build;

	if (n > sizeof(copy) || most < sizeof(struct mf_effects))
		return LLVMFuzzerMutate(bytes, n, most);
	memcpy(copy, bytes, n);
	read_records(&records, copy, n);
	change(&records, &seed);
	effects_begin(&build, bytes, most, records.outcome);
	for (unsigned i = 0; i < records.count && effects_add(&build, &records.at[i]); i++)
		;
	if (fuzz_below(&seed, 8) == 0)
		spoil(&build, &seed);
	return build.used;
}
