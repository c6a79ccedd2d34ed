/*
 * effect: what goes to others: messages, later events, upstream, metered units.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"

/* Quality of service of mf_emit: at least once, as everything that a life asks for. */
#define EMIT_QOS 1

void mf_emit(const char *topic, const char *text)
{
	struct mf_str body = effect_text(text);

	mf_emit_bytes(topic, body.p, body.n, EMIT_QOS, false);
}

void mf_emit_bytes(const char *topic, const void *body, size_t n, uint32_t qos, bool retain)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_EMIT,
		.flags = retain ? MF_EFFECT_RETAIN : 0,
		.status = qos,
		.field[MF_FIELD_NAME] = effect_text(topic),
		.field[MF_FIELD_BODY] = mf_str_of(body, n),
	});
}

void mf_schedule(const char *name, uint64_t delay_ns, const void *body, size_t n)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_SCHEDULE,
		.value = delay_ns,
		.field[MF_FIELD_NAME] = effect_text(name),
		.field[MF_FIELD_BODY] = mf_str_of(body, n),
	});
}

void mf_meter(const char *unit, uint64_t quantity)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_METER,
		.value = quantity,
		.field[MF_FIELD_NAME] = effect_text(unit),
	});
}

void mf_upstream(const char *subject, const void *body, size_t n, uint32_t priority)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_UPSTREAM,
		.status = priority,
		.field[MF_FIELD_NAME] = effect_text(subject),
		.field[MF_FIELD_BODY] = mf_str_of(body, n),
	});
}
