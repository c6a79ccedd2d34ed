/*
 * nonsense, the part in C: what the nonsense shall be; nonsense.S does it. See nonsense.h.
 */
#include <mayfly.h>

#include "nonsense.h"
#include "probe.h"

union plan {
	struct {
		uint64_t general[16];
		uint64_t flags, fs_base, gs_base, target;
		uint32_t way, features;
		uint16_t segment[4];
		uint64_t mask, fill, or, and, skip, skip_end, frame[5];
	};
	struct {
		uint8_t before[PLAN_XSAVE];
		uint8_t xsave[PLAN_BYTES - PLAN_XSAVE];
	};
};
#define AT(member, offset)                                                                         \
	_Static_assert(offsetof(union plan, member) == (offset), "union plan." #member)
AT(flags, PLAN_FLAGS);
AT(fs_base, PLAN_FS_BASE);
AT(gs_base, PLAN_GS_BASE);
AT(target, PLAN_TARGET);
AT(way, PLAN_WAY);
AT(features, PLAN_FEATURES);
AT(segment, PLAN_SEGMENTS);
AT(mask, PLAN_MASK);
AT(fill, PLAN_FILL);
AT(or, PLAN_OR);
AT(and, PLAN_AND);
AT(skip, PLAN_SKIP);
AT(skip_end, PLAN_SKIP_END);
AT(frame, PLAN_FRAME);
AT(xsave, PLAN_XSAVE);
_Static_assert(sizeof(union plan) == PLAN_BYTES, "union plan");
_Static_assert(offsetof(struct nonsense_request, features) == REQUEST_FEATURES, "features");

extern struct probe_dump probe_dump;
extern union plan plan;
_Noreturn void nonsense_go(void);

struct probe_dump probe_dump __attribute__((aligned(MF_PAGE)));
union plan plan __attribute__((aligned(64)));

/* ------------------------------------------------------------------ random */

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t below(uint64_t n)
{
	return next() % n;
}

static bool one_in(uint64_t n)
{
	return below(n) == 0;
}

/* Values at which code that checks goes wrong, and values that mean something here. */
static uint64_t value(void)
{
	static const uint64_t edges[] = {0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000,
		0xffff800000000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, MF_ADDR_GATE,
		MF_ADDR_GATE + 7, MF_ADDR_STUB, MF_ADDR_SYSTEM, MF_ADDR_INFO, MF_ADDR_TEXT,
		MF_ADDR_DATA, MF_ADDR_INIT, MF_ADDR_WINDOW, MF_ADDR_WINDOW - 1, MF_ADDR_WINDOW_END,
		MF_ADDR_INPUT, MF_ADDR_OUTPUT};
	uint64_t v = one_in(3) ? edges[below(sizeof(edges) / sizeof(*edges))] : next();

	return one_in(4) ? v + below(64) - 32 : v;
}

/* ----------------------------------------------------------------- effects */

static const struct mf_info *info(void)
{
	return (const struct mf_info *)MF_ADDR_INFO;
}

/* A record as it should be, but for its name; with `spoil` one that is nearly so. */
static uint32_t record(uint8_t *to, uint32_t room, bool spoil)
{
	static const uint8_t fields[MF_EFFECT_KINDS] = {[MF_EFFECT_REPLY] = 1u << MF_FIELD_BODY,
		[MF_EFFECT_EMIT] = 1u << MF_FIELD_NAME | 1u << MF_FIELD_BODY,
		[MF_EFFECT_PUT] = 1u << MF_FIELD_NAME | 1u << MF_FIELD_BODY,
		[MF_EFFECT_DELETE] = 1u << MF_FIELD_NAME,
		[MF_EFFECT_SCHEDULE] = 1u << MF_FIELD_NAME | 1u << MF_FIELD_BODY,
		[MF_EFFECT_METER] = 1u << MF_FIELD_NAME,
		[MF_EFFECT_UPSTREAM] = 1u << MF_FIELD_NAME | 1u << MF_FIELD_BODY,
		[MF_EFFECT_LOG] = 1u << MF_FIELD_BODY,
		[MF_EFFECT_CALL] = 1u << MF_FIELD_NAME | 1u << MF_FIELD_BODY};
	struct mf_effect *e = (struct mf_effect *)to;
	uint32_t size = sizeof(*e);

	if (room < 512)
		return 0;
	*e = (struct mf_effect){.kind = one_in(2) ? MF_EFFECT_LOG : (uint16_t)(1 + below(9))};
	e->status = e->kind == MF_EFFECT_REPLY ? 200 : 0;
	for (unsigned f = 0; f < MF_FIELDS; f++) {
		if (!(fields[e->kind] & 1u << f))
			continue;
		e->len[f] = 1 + (uint32_t)below(100);
		for (uint32_t i = 0; i < e->len[f]; i++)
			to[size + i] =
				f == MF_FIELD_BODY ? (uint8_t)next() : (uint8_t)('a' + below(26));
		size += e->len[f];
	}
	while (size % 8 != 0)
		to[size++] = 0;
	e->size = size;
	if (spoil && one_in(4)) /* one member is anything */
		to[below(sizeof(*e))] = (uint8_t)value();
	if (spoil && one_in(4))
		e->len[below(MF_FIELDS)] = (uint32_t)value();
	if (spoil && one_in(8))
		e->size = (uint32_t)value();
	return size;
}

static void spoil_effects(void)
{
	struct mf_effects *head = (struct mf_effects *)(MF_ADDR_WINDOW + info()->event_bytes);
	uint8_t *area = (uint8_t *)head;
	uint32_t used = sizeof(*head), count = 0;
	bool spoil = one_in(2);

	for (uint64_t n = below(6); n > 0; n--, count++)
		used += record(area + used, info()->effects_bytes - used, spoil);
	*head = (struct mf_effects){.bytes = used, .count = count, .outcome = MF_OUTCOME_OK};
	plan.skip = (uint64_t)area;
	plan.skip_end = (uint64_t)area + info()->effects_bytes;
	if (!spoil)
		return;
	if (one_in(4))
		head->bytes = (uint32_t)value();
	if (one_in(6))
		head->count = (uint32_t)value();
	if (one_in(6))
		head->outcome = (uint32_t)below(6);
	if (one_in(8))
		head->reserved = (uint32_t)value();
	if (one_in(3)) /* the head alone is right; else all of it is nonsense */
		plan.skip_end = plan.skip + sizeof(*head);
	if (one_in(6))
		plan.skip_end = plan.skip;
}

/* --------------------------------------------------------------- registers */

static void fill_xsave(bool wild)
{
	uint64_t features = wild && one_in(8) ? next() : 0x2e7; /* x87 SSE AVX opmask ZMM PKRU */

	for (size_t i = 0; i + 8 <= sizeof(plan.xsave); i += 8) {
		uint64_t v = next();

		memcpy(plan.xsave + i, &v, 8);
	}
	/* header, 13.4.2 of volume 1 of Intel's manual: anything reserved faults */
	memset(plan.xsave + 512, 0, 64);
	memcpy(plan.xsave + 512, &features, 8);
	if (wild && one_in(16))
		plan.xsave[520 + below(56)] = (uint8_t)next();
	if (!wild || !one_in(16)) /* MXCSR's reserved bits fault; unmasked exceptions are fine */
		plan.xsave[26] = plan.xsave[27] = 0;
	/* PKRU: the key that all memory has stays usable, or nothing would come after */
	if (!wild || !one_in(16))
		plan.xsave[2688] &= 0xfc;
	plan.mask = one_in(4) ? next() : ~0ull;
}

static uint64_t base(bool wild)
{
	uint64_t v = value();

	if (wild && one_in(16))
		return v; /* not canonical, most likely */
	return v >> 63 ? v | 0xffff800000000000 : v & 0x7fffffffffff;
}

static void fill_registers(bool wild)
{
	/* null with any privilege level; then those of the monitor's and of Linux's GDT */
	static const uint16_t selectors[] = {0, 1, 2, 3, 0x1b, 0x23, 0x2b, 0x33};
	uint64_t most = wild ? sizeof(selectors) / 2 : 4;

	for (unsigned i = 0; i < 16; i++)
		plan.general[i] = value();
	plan.flags = (next() & (wild ? ~0ull : 0x244ed5)) | 2; /* all but TF */
	plan.fs_base = base(wild);
	plan.gs_base = base(wild);
	for (unsigned i = 0; i < 4; i++)
		plan.segment[i] = wild && one_in(32) ? (uint16_t)next() : selectors[below(most)];
	fill_xsave(wild);
}

static uint64_t target(const struct nonsense_request *r)
{
	uint64_t text = r->range[2].bytes;

	switch (below(5)) {
	case 0: return MF_ADDR_GATE + below(MF_PAGE);
	case 1: return MF_ADDR_STUB + below(0x200);
	case 2: return MF_ADDR_TEXT + (text ? below(text) : 0);
	case 3: return MF_ADDR_WINDOW + below(info()->window_bytes);
	default: return value();
	}
}

static _Noreturn void be_nonsense(const struct nonsense_request *r)
{
	/* most end as lives do: then their machine is used again, and what they ask for is looked at */
	bool wild = r->wild && one_in(r->wild);

	plan.features = r->features;
	spoil_effects();
	fill_registers(wild);
	plan.target = target(r);
	for (unsigned i = 0; i < 5; i++)
		plan.frame[i] = value();
	if (one_in(2)) {
		plan.frame[0] = plan.target;
		plan.frame[1] = one_in(2) ? 0x33 : 0x2b;
		plan.frame[2] = plan.flags;
		plan.frame[4] = one_in(2) ? 0x2b : 0x23;
	}
	plan.fill = next() | 1;
	plan.or = one_in(6) ? value() : 0;
	plan.and = one_in(6) ? value() : ~0ull;
	plan.way = wild ? (uint32_t)below(WAYS - 1) : WAY_GATE;
	if (wild && r->spin && one_in(r->spin))
		plan.way = WAY_SPIN;
	nonsense_go();
}

/* ------------------------------------------------------------------- audit */

static void audit(const struct nonsense_request *r)
{
	struct {
		struct probe_dump dump;
		uint64_t rest;
	} *reply = mf_alloc(sizeof(*reply));
	uint64_t hash = 0xcbf29ce484222325;

	for (unsigned i = 0; i < NONSENSE_RANGES; i++) {
		const uint8_t *p = (const uint8_t *)r->range[i].at;

		for (uint64_t n = 0; n < r->range[i].bytes; n++)
			hash = (hash ^ p[n]) * 0x100000001b3;
	}
	reply->dump = probe_dump;
	reply->rest = hash;
	mf_reply_bytes(reply, sizeof(*reply));
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);
	struct nonsense_request r;

	if (payload.n != sizeof(r))
		mf_fail("the payload must be a struct nonsense_request");
	memcpy(&r, payload.p, sizeof(r));
	if (r.action == 'a') {
		audit(&r);
		return;
	}
	state = r.seed;
	be_nonsense(&r);
}
