/*
 * fuzz/capsule.c - capsules that somebody sends: what is accepted lies within its bounds, and written
 * again it says the same.
 */
/* libfuzzer: -max_len=4096 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "image/capsule.h"

static void touch(struct mf_str s)
{
	uint8_t *copy = fuzz_copy(s.p, s.n);

	free(copy);
}

static void look(const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	const struct mf_span spans[] = {e.id, e.type, e.subject, e.method, e.query, e.peer,
		e.content_type, e.attributes, e.state, e.payload, e.answer};
	struct mf_str body;
	uint32_t status;
	size_t at = 0;

	for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		touch(capsule_text(c, spans[i]));
	while (capsule_answer(c, &at, &status, &body))
		touch(body);
	touch(c->why);
	touch(c->effects);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n), *again;
	struct capsule c, same;

	if (capsule_read(&c, copy, n) == NULL) {
		look(&c);
		again = malloc(capsule_size(&c));
		MUST(again != NULL && capsule_size(&c) == n);
		capsule_write(&c, again);
		MUST(capsule_read(&same, again, n) == NULL);
		MUST(same.result == c.result && same.denied == c.denied);
		MUST(mf_str_eq(same.event, c.event) && mf_str_eq(same.answers, c.answers));
		free(again);
	}
	free(copy);
	return 0;
}
