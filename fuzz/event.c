/*
 * fuzz/event.c - events, written by whoever makes them (wire/event.h) and read by guests with the
 * library OS, which looks no further: what was added must be there, and nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "libos/event/record.h"
#include "libos/mayfly.h"
#include "wire/event.h"

#define RECORDS_MOST 32u

struct pair {
	struct mf_str name, value;
	uint64_t version;
};

static struct mf_str at(const struct mf_event *event, struct mf_span span)
{
	MUST(span.len == 0 || (uint64_t)span.off + span.len <= event->bytes);
	return mf_str_of((const uint8_t *)event + span.off, span.len);
}

static void check_records(
	const struct mf_event *event, struct mf_span span, const struct pair *pairs, unsigned count)
{
	struct mf_str left = at(event, span);
	struct record record;

	for (unsigned i = 0; i < count; i++) {
		MUST(record_next(&left, &record));
		MUST(mf_str_eq(record.name, pairs[i].name));
		MUST(mf_str_eq(record.value, pairs[i].value));
		MUST(record.version == pairs[i].version);
	}
	MUST(!record_next(&left, &record) && left.n == 0);
}

/* The first of its name, case ignored. */
static void check_attribute(const struct mf_event *event, const struct pair *pairs, unsigned count)
{
	char name[64];

	for (unsigned i = 0; i < count; i++) {
		struct mf_str found;

		if (pairs[i].name.n >= sizeof(name) || memchr(pairs[i].name.p, 0, pairs[i].name.n))
			continue;
		memcpy(name, pairs[i].name.p, pairs[i].name.n);
		name[pairs[i].name.n] = '\0';
		found = mf_attribute(event, name);
		MUST(found.p != NULL);
	}
	MUST(count > 0 || mf_attribute(event, "x").p == NULL);
}

static unsigned add_records(struct feed *feed, struct event_writer *w, bool state,
	struct pair pairs[static RECORDS_MOST])
{
	unsigned count = 0;

	for (unsigned n = feed_below(feed, RECORDS_MOST); n > 0; n--) {
		struct pair p = {.name = feed_some(feed, 60), .value = feed_some(feed, 300)};

		p.version = state ? feed_8(feed) : 0;
		if (state ? event_state(w, p.name, p.value, p.version)
			  : event_attribute(w, p.name, p.value))
			pairs[count++] = p;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct pair attributes[RECORDS_MOST], states[RECORDS_MOST];
	struct feed feed = {input, n};
	size_t size = 8 + 8 * (size_t)feed_below(&feed, 256) + feed_8(&feed), room;
	uint8_t *buffer = malloc(size);
	struct mf_str subject = feed_some(&feed, 100), query = feed_some(&feed, 100), payload;
	struct mf_event header, *event = (void *)buffer;
	unsigned n_attributes, n_states;
	struct event_writer w;
	uint8_t *to;

	MUST(buffer != NULL);
	memset(buffer, 0xa5, size);
	if (!event_begin_apart(&w, &header, buffer, size, MF_SOURCE_HTTP)) {
		MUST(size < sizeof(header));
		free(buffer);
		return 0;
	}
	if (!event_span(&w, &header.subject, subject))
		subject.n = 0;
	n_attributes = add_records(&feed, &w, false, attributes);
	n_states = add_records(&feed, &w, true, states);
	if (!event_span(&w, &header.query, query))
		query.n = 0;
	to = event_payload_room(&w, &room);
	MUST(to >= buffer && room <= size && to + room <= buffer + size);
	payload = feed_some(&feed, room);
	if (payload.n > 0)
		memcpy(to, payload.p, payload.n);
	event_payload_set(&w, payload.n);
	MUST(event_end(&w) <= size);
	memcpy(buffer, &header, sizeof(header));
	MUST(mf_str_eq(mf_subject(event), subject) && mf_str_eq(mf_query(event), query));
	MUST(mf_str_eq(mf_payload(event), payload));
	MUST(header.attributes_count == n_attributes && header.state_count == n_states);
	check_records(event, header.attributes, attributes, n_attributes);
	check_records(event, header.state, states, n_states);
	check_attribute(event, attributes, n_attributes);
	free(buffer);
	return 0;
}
