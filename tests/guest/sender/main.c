/*
 * sender - "COUNT PRIORITY SUBJECT TEXT": sends TEXT upstream, COUNT times with a number behind it, says on the local
 * broker that it did, and answers how many. It counts its events, so that what it did can be looked at.
 */
#include <mayfly.h>

#include "base/num.h"

/* Up to the next space, which goes too. */
static struct mf_str word(struct mf_str *text)
{
	struct mf_str w = *text;
	size_t n = 0;

	while (n < text->n && text->p[n] != ' ')
		n++;
	w.n = n;
	n += n < text->n;
	*text = mf_str_of(text->p + n, text->n - n);
	return w;
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str said = mf_payload(ev), subject;
	uint64_t count, priority;
	char name[64], text[256];

	if (!num_parse(word(&said), &count) || !num_parse(word(&said), &priority))
		mf_fail("expected COUNT PRIORITY SUBJECT TEXT");
	subject = word(&said);
	mf_format(name, sizeof(name), "%.*s", (int)subject.n, (const char *)subject.p);
	for (uint64_t i = 1; i <= count; i++) {
		size_t n = mf_format(text, sizeof(text), "%.*s %llu", (int)said.n,
			(const char *)said.p, (unsigned long long)i);

		mf_upstream(name, text, n, (uint32_t)priority);
	}
	if (ev->source == MF_SOURCE_MQTT)
		mf_emit("out/sent", name);
	mf_put_u64("events", mf_state_u64("events", 0) + 1);
	mf_reply_text("sent\n");
}
