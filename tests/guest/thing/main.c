/*
 * thing - answers CoAP as it is asked to, by the first part of the path:
 *
 *	/echo       what came, a line each
 *	/as/STATUS  this status, with the body that came
 *	/type       the body that came is the media type of the reply
 *	/size/N     N bytes, no two blocks of which are the same
 *	/length     how long the body is, and the sum of its bytes
 *	/now/X      a GET says when it came, anything else is just done
 *	/age/N      may be kept for N seconds
 *	/spin/N     after N million turns
 *	/none       no reply
 *	/fail /crash
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
	return mf_format(to, size, "%s=%.*s\n", name, (int)value.n, (const char *)value.p);
}

static void echo(const struct mf_event *ev)
{
	const struct {
		const char *name;
		struct mf_str value;
	} parts[] = {{"method", mf_method(ev)}, {"path", mf_subject(ev)}, {"query", mf_query(ev)},
		{"type", mf_content_type(ev)}, {"peer", mf_peer(ev)},
		{"client", mf_attribute(ev, MF_CLIENT)}, {"body", mf_payload(ev)}};
	char text[1024];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		n += say(text + n, sizeof(text) - n, parts[i].name, parts[i].value);
	mf_reply(200, "text/plain; charset=utf-8", text, n);
}

static void sized(size_t n)
{
	uint8_t *body = mf_reply_room(&n);

	for (size_t i = 0; i < n; i++)
		body[i] = (uint8_t)(i >> 4) ^ (uint8_t)(i >> 12);
	mf_reply_sent(200, "application/octet-stream", n);
}

static void measure(struct mf_str body)
{
	uint32_t sum = 0;
	char text[64];

	for (size_t i = 0; i < body.n; i++)
		sum += body.p[i];
	mf_reply_bytes(text, mf_format(text, sizeof(text), "%zu %u", body.n, sum));
}

static void now(const struct mf_event *ev)
{
	char text[64];

	if (mf_str_is(mf_method(ev), "GET"))
		mf_reply(200, "text/plain", text,
			mf_format(text, sizeof(text), "%llu", (unsigned long long)mf_elapsed_ns()));
	else
		mf_reply(204, NULL, NULL, 0);
}

static void spin(uint32_t millions)
{
	for (uint64_t i = 0; i < millions * 1000000ull; i++)
		__asm__ volatile("");
	mf_reply_text("spun\n");
}

static void keep(struct mf_str seconds)
{
	char text[64];

	mf_format(text, sizeof(text), "public, max-age=%.*s", (int)seconds.n,
		(const char *)seconds.p);
	mf_reply_header("Cache-Control", text);
	mf_reply_text("kept\n");
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str path = mf_subject(ev), body = mf_payload(ev);

	if (path_is(path, "/as/"))
		mf_reply(number(rest), body.n > 0 ? "text/plain" : NULL, body.p, body.n);
	else if (path_is(path, "/type"))
		mf_reply(200, text_of(body), "x", 1);
	else if (path_is(path, "/size/"))
		sized(number(rest));
	else if (path_is(path, "/length"))
		measure(body);
	else if (path_is(path, "/now/"))
		now(ev);
	else if (path_is(path, "/age/"))
		keep(rest);
	else if (path_is(path, "/spin/"))
		spin(number(rest));
	else if (path_is(path, "/fail"))
		mf_fail("as asked");
	else if (path_is(path, "/crash"))
		__builtin_trap();
	else if (!path_is(path, "/none"))
		echo(ev);
}
