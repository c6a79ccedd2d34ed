/*
 * fuzz/effects.c - what a guest left in its effects area, read as the hub and the worker read it
 * (wire/effects.h). What is accepted must be what it says, no byte of it unread; grants must hold.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/image.h"
#include "fuzz/lib/effects.h"
#include "fuzz/lib/fuzz.h"
#include "wire/effects.h"

static void check_text(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		MUST(s.p[i] >= 0x20 && s.p[i] != 0x7f);
}

static bool names(struct mf_str line, const char *name)
{
	size_t n = strlen(name);

	return line.n > n && strncasecmp((const char *)line.p, name, n) == 0 && line.p[n] == ':';
}

/* Whatever a guest writes, an answer keeps its shape: whole lines, none that frames it. */
static void check_headers(struct mf_str s)
{
	while (s.n > 0) {
		const uint8_t *end = memchr(s.p, '\n', s.n);
		struct mf_str line;

		MUST(end != NULL && end > s.p + 1 && end[-1] == '\r');
		line = mf_str_of(s.p, (size_t)(end - 1 - s.p));
		MUST(memchr(line.p, ':', line.n) != NULL && line.p[0] != ' ' && line.p[0] != '\t');
		MUST(memchr(line.p, '\r', line.n) == NULL && memchr(line.p, 0, line.n) == NULL);
		MUST(!names(line, "content-length") && !names(line, "transfer-encoding") &&
			!names(line, "connection") && !names(line, "mayfly-event"));
		s = mf_str_of(end + 1, s.n - line.n - 2);
	}
}

static void check_one(const struct effect *e, const uint8_t *bytes, size_t n)
{
	MUST(e->kind > 0 && e->kind < MF_EFFECT_KINDS);
	for (unsigned f = 0; f < MF_FIELDS; f++)
		MUST(e->field[f].p >= bytes && e->field[f].n <= n &&
			e->field[f].p + e->field[f].n <= bytes + n);
	check_text(e->field[MF_FIELD_NAME]);
	check_text(e->field[MF_FIELD_TYPE]);
	if (e->kind == MF_EFFECT_REPLY) {
		check_headers(e->field[MF_FIELD_META]);
		MUST(e->status >= 200 && e->status <= 599);
	}
	if (e->kind == MF_EFFECT_LOG)
		MUST(e->status <= MF_LEVEL_ERROR);
}

/* Writes the effects that were read again, and finds the same bytes. */
static void check_same(struct effects_reader r, const uint8_t *bytes)
{
	uint8_t *again = calloc(1, r.size);
	struct effects_build build;
	struct effect e;

	MUST(again != NULL);
	effects_begin(&build, again, r.size, (uint32_t)r.outcome);
	while (effects_next(&r, &e))
		MUST(effects_add(&build, &e));
	MUST(build.used == r.size);
	MUST(memcmp(again, bytes, r.size) == 0);
	free(again);
}

static void check_accepted(struct effects_reader r, const uint8_t *bytes, uint32_t grants)
{
	struct effects_reader all = r;
	unsigned n = 0, replies = 0;
	struct effect e;

	while (effects_next(&r, &e)) {
		check_one(&e, bytes, r.size);
		MUST(e.kind == MF_EFFECT_LOG || (grants & MFI_GRANT(e.kind)));
		replies += e.kind == MF_EFFECT_REPLY;
		n++;
	}
	MUST(n == all.left && replies <= 1 && r.at == r.size);
	check_same(all, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	uint32_t grants = feed_16(&feed), record;
	uint8_t *bytes = fuzz_copy(feed.p, feed.n);
	const char *wrong, *wrong_of_all;
	struct effects_reader r;

	wrong_of_all = effects_open(&r, bytes, feed.n, ~0u, &record);
	if (wrong_of_all == NULL)
		check_accepted(r, bytes, ~0u);
	else
		MUST(r.line.n == 0 || (r.line.p >= bytes && r.line.p + r.line.n <= bytes + feed.n));
	wrong = effects_open(&r, bytes, feed.n, grants, &record);
	if (wrong == NULL) {
		MUST(wrong_of_all == NULL);
		check_accepted(r, bytes, grants);
	}
	free(bytes);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
	if (n <= 2 || most <= 2 || fuzz_below(&seed, 4) == 0)
		return LLVMFuzzerMutate(bytes, n, most);
	return 2 + effects_mutate(bytes + 2, n - 2, most - 2, seed);
}
