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

/* Written again it says the same. */
static void look_at_call(const struct capsule_call *call)
{
	size_t n = capsule_call_size(call), at = 0;
	uint8_t *bytes = malloc(n);
	struct capsule one = {.answers = mf_str_of(bytes, n)};
	struct capsule_call same;

	MUST(bytes != NULL);
	capsule_call_write(call, bytes);
	MUST(capsule_next_call(&one, &at, &same) && at == n);
	MUST(same.status == call->status && same.took_ns == call->took_ns);
	MUST(mf_str_eq(same.service, call->service) && mf_str_eq(same.path, call->path));
	MUST(mf_str_eq(same.body, call->body));
	MUST(memcmp(same.asked, call->asked, sizeof(same.asked)) == 0);
	MUST(!capsule_next_call(&one, &at, &same));
	free(bytes);
}

static void look(const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	const struct mf_span spans[] = {e.id, e.type, e.subject, e.method, e.query, e.peer,
		e.content_type, e.attributes, e.state, e.payload, e.answer};
	struct capsule_call call;
	size_t at = 0;

	for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		touch(capsule_text(c, spans[i]));
	while (capsule_next_call(c, &at, &call))
		look_at_call(&call);
	touch(c->why);
	touch(c->effects);
	touch(c->input);
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
