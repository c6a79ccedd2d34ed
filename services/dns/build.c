/* build.c - make the index (mf_init's half) */
#include "build.h"

#include <mayfly.h>

#define CHUNK       4096u /* taken from init memory at once */
#define BUCKETS_MIN 64u

static void *take(struct build *b, size_t n)
{
	n = (n + 3) & ~(size_t)3;
	if (n > b->left) {
		size_t all = mf_init_left();
		size_t size = n > CHUNK ? n : CHUNK;

		if (size > all)
			size = all & ~(size_t)15;
		if (n > size)
			mf_fail("the zones don't fit into %zu KiB of init memory: raise "
				"memory.init "
				"in mayfly.yaml and build the image again",
				b->all >> 10);
		b->chunk = mf_init_alloc(size);
		b->left = size;
	}
	void *p = b->chunk;

	memset(p, 0, n);
	b->chunk += n;
	b->left -= n;
	return p;
}

static struct zone_node *writable(struct build *b, uint32_t offset)
{
	return (struct zone_node *)(b->z.base + offset);
}

static struct zone_set *writable_set(struct build *b, uint32_t offset)
{
	return (struct zone_set *)(b->z.base + offset);
}

static uint32_t offset_of(const struct build *b, const void *p)
{
	return zone_offset(&b->z, p);
}

static struct zone_node *make_node(struct build *b, uint32_t hash, const uint8_t *name, size_t n)
{
	struct zone_node *node = take(b, sizeof(*node) + n);
	uint32_t at = offset_of(b, node);
	uint32_t *bucket = (uint32_t *)b->z.bucket + (hash & b->z.mask);

	node->hash = hash;
	node->len = (uint8_t)n;
	memcpy(node->name, name, n);
	node->chain = *bucket;
	*bucket = at;
	if (b->last_node != 0)
		writable(b, b->last_node)->next = at;
	else
		b->z.first_node = at;
	b->last_node = at;
	return node;
}

void build_begin(struct build *b, uint32_t names)
{
	uint32_t buckets = BUCKETS_MIN;

	while (buckets < names && buckets < 1u << 24)
		buckets *= 2;
	*b = (struct build){.all = mf_init_left()};
	b->z.base = take(b, 4); /* so that no offset is 0 */
	b->z.bucket = take(b, sizeof(uint32_t) * buckets);
	b->z.mask = buckets - 1;
	b->z.root = offset_of(b, make_node(b, ZONE_HASH_ROOT, (const uint8_t *)"", 1));
}

struct zone_node *build_name(struct build *b, const uint8_t *name)
{
	uint8_t label[DNS_LABELS_MAX];
	unsigned labels = 0;
	size_t n = 0;

	for (; name[n] != 0; n += name[n] + 1u)
		label[labels++] = (uint8_t)n;
	n++;

	struct zone_node *parent = writable(b, b->z.root);
	for (unsigned i = labels; i > 0; i--) {
		const uint8_t *at = name + label[i - 1];
		size_t len = n - label[i - 1];
		uint32_t hash = zone_hash(parent->hash, at);
		const struct zone_node *found = zone_lookup(&b->z, hash, at, len);
		struct zone_node *node =
			found ? writable(b, offset_of(b, found)) : make_node(b, hash, at, len);

		if (!found)
			node->parent = offset_of(b, parent);
		parent = node;
	}
	return parent;
}

struct zone *build_zone(struct build *b, const uint8_t *apex)
{
	struct zone_node *node = build_name(b, apex);

	if (node->flags & NODE_APEX)
		return NULL;

	struct zone *zone = take(b, sizeof(*zone));
	uint32_t at = offset_of(b, zone);

	node->flags |= NODE_APEX;
	node->zone = at;
	zone->apex = offset_of(b, node);
	if (b->last_zone != 0)
		((struct zone *)zone_at(&b->z, b->last_zone))->next = at;
	else
		b->z.first_zone = at;
	b->last_zone = at;
	return zone;
}

struct zone_record *build_record(struct build *b, size_t len)
{
	struct zone_record *record = take(b, sizeof(*record) + len);

	record->len = (uint16_t)len;
	return record;
}

/* The apex at or above a node, or NULL. */
static const struct zone_node *apex_of(const struct build *b, const struct zone_node *node)
{
	while (!(node->flags & NODE_APEX)) {
		if (node->parent == 0)
			return NULL;
		node = zone_node(&b->z, node->parent);
	}
	return node;
}

static bool is_wildcard(const struct zone_node *node)
{
	return node->len > 2 && node->name[0] == 1 && node->name[1] == '*';
}

/* May this zone say this of this name? BUILD_ADDED: yes. */
static enum build_result check_place(const struct build *b, const struct zone *zone,
	const struct zone_node *owner, uint16_t type)
{
	const struct zone_node *apex = zone_node(&b->z, zone->apex);

	if (!zone_below(&b->z, owner, apex))
		return BUILD_OUTSIDE;
	if (type == DNS_SOA && owner != apex)
		return BUILD_NOT_APEX;
	if (type == DNS_NS && is_wildcard(owner) && owner != apex)
		return BUILD_WILDCARD_NS;
	if (type == DNS_DS && owner == apex)
		return BUILD_APEX_DS;
	/* the parent's side of a cut between two of our zones holds nothing but DS */
	if (apex_of(b, owner) != apex && !(type == DNS_DS && apex_of(b, owner) == owner))
		return BUILD_ELSEWHERE;
	return BUILD_ADDED;
}

static bool beside_cname(uint16_t type)
{
	return type == DNS_CNAME || type == DNS_RRSIG || type == DNS_NSEC; /* RFC 4035 2.5 */
}

static enum build_result check_cname(
	const struct build *b, const struct zone_node *owner, uint16_t type)
{
	if (type != DNS_CNAME)
		return !beside_cname(type) && zone_set(&b->z, owner, DNS_CNAME) ? BUILD_CNAME_ALONE
										: BUILD_ADDED;
	for (uint32_t at = owner->sets; at != 0;) {
		const struct zone_set *set = zone_at(&b->z, at);

		if (!beside_cname(set->type))
			return BUILD_CNAME_ALONE;
		at = set->next;
	}
	return BUILD_ADDED;
}

static struct zone_set *make_set(
	struct build *b, struct zone_node *owner, uint16_t type, uint32_t ttl)
{
	struct zone_set *set = take(b, sizeof(*set));
	uint32_t *link = &owner->sets;

	while (*link != 0)
		link = &writable_set(b, *link)->next;
	*link = offset_of(b, set);
	set->type = type;
	set->ttl = ttl;
	return set;
}

static bool holds(const struct build *b, const struct zone_set *set, const struct zone_record *r)
{
	for (uint32_t at = set->first; at != 0;) {
		const struct zone_record *other = zone_at(&b->z, at);

		if (other->len == r->len && memcmp(other->data, r->data, r->len) == 0)
			return true;
		at = other->next;
	}
	return false;
}

static void append(struct build *b, struct zone_set *set, struct zone_record *record)
{
	uint32_t at = offset_of(b, record);

	if (set->last != 0)
		((struct zone_record *)zone_at(&b->z, set->last))->next = at;
	else
		set->first = at;
	set->last = at;
	set->count++;
}

/* A name with records exists, and so do its parents up to the apex. */
static void mark_existing(struct build *b, struct zone *zone, struct zone_node *node)
{
	while (!(node->flags & NODE_EXISTS)) {
		node->flags |= NODE_EXISTS;
		zone->names++;
		if (node->flags & NODE_APEX)
			break;
		struct zone_node *parent = writable(b, node->parent);
		if (is_wildcard(node))
			parent->wildcard = offset_of(b, node);
		node = parent;
	}
}

/* What the parent says of a zone of ours isn't kept, but the names between the two exist. */
static void mark_above(struct build *b, struct zone *zone, struct zone_node *node)
{
	uint32_t apex = 0;

	for (uint32_t at = offset_of(b, node); at != zone->apex; at = writable(b, at)->parent)
		if (writable(b, at)->flags & NODE_APEX)
			apex = at;
	mark_existing(b, zone, writable(b, writable(b, apex)->parent));
}

enum build_result build_add(struct build *b, struct zone *zone, struct zone_node *owner,
	uint16_t type, uint32_t ttl, struct zone_record *record)
{
	enum build_result result = check_place(b, zone, owner, type);

	if (result == BUILD_ELSEWHERE)
		mark_above(b, zone, owner);
	if (result == BUILD_ADDED)
		result = check_cname(b, owner, type);
	if (result != BUILD_ADDED && !(result == BUILD_CNAME_ALONE && type == DNS_CNAME))
		return result;

	struct zone_set *set = (struct zone_set *)zone_set(&b->z, owner, type);
	if (set && holds(b, set, record))
		return BUILD_DUPLICATE;
	if (set && type == DNS_CNAME)
		return BUILD_SECOND_CNAME;
	if (set && type == DNS_SOA)
		return BUILD_SECOND_SOA;
	if (result != BUILD_ADDED)
		return result;
	if (set && set->count == UINT16_MAX)
		return BUILD_TOO_MANY;
	if (!set)
		set = make_set(b, owner, type, ttl);
	append(b, set, record);
	zone->records++;
	mark_existing(b, zone, owner);
	if (set->ttl == ttl)
		return BUILD_ADDED;
	if (ttl < set->ttl)
		set->ttl = ttl; /* RFC 2181 5.2 */
	return BUILD_OTHER_TTL;
}

static void finish_zone(struct build *b, struct zone *zone)
{
	const struct zone_node *apex = zone_node(&b->z, zone->apex);
	const struct zone_set *soa = zone_set(&b->z, apex, DNS_SOA);
	const struct zone_record *record = zone_at(&b->z, soa->first);
	const struct zone_node *above = NULL;
	uint32_t minimum = dns_get32(record->data + record->len - 4);

	if (apex->parent != 0)
		above = apex_of(b, zone_node(&b->z, apex->parent));
	zone->parent = above ? above->zone : 0;
	zone->soa = offset_of(b, soa);
	zone->negative_ttl = minimum < soa->ttl ? minimum : soa->ttl; /* RFC 2308 3 */
}

void build_finish(struct build *b)
{
	for (uint32_t at = b->z.first_zone; at != 0;) {
		struct zone *zone = (struct zone *)zone_at(&b->z, at);

		finish_zone(b, zone);
		at = zone->next;
	}
	for (uint32_t at = b->z.first_node; at != 0;) {
		struct zone_node *node = writable(b, at);

		if (!(node->flags & NODE_APEX) && node->parent != 0) {
			node->zone = zone_node(&b->z, node->parent)->zone;
			node->cut = zone_node(&b->z, node->parent)->cut;
			if (!node->cut && zone_set(&b->z, node, DNS_NS))
				node->cut = at;
		}
		at = node->next;
	}
}
