/* libos/boot: which of the service's functions runs, and how a life ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/boot/boot.h"
#include "libos/mayfly.h"
#include "libos/place.h"
#include "tests/unit/libos/guest.h"

static int inits, mains;

void mf_init(void)
{
	inits++;
	mf_log("init");
}

void mf_main(const struct mf_event *ev)
{
	mains++;
	assert_ptr_equal(ev, (void *)MF_ADDR_WINDOW);
	mf_reply_text("main");
}

static void start(void)
{
	mf_start();
}

static void lives(void **state)
{
	struct effects_reader reader;

	(void)state;
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(start), MF_OUTCOME_OK);
	assert_int_equal(inits, 1);
	assert_int_equal(mains, 0);
	guest_open(&reader);
	guest_effect(&reader, MF_EFFECT_LOG);
	guest_no_more(&reader);

	guest_fresh(MF_SOURCE_UDP);
	assert_int_equal(guest_live(start), MF_OUTCOME_OK);
	assert_int_equal(inits, 1);
	assert_int_equal(mains, 1);
	guest_open(&reader);
	guest_effect(&reader, MF_EFFECT_REPLY);
	guest_no_more(&reader);
}

/* What stands in the effects area before is not taken for effects of this life. */
static void starts_empty(void **state)
{
	struct effects_reader reader;

	(void)state;
	guest_fresh(MF_SOURCE_UDP);
	memset(place_effects(), 0xee, GUEST_EFFECTS_BYTES);
	assert_int_equal(guest_live(start), MF_OUTCOME_OK);
	guest_open(&reader);
	guest_effect(&reader, MF_EFFECT_REPLY);
	guest_no_more(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives),
		cmocka_unit_test(starts_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
