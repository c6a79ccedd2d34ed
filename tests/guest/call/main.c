/*
 * call - passes its payload on to the service echo, and replies with the answer.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);
	struct mf_answer answer = mf_call("echo", "/", payload.p, payload.n);

	mf_reply(answer.status, NULL, answer.body.p, answer.body.n);
}
