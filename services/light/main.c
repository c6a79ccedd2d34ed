/*
 * main.c - a button toggles a lamp. What is known of a lamp is one word of state, ON or OFF; the
 * second part of a topic or path is its name.
 */
#include "light.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

static struct lamp look(struct mf_str name)
{
	struct lamp lamp = {.name = name};
	struct mf_str state;

	mf_format(lamp.key, sizeof(lamp.key), "lamp/%.*s", (int)name.n, (const char *)name.p);
	state = mf_state(lamp.key);
	lamp.known = state.p != NULL;
	lamp.on = lamp.known && mf_str_is(state, "ON");
	return lamp;
}

static void set(const struct lamp *lamp, bool on)
{
	struct mf_str word = on ? MF_STR("ON") : MF_STR("OFF");
	char topic[NAMES_MAX + 16];

	if (!lamp->known) {
		lamps.introduce(lamp->name);
		home_remember(&lamps, lamp->name);
	}
	mf_put(lamp->key, word.p, word.n);
	mf_format(topic, sizeof(topic), "lamp/%.*s/set", (int)lamp->name.n,
		(const char *)lamp->name.p);
	mf_emit_bytes(topic, word.p, word.n, 1, false);
	mf_format(topic, sizeof(topic), "light/%.*s/state", (int)lamp->name.n,
		(const char *)lamp->name.p);
	mf_emit_bytes(topic, word.p, word.n, 1, true);
	mf_upstream(topic, word.p, word.n, 0);
}

/* "" and TOGGLE turn it over. False: it is another word. */
static bool wanted(const struct lamp *lamp, struct mf_str word, bool *on)
{
	*on = mf_str_is(word, "ON");
	if (*on || mf_str_is(word, "OFF"))
		return true;
	*on = !lamp->on;
	return word.n == 0 || mf_str_is(word, "TOGGLE");
}

static void answer(const struct mf_event *ev, const struct lamp *lamp)
{
	bool on = lamp->on;

	if (mf_str_is(mf_method(ev), "POST")) {
		if (!wanted(lamp, mf_payload(ev), &on)) {
			mf_reply_problem(
				400, "Bad Request", "the body is ON, OFF, TOGGLE or empty");
			return;
		}
		set(lamp, on);
	} else if (!mf_str_is(mf_method(ev), "GET") && !mf_str_is(mf_method(ev), "HEAD")) {
		mf_reply_header("Allow", "GET, HEAD, POST");
		mf_reply_problem(405, "Method Not Allowed", "GET shows the lamp, POST switches it");
		return;
	}
	mf_reply_text(on ? "ON\n" : "OFF\n");
}

static void wrong(const struct mf_event *ev, const char *expected)
{
	struct mf_str topic = mf_subject(ev), text = mf_payload(ev);

	mf_log_at(MF_LEVEL_WARN, "%.*s: \"%.*s\": expected %s", (int)topic.n, (const char *)topic.p,
		(int)(text.n < 40 ? text.n : 40), (const char *)text.p, expected);
}

/* Whatever isn't for .../set is a button: hub.yaml may say by which topics they come. */
static void message(const struct mf_event *ev, const struct lamp *lamp)
{
	bool button = !mf_str_is(mf_part(ev, 3), "set"), on = !lamp->on;

	if (!button && !wanted(lamp, mf_payload(ev), &on))
		wrong(ev, "ON, OFF or TOGGLE");
	else if (button && (ev->flags & MF_EVENT_RETAINED))
		wrong(ev, "a press of now: the broker had kept this one, for the button retains");
	else
		set(lamp, on);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2);
	bool asked = ev->source == MF_SOURCE_HTTP;
	struct lamp lamp;

	if (home_hears(&lamps, ev))
		return;
	if (!names_is_one(name)) {
		if (asked)
			mf_reply_problem(404, "Not Found", "a lamp's name is " NAMES_RULES);
		else
			wrong(ev, "a lamp's name of " NAMES_RULES);
		return;
	}
	lamp = look(name);
	if (asked)
		answer(ev, &lamp);
	else
		message(ev, &lamp);
}
