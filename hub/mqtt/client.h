/*
 * hub/mqtt/client.h - one connection to the broker on the hub's loop: it is made, lost, and
 * made again, at once the first time, then with longer and longer pauses.
 *
 * libmosquitto queues a message's PUBACK before it tells of the message, and writes all that is
 * queued or nothing (docs/decisions/037). So an owner that acknowledges late says when nothing may be
 * written (`may_write`), and when nothing more should be read (`may_read`); mqtt_client_flush and
 * mqtt_client_resume tell that this has changed.
 *
 * The owner keeps struct mqtt_client in a struct of its own (LOOP_OWNER). None of its functions may close
 * the client, or open another, from inside a call but `closed`.
 */
#ifndef HUB_MQTT_CLIENT_H
#define HUB_MQTT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/mqtt/broker.h"
#include "hub/mqtt/connect.h"
#include "hub/turn.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define MQTT_ID_MAX  160u
#define MQTT_WAIT_NS (20 * CLOCK_MS) /* for a thread, or for who goes first */
#define MQTT_WOKEN   UINT64_MAX
/* What a broker's status topic says, retained; the words that Home Assistant takes for availability. */
#define MQTT_THERE "online"
#define MQTT_GONE  "offline"

struct hub;
struct mqtt_client;

struct mqtt_client_ops {
	/* It is there; the broker remembered us if `session`. Subscribe here. */
	void (*up)(struct mqtt_client *client, bool session);
	/* What was under way on it is not any more. */
	void (*down)(struct mqtt_client *client);
	/* Copies what it needs. `properties` may be NULL. */
	void (*message)(struct mqtt_client *client, const struct mosquitto_message *message,
		bool again, const mosquitto_property *properties);
	/* The broker has it, or doesn't take it: then `reason` is 0x80 or more. */
	void (*published)(struct mqtt_client *client, int mid, int reason);
	/* The answer to the SUBSCRIBE `mid`, for each of its filters. */
	void (*subscribed)(struct mqtt_client *client, int mid, int count, const int *granted);
	bool (*may_write)(const struct mqtt_client *client);
	bool (*may_read)(const struct mqtt_client *client);
	/* What mqtt_client_flush asked for was done. */
	void (*flushed)(struct mqtt_client *client);
	/* How long until it may connect, or be asked again; 0: now. MQTT_WOKEN: when mqtt_client_wake is
	 * called. */
	uint64_t (*wait_ns)(const struct mqtt_client *client);
	/* All was said and written after mqtt_client_end, or it broke. */
	void (*closed)(struct mqtt_client *client);
};

enum mqtt_phase {
	MQTT_DOWN,       /* until the timer goes off */
	MQTT_CONNECTING, /* on a thread */
	MQTT_GREETING,   /* the broker's CONNACK is to come */
	MQTT_UP,
	MQTT_ENDING, /* DISCONNECT is to be written */
	MQTT_CLOSED
};

struct mqtt_client {
	const struct mqtt_client_ops *ops;
	struct hub *hub;
	struct mqtt_broker *broker;
	char id[MQTT_ID_MAX];
	bool keeps; /* a session that outlives connections; its messages are to be acknowledged late */
	bool speaks; /* for the hub: the broker says MQTT_GONE on its status topic when it is lost */
	uint32_t packet_most;       /* bytes: larger ones are to stay at the broker */
	unsigned in_most, out_most; /* messages not acknowledged */
	enum mqtt_phase phase;
	/* the client's own: */
	struct mosquitto *mosq;
	struct mqtt_connect *connect;
	struct loop_source source;
	struct loop_timer timer;
	struct loop_later flush;
	struct turn *turn; /* what it may take of a round: its input's */
	int fd;            /* libmosquitto's; -1: none */
	uint32_t watched;
	bool is_5, session, again; /* again: of the message at hand */
	int refused;               /* the CONNACK's reason */
	unsigned failures;         /* in a row */
	unsigned greetings;        /* that were not answered, with this version */
	uint64_t up_ns, last_ns,
		held_ns; /* held_ns: since when nothing may be written; 0: it may */
	uint64_t messages;
	char why[MQTT_WHY_MAX];
	uint64_t connects; /* that came to be */
};

/* From the next round of the loop on it connects. The members above "own" are set by the caller. */
void mqtt_client_open(struct mqtt_client *client);
/* Writes what there is to write, then DISCONNECT; calls closed. At once if it isn't up. */
void mqtt_client_end(struct mqtt_client *client);
/* Frees what it has, whatever is under way. */
void mqtt_client_close(struct mqtt_client *client);

/* If it waits for anything, it tries now. */
void mqtt_client_wake(struct mqtt_client *client);
/* At the end of the round: writes, if it may. */
void mqtt_client_flush(struct mqtt_client *client);
/* may_read has changed. */
void mqtt_client_resume(struct mqtt_client *client);
/* As if the connection had been lost; not from inside a callback. */
void mqtt_client_break(struct mqtt_client *client, const char *why);

#endif
