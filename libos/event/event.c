/*
 * event - look at what happened. The hub wrote the event and its spans lie inside
 * it, so nothing is checked here.
 */
#include "libos/event/record.h"
#include "libos/mayfly.h"

static struct mf_str at(const struct mf_event *ev, struct mf_span span)
{
	return mf_str_of((const uint8_t *)ev + span.off, span.len);
}

struct mf_str mf_payload(const struct mf_event *ev)
{
	if (ev->input_bytes > 0)
		return mf_str_of((const uint8_t *)MF_ADDR_INPUT, ev->input_bytes);
	return at(ev, ev->payload);
}

struct mf_str mf_id(const struct mf_event *ev)
{
	return at(ev, ev->id);
}

struct mf_str mf_type(const struct mf_event *ev)
{
	return at(ev, ev->type);
}

struct mf_str mf_subject(const struct mf_event *ev)
{
	return at(ev, ev->subject);
}

struct mf_str mf_part(const struct mf_event *ev, unsigned n)
{
	struct mf_str s = at(ev, ev->subject);
	size_t from = s.n > 0 && s.p[0] == '/', to = from;

	for (; n > 0; n--) {
		from = to;
		while (to < s.n && s.p[to] != '/')
			to++;
		if (n > 1 && to++ == s.n)
			return mf_str_of(NULL, 0);
	}
	return mf_str_of(s.p + from, to - from);
}

struct mf_str mf_method(const struct mf_event *ev)
{
	return at(ev, ev->method);
}

struct mf_str mf_query(const struct mf_event *ev)
{
	return at(ev, ev->query);
}

struct mf_str mf_peer(const struct mf_event *ev)
{
	return at(ev, ev->peer);
}

struct mf_str mf_content_type(const struct mf_event *ev)
{
	return at(ev, ev->content_type);
}

static bool same_name(struct mf_str a, const char *name)
{
	size_t i = 0;

	for (; i < a.n; i++)
		if (name[i] == '\0' || mf_lower(a.p[i]) != mf_lower((uint8_t)name[i]))
			return false;
	return name[i] == '\0';
}

struct mf_str mf_attribute(const struct mf_event *ev, const char *name)
{
	struct mf_str left = at(ev, ev->attributes);
	struct record record;

	while (record_next(&left, &record))
		if (same_name(record.name, name))
			return record.value;
	return mf_str_of(NULL, 0);
}
