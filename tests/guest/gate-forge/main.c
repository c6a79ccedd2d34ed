/*
 * gate-forge - uses the ways in and out as they are not meant to be used. Payloads:
 *
 *	"op N"    calls the gate with operation N
 *	"gate N"  jumps to byte N of the gate page
 *	"stub N"  jumps to byte N of the pages of the birth stub
 *
 * The reply "forged" and the outcome stand in the effects already, so that a forged
 * end would look like a proper one. Fails with "survived" if it comes back.
 */
#include <mayfly.h>

#include "base/num.h"

static void prepare_end(void)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;

	mf_reply_text("forged");
	((struct mf_effects *)(MF_ADDR_WINDOW + info->event_bytes))->outcome = MF_OUTCOME_OK;
}

static void jump(uint64_t to, uint64_t operation)
{
	((uint64_t(*)(uint64_t, uint64_t))to)(operation, 0);
	mf_fail("survived");
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str text = mf_payload(ev);
	size_t word = 0;
	uint64_t n;

	while (word < text.n && text.p[word] != ' ')
		word++;
	if (word == text.n || !num_parse(mf_str_of(text.p + word + 1, text.n - word - 1), &n))
		mf_fail("the payload is \"op N\", \"gate N\" or \"stub N\"");
	prepare_end();
	text.n = word;
	if (mf_str_is(text, "op"))
		jump(MF_ADDR_GATE, n);
	if (mf_str_is(text, "gate"))
		jump(MF_ADDR_GATE + n, MF_OP_END);
	if (mf_str_is(text, "stub"))
		jump(MF_ADDR_STUB + n, MF_OP_END);
	mf_fail("the payload is \"op N\", \"gate N\" or \"stub N\"");
}
