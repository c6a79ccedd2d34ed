/* image/topic.c - see topic.h */
#include "image/topic.h"

#include <string.h>

bool topic_is_filter(const char *text)
{
	for (const char *p = text; *p; p++) {
		bool begins = p == text || p[-1] == '/';

		if (*p == '#' && (!begins || p[1]))
			return false;
		if (*p == '+' && (!begins || (p[1] && p[1] != '/')))
			return false;
	}
	return true;
}

bool topic_is_name(struct mf_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '+' || text.p[i] == '#' || text.p[i] == 0)
			return false;
	return text.n > 0 && text.n <= TOPIC_MAX;
}

bool topic_is_share(const char *text)
{
	return text[0] && strlen(text) <= TOPIC_SHARE_MAX && !text[strcspn(text, "/+#")];
}

/* A part of a filter or a topic, and where the next one begins; NULL: it is the last. */
static struct mf_str take_part(struct mf_str *text, bool *more)
{
	const uint8_t *slash = text->n > 0 ? memchr(text->p, '/', text->n) : NULL;
	struct mf_str part = *text;

	*more = slash != NULL;
	if (!slash)
		return part;
	part.n = (size_t)(slash - text->p);
	*text = mf_str_of(slash + 1, text->n - part.n - 1);
	return part;
}

static bool is_wildcard(struct mf_str part)
{
	return part.n == 1 && (part.p[0] == '+' || part.p[0] == '#');
}

/* A wildcard in front and a '$' there don't meet (4.7.2). */
static bool apart(struct mf_str a, struct mf_str b)
{
	return is_wildcard(a) && b.n > 0 && b.p[0] == '$';
}

/* What is left, seen from a '#' on the other side: nothing but this part, or more of it. */
static bool is_rest(struct mf_str part)
{
	return part.n == 1 && part.p[0] == '#';
}

/* `b` may be a filter too: then, do they overlap? "a/#" stands for "a" as well (4.7.1.2). */
static bool meet(struct mf_str a, struct mf_str b)
{
	bool more_a = true, more_b = true;

	if (apart(a.n > 0 ? mf_str_of(a.p, 1) : a, b) || apart(b.n > 0 ? mf_str_of(b.p, 1) : b, a))
		return false;
	for (;;) {
		struct mf_str x = take_part(&a, &more_a), y = take_part(&b, &more_b);

		if (is_rest(x) || is_rest(y))
			return true;
		if (!is_wildcard(x) && !is_wildcard(y) && !mf_str_eq(x, y))
			return false;
		if (!more_a && !more_b)
			return true;
		if (!more_a)
			return is_rest(b);
		if (!more_b)
			return is_rest(a);
	}
}

bool topics_overlap(const char *a, const char *b)
{
	return meet(mf_str_of(a, strlen(a)), mf_str_of(b, strlen(b)));
}

bool topic_matches(const char *filter, struct mf_str topic)
{
	return meet(mf_str_of(filter, strlen(filter)), topic);
}
