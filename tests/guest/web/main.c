/*
 * web - answers HTTP as it is asked to, by the first part of the path:
 *
 *	/echo       what came, a line each
 *	/as/STATUS  this status, with the body that came, if the status has one
 *	/line/NAME  a header line NAME with the body that came as its value
 *	/size/N     N bytes
 *	/none       no reply
 *	/fail /crash /loop
 */
#include <mayfly.h>

static struct mf_str rest;

/* Does the path begin with this? Then `rest` is what follows. */
static bool path_is(struct mf_str path, const char *start)
{
	size_t n = strlen(start);

	if (path.n < n || memcmp(path.p, start, n) != 0)
		return false;
	rest = mf_str_of(path.p + n, path.n - n);
	return true;
}

static uint32_t number(struct mf_str s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n = n * 10 + (uint32_t)(s.p[i] - '0');
	return n;
}

static const char *text_of(struct mf_str s)
{
	char *text = mf_alloc(s.n + 1);

	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return text;
}

static size_t say(char *to, size_t size, const char *name, struct mf_str value)
{
	return mf_format(to, size, "%s=%.*s%s\n", name, (int)value.n, (const char *)value.p,
		value.p ? "" : "(absent)");
}

static void echo(const struct mf_event *ev)
{
	const struct {
		const char *name;
		struct mf_str value;
	} parts[] = {{"method", mf_method(ev)}, {"path", mf_subject(ev)}, {"query", mf_query(ev)},
		{"type", mf_content_type(ev)}, {"id", mf_id(ev)}, {"peer", mf_peer(ev)},
		{"x-one", mf_attribute(ev, "x-one")}, {"x-two", mf_attribute(ev, "x-two")},
		{"cookie", mf_attribute(ev, "cookie")}, {"body", mf_payload(ev)}};
	const size_t size = 48 * 1024;
	char *text = mf_alloc(size);
	size_t n = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		n += say(text + n, size - n, parts[i].name, parts[i].value);
	mf_reply(200, "text/plain; charset=utf-8", text, n);
}

static void sized(size_t n)
{
	uint8_t *body = mf_reply_room(&n);

	memset(body, 'x', n);
	mf_reply_sent(200, "application/octet-stream", n);
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str path = mf_subject(ev), body = mf_payload(ev);

	if (path_is(path, "/as/"))
		mf_reply(number(rest), body.n > 0 ? "text/plain" : NULL, body.p, body.n);
	else if (path_is(path, "/line/")) {
		mf_reply_header("X-First", "1");
		mf_reply_header(text_of(rest), text_of(body));
		mf_reply_text("said\n");
	} else if (path_is(path, "/size/"))
		sized(number(rest));
	else if (path_is(path, "/fail"))
		mf_fail("as asked");
	else if (path_is(path, "/crash"))
		__builtin_trap();
	else if (path_is(path, "/loop"))
		for (;;)
			__asm__ volatile("");
	else if (!path_is(path, "/none"))
		echo(ev);
}
