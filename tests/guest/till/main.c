/*
 * till - counts in its state, in all the ways in which that can go wrong. The second part of the path says
 * which number, n/NAME:
 *
 *	/add/NAME    one more                       /both/NAME  and one more of `all`, which all names share
 *	/get/NAME    what it is                     /once/NAME  1, if it isn't there
 *	/drop/NAME   deletes it                     /trap/NAME  one more, then crashes
 *	/meter/NAME, /later/NAME, /shout/NAME       what is no state
 */
#include <mayfly.h>

static struct mf_str part(struct mf_str path, unsigned n)
{
	size_t from = 1, to;

	for (;; from = to + 1) {
		for (to = from; to < path.n && path.p[to] != '/'; to++)
			;
		if (n-- == 0)
			return mf_str_of(path.p + from, to - from);
		if (to == path.n)
			return mf_str_of("", 0);
	}
}

static void add(const char *key)
{
	mf_put_u64(key, mf_state_u64(key, 0) + 1);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str what = part(mf_subject(ev), 0), name = part(mf_subject(ev), 1);
	char key[300], text[64];

	mf_format(key, sizeof(key), "n/%.*s", (int)name.n, (const char *)name.p);
	mf_format(text, sizeof(text), "%lu\n",
		(unsigned long)mf_state_u64(key, 0) + !mf_str_is(what, "get"));
	if (mf_str_is(what, "add"))
		add(key);
	if (mf_str_is(what, "both")) {
		add(key);
		add("all");
	}
	if (mf_str_is(what, "once"))
		mf_put_if(key, "1", 1, 0);
	if (mf_str_is(what, "drop"))
		mf_delete(key);
	if (mf_str_is(what, "trap")) {
		add(key);
		__builtin_trap();
	}
	if (mf_str_is(what, "meter"))
		mf_meter("coin", 3);
	if (mf_str_is(what, "later"))
		mf_schedule("later", 1000000000, "x", 1);
	if (mf_str_is(what, "shout"))
		mf_emit("shout", "hey");
	mf_reply_text(text);
}
