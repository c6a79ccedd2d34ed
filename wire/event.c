/*
 * wire/event.c - see event.h. Everything that is added starts at a multiple of 8
 * from the start of the event, behind zeros: records have 64-bit members, and a
 * service may look at its payload through a struct.
 */
#include "wire/event.h"

#include "base/num.h"

#define EVENT_ALIGN 8u

/* Where the next n bytes would go; zeroes what lies between. False if they don't fit. */
static bool reserve(struct event_writer *w, size_t n, uint32_t *at)
{
	uint64_t start = num_align(w->event->bytes, EVENT_ALIGN);

	if (!num_fits(start, n, w->size))
		return false;
	__builtin_memset(w->base + w->event->bytes, 0, start - w->event->bytes);
	*at = (uint32_t)start;
	return true;
}

static void put(struct event_writer *w, uint32_t at, struct mf_str s)
{
	if (s.n > 0)
		__builtin_memcpy(w->base + at, s.p, s.n);
}

bool event_begin_apart(struct event_writer *w, struct mf_event *header, void *buffer, size_t size,
	enum mf_source source)
{
	if (size < sizeof(struct mf_event))
		return false;
	if (size > UINT32_MAX)
		size = UINT32_MAX;
	w->event = header;
	w->base = buffer;
	w->size = size & ~(size_t)(EVENT_ALIGN - 1);
	__builtin_memset(w->event, 0, sizeof(*w->event));
	w->event->abi = MF_ABI_VERSION;
	w->event->bytes = sizeof(*w->event);
	w->event->source = (uint16_t)source;
	return true;
}

bool event_begin(struct event_writer *w, void *buffer, size_t size, enum mf_source source)
{
	return event_begin_apart(w, buffer, buffer, size, source);
}

bool event_span(struct event_writer *w, struct mf_span *span, struct mf_str s)
{
	uint32_t at;

	if (s.n == 0) {
		*span = (struct mf_span){0, 0};
		return true;
	}
	if (!reserve(w, s.n, &at))
		return false;
	put(w, at, s);
	*span = (struct mf_span){at, (uint32_t)s.n};
	w->event->bytes = at + (uint32_t)s.n;
	return true;
}

uint8_t *event_payload_room(struct event_writer *w, size_t *room)
{
	uint32_t at;

	if (!reserve(w, 0, &at)) {
		*room = 0;
		return w->base + w->event->bytes;
	}
	*room = w->size - at;
	return w->base + at;
}

void event_payload_set(struct event_writer *w, size_t n)
{
	uint32_t at;

	if (!reserve(w, n, &at))
		return;
	w->event->payload = (struct mf_span){n > 0 ? at : 0, (uint32_t)n};
	w->event->bytes = at + (uint32_t)n;
}

/* Appends one record to `list`, which must be empty or end where the event ends. */
static bool add_record(struct event_writer *w, struct mf_span *list, struct mf_record head,
	struct mf_str name, struct mf_str value)
{
	uint64_t size = sizeof(head);
	uint32_t at;

	if (name.n > UINT32_MAX || value.n > UINT32_MAX)
		return false;
	size = num_align(size + name.n + value.n, EVENT_ALIGN);
	if (list->len > 0 && list->off + list->len != w->event->bytes)
		return false;
	if (!reserve(w, size, &at))
		return false;
	head.size = (uint32_t)size;
	head.name_len = (uint32_t)name.n;
	head.value_len = (uint32_t)value.n;
	__builtin_memset(w->base + at + size - EVENT_ALIGN, 0, EVENT_ALIGN);
	put(w, at, mf_str_of(&head, sizeof(head)));
	put(w, at + (uint32_t)sizeof(head), name);
	put(w, at + (uint32_t)(sizeof(head) + name.n), value);
	if (list->len == 0)
		list->off = at;
	list->len += head.size;
	w->event->bytes = at + head.size;
	return true;
}

bool event_attribute(struct event_writer *w, struct mf_str name, struct mf_str value)
{
	if (!add_record(w, &w->event->attributes, (struct mf_record){0}, name, value))
		return false;
	w->event->attributes_count++;
	return true;
}

bool event_attributes(struct event_writer *w, struct mf_str records, uint32_t count)
{
	if (w->event->attributes_count > 0 || !event_span(w, &w->event->attributes, records))
		return false;
	w->event->attributes_count = count;
	return true;
}

bool event_state(struct event_writer *w, struct mf_str key, struct mf_str value, uint64_t version)
{
	struct mf_record head = {.flags = version == 0, .version = version};

	if (!add_record(w, &w->event->state, head, key, value))
		return false;
	w->event->state_count++;
	return true;
}

size_t event_end(struct event_writer *w)
{
	return w->event->bytes;
}
