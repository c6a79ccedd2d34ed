/*
 * priced - meters as many bytes as the query's `meters` says, or else its payload's; with `work` it takes so many ms and more.
 */
#include <mayfly.h>

#include "base/num.h"
#include "wire/http_text.h"

void mf_main(const struct mf_event *ev)
{
	uint64_t n = mf_payload(ev).n, work = 0;

	num_parse(http_parameter(mf_query(ev), "work"), &work);
	for (volatile uint64_t i = 0; i < work * 1000000; i++)
		;
	num_parse(http_parameter(mf_query(ev), "meters"), &n);
	mf_meter("byte", n);
	mf_reply_text("metered\n");
}
