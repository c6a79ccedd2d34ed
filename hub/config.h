/*
 * hub/config.h - hub.yaml, read into structs. man/hub.yaml.5 documents every key; the
 * schema in config_schema.c is the only other place that lists them.
 */
#ifndef HUB_CONFIG_H
#define HUB_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "abi/worker.h"
#include "sys/net.h"

#define CONFIG_ERROR_MAX 1024
#define CONFIG_FILE_MAX  (1u << 20)
#define CONFIG_LIST_MAX  64u

enum config_core { CORE_ANY = -1, CORE_HUB = -2, CORE_AUTO = -3 }; /* or a number */

/* What one `- image: ...` says. Paths are absolute or relative to the working directory. */
struct config_service {
	char place[128]; /* "hub.yaml:7:5", for messages */
	bool from_yaml;  /* a person wrote it, not `mayfly up` */
	char *name;      /* NULL: the image's own */
	char *image;
	char **data, **config; /* NAME=FILE, KEY=VALUE, as image/attach.h wants them */
	unsigned data_count, config_count;
	struct net_address *udp, *tcp;
	unsigned udp_count, tcp_count;
	enum mfw_backend backend;
	enum mfw_birth_mode birth;
	bool birth_given;
	int core;       /* enum config_core, or which */
	unsigned queue; /* 0: what the manifest says; of the next three too */
	unsigned threads;
	uint64_t deadline_ns, cpu_ns;
	uint64_t idle_ns;
	unsigned failures; /* lives in a row; 0: any number */
};

struct config {
	unsigned connections;
	struct config_service *services;
	unsigned services_count;
};

/* Reads the file. `as`, if not NULL, is who wrote it for a user who never saw it: then errors
 * name the image instead of a line. 0, -EINVAL or another -errno, with one line in error. */
int config_open(struct config *config, const char *path, const char *as,
	char error[static CONFIG_ERROR_MAX]);
void config_close(struct config *config);

#endif
