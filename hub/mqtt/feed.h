/*
 * hub/mqtt/feed.h - a connection by which a service's messages come. Filters of one service that
 * have topics in common are on connections of their own, so that of a message which comes by two of them
 * one is taken (by the first whose filter fits): an event happens once. A feed goes to the broker when
 * the one before it is subscribed there, so that whatever is left to that one comes by it.
 *
 * No PUBACK leaves before all messages that were read have come to their end: libmosquitto has queued one
 * for each, and writes all or none. So a batch is read, and when its last one has ended the
 * acknowledgements are written, and the next batch is read, which mostly waits in the socket by then.
 * A message that the service can't take now is kept, and offered again; nothing is read meanwhile.
 */
#ifndef HUB_MQTT_FEED_H
#define HUB_MQTT_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/mqtt/client.h"
#include "hub/mqtt/letter.h"
#include "hub/mqtt/sessions.h"
#include "hub/task.h"
#include "sys/log.h"

struct input;

struct mqtt_feed {
	struct mqtt_client client;
	struct input *input;
	const struct mqtt_feed *before; /* the one that has what both have; NULL: none */
	struct mqtt_subscription
		*at; /* owned; its filters have no topics in common; sorted: shared last */
	unsigned count;
	uint64_t connection; /* the how-manieth it is */
	unsigned asked;      /* its SUBSCRIBEs without an answer */
	unsigned open;       /* messages of it whose end isn't known */
	unsigned taken;      /* read since the last PUBACKs left */
	bool flushing;       /* these are to leave */
	bool stopping;
	struct letter *kept, **kept_end; /* not at the service; they are open too */
	unsigned kept_count;
	struct loop_timer retry;
	struct loop_later settle;
	struct log_rate refusals;
};

/* `at`, with `count` filters, is the feed's. */
void mqtt_feed_init(struct mqtt_feed *feed, struct input *input, struct mqtt_broker *broker,
	struct mqtt_subscription *at, unsigned count);
void mqtt_feed_start(struct mqtt_feed *feed);
/* Reads no more; ends when all that was read has. */
void mqtt_feed_stop(struct mqtt_feed *feed);
void mqtt_feed_close(struct mqtt_feed *feed);
bool mqtt_feed_busy(const struct mqtt_feed *feed);

/* A letter's event came to its end; the letter is gone. */
void mqtt_feed_done(struct letter *letter);
/* Its service can't take it now: kept, or, where that can't be, done. */
void mqtt_feed_keep(struct letter *letter, const struct task *task, enum refusal why);

#endif
