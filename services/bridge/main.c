/*
 * main.c - what sensors say by CoAP, published by MQTT. PUT or POST /sensor/WHOSE/WHAT, the value as text; GET gives
 * the last one, DELETE forgets it.
 */
#include <mayfly.h>

#pragma GCC optimize("Os") /* all of it runs once a life */

#define PART_MAX  32u
#define NAMES_MAX (2 * PART_MAX + 16)
#define VALUE_MAX 256u

/* Nothing that would mean something else in a topic. */
static bool is_name(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127 || s.p[i] == '+' || s.p[i] == '#')
			return false;
	return s.n > 0 && s.n <= PART_MAX;
}

static void name(
	char to[static NAMES_MAX], const char *format, struct mf_str whose, struct mf_str what)
{
	mf_format(to, NAMES_MAX, format, (int)whose.n, (const char *)whose.p, (int)what.n,
		(const char *)what.p);
}

static bool begins(struct mf_str s, const char *with)
{
	return mf_str_is(mf_str_of(s.p, s.n < strlen(with) ? s.n : strlen(with)), with);
}

static void show(const char *key)
{
	struct mf_str value = mf_state(key);

	if (value.p != NULL)
		mf_reply(200, "text/plain", value.p, value.n);
	else
		mf_reply_problem(404, "Not Found", "nothing was said yet");
}

/* Text, which whoever subscribes can read: a number, a word, JSON. CBOR isn't. */
static bool is_text(struct mf_str type, struct mf_str value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((value.p[i] < ' ' && value.p[i] != '\t' && value.p[i] != '\n') ||
			value.p[i] >= 127)
			return false;
	return type.n == 0 || begins(type, "text/plain") || begins(type, "application/json") ||
		begins(type, "application/senml+json");
}

static void take(const struct mf_event *ev, const char *key, const char *topic)
{
	struct mf_str value = mf_payload(ev);
	bool first = mf_state(key).p == NULL;

	if (value.n == 0) {
		mf_reply_problem(400, "Bad Request", "there is no value in it");
		return;
	}
	if (value.n > VALUE_MAX) {
		mf_reply_problem(413, "Content Too Large", "a value has at most 256 bytes");
		return;
	}
	if (!is_text(mf_content_type(ev), value)) {
		mf_reply_problem(
			415, "Unsupported Media Type", "a value is text: a number, a word or JSON");
		return;
	}
	mf_put(key, value.p, value.n);
	mf_emit_bytes(topic, value.p, value.n, 1, true);
	mf_reply(first ? 201 : 204, NULL, NULL, 0);
}

static void forget(const char *key, const char *topic)
{
	if (mf_state(key).p != NULL) {
		mf_delete(key);
		mf_emit_bytes(topic, NULL, 0, 1, true); /* the broker forgets it too */
	}
	mf_reply(204, NULL, NULL, 0);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str whose = mf_part(ev, 2), what = mf_part(ev, 3);
	char key[NAMES_MAX], topic[NAMES_MAX];

	if (!is_name(whose) || !is_name(what)) {
		mf_reply_problem(404, "Not Found", "names are 1 to 32 printable characters");
		return;
	}
	name(key, "value/%.*s/%.*s", whose, what);
	name(topic, "sensor/%.*s/%.*s", whose, what);
	if (mf_str_is(mf_method(ev), "GET"))
		show(key);
	else if (mf_str_is(mf_method(ev), "DELETE"))
		forget(key, topic);
	else
		take(ev, key, topic);
}
