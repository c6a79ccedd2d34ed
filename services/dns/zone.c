/* zone.c - look into the index (a life's half) */
#include "zone.h"

#include <mayfly.h>

uint32_t zone_hash(uint32_t parent_hash, const uint8_t *label)
{
	uint32_t hash = parent_hash;

	for (unsigned i = 0; i <= label[0]; i++)
		hash = (hash ^ mf_lower(label[i])) * 16777619u; /* FNV-1a */
	return hash;
}

/* A label's length is below 'A', so that it stays as it is. */
bool zone_name_eq(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (mf_lower(a[i]) != mf_lower(b[i]))
			return false;
	return true;
}

const struct zone_node *zone_lookup(
	const struct zones *z, uint32_t hash, const uint8_t *name, size_t n)
{
	for (uint32_t at = z->bucket[hash & z->mask]; at != 0;) {
		const struct zone_node *node = zone_node(z, at);

		if (node->hash == hash && node->len == n && zone_name_eq(node->name, name, n))
			return node;
		at = node->chain;
	}
	return NULL;
}

const struct zone_node *zone_deepest(
	const struct zones *z, const struct dns_query *q, const uint8_t *name, unsigned *label)
{
	uint32_t hash[DNS_LABELS_MAX + 1];

	hash[q->labels] = ZONE_HASH_ROOT;
	for (unsigned i = q->labels; i > 0; i--)
		hash[i - 1] = zone_hash(hash[i], name + q->label[i - 1]);
	for (unsigned i = 0; i < q->labels; i++) {
		uint8_t at = q->label[i];
		const struct zone_node *node =
			zone_lookup(z, hash[i], name + at, (size_t)q->name_len - at);

		if (node) {
			*label = i;
			return node;
		}
	}
	*label = q->labels;
	return zone_node(z, z->root);
}

const struct zone_set *zone_set(const struct zones *z, const struct zone_node *node, uint16_t type)
{
	for (uint32_t at = node->sets; at != 0;) {
		const struct zone_set *set = zone_at(z, at);

		if (set->type == type)
			return set;
		at = set->next;
	}
	return NULL;
}

struct zone_layout zone_layout(uint16_t type)
{
	switch (type) {
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR: return (struct zone_layout){0, 1, true};
	case DNS_MX: return (struct zone_layout){2, 1, true};
	case DNS_SOA: return (struct zone_layout){0, 2, true};
	case DNS_SRV: return (struct zone_layout){6, 1, false}; /* RFC 2782 */
	default: return (struct zone_layout){0, 0, false};
	}
}

const struct zone_node *zone_target(
	const struct zones *z, uint16_t type, const struct zone_record *record)
{
	struct zone_layout layout = zone_layout(type);
	uint32_t at;

	if (layout.names == 0)
		return NULL;
	memcpy(&at, record->data + layout.before + 4u * (layout.names - 1u), sizeof(at));
	return zone_node(z, at);
}

bool zone_below(const struct zones *z, const struct zone_node *node, const struct zone_node *above)
{
	while (node != above && node->parent != 0)
		node = zone_node(z, node->parent);
	return node == above;
}
