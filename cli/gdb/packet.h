/*
 * cli/gdb/packet.h - gdb's remote serial protocol, framing only ("Debugging with GDB",
 * appendix E.1): $data#checksum, '+' and '-', a single 0x03 for Ctrl-C. Pure.
 */
#ifndef CLI_GDB_PACKET_H
#define CLI_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GDB_PACKET_MAX 16384u /* bytes of data either way, escaped; what we tell gdb */

enum gdb_item {
	GDB_MORE,      /* the bytes end within an item: come again with more */
	GDB_PACKET,    /* data */
	GDB_ACK,       /* '+' */
	GDB_NAK,       /* '-': say it again */
	GDB_INTERRUPT, /* 0x03 */
	GDB_DAMAGED,   /* the checksum is wrong or isn't one: answer '-' */
	GDB_HUGE,      /* longer than GDB_PACKET_MAX: whoever sent it isn't gdb */
	GDB_NOISE,     /* a byte between packets that means nothing */
};

struct gdb_packet {
	uint8_t data[GDB_PACKET_MAX + 1]; /* a zero behind the last; escapes are resolved */
	size_t size;
};

/* Takes one item off the front of the bytes; *used says how many belong to it, 0 for GDB_MORE.
 * Any bytes will do: nothing here is trusted. */
enum gdb_item gdb_parse(const uint8_t *bytes, size_t n, size_t *used, struct gdb_packet *packet);

/* The packet of n bytes of data, escaped, into to[room]. Its length; 0: it doesn't fit. */
size_t gdb_frame(const void *data, size_t n, uint8_t *to, size_t room);

/* Numbers in packets are hexadecimal, without a sign. False: there is none, or it is over 64 bits.
 * *text moves behind it. */
bool gdb_number(const char **text, uint64_t *number);
/* n bytes from 2n digits: false if they aren't. */
bool gdb_unhex(const char *digits, uint8_t *to, size_t n);
/* And back; to has room for 2n + 1. Returns its end. */
char *gdb_hex(char *to, const void *bytes, size_t n);

#endif
