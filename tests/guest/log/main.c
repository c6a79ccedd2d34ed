/*
 * log - a line of each level, then a reply.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	mf_log_at(MF_LEVEL_DEBUG, "debug: %zu bytes", mf_payload(ev).n);
	mf_log("info: source %u", ev->source);
	mf_log_at(MF_LEVEL_WARN, "warn: %s", "tab\there, escape \x1b[31m");
	mf_log_at(MF_LEVEL_ERROR, "error: %d", -1);
	mf_reply_text("logged");
}
