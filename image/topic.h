/*
 * image/topic.h - MQTT's topics and topic filters (MQTT 5, 4.7), as manifests and hub.yaml name
 * them. Pure.
 *
 * A filter's parts lie between slashes: '+' stands for any one part, '#', as the last, for all that
 * follow, none included. One that begins with a wildcard doesn't stand for topics that begin with '$',
 * which are the broker's own.
 */
#ifndef IMAGE_TOPIC_H
#define IMAGE_TOPIC_H

#include <stdbool.h>

#include "base/str.h"

#define TOPIC_MAX       65535u /* bytes (MQTT 5, 1.5.4) */
#define TOPIC_SHARE_MAX 128u   /* of a share's name; the protocol has no bound */

/* '+' and '#' stand alone between slashes, '#' at the end. */
bool topic_is_filter(const char *text);
/* A topic that a message may be published on: not empty, no wildcard, no byte 0. */
bool topic_is_name(struct mf_str text);
/* A name for a shared subscription: not empty, without '/', '+' and '#' (MQTT 5, 4.8.2). */
bool topic_is_share(const char *text);

/* Does the filter stand for this topic? */
bool topic_matches(const char *filter, struct mf_str topic);
/* Is there a topic that both stand for? */
bool topics_overlap(const char *a, const char *b);

#endif
