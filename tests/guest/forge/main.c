/*
 * forge - writes an effect by hand, as hostile code would: the payload says which
 * (struct order). Before it a reply, which must not come if the effect is refused.
 * It names the functions that ask for effects, so that its image holds their grants, all
 * but that of mf_schedule.
 */
#include <mayfly.h>

struct order {
	uint16_t kind, flags;
	uint32_t status;
	uint64_t value, extra;
	uint8_t fields; /* bit = enum mf_field: "x" is there; the name is what follows this struct */
	uint8_t reserved[7];
};
_Static_assert(sizeof(struct order) == 32, "struct order");

void (*const volatile linked[])(void) = {(void (*)(void))mf_emit, (void (*)(void))mf_put,
	(void (*)(void))mf_delete, (void (*)(void))mf_upstream, (void (*)(void))mf_call};

static void forge(const struct order *o, struct mf_str name)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	struct mf_effects *head = (struct mf_effects *)(MF_ADDR_WINDOW + info->event_bytes);
	struct mf_effect *e = (struct mf_effect *)((uint8_t *)head + head->bytes);
	uint8_t *to = (uint8_t *)(e + 1);

	*e = (struct mf_effect){.kind = o->kind,
		.flags = o->flags,
		.status = o->status,
		.value = o->value,
		.extra = o->extra};
	for (unsigned f = 0; f < MF_FIELDS; f++) {
		struct mf_str s = f == MF_FIELD_NAME ? name : MF_STR("x");

		if (f != MF_FIELD_NAME && !(o->fields & 1u << f))
			continue;
		memcpy(to, s.p, s.n);
		e->len[f] = (uint32_t)s.n;
		to += s.n;
	}
	while ((uint64_t)to % 8 != 0)
		*to++ = 0;
	e->size = (uint32_t)(to - (uint8_t *)e);
	head->bytes += e->size;
	head->count++;
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str p = mf_payload(ev);
	struct order order;

	if (p.n == 0xffff)
		linked[0]();
	mf_log("began");
	if (p.n < sizeof(order)) {
		mf_reply_text("good");
		return;
	}
	memcpy(&order, p.p, sizeof(order));
	if (order.kind != MF_EFFECT_REPLY)
		mf_reply_text("done");
	forge(&order, mf_str_of(p.p + sizeof(order), p.n - sizeof(order)));
}
