/* hub/http/request.c - heads of requests. */
#include "hub/http/request.h"

#include <llhttp/llhttp.h>
#include <string.h>

#include "hub/http/target.h"
#include "hub/http/token.h"

/* -------------------------------------------------------------------- lines */

size_t request_head(const uint8_t *p, size_t n, size_t *seen)
{
	size_t at = *seen > 3 ? *seen - 3 : 0;
	const uint8_t *end = n > at ? memmem(p + at, n - at, "\r\n\r\n", 4) : NULL;

	*seen = n;
	return end ? (size_t)(end - p) + 4 : 0;
}

/* One line without its end. */
static const char *check_line(const uint8_t *p, size_t n)
{
	if (memchr(p, '\r', n))
		return "a carriage return stands alone in the head";
	if (memchr(p, '\0', n))
		return "there is a zero byte in the head";
	return NULL;
}

const char *request_check_lines(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	bool first = true;

	for (; p < end; first = false) {
		const uint8_t *line = p, *feed = memchr(p, '\n', (size_t)(end - p));
		const char *wrong;

		if (!feed || feed == line || feed[-1] != '\r')
			return "a line of the head doesn't end in CR LF";
		if (!first && (*line == ' ' || *line == '\t'))
			return "a header line is folded, or begins with space";
		if (!first && *line != '\r' && !token_has(*line))
			return "a header line has no name";
		wrong = check_line(line, (size_t)(feed - 1 - line));
		if (wrong)
			return wrong;
		p = feed + 1;
	}
	return NULL;
}

static bool refuse(struct request_wrong *wrong, unsigned status, const char *detail)
{
	*wrong = (struct request_wrong){status, detail};
	return false;
}

static bool check_method(struct request *r, struct request_wrong *wrong)
{
	for (size_t i = 0; i < r->method.n; i++)
		if (!token_has(r->method.p[i]))
			return refuse(wrong, 400, "the method isn't a word");
	if (r->method.n == 0 || r->method.n > REQUEST_METHOD_MOST)
		return refuse(wrong, 400, "the method isn't a word");
	if (mf_str_is(r->method, "CONNECT"))
		return refuse(wrong, 501, "this is no proxy: it can't CONNECT");
	return true;
}

static bool check_version(struct request *r, struct mf_str version, struct request_wrong *wrong)
{
	if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.' ||
		version.p[5] < '0' || version.p[5] > '9' || version.p[7] < '0' ||
		version.p[7] > '9')
		return refuse(wrong, 400, "the first line doesn't end in HTTP/1.1");
	if (version.p[5] != '1' || version.p[7] > '1')
		return refuse(wrong, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	r->minor = (unsigned)(version.p[7] - '0');
	return true;
}

/* method SP target SP version (RFC 9112, 3), with exactly these spaces. */
static bool take_first_line(
	struct request *r, const uint8_t *p, size_t n, struct request_wrong *wrong)
{
	const uint8_t *end = memchr(p, '\r', n);
	const uint8_t *one = memchr(p, ' ', (size_t)(end - p));
	const uint8_t *two = one ? memchr(one + 1, ' ', (size_t)(end - one - 1)) : NULL;
	struct target target;
	const char *what;

	if (!two)
		return refuse(wrong, 400, "the first line isn't a method, a target and a version");
	r->method = mf_str_of(p, (size_t)(one - p));
	if (!check_version(r, mf_str_of(two + 1, (size_t)(end - two - 1)), wrong) ||
		!check_method(r, wrong))
		return false;
	what = target_parse(&target, mf_str_of(one + 1, (size_t)(two - one - 1)),
		mf_str_is(r->method, "OPTIONS"));
	if (what)
		return refuse(wrong, 400, what);
	r->path = target.path;
	r->query = target.query;
	r->host = target.host;
	return true;
}

/* ------------------------------------------------------------------- llhttp */

struct parse {
	llhttp_t parser;
	struct request *request;
	bool too_many;
};

static struct parse *parse_of(llhttp_t *parser)
{
	return (struct parse *)(void *)((char *)parser - offsetof(struct parse, parser));
}

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
	struct parse *s = parse_of(parser);

	if (s->request->count == REQUEST_HEADERS_MOST) {
		s->too_many = true;
		return -1;
	}
	s->request->headers[s->request->count++] =
		(struct request_header){.name = mf_str_of(at, n), .value = mf_str_of(at, 0)};
	return 0;
}

/* Space behind a value is no part of it (RFC 9110, 5.5); llhttp leaves some. */
static int on_value(llhttp_t *parser, const char *at, size_t n)
{
	struct request *r = parse_of(parser)->request;

	while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	r->headers[r->count - 1].value = mf_str_of(at, n);
	return 0;
}

/* The body is not for this parser. */
static int on_head(llhttp_t *parser)
{
	struct request *r = parse_of(parser)->request;

	r->chunked = (parser->flags & F_CHUNKED) != 0;
	r->length = parser->content_length;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
};

static const struct {
	llhttp_errno_t error;
	struct request_wrong wrong;
} errors[] = {
	{HPE_INVALID_METHOD, {501, "this method is not known here"}},
	{HPE_INVALID_URL, {400, "the target isn't one"}},
	{HPE_INVALID_VERSION, {505, "only HTTP/1.1 and HTTP/1.0 are spoken here"}},
	{HPE_INVALID_CONSTANT, {501, "this method is not known here"}},
	{HPE_INVALID_HEADER_TOKEN, {400, "a header line has a byte that may not stand there"}},
	{HPE_UNEXPECTED_CONTENT_LENGTH,
		{400,
			"there is more than one length: Content-Length twice, or with "
			"Transfer-Encoding"}},
	{HPE_INVALID_CONTENT_LENGTH, {400, "Content-Length isn't a number, or is too large"}},
	{HPE_INVALID_TRANSFER_ENCODING, {501, "the only Transfer-Encoding known here is chunked"}},
};

static bool run_parser(struct request *r, const uint8_t *p, size_t n, struct request_wrong *wrong)
{
	struct parse s = {.request = r};
	llhttp_errno_t error;

	llhttp_init(&s.parser, HTTP_REQUEST, &settings);
	error = llhttp_execute(&s.parser, (const char *)p, n);
	if (error == HPE_PAUSED)
		return true;
	if (s.too_many)
		return refuse(wrong, 431, "there are more than 100 header lines");
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error) {
			*wrong = errors[i].wrong;
			return false;
		}
	return refuse(wrong, 400, "the head is malformed");
}

/* ------------------------------------------------------------------- fields */

struct mf_str request_header(const struct request *request, const char *name, unsigned *next)
{
	while (*next < request->count) {
		const struct request_header *h = &request->headers[(*next)++];

		if (token_is(h->name, name))
			return h->value;
	}
	return (struct mf_str){NULL, 0};
}

/* The only one of this name; *several if there are more. */
static struct mf_str single(const struct request *r, const char *name, bool *several)
{
	unsigned next = 0;
	struct mf_str value = request_header(r, name, &next);

	if (value.p && request_header(r, name, &next).p)
		*several = true;
	return value;
}

/* RFC 9112, 3.2: one, unless HTTP/1.0; that of an absolute-form target goes first. */
static bool take_host(struct request *r, struct request_wrong *wrong)
{
	bool several = false;
	struct mf_str host = single(r, "host", &several);

	if (several)
		return refuse(wrong, 400, "there is more than one Host");
	if (!host.p && r->minor > 0)
		return refuse(wrong, 400, "there is no Host");
	if (host.p && !target_is_host(host))
		return refuse(wrong, 400, "the Host is none");
	if (!r->host.p)
		r->host = host.p ? host : MF_STR("");
	return true;
}

/* llhttp has looked at most of this; what it lets through differs between its versions. */
static bool check_framing(struct request *r, struct request_wrong *wrong)
{
	bool several = false;
	struct mf_str length = single(r, "content-length", &several);
	struct mf_str coding = single(r, "transfer-encoding", &several);

	if (several)
		return refuse(wrong, 400, "Content-Length or Transfer-Encoding stands there twice");
	if (length.p && coding.p)
		return refuse(wrong, 400, "there are both Content-Length and Transfer-Encoding");
	if (coding.p && r->minor == 0)
		return refuse(wrong, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (coding.p && (!r->chunked || !token_is(coding, "chunked")))
		return refuse(wrong, 501, "the only Transfer-Encoding known here is chunked");
	if (length.p && length.n == 0)
		return refuse(wrong, 400, "Content-Length is empty");
	for (size_t i = 0; i < length.n; i++)
		if (length.p[i] < '0' || length.p[i] > '9')
			return refuse(wrong, 400, "Content-Length isn't a number");
	return true;
}

/* Is `word` one of those that commas divide? */
static bool lists(struct mf_str list, const char *word)
{
	while (list.n > 0) {
		const uint8_t *comma = memchr(list.p, ',', list.n);
		size_t n = comma ? (size_t)(comma - list.p) : list.n, from = 0, end = n;

		while (from < end && (list.p[from] == ' ' || list.p[from] == '\t'))
			from++;
		while (end > from && (list.p[end - 1] == ' ' || list.p[end - 1] == '\t'))
			end--;
		if (token_is(mf_str_of(list.p + from, end - from), word))
			return true;
		n += comma != NULL;
		list = mf_str_of(list.p + n, list.n - n);
	}
	return false;
}

/* RFC 9112, 9.3. llhttp misses a word with a tab behind it. */
static void take_connection(struct request *r)
{
	bool close = false, keep = false;
	struct mf_str list;
	unsigned next = 0;

	while ((list = request_header(r, "connection", &next)).p) {
		close |= lists(list, "close");
		keep |= lists(list, "keep-alive");
	}
	r->keep_alive = !close && (r->minor > 0 || keep);
}

static bool take_expectation(struct request *r, struct request_wrong *wrong)
{
	bool several = false;
	struct mf_str what = single(r, "expect", &several);

	if (what.p && (several || !token_is(what, "100-continue")))
		return refuse(wrong, 417, "the only expectation known here is 100-continue");
	r->expects = what.p && r->minor > 0; /* RFC 9110, 10.1.1: ignored in HTTP/1.0 */
	return true;
}

static bool take_content(struct request *r, struct request_wrong *wrong)
{
	bool several = false;

	r->content_type = single(r, "content-type", &several);
	r->content_encoding = single(r, "content-encoding", &several);
	if (several)
		return refuse(wrong, 400, "Content-Type or Content-Encoding stands there twice");
	return true;
}

bool request_parse(struct request *request, const uint8_t *p, size_t n, struct request_wrong *wrong)
{
	const char *what = request_check_lines(p, n);

	if (what)
		return refuse(wrong, 400, what);
	request->count = 0;
	if (!take_first_line(request, p, n, wrong) || !run_parser(request, p, n, wrong))
		return false;
	take_connection(request);
	return take_host(request, wrong) && check_framing(request, wrong) &&
		take_expectation(request, wrong) && take_content(request, wrong);
}
