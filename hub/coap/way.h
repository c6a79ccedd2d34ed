/*
 * hub/coap/way.h - the outbox's way to devices: what services emit to `coap://HOST[:PORT]/PATH?QUERY` is a
 * confirmable PUT to that device (`coap-post://`: a POST), `coap:///PATH` goes to the observers of PATH here;
 * `coaps://` and `coaps-post://` are the same over DTLS, with the device's key of hub/emit_keys.h.
 *
 * One request at a time to a device, in the order of the outbox. It has arrived when the device answers 2.xx
 * or 4.xx. No answer, or 5.xx: it is tried again, after 2 s, 4 s ... 5 min, while others go on. Given up, and
 * said in a line: what is older than an hour, the oldest of more than 16 for one device, and what comes while 4096
 * wait. Hosts are numbers: no names are looked up; a body has at most 1024 bytes. One thread.
 */
#ifndef HUB_COAP_WAY_H
#define HUB_COAP_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct hub;
struct store_out;
struct way;

struct way_counts {
	uint64_t arrived, refused, again, given_up; /* refused: arrived, and answered 4.xx */
};

/* NULL, or what is wrong with such an address, or with a body for it. */
const char *way_wrong(const struct hub *hub, struct mf_str uri, struct mf_str body);
/* The library is loaded for the first message. -ENOMEM. */
int way_open(struct way **way, struct hub *hub);
/* Before the outbox is closed; what hasn't arrived stays there. */
void way_close(struct way *way); /* NULL is fine */
/* As outbox_way's send. */
bool way_send(struct way *way, const struct store_out *out);
/* Other keys count: sessions begin anew, and what waits for a device is tried at once. */
void way_rekey(struct way *way);
void way_look(const struct way *way, struct way_counts *counts); /* of NULL nothing */

#endif
