/*
 * boot - from the first instruction to the end of a life. mf_boot, the entry of the
 * image (arch/), calls mf_start.
 */
#include "libos/boot/boot.h"

#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"

void mf_init(void) __attribute__((weak));

void mf_start(void)
{
	const struct mf_event *event = place_event();

	effect_begin();
	if (event->source != MF_SOURCE_INIT)
		mf_main(event);
	else if (mf_init != NULL)
		mf_init();
	life_end(MF_OUTCOME_OK);
}
