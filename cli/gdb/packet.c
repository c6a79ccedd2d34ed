/* cli/gdb/packet.c - see packet.h */
#include "cli/gdb/packet.h"

#include <string.h>

#include "base/num.h"

/* '}' and the byte behind it, xor 0x20, are one byte. False: nothing is behind it. */
static bool unescape(struct gdb_packet *p, const uint8_t *from, size_t n)
{
	p->size = 0;
	for (size_t i = 0; i < n; i++) {
		if (from[i] == '}') {
			if (++i == n)
				return false;
			p->data[p->size++] = from[i] ^ 0x20;
		} else {
			p->data[p->size++] = from[i];
		}
	}
	p->data[p->size] = '\0';
	return true;
}

static enum gdb_item parse_packet(
	const uint8_t *bytes, size_t n, size_t *used, struct gdb_packet *packet)
{
	size_t most = n < GDB_PACKET_MAX + 2 ? n : GDB_PACKET_MAX + 2;
	const uint8_t *end = memchr(bytes, '#', most);
	uint8_t sum = 0;
	size_t size;

	if (end == NULL)
		return most == n ? GDB_MORE : GDB_HUGE;
	size = (size_t)(end - bytes) - 1;
	if (n - size < 4)
		return GDB_MORE;
	*used = size + 4;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[1 + i]);
	if (num_hex_byte(end + 1, 2) != sum)
		return GDB_DAMAGED;
	return unescape(packet, bytes + 1, size) ? GDB_PACKET : GDB_DAMAGED;
}

enum gdb_item gdb_parse(const uint8_t *bytes, size_t n, size_t *used, struct gdb_packet *packet)
{
	*used = 0;
	if (n == 0)
		return GDB_MORE;
	if (bytes[0] == '$')
		return parse_packet(bytes, n, used, packet);
	*used = 1;
	switch (bytes[0]) {
	case '+': return GDB_ACK;
	case '-': return GDB_NAK;
	case 0x03: return GDB_INTERRUPT;
	default: return GDB_NOISE;
	}
}

size_t gdb_frame(const void *data, size_t n, uint8_t *to, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = data;
	size_t at = 0;
	uint8_t sum = 0;

	if (room < 4)
		return 0;
	to[at++] = '$';
	for (size_t i = 0; i < n; i++) {
		bool special = from[i] == '$' || from[i] == '#' || from[i] == '}' || from[i] == '*';
		uint8_t byte = special ? from[i] ^ 0x20 : from[i];

		if (room - at < 5)
			return 0;
		if (special) {
			to[at++] = '}';
			sum = (uint8_t)(sum + '}');
		}
		to[at++] = byte;
		sum = (uint8_t)(sum + byte);
	}
	to[at++] = '#';
	to[at++] = (uint8_t)digits[sum >> 4];
	to[at++] = (uint8_t)digits[sum & 15];
	return at;
}

bool gdb_number(const char **text, uint64_t *number)
{
	const char *at = *text;
	uint64_t n = 0;

	for (; num_hex((unsigned char)*at) >= 0; at++) {
		if (n >> 60 != 0)
			return false;
		n = n << 4 | (uint64_t)num_hex((unsigned char)*at);
	}
	if (at == *text)
		return false;
	*text = at;
	*number = n;
	return true;
}

bool gdb_unhex(const char *digits, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int byte = num_hex_byte((const uint8_t *)digits + 2 * i, 2);

		if (byte < 0)
			return false;
		to[i] = (uint8_t)byte;
	}
	return true;
}

char *gdb_hex(char *to, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	*to = '\0';
	return to;
}
