/*
 * log: the text of a life that gives up.
 */
#include <stdarg.h>

#include "libos/effect/effect.h"
#include "libos/fmt/fmt.h"
#include "libos/mayfly.h"

/* With less room than this the logs so far are dropped: why it failed matters more. */
#define FAIL_ROOM 512u

void mf_fail(const char *format, ...)
{
	va_list args;
	size_t room, n;
	uint8_t *to = effect_room(MF_EFFECT_LOG, &room);

	if (room < FAIL_ROOM) {
		effect_begin();
		to = effect_room(MF_EFFECT_LOG, &room);
	}
	va_start(args, format);
	n = fmt_v((char *)to, room, format, args);
	va_end(args);
	life_fail_written(n < room ? n : room - 1);
}
