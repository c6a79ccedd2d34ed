/*
 * posix: the ends that a C program knows.
 */
#include "libos/effect/effect.h"
#include "libos/place.h"
#include "libos/posix/posix.h"

void posix_exit(long status)
{
	posix_write_rest();
	if ((status & 0xff) != 0)
		life_fail(MF_STR("exit was called, with a status other than 0"));
	if (place_in_init())
		life_fail(MF_STR("exit was called in mf_init: it has to return"));
	life_end(MF_OUTCOME_OK);
}

_Noreturn void posix_abort(void)
{
	posix_write_rest();
	life_fail(MF_STR("abort was called"));
}
