/* compose.c - records of the index into a message */
#include "compose.h"

#include <mayfly.h>

#define HINFO_TTL 3600u

void compose_question(struct dns_writer *w, const struct zones *z, const struct dns_query *q,
	const struct zone_node *node, unsigned label)
{
	for (; label < q->labels; label++) {
		dns_saw(w, zone_offset(z, node), DNS_HEADER + q->label[label]);
		node = zone_node(z, node->parent);
	}
}

/* A name of the tree, from the first parent on that stands somewhere already by a pointer. */
static void put_name(
	struct dns_writer *w, const struct zones *z, const struct zone_node *node, bool compress)
{
	const struct zone_node *rest = node;
	uint16_t to = 0;

	if (!compress) {
		dns_put(w, node->name, node->len);
		return;
	}
	while (rest->parent != 0 && !(to = dns_seen(w, zone_offset(z, rest)))) {
		dns_saw(w, zone_offset(z, rest), w->used + (size_t)(node->len - rest->len));
		rest = zone_node(z, rest->parent);
	}
	dns_put(w, node->name, (size_t)(node->len - rest->len));
	if (to)
		dns_put_pointer(w, to);
	else
		dns_put8(w, 0);
}

static void put_owner(struct dns_writer *w, const struct zones *z, const struct zone_node *owner)
{
	if (owner)
		put_name(w, z, owner, true);
	else
		dns_put_pointer(w, DNS_HEADER);
}

static void put_data(struct dns_writer *w, const struct zones *z, struct zone_layout layout,
	const struct zone_record *record)
{
	const uint8_t *at = record->data, *end = at + record->len;

	dns_put(w, at, layout.before);
	at += layout.before;
	for (unsigned i = 0; i < layout.names; i++) {
		uint32_t node;

		memcpy(&node, at, sizeof(node));
		put_name(w, z, zone_node(z, node), layout.compress);
		at += sizeof(node);
	}
	dns_put(w, at, (size_t)(end - at));
}

bool compose_set(struct dns_writer *w, const struct zones *z, enum dns_section section,
	const struct zone_node *owner, const struct zone_set *set, uint32_t ttl)
{
	struct zone_layout layout = zone_layout(set->type);
	struct dns_mark mark = dns_write_mark(w);

	for (uint32_t at = set->first; at != 0 && !w->full;) {
		const struct zone_record *record = zone_at(z, at);

		put_owner(w, z, owner);
		uint32_t length = dns_begin_record(w, section, set->type, DNS_IN, ttl);
		put_data(w, z, layout, record);
		dns_end_record(w, length);
		at = record->next;
	}
	if (!w->full)
		return true;
	dns_write_back(w, &mark);
	return false;
}

bool compose_hinfo(struct dns_writer *w, const struct zones *z, const struct zone_node *owner)
{
	static const char data[] = "\7RFC8482"; /* its '\0' is the empty second string */
	struct dns_mark mark = dns_write_mark(w);

	put_owner(w, z, owner);
	uint32_t length = dns_begin_record(w, DNS_ANSWER, DNS_HINFO, DNS_IN, HINFO_TTL);
	dns_put(w, data, sizeof(data));
	dns_end_record(w, length);
	if (!w->full)
		return true;
	dns_write_back(w, &mark);
	return false;
}
