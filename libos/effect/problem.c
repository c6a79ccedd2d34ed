/*
 * effect: a reply that says what is wrong, as JSON (RFC 9457).
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"

/* No life is in a hurry to say this: compiled for size. */
#define SMALL __attribute__((cold))

struct text {
	uint8_t *p;
	size_t n, room;
};

SMALL static void put(struct text *t, struct mf_str s)
{
	if (s.n > t->room - t->n)
		life_end(MF_OUTCOME_FULL);
	t->n = (size_t)(effect_put(t->p + t->n, s) - t->p);
}

/* Between the quotes of a JSON string. What is no printable ASCII becomes '?': a detail may quote
 * bytes that somebody sent. */
SMALL static void put_string(struct text *t, struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';

		if (c == '"' || c == '\\')
			put(t, MF_STR("\\"));
		put(t, mf_str_of(&c, 1));
	}
}

SMALL void mf_reply_problem(uint32_t status, const char *title, const char *detail)
{
	struct text t = {.room = SIZE_MAX};
	uint8_t digits[] = {(uint8_t)('0' + status / 100 % 10), (uint8_t)('0' + status / 10 % 10),
		(uint8_t)('0' + status % 10)};

	t.p = mf_reply_room(&t.room);
	put(&t, MF_STR("{\"type\":\"about:blank\",\"title\":\""));
	put_string(&t, effect_text(title));
	put(&t, MF_STR("\",\"status\":"));
	put(&t, mf_str_of(digits, sizeof(digits)));
	put(&t, MF_STR(",\"detail\":\""));
	put_string(&t, effect_text(detail));
	put(&t, MF_STR("\",\"id\":\""));
	put_string(&t, mf_id(place_event()));
	put(&t, MF_STR("\"}\n"));
	mf_reply_sent(status, "application/problem+json", t.n);
}
