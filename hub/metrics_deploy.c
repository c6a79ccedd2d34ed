/* hub/metrics_deploy.c - versions that are on trial, and what became of deploys. */
#include "hub/deploy.h"
#include "hub/hub.h"
#include "hub/metrics_parts.h"

static uint64_t share(const struct service *s)
{
	return s->stable ? s->stable->share : 0;
}
static uint64_t lives(const struct service *s)
{
	return s->counts.lives;
}
static uint64_t returned(const struct service *s)
{
	return s->counts.returned;
}

static const struct {
	const char *name, *type, *help;
	uint64_t (*value)(const struct service *service);
} of_trial[] = {
	{"mayfly_trial_share", "gauge",
		"Of ten thousand events so many go to the version on trial.", share},
	{"mayfly_trial_lives_total", "counter", "Lives of the version on trial.", lives},
	{"mayfly_trial_returned_total", "counter",
		"Of those: events that ran again in the version in place, for their lives failed.",
		returned},
};

void metrics_deploy(struct metrics_text *t)
{
	for (unsigned i = 0; i < sizeof(of_trial) / sizeof(of_trial[0]) && t->hub->canaries; i++) {
		metrics_family(t, of_trial[i].name, of_trial[i].type, of_trial[i].help);
		for (const struct service *s = t->hub->canaries; s; s = s->next) {
			metrics_put(t, of_trial[i].name);
			metrics_label(t, '{', "service", s->name);
			metrics_label(t, ',', "version", s->manifest.version);
			metrics_number(t, of_trial[i].value(s));
		}
	}
	metrics_family(t, "mayfly_deploys_total", "counter",
		"Deploys that ended, by whether the new version runs (done) or went back.");
	metrics_by(t, "mayfly_deploys_total", "result", "done", t->hub->deployed);
	metrics_by(t, "mayfly_deploys_total", "result", "back", t->hub->went_back);
}
