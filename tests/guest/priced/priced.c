/*
 * priced - meters as many bytes as the query's `meters` says, or else its payload's.
 */
#include <mayfly.h>

#include "base/num.h"
#include "wire/http_text.h"

void mf_main(const struct mf_event *ev)
{
	uint64_t n = mf_payload(ev).n;

	num_parse(http_parameter(mf_query(ev), "meters"), &n);
	mf_meter("byte", n);
	mf_reply_text("metered\n");
}
