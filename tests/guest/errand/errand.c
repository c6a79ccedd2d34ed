/*
 * errand - has the ledger write something down, and then fails.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_answer answer = mf_call("ledger", "/in/errand", "now", 3);

	(void)ev;
	mf_fail("the ledger said %u", answer.status);
}
