/*
 * post - counts messages, and publishes how many there were. "to TOPIC" publishes there instead.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str said = mf_payload(ev);
	uint64_t n = mf_state_u64("n", 0) + 1;
	char topic[64], text[32];
	size_t size = mf_format(text, sizeof(text), "%llu", (unsigned long long)n);

	mf_put_u64("n", n);
	mf_format(topic, sizeof(topic), "out/%.*s",
		said.n > 3 && said.p[0] == 't' ? (int)said.n - 3 : 5,
		said.n > 3 && said.p[0] == 't' ? (const char *)said.p + 3 : "count");
	mf_emit_bytes(topic, text, size, 1, false);
	mf_reply(200, "text/plain", text, size);
}
