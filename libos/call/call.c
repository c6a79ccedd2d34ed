/*
 * call - a question to another service. The life stands still until the monitor has
 * the answer, which it puts behind the event.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"

struct mf_answer mf_call(const char *service, const char *path, const void *body, size_t n)
{
	const struct mf_event *ev = place_event();

	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_CALL,
		.field[MF_FIELD_NAME] = effect_text(service),
		.field[MF_FIELD_META] = effect_text(path),
		.field[MF_FIELD_BODY] = mf_str_of(body, n),
	});
	place_gate(MF_OP_CALL, 0);
	return (struct mf_answer){
		.status = ev->answer_status,
		.body = mf_str_of((const uint8_t *)ev + ev->answer.off, ev->answer.len),
	};
}
