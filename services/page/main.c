/*
 * main.c - serves attached files over HTTP: ranges, entity tags, compressed variants
 * (RFC 9110). mf_init indexes the files; a life finds one and copies it into its reply.
 */
#include <mayfly.h>

#include "site.h"
#include "wire/http_text.h"

#define PATH_MAX 1024u

static struct site site;

void mf_init(void)
{
	site_load(&site);
}

/* --------------------------------------------------------------- the file */

/* What a file is called that a path means. */
struct target {
	uint8_t name[PATH_MAX + sizeof("/index.html")];
	size_t n;
};

/* Once only: there is room for one of our own words. */
static void append(struct target *t, const char *text)
{
	size_t n = strlen(text);

	memcpy(t->name + t->n, text, n);
	t->n += n;
}

static const struct site_file *find(const struct target *t)
{
	return site_find(&site, mf_str_of(t->name, t->n));
}

/* Is a part of the name "." or "..", or empty in the middle, or does it hold a byte that no name
 * has? Nothing but attached files could be found anyway; this says that somebody tried. */
static bool strays(const struct target *t)
{
	size_t part = 0;

	for (size_t i = 0; i <= t->n; i++) {
		uint8_t c = i < t->n ? t->name[i] : '/';

		if (c < ' ' || c == 0x7f || c == '\\')
			return true;
		if (c != '/')
			continue;
		if ((i == part && i < t->n) || (i - part == 1 && t->name[part] == '.') ||
			(i - part == 2 && t->name[part] == '.' && t->name[part + 1] == '.'))
			return true;
		part = i + 1;
	}
	return false;
}

/* A file is at one path. "%2f" isn't the slash that divides parts (RFC 3986, 2.2): a hub takes routes by
 * these, so what lies below a route of its own must not be had by another. */
static bool has_encoded_slash(struct mf_str path)
{
	for (size_t i = 0; i + 2 < path.n; i++)
		if (path.p[i] == '%' && path.p[i + 1] == '2' && mf_lower(path.p[i + 2]) == 'f')
			return true;
	return false;
}

static bool is_prefix(struct mf_str path)
{
	return path.n >= site.prefix.n && memcmp(path.p, site.prefix.p, site.prefix.n) == 0;
}

/* The path without prefix and first slash, decoded; false, having answered: it is none of ours. */
static bool read_path(struct target *t, struct mf_str path)
{
	size_t skip = site.prefix.n;
	const char *wrong = NULL;

	if (path.n > PATH_MAX) {
		mf_reply_problem(414, "URI Too Long", "no file has such a long name");
		return false;
	}
	if (!is_prefix(path) || path.n == skip || path.p[skip] != '/') {
		mf_reply_problem(404, "Not Found", "no file is served here");
		return false;
	}
	if (!http_decode(mf_str_of(path.p + skip + 1, path.n - skip - 1), false, t->name, &t->n))
		wrong = "the path has a '%' without two hexadecimal digits";
	else if (has_encoded_slash(path))
		wrong = "the path has an encoded slash, '%2f'";
	else if (strays(t))
		wrong = "the path has empty parts, '.' or '..', or bytes that no name has";
	if (wrong)
		mf_reply_problem(400, "Bad Request", wrong);
	return wrong == NULL;
}

/* ---------------------------------------------------------- other answers */

static void not_found(void)
{
	const struct site_file *own = site_find(&site, MF_STR("404.html"));

	if (own)
		mf_reply(404, own->type, own->content.p, own->content.n);
	else
		mf_reply_problem(404, "Not Found", "no such file");
}

/* To the same path with a slash behind it, so that relative links work. The path is what the
 * client sent; a second slash at its start, which would name another host, was refused. */
static void redirect(struct mf_str path, struct mf_str query)
{
	char *to = mf_alloc(path.n + query.n + 3), *p = to;

	memcpy(p, path.p, path.n);
	p += path.n;
	*p++ = '/';
	if (query.n > 0) {
		*p++ = '?';
		memcpy(p, query.p, query.n);
		p += query.n;
	}
	*p = '\0';
	mf_reply_header("Location", to);
	mf_reply_header("Cache-Control", site.cache);
	mf_reply(308, NULL, NULL, 0);
}

/* --------------------------------------------------------------- the reply */

static struct mf_str etag_of(const struct site_file *file)
{
	return mf_str_of(file->etag, strlen(file->etag));
}

/* The compressed variant, if there is one and the client wants it at least as much as the plain. */
static const struct site_file *variant(const struct mf_event *ev, const struct site_file *file)
{
	struct mf_str accept = mf_attribute(ev, "Accept-Encoding");
	int gzip = http_weight(accept, "gzip"), plain = http_weight(accept, "identity");

	return file->gzip && gzip > 0 && gzip >= plain ? file->gzip : file;
}

/* Headers that any answer about a file has, 304 too (RFC 9110 15.4.5). */
static void common_headers(const struct site_file *file, const struct site_file *sent)
{
	mf_reply_header("ETag", sent->etag);
	mf_reply_header("Cache-Control", site.cache);
	if (file->gzip)
		mf_reply_header("Vary", "Accept-Encoding");
}

/* Preconditions in the order of RFC 9110 13.2.2; true: answered. */
static bool precondition(
	const struct mf_event *ev, const struct site_file *file, const struct site_file *sent)
{
	struct mf_str match = mf_attribute(ev, "If-Match");
	struct mf_str none = mf_attribute(ev, "If-None-Match");

	if (match.p && !http_etag_named(match, etag_of(sent), false)) {
		mf_reply_problem(412, "Precondition Failed", "the file is another one by now");
		return true;
	}
	if (!none.p || !http_etag_named(none, etag_of(sent), true))
		return false;
	common_headers(file, sent);
	mf_reply(304, NULL, NULL, 0);
	return true;
}

/* Which bytes the client asks for; all of them if it didn't, or if what it has parts of is not what
 * we have (RFC 9110 13.1.5). */
static enum http_range range_of(
	const struct mf_event *ev, const struct site_file *sent, uint64_t *first, uint64_t *last)
{
	struct mf_str only_if = mf_attribute(ev, "If-Range");

	if (!mf_str_is(mf_method(ev), "GET") || (only_if.p && !mf_str_eq(only_if, etag_of(sent))))
		return HTTP_RANGE_ALL;
	return http_range(mf_attribute(ev, "Range"), sent->content.n, first, last);
}

static void serve(const struct mf_event *ev, const struct site_file *file)
{
	const struct site_file *sent = variant(ev, file);
	uint64_t first = 0, last = 0;
	enum http_range range;
	char where[80];

	if (precondition(ev, file, sent))
		return;
	range = range_of(ev, sent, &first, &last);
	if (range == HTTP_RANGE_OUTSIDE) {
		mf_format(where, sizeof(where), "bytes */%zu", sent->content.n);
		mf_reply_header("Content-Range", where);
		mf_reply_problem(416, "Range Not Satisfiable", "the file has no such bytes");
		return;
	}
	common_headers(file, sent);
	mf_reply_header("Accept-Ranges", "bytes");
	mf_reply_header("X-Content-Type-Options", "nosniff");
	if (sent != file)
		mf_reply_header("Content-Encoding", "gzip");
	if (range == HTTP_RANGE_ALL) {
		mf_reply(200, file->type, sent->content.p, sent->content.n);
		return;
	}
	mf_format(where, sizeof(where), "bytes %llu-%llu/%zu", (unsigned long long)first,
		(unsigned long long)last, sent->content.n);
	mf_reply_header("Content-Range", where);
	mf_reply(206, file->type, sent->content.p + first, (size_t)(last - first + 1));
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str method = mf_method(ev);
	const struct site_file *file;
	struct target target;
	bool directory;

	if (!mf_str_is(method, "GET") && !mf_str_is(method, "HEAD")) {
		mf_reply_header("Allow", "GET, HEAD");
		mf_reply_problem(405, "Method Not Allowed", "files can only be read");
		return;
	}
	if (site.prefix.n > 0 && mf_str_eq(mf_subject(ev), site.prefix)) {
		redirect(mf_subject(ev), mf_query(ev));
		return;
	}
	if (!read_path(&target, mf_subject(ev)))
		return;
	directory = target.n == 0 || target.name[target.n - 1] == '/';
	if (directory)
		append(&target, "index.html");
	file = find(&target);
	if (!file && !directory)
		append(&target, "/index.html");
	if (file)
		serve(ev, file);
	else if (!directory && find(&target))
		redirect(mf_subject(ev), mf_query(ev));
	else
		not_found();
}
