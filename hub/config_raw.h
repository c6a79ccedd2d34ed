/*
 * hub/config_raw.h - hub.yaml as libcyaml loads it: all texts, and what the files that make
 * struct config of it share. Private to hub/config*.c. `data` and `config` are sets of any
 * keys: they are read from the tree.
 */
#ifndef HUB_CONFIG_RAW_H
#define HUB_CONFIG_RAW_H

#include <cyaml/cyaml.h>

#include "hub/config.h"
#include "image/reading.h"

struct raw_service_limits {
	char *queue, *threads, *idle, *deadline, *cpu, *failures;
};

struct raw_route {
	char *listen, *host, *method, *path, *tokens;
	char **clients;
	unsigned clients_count;
};

struct raw_timer {
	char *name, *every, *cron, *missed;
};

struct raw_topic {
	char *topic, *share, *qos;
};

struct raw_service {
	char *name, *image, *backend, *birth, *durability, *core, *socket, *allow_rollback;
	char **udp, **tcp;
	unsigned udp_count, tcp_count;
	struct raw_route *http, *coap;
	unsigned http_count, coap_count;
	struct raw_timer *timers;
	unsigned timers_count;
	struct raw_topic *mqtt;
	unsigned mqtt_count;
	struct raw_service_limits limits;
};

struct raw_tls {
	char *certificate, *key, *clients, *revoked, *require;
};

struct raw_listener {
	char *listen, *tokens;
	struct raw_tls tls;
	char **clients;
	unsigned clients_count;
};

struct raw_mqtt_tls {
	char *authorities, *certificate, *key;
};

struct raw_mqtt {
	char *broker, *client, *username, *password, *keepalive, *session, *window, *version,
		*bytes, *age, *status;
	struct raw_mqtt_tls tls;
	char **replies;
	unsigned replies_count;
};

struct raw_upstream {
	struct raw_mqtt at; /* broker: `to` */
	char *topic, *token;
};

struct raw_emit {
	char *authorities, *keys, *callbacks, *bytes, *age;
};

struct raw_dtls {
	char *psk;
};

struct raw_coap {
	char *listen;
	struct raw_dtls dtls;
};

struct raw_network {
	struct raw_listener at;
	char **change;
	unsigned change_count;
};

struct raw_trust_key {
	char *key, *name, *revoked;
	char **services;
	unsigned services_count;
};

struct raw_trust {
	char *allow_unsigned;
	struct raw_trust_key *keys;
	unsigned keys_count;
};

struct raw_accelerator {
	char *backend, *device, *memory, *least, *cache;
};

struct raw_market {
	char *ledger, *key;
};

struct raw_queue {
	char *database, *name, *url, *token, *authorities;
};

struct raw_config_limits {
	char *connections, *memory, *waiting, *blobs, *header, *request, *keepalive;
};

struct raw_config {
	char *mayfly, *backend, *state, *cores, *admin, *admin_group, *metrics, *log, *user,
		*strict;
	struct raw_network network;
	struct raw_mqtt mqtt;
	struct raw_upstream upstream;
	struct raw_emit emit;
	struct raw_accelerator accelerator;
	struct raw_market market;
	struct raw_queue queue;
	struct raw_config_limits limits;
	struct raw_trust trust;
	struct raw_listener *http;
	unsigned http_count;
	struct raw_coap *coap;
	unsigned coap_count;
	struct raw_service *services;
	unsigned services_count;
};

extern const cyaml_schema_value_t config_schema;

struct building {
	const struct reading *r;
	const char *directory; /* relative paths of the file start here; "" is the working one */
	const char *backend;   /* for all services that don't say */
	struct config *config; /* whose paths are noted */
};

/* All of these return 0 or -errno with a line in b->r->error. */
int config_no_memory(const struct reading *r);
int config_path(const struct building *b, const char *path, char **out);
/* A copy; of NULL, NULL. */
int config_text(const struct building *b, const char *text, char **out);
/* `key` stands before the message, `path` is where the text stands in the file. */
int config_address(const struct building *b, const char *path, const char *key, const char *text,
	struct net_address *address);
void config_place(const struct building *b, const char *path, char to[CONFIG_PLACE]);

/* What `accelerator` says; freed with config_accelerator_free, failed or not. */
int config_accelerator(
	const struct building *b, const struct raw_config *raw, struct config *config);
void config_accelerator_free(struct config_accelerator *accelerator);

/* config_market.c: `market`, if it is there. The same. */
int config_market(const struct building *b, const struct raw_config *raw, struct config *config);
void config_market_free(struct config_market *market);

/* What `queue` says; freed with config_queue_free, failed or not. */
int config_queue(const struct building *b, const struct raw_config *raw, struct config *config);
void config_queue_free(struct config_queue *queue);

/* What `trust` says; free it with config_trust_free, failed or not. */
int config_trust(const struct building *b, const struct raw_trust *raw, struct config_trust *trust);
void config_trust_free(struct config_trust *trust);

/* config_access.c: what stands at "AT." about who may ask. It is freed with config_access_free, failed
 * or not; so are a listener's and the network's parts. */
int config_access(const struct building *b, const char *at, const char *tokens,
	char *const *clients, unsigned clients_count, struct config_access *access);
void config_access_free(struct config_access *access);
int config_listener(const struct building *b, const char *at, const struct raw_listener *raw,
	struct config_listener *listener);
void config_listener_free(struct config_listener *listener);
/* One of `coap`; freed the same way. */
int config_coap(const struct building *b, const char *at, const struct raw_coap *raw,
	struct config_listener *listener);
int config_network(const struct building *b, const struct raw_config *raw, struct config *config);
void config_network_free(struct config *config);

/* config_mqtt.c: `mqtt` and `upstream` at the top; and a service's, in its entry. Freed with the others, failed or
 * not. */
int config_mqtt(const struct building *b, const struct raw_config *raw, struct config *config);
void config_mqtt_free(struct config_mqtt *mqtt);
int config_upstream(const struct building *b, const struct raw_config *raw, struct config *config);
void config_upstream_free(struct config_upstream *upstream);
int config_topics(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *service);
void config_topics_free(struct config_service *service);

/* config_emit.c: `emit`. Freed with the other one, failed or not. */
int config_emit(const struct building *b, const struct raw_config *raw, struct config *config);
void config_emit_free(struct config_emit *emit);

/* The i-th of `services`. What it took is freed with config_service_free, failed or not. */
int config_service(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *service);
void config_service_free(struct config_service *service);

/* config_timer.c: its `timers`. */
int config_timers(const struct building *b, unsigned service, const struct raw_service *raw,
	struct config_service *s);
void config_timers_free(struct config_service *s);

#endif
