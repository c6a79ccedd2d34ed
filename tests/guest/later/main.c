/*
 * later - /set/NAME schedules an event for itself, as many milliseconds later as the payload says; /off/NAME takes that
 * back; /rung/NAME says how often it came.
 */
#include <mayfly.h>

static uint64_t number(struct mf_str text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	return n;
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str subject = mf_subject(ev), body = mf_payload(ev);
	char name[64], key[80];

	if (ev->source == MF_SOURCE_SCHEDULE) {
		mf_format(key, sizeof(key), "rung/%.*s", (int)subject.n, (const char *)subject.p);
		mf_log("%.*s rings: %.*s", (int)subject.n, (const char *)subject.p, (int)body.n,
			(const char *)body.p);
		mf_put_u64(key, mf_state_u64(key, 0) + 1);
		return;
	}
	mf_format(name, sizeof(name), "%.*s", (int)subject.n - 5, (const char *)subject.p + 5);
	if (subject.p[1] == 's')
		mf_schedule(name, number(body) * 1000000, body.p, body.n);
	else if (subject.p[1] == 'o')
		mf_schedule(name, 0, NULL, 0);
	mf_format(key, sizeof(key), "%lu\n", (unsigned long)mf_state_u64("rung/all", 0));
	mf_reply_text(key);
}
