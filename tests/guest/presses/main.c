/*
 * presses - counts what isn't a GET, for each path; a GET says how many there were.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str path = mf_subject(ev);
	char *key = mf_alloc(path.n + 1), text[32];
	uint64_t n;

	memcpy(key, path.p, path.n); /* "/presses/x" is read as "presses/x" */
	key[path.n] = '\0';
	n = mf_state_u64(key + 1, 0);
	if (!mf_str_is(mf_method(ev), "GET"))
		mf_put_u64(key + 1, ++n);
	mf_reply(200, "text/plain", text,
		mf_format(text, sizeof(text), "%llu", (unsigned long long)n));
}
