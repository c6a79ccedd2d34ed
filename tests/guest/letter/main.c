/*
 * letter - says what it got by MQTT. "fail" fails, "crash" crashes, "spin N" takes its time.
 */
#include <mayfly.h>

static volatile uint64_t wasted;
static volatile uint64_t *volatile nowhere = (volatile uint64_t *)8;

static uint64_t number(struct mf_str text, size_t from)
{
	uint64_t n = 0;

	for (size_t i = from; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	return n;
}

static bool begins_with(struct mf_str text, const char *word)
{
	size_t i = 0;

	while (word[i] && i < text.n && text.p[i] == (uint8_t)word[i])
		i++;
	return word[i] == '\0';
}

static size_t add(char *to, size_t size, const char *name, struct mf_str value)
{
	return mf_format(to, size, "%s=%.*s%s ", name, (int)value.n, (const char *)value.p,
		value.p ? "" : "(absent)");
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);
	const size_t size = 2048;
	char *text = mf_alloc(size);
	size_t n = 0;

	if (begins_with(payload, "fail"))
		mf_fail("was told to");
	if (begins_with(payload, "crash"))
		*nowhere = 1;
	if (begins_with(payload, "spin "))
		for (uint64_t i = number(payload, 5); i > 0; i--)
			wasted++;
	n += add(text + n, size - n, "topic", mf_subject(ev));
	n += add(text + n, size - n, "type", mf_content_type(ev));
	n += add(text + n, size - n, "said", mf_attribute(ev, "x-said"));
	n += add(text + n, size - n, "client", mf_attribute(ev, MF_CLIENT));
	n += add(text + n, size - n, "response", mf_attribute(ev, "mayfly-response-topic"));
	n += mf_format(text + n, size - n, "retained=%d payload=%.*s",
		(ev->flags & MF_EVENT_RETAINED) != 0, (int)(payload.n < 200 ? payload.n : 200),
		(const char *)payload.p);
	mf_log("%s", text);
	mf_reply(200, "text/plain", text, n);
}
