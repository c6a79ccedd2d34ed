/*
 * hub/coap/way.h - the outbox's way to addresses: what services emit to `coap://HOST[:PORT]/PATH?QUERY` is a
 * confirmable PUT to that device (`coap-post://`: a POST), `coap:///PATH` goes to the observers of PATH here.
 *
 * One request at a time to a device, in the order of the outbox. It has arrived when the device answers 2.xx
 * or 4.xx. No answer, or 5.xx: it is tried again, after 2 s, 4 s ... 5 min, while others go on. Given up, and
 * said in a line: what is older than an hour, and the oldest of more than 16 for one device. Hosts are numbers: no
 * names are looked up; a body has at most 1024 bytes. One thread.
 */
#ifndef HUB_COAP_WAY_H
#define HUB_COAP_WAY_H

#include <stdint.h>

#include "base/str.h"

struct hub;
struct way;

struct way_counts {
	uint64_t arrived, refused, again, given_up; /* refused: arrived, and answered 4.xx */
};

/* NULL, or what is wrong with such an address, or with a body for it. */
const char *way_wrong(struct mf_str uri, struct mf_str body);
/* The hub has an outbox: it may hand messages over. The library is loaded for the first. -ENOMEM. */
int way_open(struct hub *hub);
/* Before the outbox is closed; what hasn't arrived stays there. */
void way_close(struct hub *hub);
void way_look(const struct hub *hub, struct way_counts *counts);

#endif
