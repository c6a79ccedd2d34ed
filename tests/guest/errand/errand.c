/*
 * errand - has the ledger write something down; fails if that didn't, or if its payload is "fail".
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_answer answer = mf_call("ledger", "/in/errand", "now", 3);

	if (answer.status != 200 || mf_str_is(mf_payload(ev), "fail"))
		mf_fail("the ledger said %u", answer.status);
}
