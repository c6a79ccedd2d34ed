/*
 * inquire - asks `other`, and puts what it answers. POST /ask: by its payload, "crash" crashes then, "secret" asks
 * one whom it may not; POST /later/NAME: the same in an event of its own, with the body as payload. Whom it asks about is `about` of
 * its config.
 */
#include <mayfly.h>

static void inquire(struct mf_str what)
{
	struct mf_str about = mf_config("about");
	char path[64];
	struct mf_answer answer;

	mf_format(path, sizeof(path), "%.*s", (int)about.n, (const char *)about.p);
	answer = mf_call(mf_str_is(what, "secret") ? "secret" : "other", path, "what", 4);
	mf_put("first", answer.body.p, answer.body.n);
	if (mf_str_is(what, "crash"))
		__builtin_trap();
	answer = mf_call("other", path, "again", 5);
	mf_put("second", answer.body.p, answer.body.n);
	mf_reply_bytes(answer.body.p, answer.body.n);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str part = mf_part(ev, 1), payload = mf_payload(ev);

	if (!mf_str_is(part, "later")) {
		inquire(payload);
		return;
	}
	mf_schedule("ask", 1000000, payload.p, payload.n);
	mf_reply_text("later\n");
}
