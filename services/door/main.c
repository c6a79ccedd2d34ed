/*
 * main.c - an alarm when a door was left open. When it opens the life schedules a later event to the
 * service itself, which finds out if it still is.
 *
 * State: open/NAME, "SINCE" or "SINCE alarm" once it was raised; milliseconds of the hub's own clock, which never
 * goes back and knows no summer time.
 */
#include "door.h"

#include "base/num.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define SECOND    1000000000ull
#define MS        1000000ull
#define KEY_MAX   (NAMES_MAX + 8)
#define STATE_MAX 32u

static uint64_t after, again; /* seconds; part of the snapshot */

static uint64_t config_seconds(const char *key, uint64_t least)
{
	struct mf_str text = mf_config(key);
	uint64_t value;

	if (!num_parse(text, &value) || value < least || value > 86400)
		mf_fail("%s: \"%.*s\": expected %u to 86400 seconds", key, (int)text.n,
			(const char *)text.p, (unsigned)least);
	return value;
}

void mf_init(void)
{
	after = config_seconds("after", 1);
	again = config_seconds("again", 0);
	home_init();
}

struct door {
	struct mf_str name;
	char key[KEY_MAX]; /* of its state, and the name of the scheduled event */
	bool open, alarm;
	uint64_t since;
};

static struct door look(struct mf_str name)
{
	struct door d = {.name = name};
	struct mf_str state;
	size_t n = 0;

	mf_format(d.key, sizeof(d.key), "open/%.*s", (int)name.n, (const char *)name.p);
	state = mf_state(d.key);
	while (n < state.n && state.p[n] != ' ')
		n++;
	d.open = state.p != NULL;
	d.alarm = n < state.n;
	d.since = mf_elapsed_ns() / MS;
	num_parse(mf_str_of(state.p, n), &d.since);
	return d;
}

static void keep(const struct door *d, bool alarm)
{
	char text[STATE_MAX];

	mf_put(d->key, text,
		mf_format(text, sizeof(text), "%llu%s", (unsigned long long)d->since,
			alarm ? " alarm" : ""));
}

/* ON or OFF, here and upstream. */
static void tell(const struct door *d, const char *word)
{
	uint64_t now = mf_elapsed_ns() / MS, open_s = now > d->since ? (now - d->since) / 1000 : 0;
	int n = (int)d->name.n;
	const char *name = (const char *)d->name.p;
	char topic[NAMES_MAX + 16], text[96];

	mf_format(topic, sizeof(topic), "door/%.*s/alarm", n, name);
	mf_emit_bytes(topic, word, strlen(word), 1, true);
	mf_upstream(topic, text,
		mf_format(text, sizeof(text),
			"{\"door\":\"%.*s\",\"alarm\":\"%s\",\"open_s\":%llu}", n, name, word,
			(unsigned long long)open_s),
		1);
	mf_log("%.*s: alarm %s, open for %llu s", n, name, word, (unsigned long long)open_s);
}

static void opened(const struct door *d)
{
	if (d->open)
		return; /* told again: the clock runs already */
	keep(d, false);
	mf_schedule(d->key, after * SECOND, NULL, 0);
}

static void closed(const struct door *d)
{
	if (!d->open)
		return;
	mf_delete(d->key);
	mf_schedule(d->key, 0, NULL, 0); /* not any more */
	if (d->alarm)
		tell(d, "OFF");
}

/* The scheduled event. */
static void still_open(const struct door *d)
{
	if (!d->open)
		return;
	tell(d, "ON");
	if (!d->alarm)
		keep(d, true);
	if (again > 0)
		mf_schedule(d->key, again * SECOND, NULL, 0);
}

/* Is it this word, in capitals or not? */
static bool says(struct mf_str text, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < text.n && i < n; i++)
		if (mf_lower(text.p[i]) != (uint8_t)word[i])
			return false;
	return text.n == n;
}

static void wrong(const struct mf_event *ev, const char *expected)
{
	struct mf_str topic = mf_subject(ev), text = mf_payload(ev);

	mf_log_at(MF_LEVEL_WARN, "%.*s: \"%.*s\": expected %s", (int)topic.n, (const char *)topic.p,
		(int)(text.n < 40 ? text.n : 40), (const char *)text.p, expected);
}

/* What its contact says. */
static void contact(const struct mf_event *ev, const struct door *d)
{
	struct mf_str word = mf_payload(ev);
	bool open = says(word, "open") || says(word, "on");

	if (!open && !says(word, "closed") && !says(word, "off")) {
		wrong(ev, "open or closed, or ON or OFF");
		return;
	}
	if (home_remember(&doors, d->name))
		doors.introduce(d->name);
	if (open)
		opened(d);
	else
		closed(d);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2);
	struct door door;

	if (home_hears(&doors, ev))
		return;
	if (!names_is_one(name)) {
		wrong(ev, "a door's name of " NAMES_RULES);
		return;
	}
	door = look(name);
	if (ev->source == MF_SOURCE_SCHEDULE)
		still_open(&door);
	else
		contact(ev, &door);
}
