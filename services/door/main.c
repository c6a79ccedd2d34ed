/*
 * main.c - an alarm when a door was left open. When it opens the life schedules a later event to the
 * service itself, which finds out if it still is.
 */
#include <mayfly.h>

#include "base/num.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define NAME_MAX 32u
#define SECOND   1000000000ull

static uint64_t after; /* seconds; part of the snapshot */

void mf_init(void)
{
	struct mf_str text = mf_config("after");

	if (!num_parse(text, &after) || after == 0 || after > 86400)
		mf_fail("after: \"%.*s\": expected 1 to 86400 seconds", (int)text.n,
			(const char *)text.p);
}

/* "open/NAME" is both: the key of the state, and the name of the scheduled event. */
static void make(char to[static NAME_MAX + 16], const char *format, struct mf_str name)
{
	mf_format(to, NAME_MAX + 16, format, (int)name.n, (const char *)name.p);
}

static void tell(struct mf_str name, const char *text, size_t n)
{
	char topic[NAME_MAX + 16];

	make(topic, "door/%.*s/alarm", name);
	mf_emit_bytes(topic, text, n, 1, true);
	mf_upstream(topic, text, n, 1);
}

static void opened(struct mf_str name, const char *key)
{
	if (mf_state(key).p != NULL)
		return; /* told again: the clock runs already */
	mf_put_u64(key, (uint64_t)mf_time_ns() / SECOND);
	mf_schedule(key, after * SECOND, name.p, name.n);
}

static void closed(struct mf_str name, const char *key)
{
	uint64_t since = mf_state_u64(key, 0);

	if (mf_state(key).p == NULL)
		return;
	mf_delete(key);
	mf_schedule(key, 0, NULL, 0); /* not any more */
	if ((uint64_t)mf_time_ns() / SECOND - since >= after)
		tell(name, "OFF", 3);
}

/* The scheduled event. It tells again, every so often, until the door is closed. */
static void still_open(struct mf_str name, const char *key)
{
	uint64_t now = (uint64_t)mf_time_ns() / SECOND, since = mf_state_u64(key, now);
	char text[64];
	size_t n;

	if (mf_state(key).p == NULL)
		return;
	n = mf_format(text, sizeof(text), "ON, open for %llu s",
		(unsigned long long)(now > since ? now - since : 0));
	tell(name, text, n);
	mf_schedule(key, after * SECOND, name.p, name.n);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2), word = mf_payload(ev);
	char key[NAME_MAX + 16];

	if (name.n == 0 || name.n > NAME_MAX)
		return;
	make(key, "open/%.*s", name);
	if (ev->source == MF_SOURCE_SCHEDULE)
		still_open(name, key);
	else if (mf_str_is(word, "open"))
		opened(name, key);
	else if (mf_str_is(word, "closed"))
		closed(name, key);
	else
		mf_log_at(MF_LEVEL_WARN, "door/%.*s/contact: expected open or closed", (int)name.n,
			(const char *)name.p);
}
