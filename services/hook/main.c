/*
 * main.c - takes webhooks, if they are signed with a key that we have. mf_init reads the keys;
 * a life checks one delivery and logs it.
 */
#include <mayfly.h>

#include "hook.h"

#define SHOWN_MAX 100 /* bytes of a name that somebody sent, in the log */

static struct hook hook;

void mf_init(void)
{
	hook_load(&hook);
}

static const struct {
	uint32_t status;
	const char *title, *detail;
} refusals[] = {
	[VERDICT_MISSING] = {401, "Unauthorized", "the delivery is not signed"},
	[VERDICT_MALFORMED] = {400, "Bad Request", "the delivery's signature can't be read"},
	[VERDICT_FORGED] = {401, "Unauthorized", "the delivery's signature is wrong"},
	[VERDICT_STALE] = {401, "Unauthorized", "the delivery's time is too far from ours"},
};

/* The header's value, or a dash. */
static struct mf_str named(const struct mf_event *ev, const char *header)
{
	struct mf_str s = header ? mf_attribute(ev, header) : mf_str_of(NULL, 0);

	if (s.n == 0)
		s = MF_STR("-");
	if (s.n > SHOWN_MAX)
		s.n = SHOWN_MAX;
	return s;
}

static void take(const struct mf_event *ev)
{
	struct mf_str id = named(ev, hook.style->id_header);
	struct mf_str kind = named(ev, hook.style->kind_header);

	mf_log("%s: delivery %.*s, event %.*s, %zu bytes: taken", hook.style->name, (int)id.n,
		(const char *)id.p, (int)kind.n, (const char *)kind.p, mf_payload(ev).n);
	mf_reply(202, "text/plain; charset=utf-8", "accepted\n", 9);
}

void mf_main(const struct mf_event *ev)
{
	enum verdict verdict;

	if (!mf_str_is(mf_method(ev), "POST")) {
		mf_reply_header("Allow", "POST");
		mf_reply_problem(405, "Method Not Allowed", "deliveries are posted");
		return;
	}
	verdict = hook.style->check(&hook, ev);
	if (verdict == VERDICT_SIGNED) {
		take(ev);
		return;
	}
	mf_log_at(MF_LEVEL_WARN, "%s: refused: %s", hook.style->name, refusals[verdict].detail);
	if (refusals[verdict].status ==
		401) /* RFC 9110 15.5.2 wants one; there is no such scheme */
		mf_reply_header("WWW-Authenticate", "HMAC-SHA256");
	mf_reply_problem(
		refusals[verdict].status, refusals[verdict].title, refusals[verdict].detail);
}
