/*
 * hub/deploy.h - another version of a service takes the place of the one that runs, by and by, and goes back if it does
 * worse (docs/decisions/068-deploy.md).
 *
 *	deploy_begin ──▶ BIRTH ──▶ SHARE, step by step ──▶ WATCH ──▶ DONE
 *	                   │          │                      │
 *	                   └──────────┴──────────────────────┴──────▶ BACK
 *
 * BIRTH: its worker starts. SHARE: both run (canary.h). WATCH: it has taken the old one's place at once, since they can't share; the old
 * one's figures are what it is compared with.
 */
#ifndef HUB_DEPLOY_H
#define HUB_DEPLOY_H

#include "hub/config.h"
#include "hub/hub.h"
#include "hub/weigh.h"

#define DEPLOY_STEPS 8u
#define DEPLOY_WHY   320

enum deploy_phase { DEPLOY_BIRTH, DEPLOY_SHARE, DEPLOY_WATCH, DEPLOY_DONE, DEPLOY_BACK };
extern const char *const deploy_phases[]; /* "birth" ... */

struct deploy_options {
	unsigned step[DEPLOY_STEPS],
		steps;    /* shares, in ten thousandths; none: at once, and nobody watches */
	uint64_t step_ns; /* each at least */
	struct weigh_limits limits; /* and so many lives, or ten times as long */
	bool rollback;              /* a lower counter is meant */
};

/* Of the newest of each service. */
struct deploy {
	struct deploy *next;
	struct hub *hub;
	char name[MFI_NAME_MAX + 1];
	char from[MFI_VERSION_MAX + 1], to[MFI_VERSION_MAX + 1];
	uint8_t digest[DEPLOYED_DIGEST]; /* of the image that is to run */
	struct deploy_options options;
	enum deploy_phase phase;
	unsigned at;                        /* SHARE: which step */
	bool at_once;                       /* it gets no share, for the reason in why_once */
	bool returning;                     /* the old version is on its way back */
	bool taking;                        /* a reload is under way */
	uint64_t since_ns;                  /* when the step began */
	int64_t began_ns;                   /* wall */
	struct service *old, *new;          /* NULL: gone; WATCH: old is */
	struct weigh_side was_old, was_new; /* when the step began; WATCH: was_old is all it did */
	char why_once[80];
	char why[DEPLOY_WHY]; /* of its end */
	struct loop_timer timer;
};

/* The entry of hub.yaml, or a copy in `room` that names the version which runs in its image's place. */
struct deploy_entry {
	struct config_service config;
	char path[PATH_MAX];
};
const struct config_service *deploy_entry(
	struct hub *hub, const struct config_service *config, struct deploy_entry *room);

/* The image is there (deployed_piece). 0, or an exit status (enum setup_status) with one line in error. */
int deploy_begin(struct hub *hub, const char *name, const uint8_t digest[static DEPLOYED_DIGEST],
	const struct deploy_options *options, char error[static HUB_ERROR_MAX]);
/* Ends a deploy that is under way; else the version before takes its place again. The same. */
int deploy_rollback(struct hub *hub, const char *name, char error[static HUB_ERROR_MAX]);
bool deploy_is_under_way(const struct deploy *deploy);
/* What both versions did in the step at hand. */
void deploy_sides(const struct deploy *deploy, struct weigh_side *new, struct weigh_side *old);

/* The hub has started: says what was not finished. */
void deploys_start(struct hub *hub);
/* A plan has taken its place: deploys of services that are gone end. */
void deploys_look(struct hub *hub);
void deploys_stop(struct hub *hub);
void deploys_close(struct hub *hub);

#endif
