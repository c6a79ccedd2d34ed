/* answer.c - from a query to its reply */
#include "answer.h"

#include <mayfly.h>

#include "compose.h"

/* CNAMEs followed in one answer. Zones that need more are broken, and a resolver goes on by
 * itself from where we stop. */
#define CHAIN_MAX 16u
/* Names whose addresses one reply adds: more don't fit into a datagram. */
#define TARGETS_MAX 64u

struct reply {
	struct dns_writer w;
	const struct zones *z;
	const struct dns_query *q;
	enum dns_rcode rcode;
	uint16_t flags;
	bool tcp;
	unsigned targets;
	const struct zone_node *target[TARGETS_MAX]; /* whose addresses are in the reply */
};

/* A name on the way: the one asked for, or a CNAME's target. */
struct step {
	const struct zone_node *owner; /* to write; NULL: as it stands in the question */
	const struct zone_node *node;  /* itself, or the deepest parent that the index knows */
	bool whole;                    /* node is the name itself */
};

static const struct zone *zone_of(const struct reply *r, const struct zone_node *node)
{
	return zone_at(r->z, node->zone);
}

/* What doesn't fit and can't be left out: the client must ask again over TCP. */
static void truncate(struct reply *r)
{
	r->flags |= DNS_TC;
}

/* ------------------------------------------------------------- additional */

/* The addresses of a name: its own, or a wildcard's. False if one of them doesn't fit. */
static bool add_addresses(struct reply *r, const struct zone_node *target)
{
	static const uint16_t types[] = {DNS_A, DNS_AAAA};
	const struct zone_node *data = target;

	for (unsigned i = 0; i < r->targets; i++)
		if (r->target[i] == target)
			return true;
	if (r->targets == TARGETS_MAX)
		return true;
	r->target[r->targets++] = target;
	if (!(target->flags & NODE_EXISTS)) {
		while (!(data->flags & NODE_EXISTS))
			data = zone_node(r->z, data->parent);
		if (!data->wildcard)
			return true;
		data = zone_node(r->z, data->wildcard);
	}
	for (unsigned i = 0; i < 2; i++) {
		const struct zone_set *set = zone_set(r->z, data, types[i]);

		if (set && !compose_set(&r->w, r->z, DNS_ADDITIONAL, target, set, set->ttl))
			return false;
	}
	return true;
}

/* Addresses of what an MX, SRV or NS set of ours names, where we have authority over them.
 * They are a courtesy: what doesn't fit is left out. */
static void add_targets(struct reply *r, const struct zone_node *node, const struct zone_set *set)
{
	if (set->type != DNS_MX && set->type != DNS_SRV && set->type != DNS_NS)
		return;
	for (uint32_t at = set->first; at != 0;) {
		const struct zone_record *record = zone_at(r->z, at);
		const struct zone_node *target = zone_target(r->z, set->type, record);

		if (target->zone == node->zone && !target->cut && !add_addresses(r, target))
			return;
		at = record->next;
	}
}

/* The addresses of a delegation's servers. Without those that lie in what it delegates nobody
 * could reach it: all of them, or TC (RFC 9471). The others that the zone holds help. */
static void add_glue(struct reply *r, const struct zone_node *cut, const struct zone_set *ns)
{
	for (int needed = 1; needed >= 0; needed--) {
		for (uint32_t at = ns->first; at != 0;) {
			const struct zone_record *record = zone_at(r->z, at);
			const struct zone_node *target = zone_target(r->z, DNS_NS, record);

			at = record->next;
			if (target->zone != cut->zone || zone_below(r->z, target, cut) != needed)
				continue;
			if (add_addresses(r, target))
				continue;
			if (needed)
				truncate(r);
			return;
		}
	}
}

/* -------------------------------------------------------------- one name */

/* NXDOMAIN or no data: the zone's SOA says for how long (RFC 2308 2). */
static void negative(struct reply *r, const struct zone *zone, enum dns_rcode rcode)
{
	const struct zone_set *soa = zone_at(r->z, zone->soa);

	r->rcode = rcode;
	if (!compose_set(&r->w, r->z, DNS_AUTHORITY, zone_node(r->z, zone->apex), soa,
		    zone->negative_ttl))
		truncate(r);
}

static void referral(struct reply *r, const struct zone_node *cut)
{
	const struct zone_set *ns = zone_set(r->z, cut, DNS_NS);

	/* AA is about the first name (RFC 1035 4.1.1): with an answer before, a CNAME was ours */
	if (r->w.count[DNS_ANSWER] == 0)
		r->flags &= (uint16_t)~DNS_AA;
	if (compose_set(&r->w, r->z, DNS_AUTHORITY, cut, ns, ns->ttl))
		add_glue(r, cut, ns);
	else
		truncate(r);
}

/* The node that holds what is said of a name: itself, or the wildcard below its closest
 * encloser (RFC 4592 3.3.1). NULL: the name does not exist. */
static const struct zone_node *source_of(const struct reply *r, const struct step *step)
{
	const struct zone_node *encloser = step->node;

	if (step->whole && (encloser->flags & NODE_EXISTS))
		return encloser;
	while (!(encloser->flags & NODE_EXISTS))
		encloser = zone_node(r->z, encloser->parent);
	return encloser->wildcard ? zone_node(r->z, encloser->wildcard) : NULL;
}

/* Answers ANY for a name without CNAME. */
static void any(struct reply *r, const struct step *step, const struct zone_node *source)
{
	if (source->sets == 0)
		negative(r, zone_of(r, step->node), DNS_NOERROR);
	else if (!compose_hinfo(&r->w, r->z, step->owner))
		truncate(r);
}

/* The records of a type at a name, or that there are none. */
static void data(struct reply *r, const struct step *step, const struct zone_node *source,
	const struct zone *zone)
{
	const struct zone_set *set = zone_set(r->z, source, r->q->type);

	if (!set)
		negative(r, zone, DNS_NOERROR);
	else if (compose_set(&r->w, r->z, DNS_ANSWER, step->owner, set, set->ttl))
		add_targets(r, source, set);
	else
		truncate(r);
}

/* Says what there is to say of a name. A CNAME that leads on becomes the step: true. */
static bool answer_name(struct reply *r, struct step *step)
{
	const struct zone_node *node = step->node;
	const struct zone *zone = zone_of(r, node);
	bool parents =
		r->q->type == DNS_DS && step->whole; /* DS is the parent's (RFC 4035 3.1.4.1) */
	bool at_cut = node->cut && zone_node(r->z, node->cut) == node;

	if (parents && (node->flags & NODE_APEX) && zone->parent)
		zone = zone_at(r->z, zone->parent);
	if (node->cut && !(parents && at_cut)) {
		referral(r, zone_node(r->z, node->cut));
		return false;
	}

	const struct zone_node *source = source_of(r, step);
	if (!source) {
		negative(r, zone, DNS_NXDOMAIN);
		return false;
	}

	const struct zone_set *cname = zone_set(r->z, source, DNS_CNAME);
	if (!cname || r->q->type == DNS_CNAME) {
		if (r->q->type == DNS_ANY)
			any(r, step, source);
		else
			data(r, step, source, zone);
		return false;
	}
	if (!compose_set(&r->w, r->z, DNS_ANSWER, step->owner, cname, cname->ttl)) {
		truncate(r);
		return false;
	}
	step->owner = step->node = zone_target(r->z, DNS_CNAME, zone_at(r->z, cname->first));
	step->whole = true;
	return r->q->type != DNS_ANY && step->node->zone != 0;
}

/* Follows CNAMEs until they end, leave our zones, or come back. */
static void answer_chain(struct reply *r, struct step *step)
{
	const struct zone_node *been[CHAIN_MAX];

	for (unsigned n = 0; n < CHAIN_MAX; n++) {
		been[n] = step->whole ? step->node : NULL;
		if (!answer_name(r, step))
			return;
		for (unsigned i = 0; i <= n; i++)
			if (been[i] == step->node)
				return;
	}
}

/* ---------------------------------------------------------- whole message */

static void answer_question(struct reply *r)
{
	const struct dns_query *q = r->q;
	const uint8_t *name = r->w.msg + DNS_HEADER; /* the question is there already */
	struct step step = {0};
	unsigned label;

	if (q->type == DNS_AXFR || q->type == DNS_IXFR ||
		(q->class != DNS_IN && q->class != DNS_CLASS_ANY)) {
		r->rcode = DNS_REFUSED;
		return;
	}
	step.node = zone_deepest(r->z, q, name, &label);
	step.whole = label == 0;
	if (step.node->zone == 0) {
		r->rcode = DNS_REFUSED;
		return;
	}
	/* RFC 1035 6.2: no answer to any class is an authoritative one */
	if (q->class == DNS_IN)
		r->flags |= DNS_AA;
	compose_question(&r->w, r->z, q, step.node, label);
	answer_chain(r, &step);
}

static size_t room_of(const struct reply *r, size_t room)
{
	size_t size = r->tcp ? DNS_TCP_MAX : DNS_UDP_MIN;

	if (!r->tcp && r->q->edns && r->q->edns_size > size)
		size = r->q->edns_size < ANSWER_UDP_MAX ? r->q->edns_size : ANSWER_UDP_MAX;
	return size < room ? size : room;
}

/* The question as it was asked: 0x20 and all. */
static void put_question(struct reply *r, const uint8_t *query)
{
	if (!r->q->question)
		return;
	dns_put(&r->w, query + DNS_HEADER, r->q->name_len + 4u);
	r->w.count[DNS_QUESTION] = 1;
}

/* TCP is the last way there is: what doesn't fit there is our failure, not the client's. */
static void fail_over_tcp(struct reply *r, const struct dns_mark *start)
{
	mf_log_at(MF_LEVEL_ERROR, "a reply doesn't fit: raise memory.effects in mayfly.yaml");
	dns_write_back(&r->w, start);
	r->flags = 0;
	r->rcode = DNS_SERVFAIL;
}

size_t answer(const struct zones *z, const uint8_t *query, size_t n, bool tcp, uint8_t *reply,
	size_t room)
{
	struct dns_query q;
	struct reply r;

	if (!dns_is_query(query, n))
		return 0;
	r.z = z;
	r.q = &q;
	r.tcp = tcp;
	r.flags = 0;
	r.targets = 0;
	r.rcode = dns_query_read(&q, query, n);
	room = room_of(&r, room);
	dns_write_begin(&r.w, reply, q.edns ? room - DNS_OPT_BYTES : room);
	put_question(&r, query);

	struct dns_mark start = dns_write_mark(&r.w);
	if (r.rcode == DNS_NOERROR)
		answer_question(&r);
	if (tcp && (r.flags & DNS_TC))
		fail_over_tcp(&r, &start);
	if (q.edns) {
		r.w.size += DNS_OPT_BYTES;
		dns_put_opt(&r.w, ANSWER_UDP_MAX, r.rcode, q.dnssec_ok);
	}
	dns_write_header(&r.w, q.id,
		(uint16_t)(DNS_QR | r.flags | (q.flags & (DNS_OPCODE | DNS_RD))), r.rcode);
	return r.w.used;
}
