/*
 * fuzz/text.c - what stands in requests' paths, queries and headers, read for services: the codecs of
 * wire/http_text.h and wire/base64.h, and what the hub reads alike (hub/http/target.h, request.h).
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "hub/http/blobs.h"
#include "hub/http/chunked.h"
#include "hub/http/request.h"
#include "hub/http/target.h"
#include "image/base64.h"
#include "wire/base64.h"
#include "wire/http_text.h"

static bool within(struct mf_str part, struct mf_str whole)
{
	return part.p == NULL || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void try_decode(struct mf_str text)
{
	uint8_t *to = malloc(text.n > 0 ? text.n : 1);
	size_t n = 0;

	MUST(to != NULL);
	for (int form = 0; form < 2; form++)
		if (http_decode(text, form, to, &n))
			MUST(n <= text.n);
	if (http_hex(text, to, text.n / 2))
		MUST(text.n % 2 == 0);
	free(to);
}

/* libsodium reads the same, and refuses the same but for what image/base64.h says. */
static void try_base64(struct mf_str text)
{
	size_t room = BASE64_ROOM(text.n), n = 0, sodium_n = 0;
	uint8_t *to = malloc(room > 0 ? room : 1), *other = malloc(room > 0 ? room : 1);
	const char *end = NULL;
	bool ours, theirs;

	MUST(to != NULL && other != NULL);
	ours = base64_read(text, to, &n);
	theirs = base64_is_plain(text.p, text.n) &&
		sodium_base642bin(other, room, (const char *)text.p, text.n, NULL, &sodium_n, &end,
			sodium_base64_VARIANT_ORIGINAL) == 0 &&
		end == (const char *)text.p + text.n;
	MUST(ours == theirs);
	if (ours)
		MUST(n == sodium_n && memcmp(to, other, n) == 0);
	free(to);
	free(other);
}

static void try_lists(struct mf_str text, uint64_t size)
{
	struct mf_str left = text, item, parameter = http_parameter(text, "a");
	uint64_t first = 0, last = 0;
	unsigned items = 0;
	int weight;

	MUST(within(parameter, text));
	while (http_list_next(&left, &item)) {
		MUST(item.n > 0 && within(item, text) && ++items <= text.n);
		MUST(item.p[0] != ' ' && item.p[item.n - 1] != ' ');
	}
	weight = http_weight(text, "text/html");
	MUST(weight == HTTP_UNSAID || (weight >= 0 && weight <= 1000));
	weight = http_weight(text, "gzip");
	MUST(weight == HTTP_UNSAID || (weight >= 0 && weight <= 1000));
	if (http_etag_named(text, MF_STR("\"abc\""), false))
		MUST(http_etag_named(text, MF_STR("\"abc\""), true));
	if (http_range(text, size, &first, &last) == HTTP_RANGE_PART)
		MUST(first <= last && last < size);
	if (blob_content_range(text, &first, &last, &size) == 0)
		MUST(first <= last && last < size);
}

static void try_target(struct mf_str text)
{
	struct target target;

	for (int options = 0; options < 2; options++) {
		if (target_parse(&target, text, options) != NULL)
			continue;
		MUST(target.path.n > 0 && (target.path.p[0] == '/' || target.path.p[0] == '*'));
		MUST(!memmem(target.path.p, target.path.n, "/../", 4));
		MUST(!memchr(target.path.p, ' ', target.path.n));
		MUST(!memchr(target.path.p, '?', target.path.n));
		MUST(within(target.query, text) && within(target.host, text));
		if (target.host.p)
			MUST(target_is_host(target.host));
	}
}

static unsigned count_of(const struct request *r, const char *name)
{
	unsigned next = 0, n = 0;

	while (request_header(r, name, &next).p)
		n++;
	return n;
}

/* No request is taken with two ways to say how long it is, or of HTTP/1.1 without one Host. */
static void try_head(struct mf_str text)
{
	static struct request r;
	struct request_wrong wrong = {0};
	size_t seen = 0, n = request_head(text.p, text.n, &seen);

	if (n == 0)
		return;
	MUST(n <= text.n && memcmp(text.p + n - 4, "\r\n\r\n", 4) == 0);
	if (!request_parse(&r, text.p, n, &wrong)) {
		MUST(wrong.status >= 400 && wrong.status <= 599 && wrong.detail != NULL);
		return;
	}
	MUST(count_of(&r, "content-length") + count_of(&r, "transfer-encoding") <= 1);
	MUST(count_of(&r, "host") <= 1 && (r.minor == 0 || count_of(&r, "host") == 1));
	MUST(r.chunked == (count_of(&r, "transfer-encoding") == 1));
	MUST(r.chunked == false || r.minor == 1);
	MUST(r.length == 0 || count_of(&r, "content-length") == 1);
	MUST(within(r.path, text) || r.path.n == 1);
	for (unsigned i = 0; i < r.count; i++) {
		MUST(within(r.headers[i].name, text) && within(r.headers[i].value, text));
		MUST(r.headers[i].name.n > 0);
		MUST(r.headers[i].value.n == 0 ||
			!memchr(r.headers[i].value.p, '\n', r.headers[i].value.n));
	}
}

static void try_chunks(struct mf_str text, size_t cut)
{
	uint8_t *whole = fuzz_copy(text.p, text.n), *parts = fuzz_copy(text.p, text.n);
	size_t used, out, at = 0, total = 0;
	struct chunked a, b;

	chunked_open(&a);
	used = chunked_take(&a, whole, text.n, &out);
	MUST(used <= text.n && out <= used);
	chunked_open(&b);
	while (at < text.n && b.state < CHUNKED_DONE) {
		size_t piece = cut < text.n - at ? cut : text.n - at, more;
		size_t n = chunked_take(&b, parts + at, piece, &more);

		MUST(n <= piece && more <= n && (n == piece || b.state >= CHUNKED_DONE));
		if (b.state != CHUNKED_WRONG)
			MUST(total + more <= out && memcmp(whole + total, parts + at, more) == 0);
		total += more;
		at += n;
	}
	if (a.state == CHUNKED_DONE)
		MUST(b.state == CHUNKED_DONE && total == out && at == used);
	free(whole);
	free(parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	unsigned what = feed_below(&feed, 8), more = feed_8(&feed);
	uint8_t *bytes = fuzz_copy(feed.p, feed.n);
	struct mf_str text = mf_str_of(bytes, feed.n);

	switch (what) {
	case 0: try_decode(text); break;
	case 1: try_base64(text); break;
	case 2: try_lists(text, more); break;
	case 3: try_target(text); break;
	case 4: try_chunks(text, 1 + more); break;
	default: try_head(text); break;
	}
	free(bytes);
	return 0;
}
