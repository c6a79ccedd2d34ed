/*
 * host.h - the few functions of mayfly.h that the dns service uses, on the host:
 * attached data from memory, init memory from an arena, mf_fail as a jump.
 */
#ifndef TESTS_UNIT_SERVICES_DNS_HOST_H
#define TESTS_UNIT_SERVICES_DNS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/dns/zone.h"

#define HOST_FILES_MAX 4

struct host_file {
	const char *name;
	const void *text;
	size_t n;
};

/* What mf_init's zones become, from these files. False: mf_fail was called; host_error has its
 * text. The index is valid until the next call. */
bool host_load(struct zones *z, const struct host_file *files, size_t count);
/* The same from one text. */
bool host_load_text(struct zones *z, const char *name, const char *text);

extern char host_error[1024];
extern char host_log[4096];    /* since the last host_load, a line each */
extern size_t host_init_bytes; /* what the next host_load may use; default 1 MiB */
extern size_t host_room;       /* of a reply; default 32 KiB */

/* mf_init and one mf_main, with this source. Returns the reply's length, 0: none. */
bool host_init(const struct host_file *files, size_t count);
size_t host_main(unsigned source, const uint8_t *query, size_t n, uint8_t reply[static 65536]);

/* A file of this tree, malloc'ed; the tests run at its root. */
char *host_read(const char *path, size_t *n);

/* Writes a query for a name in text form; returns its length. edns_size 0: without EDNS. */
size_t host_query(uint8_t out[static 512], const char *name, uint16_t type, uint16_t edns_size);
/* The longest reply that this query allows. */
size_t host_allowed(const uint8_t *query, size_t n, bool tcp);

#endif
