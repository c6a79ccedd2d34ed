/*
 * log - text for the operator, written in place into the effects area.
 */
#include <stdarg.h>

#include "libos/effect/effect.h"
#include "libos/fmt/fmt.h"
#include "libos/mayfly.h"

static void log_v(enum mf_level level, const char *format, va_list args)
{
	size_t room, n;
	uint8_t *to = effect_room(MF_EFFECT_LOG, &room);

	n = fmt_v((char *)to, room, format, args);
	if (n >= room)
		life_end(MF_OUTCOME_FULL);
	effect_seal(&(struct effect_order){
		.kind = MF_EFFECT_LOG,
		.status = level,
		.field[MF_FIELD_BODY].n = n,
	});
}

void mf_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_v(MF_LEVEL_INFO, format, args);
	va_end(args);
}

void mf_log_at(enum mf_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_v(level, format, args);
	va_end(args);
}
