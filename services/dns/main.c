/*
 * main.c - an authoritative DNS server that lives for one query.
 *
 * mf_init reads the zones into an index; a life reads the index, writes one
 * reply in place, and is gone.
 */
#include <mayfly.h>

#include "answer.h"
#include "init_only.h"
#include "load.h"

static struct zones zones;

INIT_ONLY void mf_init(void)
{
	load_zones(&zones);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str query = mf_payload(ev);

	if (!dns_is_query(query.p, query.n))
		return;

	size_t room = DNS_TCP_MAX;
	uint8_t *reply = mf_reply_room(&room);
	size_t n = answer(&zones, query.p, query.n, ev->source == MF_SOURCE_TCP, reply, room);
	mf_reply_sent(200, NULL, n);
}
