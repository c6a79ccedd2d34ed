/*
 * effect - the one place that writes records into the effects area.
 */
#include "libos/effect/effect.h"

#include "base/num.h"
#include "libos/place.h"

uint32_t effect_headers;

void effect_begin(void)
{
	*place_effects() = (struct mf_effects){.bytes = sizeof(struct mf_effects)};
}

/* Bytes for the fields of one more record. Everything is a multiple of 8 but the headers. */
static size_t room_left(void)
{
	size_t used = place_effects()->bytes + num_align(effect_headers, 8);
	size_t all = place_info()->effects_bytes;

	return all - used > sizeof(struct mf_effect) ? all - used - sizeof(struct mf_effect) : 0;
}

static uint8_t *next_fields(void)
{
	return (uint8_t *)place_effects() + place_effects()->bytes + sizeof(struct mf_effect);
}

uint8_t *effect_room(enum mf_effect_kind kind, size_t *room)
{
	if (kind != MF_EFFECT_LOG && place_in_init())
		life_fail(MF_STR("mf_init asked for an effect other than a log: only mf_main may"));
	*room = room_left();
	return next_fields();
}

void effect_seal(const struct effect_order *order)
{
	struct mf_effects *all = place_effects();
	struct mf_effect *record = (struct mf_effect *)(void *)((uint8_t *)all + all->bytes);
	uint8_t *end = (uint8_t *)(record + 1);

	*record = (struct mf_effect){
		.kind = (uint16_t)order->kind,
		.flags = order->flags,
		.status = order->status,
		.value = order->value,
	};
	for (unsigned f = 0; f < MF_FIELDS; f++) {
		record->len[f] = (uint32_t)order->field[f].n;
		end += order->field[f].n;
	}
	while ((uintptr_t)end % 8 != 0)
		*end++ = 0;
	record->size = (uint32_t)(end - (uint8_t *)record);
	all->bytes += record->size;
	all->count++;
}

void effect_add(const struct effect_order *order)
{
	size_t room;
	uint8_t *to = effect_room(order->kind, &room);

	for (unsigned f = 0; f < MF_FIELDS; f++) {
		if (order->field[f].n > room)
			life_end(MF_OUTCOME_FULL);
		to = effect_put(to, order->field[f]);
		room -= order->field[f].n;
	}
	effect_seal(order);
}

void life_end(enum mf_outcome outcome)
{
	place_effects()->outcome = outcome;
	place_gate(MF_OP_END, 0);
	__builtin_trap();
}

void life_fail_written(size_t n)
{
	effect_seal(&(struct effect_order){
		.kind = MF_EFFECT_LOG,
		.status = MF_LEVEL_ERROR,
		.field[MF_FIELD_BODY].n = n,
	});
	life_end(MF_OUTCOME_FAILED);
}

void life_fail(struct mf_str why)
{
	if (room_left() < why.n)
		effect_begin(); /* this text matters more than what came before it */
	effect_put(next_fields(), why);
	life_fail_written(why.n);
}
