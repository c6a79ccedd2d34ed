/* hub/config_timer.c - a service's `timers` in hub.yaml: another rhythm for what its manifest has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "image/cron.h"
#include "image/units.h"
#include "sys/clock.h"

static int check(const struct building *b, const char *at, const struct raw_timer *raw)
{
	static const char *const missed[] = {"skip", "once", "all", NULL};
	const char *wrong;
	struct cron cron;
	char path[80];
	uint64_t ns;

	snprintf(path, sizeof(path), "%s.every", at);
	if (raw->every && raw->cron)
		return reading_bad(b->r, path, "timers: it is either 'every' or 'cron'");
	if (raw->every && (!units_time(raw->every, &ns) || ns < CLOCK_MS))
		return reading_bad(b->r, path,
			"every: '%.60s' is not a time of at least 1ms, as in 10s", raw->every);
	snprintf(path, sizeof(path), "%s.cron", at);
	wrong = raw->cron ? cron_parse(&cron, raw->cron) : NULL;
	if (wrong)
		return reading_bad(b->r, path, "cron: '%.60s' %s", raw->cron, wrong);
	snprintf(path, sizeof(path), "%s.missed", at);
	return raw->missed && reading_choice(b->r, path, raw->missed, missed) < 0 ? -EINVAL : 0;
}

static int take(const struct building *b, const char *at, const struct raw_timer *raw,
	struct config_timer *timer)
{
	char path[80];
	int rc = check(b, at, raw);

	snprintf(path, sizeof(path), "%s.name", at);
	config_place(b, path, timer->place);
	if (rc == 0)
		rc = config_text(b, raw->name, &timer->name);
	if (rc == 0)
		rc = config_text(b, raw->every, &timer->every);
	if (rc == 0)
		rc = config_text(b, raw->cron, &timer->cron);
	if (rc == 0)
		rc = config_text(b, raw->missed, &timer->missed);
	return rc;
}

static int check_double(
	const struct building *b, const char *at, const struct config_service *s, unsigned n)
{
	char path[80];

	snprintf(path, sizeof(path), "%s.name", at);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(s->timers[i].name, s->timers[n].name) == 0)
			return reading_bad(b->r, path, "timers: '%.60s' stands there twice",
				s->timers[n].name);
	return 0;
}

int config_timers(const struct building *b, unsigned service, const struct raw_service *raw,
	struct config_service *s)
{
	char path[64];
	int rc = 0;

	s->timers = calloc(raw->timers_count + 1, sizeof(*s->timers));
	if (!s->timers)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->timers_count && rc == 0; i++) {
		s->timers_count = i + 1;
		snprintf(path, sizeof(path), "services.%u.timers.%u", service, i);
		rc = take(b, path, &raw->timers[i], &s->timers[i]);
		if (rc == 0)
			rc = check_double(b, path, s, i);
	}
	return rc;
}

void config_timers_free(struct config_service *s)
{
	for (unsigned i = 0; i < s->timers_count; i++) {
		free(s->timers[i].name);
		free(s->timers[i].every);
		free(s->timers[i].cron);
		free(s->timers[i].missed);
	}
	free(s->timers);
}
