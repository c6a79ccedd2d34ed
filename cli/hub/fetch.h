/*
 * cli/hub/fetch.h - ask a hub for an event and the capsule of its life.
 */
#ifndef CLI_HUB_FETCH_H
#define CLI_HUB_FETCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/hub/client.h"
#include "image/capsule.h"

struct fetched {
	json_t *answer;         /* what the hub said of it, owned */
	const json_t *event;    /* of that, the event as it is listed; NULL: it is too long ago */
	uint8_t *bytes;         /* the capsule's; NULL: there is none */
	struct capsule capsule; /* points into them */
	const char *image_path; /* the service's image, as the hub runs it now; NULL: it doesn't */
};

/* Could it be the id of an event? */
bool fetch_is_id(const char *text);
/* The event, and its life if there was one with a capsule. fetch_free in any case. 0, or an exit status, having
 * said why: STATUS_NOT_FOUND where the hub knows of neither. */
int fetch_event(struct fetched *fetched, const char *command, const struct client_options *options,
	const char *id);
/* The same, and it is STATUS_NOT_FOUND if there is no capsule. */
int fetch_life(struct fetched *fetched, const char *command, const struct client_options *options,
	const char *id);
/* The next page of a service's lives, the newest first: a member "lives" of *answer, which is the caller's, NULL where it
 * can't be had. *before: 0 at first, and when there are no more. An exit status, having said why. */
int fetch_lives(
	struct client *client, const char *service, unsigned long long *before, json_t **answer);
/* A capsule as a hub's page has it ("capsule": base64): -EINVAL, -ENOMEM. *bytes is the caller's. */
int fetch_capsule(const json_t *life, uint8_t **bytes, struct capsule *capsule);
void fetch_free(struct fetched *fetched);

#endif
