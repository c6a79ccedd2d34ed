/*
 * hub/input.h - where events come from. An input belongs to one service, or is shared by
 * several (in_http.c), owns its sockets, makes tasks of what arrives and turns their outcomes
 * into its protocol's words. Another kind of input is another file in_*.c that fills in struct
 * input_ops.
 */
#ifndef HUB_INPUT_H
#define HUB_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/http/access.h"
#include "hub/turn.h"
#include "sys/net.h"
#include "wire/words.h"

struct hub;
struct input;
struct service;

struct input_ops {
	const char *name;                        /* "udp" */
	void (*stop)(struct input *input);       /* accept nothing more */
	bool (*busy)(const struct input *input); /* has it still something to send? */
	void (*close)(struct input *input);      /* frees it */
	/* Inputs with connections: since when the idlest has been idle, UINT64_MAX if none is; and
	 * close that one, which is there. NULL, both: there are no connections. */
	uint64_t (*idle_since)(const struct input *input);
	void (*make_room)(struct input *input);
};

/* What an input counts; refusals by enum refusal are counted by the service. */
struct input_counts {
	uint64_t events, bytes_in;
	uint64_t replies, bytes_out;
	uint64_t unsent; /* replies that the socket didn't take, or whose client was gone */
	uint64_t connections, dropped;
	unsigned open;                   /* connections at this moment */
	uint64_t requests;               /* HTTP: answered, whatever the answer was */
	uint64_t denied[ACCESS_RESULTS]; /* HTTP: of the bad, by why they may not ask */
	uint64_t bad; /* what came but was no event: malformed, too big, for nobody */
};

struct input {
	const struct input_ops *ops;
	struct input *next;
	struct hub *hub;
	struct service *service;    /* NULL: several, or none */
	bool own;                   /* only the hub's own pages: the admin socket, metrics */
	bool apart;                 /* no address to listen on: planned by mqtt/plan.c */
	struct net_address asked;   /* as configured; its size 0: it isn't of hub.yaml */
	struct net_address address; /* as bound */
	unsigned tasks;             /* events whose end it waits for */
	bool kept;                  /* by the plan at hand (hub/plan.h) */
	char text[NET_TEXT];        /* the same, for people and for mf_event.subject */
	unsigned text_n;
	enum words words;
	unsigned framing;    /* bytes of the length before a message; 0: datagrams */
	const char *example; /* of the manifest; may be NULL */
	struct input_counts counts;
	struct turn turn;
};

/* Binds input->address (given by the caller in *address) and listens. -errno. */
int in_udp_open(struct input **input, struct service *service, const struct net_address *address,
	enum words words);
/* Its socket, for the service's worker to read: from lend to take_back the hub doesn't. */
int in_udp_descriptor(const struct input *input);
void in_udp_lend(struct input *input, struct service *to);
void in_udp_take_back(struct input *input);
int in_tcp_open(struct input **input, struct service *service, const struct net_address *address,
	enum words words, unsigned framing_bytes);

#endif
