/*
 * shop - sells bytes, and counts in its state how often each name was sold: sold/NAME, where NAME is the path's second part. In its query:
 *
 *	status=N    answers so             work=N      takes N ms and more
 *	large=N     N bytes of answer      crash       and nothing else
 *	call=N      asks `priced` N times, for as much as came; what it was told is the answer
 *	self        asks itself by /sell/round; the same
 *	odd         an answer whose type isn't UTF-8
 */
#include <mayfly.h>

#include "base/num.h"
#include "wire/http_text.h"

static uint64_t number(const struct mf_event *ev, const char *name)
{
	uint64_t n = 0;

	num_parse(http_parameter(mf_query(ev), name), &n);
	return n;
}

/* There is no clock to look at: some ten million steps take milliseconds. */
static void work(uint64_t ms)
{
	for (volatile uint64_t i = 0; i < ms * 1000000; i++)
		;
}

static void sold(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2);
	char key[100];

	mf_format(key, sizeof(key), "sold/%.*s", (int)name.n, (const char *)name.p);
	mf_put_u64(key, mf_state_u64(key, 0) + 1);
}

static void reply_large(uint32_t status, uint64_t n)
{
	size_t most;
	uint8_t *to = mf_output(&most);

	memset(to, 'x', n < most ? n : most);
	mf_reply_output(status, "text/plain", n < most ? n : most);
}

static void call(const struct mf_event *ev, uint64_t times, bool itself)
{
	struct mf_str body = mf_payload(ev);
	char text[64];
	size_t n = 0;

	for (uint64_t i = 0; i < times; i++)
		n += mf_format(text + n, sizeof(text) - n, "%u ",
			mf_call(itself ? "shop" : "priced", itself ? "/sell/round" : "/x", body.p,
				body.n < 100 ? body.n : 100)
				.status);
	mf_reply(200, "text/plain", text, n);
}

void mf_main(const struct mf_event *ev)
{
	uint64_t status = number(ev, "status"), large = number(ev, "large");

	work(number(ev, "work"));
	if (http_parameter(mf_query(ev), "crash").p)
		__builtin_trap();
	mf_meter("byte", mf_payload(ev).n);
	if (mf_part(ev, 2).n > 0)
		sold(ev);
	mf_reply_header("Shop", "open");
	if (http_parameter(mf_query(ev), "self").p)
		call(ev, 1, true);
	else if (number(ev, "call") > 0)
		call(ev, number(ev, "call"), false);
	else if (large > 0)
		reply_large(status ? (uint32_t)status : 200, large);
	else
		mf_reply(status ? (uint32_t)status : 200,
			http_parameter(mf_query(ev), "odd").p ? "text/\xff" : "text/plain",
			"sold\n", 5);
}
