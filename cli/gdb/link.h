/*
 * cli/gdb/link.h - the connection to gdb: a listening socket on this machine's loopback, then
 * one stream of packets.
 *
 * Functions return 0 or -errno; -ECONNRESET: gdb is gone, or what is there isn't gdb.
 */
#ifndef CLI_GDB_LINK_H
#define CLI_GDB_LINK_H

#include <stdbool.h>

#include "cli/gdb/packet.h"
#include "sys/net.h"

#define GDB_ERROR_MAX 256

struct gdb_link {
	int listener, fd; /* -1: none */
	bool no_acks;     /* gdb asked for it */
	uint8_t in[2 * GDB_PACKET_MAX];
	size_t in_used;
	struct gdb_packet packet;        /* the last one that came */
	uint8_t out[GDB_PACKET_MAX + 8]; /* the last one that went, in case it is asked for again */
	size_t out_size;
};

/* "1234" or "ADDRESS:PORT". Anybody who reaches it may do all that the life could, so it is
 * loopback unless `anyone`. -EINVAL and the like, with a line in error. address: what it became. */
int gdb_listen(struct gdb_link *link, const char *text, bool anyone, struct net_address *address,
	char error[GDB_ERROR_MAX]);
/* Waits for the one connection. */
int gdb_accept(struct gdb_link *link);
void gdb_close(struct gdb_link *link);

/* The next packet, into link->packet; acknowledged. A Ctrl-C that comes where nothing runs is
 * left out. */
int gdb_receive(struct gdb_link *link);
/* What came while the life ran: 0 nothing more yet, 1 a Ctrl-C (or whatever else: then the
 * packet is kept for gdb_receive), -ECONNRESET. */
int gdb_interrupted(struct gdb_link *link);
int gdb_send(struct gdb_link *link, const void *data, size_t n);

#endif
