/* hub/reload.c - see reload.h; plan.c does the work. */
#include "hub/reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/accelerator.h"
#include "hub/admin.h"
#include "hub/cache.h"
#include "hub/center.h"
#include "hub/config.h"
#include "hub/database.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/peers.h"
#include "hub/journal.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "sys/clock.h"
#include "sys/memory.h"
#include "sys/systemd.h"

static int take(struct hub *hub, const struct config *config, struct plan_counts *counts,
	char error[static HUB_ERROR_MAX])
{
	struct plan plan;
	int status = plan_make(&plan, hub, config, error);

	if (status == 0)
		status = center_check_prices(&plan, error);
	if (status == 0)
		status = admin_take(hub, config, error);
	if (status == 0 && plan.database)
		status = hub_open_database(hub, error);
	if (status == 0 && plan.cache)
		status = cache_open(hub, config->blobs, error);
	if (status == 0)
		status = jobs_look(hub, error);
	if (status == 0)
		status = peers_look(hub, config, error);
	*counts = plan.counts;
	if (status != 0) {
		plan_drop(&plan);
		return status;
	}
	plan_commit(&plan);
	if (hub->options.journal)
		journal_set_json(hub->options.journal, config->log == CONFIG_LOG_JSON);
	return 0;
}

/* Its lock, and all that is kept there, are those of this process. */
static int check_state(
	const struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	const char *old = hub->state ? hub->state : "", *new = config->state ? config->state : "";

	if (strcmp(old, new) == 0)
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"%s: state: it can't change while the hub runs: leave it as it was, \"%s\", or "
		"start the hub again",
		hub->options.file, old);
	return SETUP_USAGE;
}

/* What a hub may open was settled when it started (hub/confine.c). */
static void explain_denied(char error[static HUB_ERROR_MAX])
{
	size_t n = strlen(error);

	if (strstr(error, strerror(EACCES)))
		snprintf(error + n, HUB_ERROR_MAX - n,
			": a hub that was started as root reads only below the directories that "
			"its "
			"configuration named then: start it again");
}

static int reload(struct hub *hub, struct plan_counts *counts, char error[static HUB_ERROR_MAX])
{
	struct config config;
	int rc, status;

	if (hub->stopping) {
		snprintf(error, HUB_ERROR_MAX, "the hub is stopping");
		return SETUP_FAILED;
	}
	rc = config_open(&config, hub->options.file, hub->options.as, error);
	if (rc < 0)
		return rc == -ENOENT ? SETUP_NOT_FOUND : SETUP_USAGE;
	status = check_state(hub, &config, error);
	if (status == 0)
		status = accelerator_check(hub, &config, error);
	if (status == 0)
		status = center_check(hub, &config, error);
	if (status == 0)
		status = peers_check(hub, &config, error);
	if (status == 0)
		status = take(hub, &config, counts, error);
	config_close(&config);
	if (status != 0 && hub->enclosed)
		explain_denied(error);
	return status;
}

int hub_reload(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	struct plan_counts counts = {0};
	int status;

	systemd_reloading();
	status = reload(hub, &counts, error);
	hub_tell_ready(hub);

	if (status == 0) {
		hub->reloads.done++;
		hub->reloads.last_ns = (int64_t)clock_wall_ns();
	} else {
		hub->reloads.failed++;
	}
	report_reload(&hub->report, &counts, status == 0 ? NULL : error);
	memory_settle();
	return status;
}
