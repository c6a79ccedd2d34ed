/* hub/config_schema.c - every key that hub.yaml may have. */
#include "hub/config.h"
#include "hub/config_raw.h"

#define TEXT_MOST 4095 /* paths are the longest */
#define SERVICES  4096
#define OPTIONAL  (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, TEXT_MOST)
#define MAY(key, type, member) TEXT(key, type, member, CYAML_FLAG_OPTIONAL)
#define LIST(key, member)                                                                          \
	CYAML_FIELD_SEQUENCE(key, OPTIONAL, struct raw_service, member, &text, 0, CONFIG_LIST_MAX)

#define NAMES(key, type, member)                                                                   \
	CYAML_FIELD_SEQUENCE(key, OPTIONAL, type, member, &text, 0, CONFIG_LIST_MAX)

static const cyaml_schema_value_t text = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_MOST)};

static const cyaml_schema_field_t service_limits[] = {
	MAY("queue", struct raw_service_limits, queue),
	MAY("threads", struct raw_service_limits, threads),
	MAY("idle", struct raw_service_limits, idle),
	MAY("deadline", struct raw_service_limits, deadline),
	MAY("cpu", struct raw_service_limits, cpu),
	MAY("failures", struct raw_service_limits, failures),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t route_fields[] = {
	MAY("listen", struct raw_route, listen),
	MAY("host", struct raw_route, host),
	MAY("method", struct raw_route, method),
	MAY("path", struct raw_route, path),
	MAY("tokens", struct raw_route, tokens),
	NAMES("clients", struct raw_route, clients),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t route = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_route, route_fields)};

static const cyaml_schema_field_t timer_fields[] = {
	TEXT("name", struct raw_timer, name, 0),
	MAY("every", struct raw_timer, every),
	MAY("cron", struct raw_timer, cron),
	MAY("missed", struct raw_timer, missed),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t timer = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_timer, timer_fields)};
static const cyaml_schema_field_t topic_fields[] = {
	TEXT("topic", struct raw_topic, topic, 0),
	MAY("share", struct raw_topic, share),
	MAY("qos", struct raw_topic, qos),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t topic = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_topic, topic_fields)};

static const cyaml_schema_field_t coap_route_fields[] = {
	MAY("listen", struct raw_route, listen),
	MAY("host", struct raw_route, host),
	MAY("method", struct raw_route, method),
	MAY("path", struct raw_route, path),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t coap_route = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_route, coap_route_fields)};

static const cyaml_schema_field_t service_fields[] = {
	MAY("name", struct raw_service, name),
	TEXT("image", struct raw_service, image, 0),
	CYAML_FIELD_IGNORE("data", CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_IGNORE("config", CYAML_FLAG_OPTIONAL),
	LIST("udp", udp),
	LIST("tcp", tcp),
	CYAML_FIELD_SEQUENCE(
		"http", OPTIONAL, struct raw_service, http, &route, 0, CONFIG_LIST_MAX),
	CYAML_FIELD_SEQUENCE(
		"timers", OPTIONAL, struct raw_service, timers, &timer, 0, CONFIG_LIST_MAX),
	CYAML_FIELD_SEQUENCE(
		"mqtt", OPTIONAL, struct raw_service, mqtt, &topic, 0, CONFIG_LIST_MAX),
	CYAML_FIELD_SEQUENCE(
		"coap", OPTIONAL, struct raw_service, coap, &coap_route, 0, CONFIG_LIST_MAX),
	MAY("socket", struct raw_service, socket),
	MAY("allow_rollback", struct raw_service, allow_rollback),
	MAY("backend", struct raw_service, backend),
	MAY("birth", struct raw_service, birth),
	MAY("durability", struct raw_service, durability),
	MAY("core", struct raw_service, core),
	CYAML_FIELD_MAPPING(
		"limits", CYAML_FLAG_OPTIONAL, struct raw_service, limits, service_limits),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t service = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_service, service_fields)};

static const cyaml_schema_field_t config_limits[] = {
	MAY("connections", struct raw_config_limits, connections),
	MAY("memory", struct raw_config_limits, memory),
	MAY("waiting", struct raw_config_limits, waiting),
	MAY("blobs", struct raw_config_limits, blobs),
	MAY("header", struct raw_config_limits, header),
	MAY("request", struct raw_config_limits, request),
	MAY("keepalive", struct raw_config_limits, keepalive),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t trust_key_fields[] = {
	TEXT("key", struct raw_trust_key, key, 0),
	MAY("name", struct raw_trust_key, name),
	MAY("revoked", struct raw_trust_key, revoked),
	CYAML_FIELD_SEQUENCE(
		"services", OPTIONAL, struct raw_trust_key, services, &text, 0, SERVICES),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t trust_key = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_trust_key, trust_key_fields)};

static const cyaml_schema_field_t trust[] = {
	CYAML_FIELD_SEQUENCE(
		"keys", OPTIONAL, struct raw_trust, keys, &trust_key, 0, CONFIG_LIST_MAX),
	MAY("allow_unsigned", struct raw_trust, allow_unsigned),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t tls[] = {
	TEXT("certificate", struct raw_tls, certificate, 0),
	TEXT("key", struct raw_tls, key, 0),
	MAY("clients", struct raw_tls, clients),
	MAY("revoked", struct raw_tls, revoked),
	MAY("require", struct raw_tls, require),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t listener_fields[] = {
	TEXT("listen", struct raw_listener, listen, 0),
	CYAML_FIELD_MAPPING("tls", CYAML_FLAG_OPTIONAL, struct raw_listener, tls, tls),
	MAY("tokens", struct raw_listener, tokens),
	NAMES("clients", struct raw_listener, clients),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t listener = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_listener, listener_fields)};

static const cyaml_schema_field_t dtls[] = {
	TEXT("psk", struct raw_dtls, psk, 0),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t coap_fields[] = {
	TEXT("listen", struct raw_coap, listen, 0),
	CYAML_FIELD_MAPPING("dtls", CYAML_FLAG_OPTIONAL, struct raw_coap, dtls, dtls),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t coap = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_coap, coap_fields)};

static const cyaml_schema_field_t network[] = {
	TEXT("listen", struct raw_network, at.listen, 0),
	CYAML_FIELD_MAPPING("tls", CYAML_FLAG_OPTIONAL, struct raw_network, at.tls, tls),
	MAY("tokens", struct raw_network, at.tokens),
	NAMES("clients", struct raw_network, at.clients),
	NAMES("change", struct raw_network, change),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t mqtt_tls[] = {
	MAY("authorities", struct raw_mqtt_tls, authorities),
	MAY("certificate", struct raw_mqtt_tls, certificate),
	MAY("key", struct raw_mqtt_tls, key),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t mqtt[] = {
	TEXT("broker", struct raw_mqtt, broker, 0),
	MAY("client", struct raw_mqtt, client),
	MAY("username", struct raw_mqtt, username),
	MAY("password", struct raw_mqtt, password),
	CYAML_FIELD_MAPPING("tls", CYAML_FLAG_OPTIONAL, struct raw_mqtt, tls, mqtt_tls),
	MAY("keepalive", struct raw_mqtt, keepalive),
	MAY("session", struct raw_mqtt, session),
	MAY("window", struct raw_mqtt, window),
	MAY("version", struct raw_mqtt, version),
	MAY("bytes", struct raw_mqtt, bytes),
	MAY("age", struct raw_mqtt, age),
	MAY("status", struct raw_mqtt, status),
	NAMES("replies", struct raw_mqtt, replies),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t upstream[] = {
	TEXT("to", struct raw_upstream, at.broker, 0),
	MAY("client", struct raw_upstream, at.client),
	MAY("username", struct raw_upstream, at.username),
	MAY("password", struct raw_upstream, at.password),
	CYAML_FIELD_MAPPING("tls", CYAML_FLAG_OPTIONAL, struct raw_upstream, at.tls, mqtt_tls),
	MAY("token", struct raw_upstream, token),
	MAY("keepalive", struct raw_upstream, at.keepalive),
	MAY("version", struct raw_upstream, at.version),
	CYAML_FIELD_STRING_PTR("topic", OPTIONAL, struct raw_upstream, topic, 0, TEXT_MOST),
	MAY("bytes", struct raw_upstream, at.bytes),
	MAY("age", struct raw_upstream, at.age),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t emit[] = {
	MAY("authorities", struct raw_emit, authorities),
	MAY("keys", struct raw_emit, keys),
	MAY("callbacks", struct raw_emit, callbacks),
	MAY("bytes", struct raw_emit, bytes),
	MAY("age", struct raw_emit, age),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t accelerator[] = {
	TEXT("backend", struct raw_accelerator, backend, 0),
	MAY("device", struct raw_accelerator, device),
	MAY("memory", struct raw_accelerator, memory),
	MAY("least", struct raw_accelerator, least),
	MAY("cache", struct raw_accelerator, cache),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t market[] = {
	MAY("ledger", struct raw_market, ledger),
	TEXT("key", struct raw_market, key, 0),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t queue[] = {
	TEXT("database", struct raw_queue, database, 0),
	TEXT("name", struct raw_queue, name, 0),
	TEXT("url", struct raw_queue, url, 0),
	MAY("token", struct raw_queue, token),
	MAY("authorities", struct raw_queue, authorities),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t fields[] = {
	TEXT("mayfly", struct raw_config, mayfly, 0),
	MAY("backend", struct raw_config, backend),
	MAY("state", struct raw_config, state),
	MAY("cores", struct raw_config, cores),
	MAY("admin", struct raw_config, admin),
	MAY("admin_group", struct raw_config, admin_group),
	CYAML_FIELD_MAPPING(
		"admin_listen", CYAML_FLAG_OPTIONAL, struct raw_config, network, network),
	MAY("metrics", struct raw_config, metrics),
	MAY("log", struct raw_config, log),
	MAY("user", struct raw_config, user),
	MAY("strict", struct raw_config, strict),
	CYAML_FIELD_MAPPING(
		"limits", CYAML_FLAG_OPTIONAL, struct raw_config, limits, config_limits),
	CYAML_FIELD_MAPPING("trust", CYAML_FLAG_OPTIONAL, struct raw_config, trust, trust),
	CYAML_FIELD_MAPPING("mqtt", CYAML_FLAG_OPTIONAL, struct raw_config, mqtt, mqtt),
	CYAML_FIELD_MAPPING("upstream", CYAML_FLAG_OPTIONAL, struct raw_config, upstream, upstream),
	CYAML_FIELD_MAPPING("emit", CYAML_FLAG_OPTIONAL, struct raw_config, emit, emit),
	CYAML_FIELD_MAPPING(
		"accelerator", CYAML_FLAG_OPTIONAL, struct raw_config, accelerator, accelerator),
	CYAML_FIELD_MAPPING("market", CYAML_FLAG_OPTIONAL, struct raw_config, market, market),
	CYAML_FIELD_MAPPING("queue", CYAML_FLAG_OPTIONAL, struct raw_config, queue, queue),
	CYAML_FIELD_SEQUENCE(
		"http", OPTIONAL, struct raw_config, http, &listener, 0, CONFIG_LIST_MAX),
	CYAML_FIELD_SEQUENCE("coap", OPTIONAL, struct raw_config, coap, &coap, 0, CONFIG_LIST_MAX),
	CYAML_FIELD_SEQUENCE(
		"services", CYAML_FLAG_POINTER, struct raw_config, services, &service, 1, SERVICES),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, fields)};
