/*
 * main.c - many readings in, one summary upstream. The first reading of a minute schedules its end; those that
 * follow are added up in state, minute/NAME: "start count sum least most", the start in seconds since 1970, the
 * others but the count in thousandths.
 */
#include "meter.h"

#include "base/num.h"
#include "wire/decimal.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define PLACES   3u
#define LARGEST  1000000000000ll /* of a reading: a thousand million, so that sums can't wrap */
#define TEXT_MAX 192u
#define SECOND   1000000000ll

static uint64_t every_ns; /* part of the snapshot */

void mf_init(void)
{
	struct mf_str text = mf_config("every");
	uint64_t seconds;

	if (!num_parse(text, &seconds) || seconds == 0 || seconds > 86400)
		mf_fail("every: \"%.*s\": expected 1 to 86400 seconds", (int)text.n,
			(const char *)text.p);
	every_ns = seconds * 1000000000ull;
	home_open();
}

struct minute {
	int64_t start, count, sum, least, most;
};

/* "1763816400 4 812400 200100 206000". False: there is none. */
static bool read_minute(struct mf_str text, struct minute *m)
{
	int64_t *to[] = {&m->start, &m->count, &m->sum, &m->least, &m->most};

	for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		size_t n = 0;

		while (n < text.n && text.p[n] != ' ')
			n++;
		if (!decimal_read(mf_str_of(text.p, n), 0, to[i]))
			return false;
		n += n < text.n;
		text = mf_str_of(text.p + n, text.n - n);
	}
	return m->count > 0;
}

static void add(struct minute *m, int64_t value)
{
	if (m->count == 0 || value < m->least)
		m->least = value;
	if (m->count == 0 || value > m->most)
		m->most = value;
	m->sum += value;
	m->count++;
}

static void wrong(const struct mf_event *ev, const char *expected)
{
	struct mf_str topic = mf_subject(ev), text = mf_payload(ev);

	mf_log_at(MF_LEVEL_WARN, "%.*s: \"%.*s\": expected %s", (int)topic.n, (const char *)topic.p,
		(int)(text.n < 40 ? text.n : 40), (const char *)text.p, expected);
}

static void reading(const struct mf_event *ev, struct mf_str name, const char *key)
{
	struct minute m = {0};
	char text[TEXT_MAX];
	int64_t value;
	size_t n;

	if (!decimal_read(mf_payload(ev), PLACES, &value) || value > LARGEST || value < -LARGEST) {
		wrong(ev, "a number like 203.1");
		return;
	}
	if (ev->flags & MF_EVENT_RETAINED)
		return; /* the broker had kept it: nobody knows since when */
	if (home_remember(&meters, name))
		meters.introduce(name);
	if (!read_minute(mf_state(key), &m)) {
		m = (struct minute){.start = mf_time_ns() / SECOND};
		mf_schedule(key, every_ns, NULL, 0);
	}
	add(&m, value);
	n = mf_format(text, sizeof(text), "%lld %lld %lld %lld %lld", (long long)m.start,
		(long long)m.count, (long long)m.sum, (long long)m.least, (long long)m.most);
	mf_put(key, text, n);
}

struct number {
	char text[DECIMAL_TEXT];
	int n;
};

static struct number number(int64_t value)
{
	struct number it;

	it.n = (int)decimal_write(value, PLACES, it.text);
	return it;
}

static void minute_over(struct mf_str name, const char *key)
{
	struct minute m = {0};
	struct number mean, least, most;
	char topic[NAMES_MAX + 16], text[TEXT_MAX];
	size_t n;

	if (!read_minute(mf_state(key), &m))
		return;
	mean = number(m.sum / m.count);
	least = number(m.least);
	most = number(m.most);
	mf_format(topic, sizeof(topic), "meter/%.*s/summary", (int)name.n, (const char *)name.p);
	n = mf_format(text, sizeof(text),
		"{\"start\":%lld,\"end\":%lld,\"count\":%lld,\"mean\":%.*s,\"least\":%.*s,\"most\":"
		"%.*s}",
		(long long)m.start, (long long)(mf_time_ns() / SECOND), (long long)m.count, mean.n,
		mean.text, least.n, least.text, most.n, most.text);
	mf_upstream(topic, text, n, 0);
	mf_delete(key);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2);
	char key[NAMES_MAX + 16];

	if (home_hears(&meters, ev))
		return;
	if (!names_is_one(name)) {
		wrong(ev, "a meter's name of " NAMES_RULES);
		return;
	}
	mf_format(key, sizeof(key), "minute/%.*s", (int)name.n, (const char *)name.p);
	if (ev->source == MF_SOURCE_SCHEDULE)
		minute_over(name, key);
	else
		reading(ev, name, key);
}
