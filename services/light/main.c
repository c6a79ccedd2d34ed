/*
 * main.c - a button toggles a lamp. What is known of a lamp is one word of state, ON or OFF; the
 * second part of a topic or path is its name.
 */
#include <mayfly.h>

#pragma GCC optimize("Os") /* all of it runs once a life */

#define NAME_MAX 32u

/* Letters, digits, '-' and '_': nothing that a topic or a JSON string would have to escape. */
static bool is_name(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = mf_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n > 0 && s.n <= NAME_MAX;
}

struct lamp {
	struct mf_str name;
	char key[NAME_MAX + 8];
	bool known, on;
};

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

/* Home Assistant's MQTT discovery: a lamp that is told of so appears there by itself. */
static void introduce(const struct lamp *lamp)
{
	char topic[NAME_MAX + 40], text[512];
	int n = (int)lamp->name.n;
	const char *name = (const char *)lamp->name.p;
	size_t bytes;

	mf_format(topic, sizeof(topic), "homeassistant/light/%.*s/config", n, name);
	bytes = mf_format(text, sizeof(text),
		"{\"name\":\"%.*s\",\"unique_id\":\"mayfly-light-%.*s\",\"command_topic\":"
		"\"light/%.*s/set\",\"state_topic\":\"light/%.*s/state\",\"qos\":1}",
		n, name, n, name, n, name, n, name);
	mf_emit_bytes(topic, text, bytes, 1, true);
}

static void set(const struct lamp *lamp, bool on)
{
	struct mf_str word = on ? MF_STR("ON") : MF_STR("OFF");
	char topic[NAME_MAX + 16];

	if (!lamp->known)
		introduce(lamp);
	mf_put(lamp->key, word.p, word.n);
	mf_format(topic, sizeof(topic), "lamp/%.*s/set", (int)lamp->name.n,
		(const char *)lamp->name.p);
	mf_emit_bytes(topic, word.p, word.n, 1, false);
	mf_format(topic, sizeof(topic), "light/%.*s/state", (int)lamp->name.n,
		(const char *)lamp->name.p);
	mf_emit_bytes(topic, word.p, word.n, 1, true);
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

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2);
	bool asked = ev->source == MF_SOURCE_HTTP, on;
	struct lamp lamp;

	if (!is_name(name)) {
		if (asked)
			mf_reply_problem(404, "Not Found",
				"a lamp's name is 1 to 32 letters, digits, '-' and '_'");
		else
			mf_log_at(MF_LEVEL_WARN, "not a lamp's name: %.*s", (int)name.n,
				(const char *)name.p);
		return;
	}
	lamp = look(name);
	if (asked)
		answer(ev, &lamp);
	else if (mf_str_is(mf_part(ev, 1), "button"))
		set(&lamp, !lamp.on);
	else if (wanted(&lamp, mf_payload(ev), &on))
		set(&lamp, on);
	else
		mf_log_at(MF_LEVEL_WARN, "light/%.*s/set: expected ON, OFF or TOGGLE", (int)name.n,
			(const char *)name.p);
}
