/*
 * main.c - heats a room to its target, with hysteresis: on below target - h, off above target + h, as it was in
 * between. A sensor that falls silent must not heat the room for ever: then it is off, and told upstream.
 *
 * Temperatures are thousandths of a degree. State: target/ROOM; mode/ROOM, heat or off; heating/ROOM, what the valve
 * was told last, ON or OFF; reading/ROOM, the last one, not there when the sensor is silent.
 */
#include "thermostat.h"

#include "base/num.h"
#include "wire/decimal.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define PLACES    3u
#define KEY_MAX   (NAMES_MAX + 16)
#define TOPIC_MAX (NAMES_MAX + 24)
#define LOWEST    -60000 /* colder, or warmer, is a broken sensor */
#define HIGHEST   120000

/* Part of the snapshot. */
static struct {
	int64_t target, hysteresis;
	uint64_t lost_ns;
} config;

static bool is_target(int64_t value)
{
	return value >= TARGET_LEAST * 1000 && value <= TARGET_MOST * 1000;
}

static int64_t config_decimal(const char *key)
{
	struct mf_str text = mf_config(key);
	int64_t value;

	if (!decimal_read(text, PLACES, &value) || value < 0 || value > TARGET_MOST * 1000)
		mf_fail("%s: \"%.*s\": expected degrees like 20.5", key, (int)text.n,
			(const char *)text.p);
	return value;
}

void mf_init(void)
{
	struct mf_str lost = mf_config("lost");
	uint64_t seconds;

	config.target = config_decimal("target");
	if (!is_target(config.target))
		mf_fail("target: expected %u to %u degrees", TARGET_LEAST, TARGET_MOST);
	config.hysteresis = config_decimal("hysteresis");
	if (config.hysteresis > 5000)
		mf_fail("hysteresis: expected at most 5 degrees");
	if (!num_parse(lost, &seconds) || seconds == 0 || seconds > 86400)
		mf_fail("lost: \"%.*s\": expected 1 to 86400 seconds", (int)lost.n,
			(const char *)lost.p);
	config.lost_ns = seconds * 1000000000ull;
	home_init();
}

/* ------------------------------------------------------------------ a room */

struct room {
	struct mf_str name;
	int64_t target, reading;
	bool off;         /* its mode; else it is heated */
	bool read;        /* there is a reading */
	bool told, heats; /* the valve was told, and what */
};

static const char *key_of(char to[static KEY_MAX], const char *what, struct mf_str name)
{
	mf_format(to, KEY_MAX, "%s/%.*s", what, (int)name.n, (const char *)name.p);
	return to;
}

static int64_t target_of(struct mf_str name)
{
	char key[KEY_MAX];
	struct mf_str text = mf_state(key_of(key, "target", name));
	int64_t value;

	if (text.p == NULL)
		return config.target;
	if (decimal_read(text, PLACES, &value) && is_target(value))
		return value;
	mf_log_at(MF_LEVEL_WARN,
		"state %s is \"%.*s\": expected %u to %u degrees, the setting is taken", key,
		(int)text.n, (const char *)text.p, TARGET_LEAST, TARGET_MOST);
	return config.target;
}

static struct room look(struct mf_str name)
{
	char key[KEY_MAX];
	struct room r = {.name = name, .target = target_of(name)};
	struct mf_str heating = mf_state(key_of(key, "heating", name));

	r.off = mf_str_is(mf_state(key_of(key, "mode", name)), "off");
	r.read = decimal_read(mf_state(key_of(key, "reading", name)), PLACES, &r.reading);
	r.told = heating.p != NULL;
	r.heats = r.told && mf_str_is(heating, "ON");
	return r;
}

/* A topic of the room's, kept by the broker. */
static void tell(const struct room *r, const char *what, struct mf_str text)
{
	char topic[TOPIC_MAX];

	mf_format(topic, sizeof(topic), "room/%.*s/%s", (int)r->name.n, (const char *)r->name.p,
		what);
	mf_emit_bytes(topic, text.p, text.n, 1, true);
}

/* "20.5", in `to`. */
static struct mf_str degrees(int64_t value, char to[static DECIMAL_TEXT])
{
	unsigned n = decimal_write(value, PLACES, to);

	while (to[n - 1] == '0')
		n--;
	n -= to[n - 1] == '.';
	return mf_str_of(to, n);
}

static void put(const char *what, const struct room *r, struct mf_str text)
{
	char key[KEY_MAX];

	mf_put(key_of(key, what, r->name), text.p, text.n);
}

/* Should it be heated now? */
static bool wants_heat(const struct room *r)
{
	if (r->off || !r->read || r->reading > r->target + config.hysteresis)
		return false;
	return r->reading < r->target - config.hysteresis || r->heats;
}

static void heat(const struct room *r)
{
	bool on = wants_heat(r);
	struct mf_str word = on ? MF_STR("ON") : MF_STR("OFF");

	if (r->told && r->heats == on)
		return;
	put("heating", r, word);
	tell(r, "heating/set", word);
}

/* ------------------------------------------------------------------- events */

static void measured(struct room *r, int64_t value)
{
	char key[KEY_MAX], text[DECIMAL_TEXT];

	if (!r->read)
		tell(r, "available", MF_STR("online"));
	r->read = true;
	r->reading = value;
	put("reading", r, degrees(value, text));
	/* takes the place of the one before */
	mf_schedule(key_of(key, "lost", r->name), config.lost_ns, NULL, 0);
}

static void lost(struct room *r)
{
	char key[KEY_MAX], topic[TOPIC_MAX];

	r->read = false;
	mf_delete(key_of(key, "reading", r->name));
	tell(r, "available", MF_STR("offline"));
	mf_format(topic, sizeof(topic), "room/%.*s/lost", (int)r->name.n, (const char *)r->name.p);
	mf_upstream(topic, "no reading", 10, 1);
	mf_log_at(MF_LEVEL_WARN, "no reading from %.*s for a while: it isn't heated",
		(int)r->name.n, (const char *)r->name.p);
}

static bool wrong(const struct mf_event *ev, const char *expected)
{
	struct mf_str topic = mf_subject(ev), text = mf_payload(ev);

	mf_log_at(MF_LEVEL_WARN, "%.*s: \"%.*s\": expected %s", (int)topic.n, (const char *)topic.p,
		(int)(text.n < 40 ? text.n : 40), (const char *)text.p, expected);
	return false;
}

/* False: it is no reading, target or mode. */
static bool take(const struct mf_event *ev, struct room *r)
{
	struct mf_str what = mf_part(ev, 3), text = mf_payload(ev);
	char shown[DECIMAL_TEXT];
	int64_t value = 0;
	bool number = decimal_read(text, PLACES, &value);

	if (mf_str_is(what, "target")) {
		if (!number || !is_target(value))
			return wrong(ev, "5 to 35 degrees, like 20.5");
		r->target = value;
		put("target", r, degrees(value, shown));
	} else if (mf_str_is(what, "mode")) {
		if (!mf_str_is(text, "heat") && !mf_str_is(text, "off"))
			return wrong(ev, "heat or off");
		r->off = mf_str_is(text, "off");
		put("mode", r, text);
	} else {
		if (!number || value < LOWEST || value > HIGHEST)
			return wrong(ev, "degrees like 20.5");
		measured(r, value);
	}
	return true;
}

/* What was said, and of a room that is new all that there is to say. */
static void answer(const struct mf_event *ev, const struct room *r)
{
	struct mf_str what = mf_part(ev, 3);
	bool first = home_remember(&rooms, r->name);
	char shown[DECIMAL_TEXT];

	if (first)
		rooms.introduce(r->name);
	if (first || mf_str_is(what, "target"))
		tell(r, "target", degrees(r->target, shown));
	if (first || mf_str_is(what, "mode"))
		tell(r, "mode", r->off ? MF_STR("off") : MF_STR("heat"));
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2);
	struct room room;

	if (home_hears(&rooms, ev))
		return;
	if (!names_is_one(name)) {
		wrong(ev, "a room's name of " NAMES_RULES);
		return;
	}
	room = look(name);
	if (ev->source == MF_SOURCE_SCHEDULE)
		lost(&room);
	else if (take(ev, &room))
		answer(ev, &room);
	else
		return;
	heat(&room);
}
