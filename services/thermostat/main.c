/*
 * main.c - heats a room to its target, with hysteresis: on below target - h, off above target + h, as it was in
 * between. A sensor that falls silent must not heat the room for ever: then it is off, and told upstream.
 *
 * Temperatures are thousandths of a degree. State: target/ROOM, and heating/ROOM, which is there while
 * it heats.
 */
#include <mayfly.h>

#include "base/num.h"
#include "wire/decimal.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define NAME_MAX 32u
#define PLACES   3u
#define LOWEST   -60000 /* colder, or warmer, is a broken sensor */
#define HIGHEST  120000

/* Part of the snapshot. */
static struct {
	int64_t target, hysteresis;
	uint64_t lost_ns;
} config;

static int64_t config_decimal(const char *key, int64_t least, int64_t most)
{
	struct mf_str text = mf_config(key);
	int64_t value;

	if (!decimal_read(text, PLACES, &value) || value < least || value > most)
		mf_fail("%s: \"%.*s\": expected degrees like 20.5", key, (int)text.n,
			(const char *)text.p);
	return value;
}

void mf_init(void)
{
	struct mf_str lost = mf_config("lost");
	uint64_t seconds;

	config.target = config_decimal("target", 5000, 35000);
	config.hysteresis = config_decimal("hysteresis", 0, 5000);
	if (!num_parse(lost, &seconds) || seconds == 0 || seconds > 86400)
		mf_fail("lost: \"%.*s\": expected 1 to 86400 seconds", (int)lost.n,
			(const char *)lost.p);
	config.lost_ns = seconds * 1000000000ull;
}

struct room {
	struct mf_str name;
	char target_key[NAME_MAX + 16], heating_key[NAME_MAX + 16];
	int64_t target;
	bool heats;
};

static void make(char to[static NAME_MAX + 16], const char *format, struct mf_str name)
{
	mf_format(to, NAME_MAX + 16, format, (int)name.n, (const char *)name.p);
}

static struct room look(struct mf_str name)
{
	struct room r = {.name = name, .target = config.target};

	make(r.target_key, "target/%.*s", name);
	make(r.heating_key, "heating/%.*s", name);
	decimal_read(mf_state(r.target_key), PLACES, &r.target);
	r.heats = mf_state(r.heating_key).p != NULL;
	return r;
}

static void heat(const struct room *r, bool on)
{
	char topic[NAME_MAX + 24];

	if (on == r->heats)
		return;
	if (on)
		mf_put(r->heating_key, "ON", 2);
	else
		mf_delete(r->heating_key);
	mf_format(topic, sizeof(topic), "room/%.*s/heating/set", (int)r->name.n,
		(const char *)r->name.p);
	mf_emit_bytes(topic, on ? "ON" : "OFF", on ? 2 : 3, 1, true);
}

static void measured(const struct room *r, int64_t now)
{
	char name[NAME_MAX + 16];

	if (now < r->target - config.hysteresis)
		heat(r, true);
	else if (now > r->target + config.hysteresis)
		heat(r, false);
	make(name, "lost/%.*s", r->name);
	mf_schedule(name, config.lost_ns, NULL, 0); /* takes the place of the one before */
}

static void aim(const struct room *r, int64_t target)
{
	char text[DECIMAL_TEXT], topic[NAME_MAX + 16];
	size_t n = decimal_write(target, PLACES, text);

	mf_put(r->target_key, text, n);
	make(topic, "room/%.*s/target", r->name);
	mf_emit_bytes(topic, text, n, 1, true);
}

static void lost(const struct room *r)
{
	char topic[NAME_MAX + 16];

	heat(r, false);
	make(topic, "room/%.*s/lost", r->name);
	mf_upstream(topic, "no reading", 10, 1);
	mf_log_at(MF_LEVEL_WARN, "no reading from %.*s for a while: it isn't heated",
		(int)r->name.n, (const char *)r->name.p);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2), text = mf_payload(ev);
	bool aims = mf_str_is(mf_part(ev, 3), "target");
	struct room room;
	int64_t value;

	if (name.n == 0 || name.n > NAME_MAX)
		return;
	room = look(name);
	if (ev->source == MF_SOURCE_SCHEDULE)
		lost(&room);
	else if (!decimal_read(text, PLACES, &value) || value < (aims ? 5000 : LOWEST) ||
		value > (aims ? 35000 : HIGHEST))
		mf_log_at(MF_LEVEL_WARN, "%.*s: expected degrees like 20.5", (int)mf_subject(ev).n,
			(const char *)mf_subject(ev).p);
	else if (aims)
		aim(&room, value);
	else
		measured(&room, value);
}
