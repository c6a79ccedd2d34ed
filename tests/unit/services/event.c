#include "tests/unit/services/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libos/mayfly.h"
#include "tests/unit/libos/guest.h"

static char asked[8192], said[4096];

static void run_main(void)
{
	mf_main((const struct mf_event *)MF_ADDR_WINDOW);
}

static struct mf_str text(const char *s)
{
	return mf_str_of(s, s ? strlen(s) : 0);
}

static void attach(struct event_writer *w, const char *state)
{
	for (uint64_t version = 7; state && *state; version++) {
		size_t line = strcspn(state, "\n"), key = strcspn(state, "=\n");
		struct mf_str value = key < line ? mf_str_of(state + key + 1, line - key - 1)
						 : mf_str_of(NULL, 0);

		assert_true(event_state(w, mf_str_of(state, key), value, key < line ? version : 0));
		state += line + (state[line] == '\n');
	}
}

static void add(char *to, size_t size, const char *format, ...)
{
	size_t n = strlen(to);
	va_list list;

	va_start(list, format);
	vsnprintf(to + n, size - n, format, list);
	va_end(list);
}

#define PIECE(s) (int)(s).n, (const char *)(s).p

static void note(const struct effect *e)
{
	struct mf_str name = e->field[MF_FIELD_NAME], body = e->field[MF_FIELD_BODY];
	size_t size = sizeof(asked);

	switch (e->kind) {
	case MF_EFFECT_LOG: add(said, sizeof(said), "%.*s\n", PIECE(body)); return;
	case MF_EFFECT_REPLY: add(asked, size, "reply %u = %.*s\n", e->status, PIECE(body)); return;
	case MF_EFFECT_PUT: add(asked, size, "put %.*s = %.*s\n", PIECE(name), PIECE(body)); return;
	case MF_EFFECT_DELETE: add(asked, size, "delete %.*s\n", PIECE(name)); return;
	case MF_EFFECT_SCHEDULE:
		add(asked, size, "schedule %.*s %llus\n", PIECE(name),
			(unsigned long long)(e->value / 1000000000));
		return;
	case MF_EFFECT_EMIT:
		add(asked, size, "emit%u%s %.*s = %.*s\n", e->status,
			e->flags & MF_EFFECT_RETAIN ? "r" : "", PIECE(name), PIECE(body));
		return;
	case MF_EFFECT_UPSTREAM:
		add(asked, size, "upstream%u %.*s = %.*s\n", e->status, PIECE(name), PIECE(body));
		return;
	default: fail_msg("an effect of kind %u", e->kind);
	}
}

const char *happens(const struct happening *h)
{
	struct event_writer w = guest_fresh(h->source);
	struct effects_reader reader;
	struct effect e;

	assert_true(event_span(&w, &w.event->id, MF_STR("id-1")));
	assert_true(event_span(&w, &w.event->method, text(h->method)));
	assert_true(event_span(&w, &w.event->subject, text(h->subject)));
	attach(&w, h->state);
	assert_true(event_span(&w, &w.event->payload, text(h->payload)));
	assert_true(event_span(&w, &w.event->content_type, text(h->type)));
	w.event->time_ns = h->time_s * 1000000000;
	w.event->elapsed_ns = (uint64_t)w.event->time_ns;
	w.event->flags |= h->retained ? MF_EVENT_RETAINED : 0;
	assert_int_equal(guest_live(run_main), MF_OUTCOME_OK);
	asked[0] = said[0] = '\0';
	guest_open(&reader);
	while (effects_next(&reader, &e))
		note(&e);
	return asked;
}

const char *logged(void)
{
	return said;
}
