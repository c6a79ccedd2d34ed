/*
 * hub/config_raw.h - hub.yaml as libcyaml loads it: all texts. Private to hub/config*.c.
 * `data` and `config` are sets of any keys: they are read from the tree.
 */
#ifndef HUB_CONFIG_RAW_H
#define HUB_CONFIG_RAW_H

#include <cyaml/cyaml.h>

struct raw_service_limits {
	char *queue, *threads, *idle, *deadline, *cpu, *failures;
};

struct raw_service {
	char *name, *image, *backend, *birth, *core;
	char **udp, **tcp;
	unsigned udp_count, tcp_count;
	struct raw_service_limits limits;
};

struct raw_config_limits {
	char *connections;
};

struct raw_config {
	char *mayfly, *backend;
	struct raw_config_limits limits;
	struct raw_service *services;
	unsigned services_count;
};

extern const cyaml_schema_value_t config_schema;

#endif
