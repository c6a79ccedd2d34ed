/*
 * ledger - writes down how often each event had its effects: seen/NAME, where NAME is the second part of the topic or
 * path, and `all`, which all events share; and says so on out/NAME. With "later N" as payload the event comes once more,
 * N ms later, from the schedule: rang/NAME, out/rang-NAME. With "many N" it says N times so. What tests/faults looks at.
 */
#include <mayfly.h>

static uint64_t number(struct mf_str text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= '0' && text.p[i] <= '9')
			n = n * 10 + (uint64_t)(text.p[i] - '0');
	return n;
}

static struct mf_str behind_slash(struct mf_str path)
{
	size_t from = path.n;

	while (from > 0 && path.p[from - 1] != '/')
		from--;
	return mf_str_of(path.p + from, path.n - from);
}

static void once_more(const char *what, struct mf_str name)
{
	char key[128];

	mf_format(key, sizeof(key), "%s/%.*s", what, (int)name.n, (const char *)name.p);
	mf_put_u64(key, mf_state_u64(key, 0) + 1);
}

static void say(const char *before, struct mf_str name)
{
	char topic[128];

	mf_format(topic, sizeof(topic), "out/%s%.*s", before, (int)name.n, (const char *)name.p);
	mf_emit_bytes(topic, "", 0, 1, false);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = behind_slash(mf_subject(ev)), said = mf_payload(ev);
	uint64_t n = number(said), times = said.n > 0 && said.p[0] == 'm' ? n : 1;
	char text[128];

	if (ev->source == MF_SOURCE_SCHEDULE) {
		once_more("rang", name);
		say("rang-", name);
		return;
	}
	once_more("seen", name);
	mf_put_u64("all", mf_state_u64("all", 0) + 1);
	while (times-- > 0)
		say("", name);
	if (said.n > 0 && said.p[0] == 'l') {
		mf_format(text, sizeof(text), "%.*s", (int)name.n, (const char *)name.p);
		mf_schedule(text, n * 1000000, "", 0);
	}
	mf_reply_text("written\n");
}
