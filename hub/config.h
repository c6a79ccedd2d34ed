/*
 * hub/config.h - hub.yaml, read into structs. man/hub.yaml.5 documents every key; the
 * schema in config_schema.c is the only other place that lists them.
 */
#ifndef HUB_CONFIG_H
#define HUB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/worker.h"
#include "hub/hub.h"
#include "sys/net.h"

#define CONFIG_ERROR_MAX 1024
#define CONFIG_FILE_MAX  (1u << 20)
#define CONFIG_LIST_MAX  64u

#define CONFIG_PLACE 128 /* "hub.yaml:7:5", for messages */

enum config_core { CORE_ANY = -1, CORE_HUB = -2, CORE_AUTO = -3 }; /* or a number */
enum config_log { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };
/* Who reads a service's UDP sockets. */
enum config_socket { CONFIG_SOCKET_HUB, CONFIG_SOCKET_WORKER };

/* Who may ask: http/access.h. */
struct config_access {
	char *tokens; /* a file; NULL: not said */
	bool open;    /* tokens: none: what the listener says doesn't count */
	char **clients;
	unsigned clients_count; /* 0: not said */
};

/* An address where HTTP or CoAP is spoken. */
struct config_listener {
	char place[CONFIG_PLACE];
	struct net_address address;
	char *certificate, *key;     /* NULL, both: no TLS */
	char *authorities, *revoked; /* of client certificates; NULL: none are asked for */
	bool require;                /* without one there is no connection */
	struct config_access access; /* where routes don't say */
	char *psk;                   /* of coap: a file of keys; NULL: no DTLS */
};

/* A key, and what it may sign. */
struct config_trust_key {
	char place[CONFIG_PLACE];
	char *key;    /* the path of a file, or the key itself */
	bool is_text; /* the latter */
	char *name;   /* NULL: not said */
	char **services;
	unsigned services_count;
	bool services_given; /* else any */
	bool revoked;
};

/* Whose images run. */
struct config_trust {
	char place[CONFIG_PLACE];
	bool allow_unsigned;
	struct config_trust_key *keys;
	unsigned keys_count;
};

/* The broker, `mqtt`. */
enum config_mqtt_version { CONFIG_MQTT_ANY, CONFIG_MQTT_5, CONFIG_MQTT_311 };
struct config_mqtt {
	bool given;
	char place[CONFIG_PLACE];
	char *host;
	uint16_t port;
	bool tls;
	char *client;              /* what clients' ids begin with; NULL: the state directory's */
	char *username, *password; /* a file; NULL: none */
	char *authorities;         /* NULL: the system's */
	char *certificate, *key;   /* NULL, both: none */
	uint64_t keepalive_ns, session_ns;
	unsigned window; /* messages not acknowledged, of a connection */
	enum config_mqtt_version version;
	char **replies; /* filters of topics on which replies may be published */
	unsigned replies_count;
	bool replies_given;     /* else on any */
	char *status;           /* a topic that says if the hub is there; NULL: none */
	uint64_t bytes, age_ns; /* of messages that wait for it */
};

/* Whom results are for, `upstream`. */
enum config_upstream_way { CONFIG_UPSTREAM_NONE, CONFIG_UPSTREAM_MQTT, CONFIG_UPSTREAM_WEB };
struct config_upstream {
	enum config_upstream_way way;
	struct config_mqtt at; /* either way: where it is, who we are there, bounds of what waits */
	char *to;              /* as written: "https://center.example.org/events" */
	char *topic;           /* what topics begin with; NULL: not said */
	char *token;           /* of a page: a file with a bearer token; NULL: none */
};

/* Messages to addresses, `emit`. */
struct config_emit {
	char place[CONFIG_PLACE];
	char *authorities;      /* a file; NULL: the system's */
	char *keys;             /* a file (hub/emit_keys.h); NULL: none */
	char *callbacks;        /* a file (hub/callbacks.h); NULL: none */
	uint64_t bytes, age_ns; /* of what waits */
};

/* One entry of a service's `mqtt`. */
struct config_topic {
	char place[CONFIG_PLACE];
	char *topic;
	char *share; /* NULL: none */
	unsigned qos;
};

/* One entry of a service's `http` or `coap`: what it says takes the place of what a trigger says. */
struct config_route {
	char place[CONFIG_PLACE];
	bool listen_given;
	struct net_address listen;  /* only on the listeners with this address */
	char *host, *method, *path; /* NULL: not said */
	struct config_access access;
};

/* One entry of a service's `timers`: what it says takes the place of what the trigger says. */
struct config_timer {
	char place[CONFIG_PLACE];
	char *name;
	char *every, *cron; /* NULL, both: not said */
	char *missed;       /* NULL: not said */
};

/* What one `- image: ...` says. Paths are absolute or relative to the working directory. */
struct config_service {
	char place[CONFIG_PLACE];
	bool from_yaml; /* a person wrote it, not `mayfly up` */
	char *name;     /* NULL: the image's own */
	char *image;
	char *entry; /* what it says there, where a deployed image runs instead; NULL: that image */
	char **data, **config; /* NAME=FILE, KEY=VALUE, as image/attach.h wants them */
	unsigned data_count, config_count;
	struct net_address *udp, *tcp;
	unsigned udp_count, tcp_count;
	struct config_route *http, *coap;
	unsigned http_count, coap_count;
	struct config_timer *timers;
	unsigned timers_count;
	bool http_given, coap_given; /* else its triggers, as they are, on every listener */
	struct config_topic *mqtt;
	unsigned mqtt_count;
	bool mqtt_given; /* else its triggers, as they are */
	enum config_socket socket;
	enum mfw_backend backend;
	enum mfw_birth_mode birth;
	bool birth_given;
	bool durability_given;
	enum manifest_durability durability;
	int core;       /* enum config_core, or which */
	unsigned queue; /* 0: what the manifest says; of the next three too */
	unsigned threads;
	uint64_t deadline_ns, cpu_ns;
	uint64_t idle_ns;
	bool cores;        /* of its lives that crash: as struct config says for all */
	unsigned failures; /* lives that fail in a row before no more are tried; 0: any number */
	bool allow_rollback_given;
	uint64_t allow_rollback; /* releases from this counter on, though newer ones ran here */
};

/* Special hardware, `accelerator`. */
struct config_accelerator {
	char place[CONFIG_PLACE];
	char *backend;   /* NULL: there is none */
	char *device;    /* its number, or a part of its name; NULL: the best one */
	char *cache;     /* a directory; NULL: none */
	uint64_t memory; /* bytes of the device's; 0: all */
	uint64_t least;  /* additions and multiplications of a product that is worth it */
};

/* Charging for requests, `market`. */
struct config_market {
	bool given;
	char place[CONFIG_PLACE];
	char *ledger; /* a directory, or postgresql://... */
	bool apart;   /* it is a directory other than the state's */
	char *key;    /* the signer's secret one, a file */
};

/* One queue of many hubs, `queue`. */
struct config_queue {
	char place[CONFIG_PLACE];
	char *database;    /* postgresql://...; NULL: there is none */
	char *name, *url;  /* this hub's; where others reach it: http://HOST:PORT */
	char *token;       /* a file: what it shows others; NULL: nothing */
	char *authorities; /* a file: whose certificates it believes; NULL: the system's */
};

struct config {
	char *state;    /* directory; NULL: none */
	unsigned cores; /* of lives that crashed, kept there; 0: none */
	char *admin;    /* path of the Unix socket; NULL: the usual one */
	bool no_admin;
	char *admin_group;              /* whose members may look; NULL: none */
	struct config_listener network; /* admin over the network: address.size 0: none */
	char **change;                  /* who there may reload and stop; 0: nobody */
	unsigned change_count;
	struct config_listener metrics; /* its address.size 0: none; never TLS */
	enum config_log log;
	char *user;   /* that a hub started as root becomes; NULL: the usual one */
	bool strict;  /* no start where a wall is missing */
	char **paths; /* all that the file names, without doubles; for walls round the hub */
	unsigned paths_count;
	unsigned connections;
	uint64_t memory;  /* bytes that peers' half messages and untaken replies may hold */
	uint64_t waiting; /* bytes of events that wait */
	uint64_t blobs;   /* bytes of the disk cache */
	struct http_limits limits; /* of http */
	struct config_mqtt mqtt;
	struct config_upstream upstream;
	struct config_emit emit;
	struct config_trust trust;
	struct config_accelerator accelerator;
	struct config_market market;
	struct config_queue queue;
	struct config_listener *http, *coap;
	unsigned http_count, coap_count;
	struct config_service *services;
	unsigned services_count;
};

/* Reads the file. `as`, if not NULL, is who wrote it for a user who never saw it: then errors
 * name the image instead of a line. 0, -EINVAL or another -errno, with one line in error. */
int config_open(struct config *config, const char *path, const char *as,
	char error[static CONFIG_ERROR_MAX]);
void config_close(struct config *config);

#endif
