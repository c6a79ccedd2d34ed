/*
 * fuzz/http.c - what a client of HTTP sends, whole and in pieces, to pages and to a service: heads,
 * bodies, chunks, pipelines, Idempotency-Keys. Where one request ends and the next begins must not
 * depend on the pieces, and a second reader, written from RFC 9112 alone, must see the same requests:
 * the hub may refuse what that takes, never take what it doesn't.
 */
/* with: fuzz/lib/hub.c fuzz/lib/worker.c fuzz/lib/clock.c fuzz/lib/talk.c tests/unit/hub/http/second.c */
/* link: -Wl,--wrap=clock_gettime */
/* libfuzzer: -max_len=8192 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/hub.h"
#include "fuzz/lib/talk.h"
#include "hub/http/access.h"
#include "hub/http/bearers.h"
#include "hub/http/conn.h"
#include "hub/http/router.h"
#include "sys/clock.h"
#include "sys/token.h"
#include "tests/unit/hub/http/second.h"

static struct seen {
	struct second_seen at[SECOND_SEEN];
	unsigned count;
} * seeing;

static void note(struct mf_str method, struct mf_str path, struct mf_str query, struct mf_str body)
{
	char target[1024];
	int n = snprintf(target, sizeof(target), "%.*s%s%.*s", (int)path.n, (const char *)path.p,
		query.n > 0 ? "?" : "", (int)query.n, (const char *)query.p);

	if (seeing->count == SECOND_SEEN)
		return;
	second_note(&seeing->at[seeing->count++], (const char *)method.p, method.n, target,
		(size_t)n < sizeof(target) ? (size_t)n : sizeof(target) - 1, body.p, body.n);
}

static void on_page(struct hub *hub, const struct page_request *q, struct page_reply *r)
{
	(void)hub;
	fputs("answer\n", r->body);
	note(q->method, q->path, q->query, q->body);
}

static struct mf_str at(const struct mf_event *event, struct mf_span span)
{
	return mf_str_of((const uint8_t *)event + span.off, span.len);
}

/* An empty query is no span, which is as good as none: such a target isn't compared. */
static void on_served(const struct mf_event *event)
{
	struct mf_str query = at(event, event->query);

	MUST(event->source == MF_SOURCE_HTTP);
	if (query.n == 0)
		query.p = NULL;
	note(at(event, event->method), at(event, event->subject), query, at(event, event->payload));
}

/* Who may ask for it is known by this; whoever doesn't say it never gets there. */
static const char token[] = "mft_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
static bool token_said;

static void on_guarded(struct hub *hub, const struct page_request *q, struct page_reply *r)
{
	MUST(token_said);
	on_page(hub, q, r);
}

static struct access *make_access(void)
{
	char line[TOKEN_LINE], error[BEARERS_ERROR_MAX];
	struct access_rules rules = {0};
	uint8_t hash[TOKEN_HASH];
	struct access *access;

	token_hash(mf_str_of(token, strlen(token)), hash);
	token_line("lamp", hash, line);
	MUST(bearers_parse(&rules.tokens, "tokens", mf_str_of(line, strlen(line)), error) == 0);
	MUST(access_make(&access, &rules) == 0);
	bearers_drop(rules.tokens);
	return access;
}

static struct input *open_listener(void)
{
	struct access *access = make_access();
	static const char *const headers[] = {"x-a", "accept", "content-encoding", "cookie"};
	const struct route routes[] = {
		{.path = "/#", .page = on_page, .place = "here"},
		{.path = "/s/#",
			.service = fuzz_service,
			.headers = headers,
			.headers_count = 4,
			.place = "here"},
		{.path = "/get", .method = "GET", .page = on_page, .place = "here"},
		{.path = "/t/#", .access = access, .page = on_guarded, .place = "here"},
		{.path = "/+/x", .host = "b", .page = on_page, .place = "here"},
	};
	struct net_address address;
	const struct route *other;
	char error[HTTP_ERROR_MAX];
	struct router *router;
	struct input *input;

	MUST(router_open(&router) == 0);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		MUST(router_add(router, &routes[i], &other) == 0);
	access_drop(access); /* its routes hold it */
	MUST(net_parse(&address, "127.0.0.1:0") == 0);
	MUST(in_http_open(&input, &fuzz_hub, &address, NULL, router, error) == 0);
	fuzz_hub.inputs = input;
	return input;
}

/* Whole answers, and nothing but. */
static void check_answers(struct talk *t)
{
	const char *p = (const char *)t->heard, *end = p + t->n;

	MUST(t->n < sizeof(t->heard));
	t->heard[t->n] = '\0';
	while (p < end) {
		const char *head = memmem(p, (size_t)(end - p), "\r\n\r\n", 4), *length;
		unsigned status;

		MUST(head && sscanf(p, "HTTP/1.1 %3u ", &status) == 1 && status >= 100);
		length = memmem(p, (size_t)(head - p), "\r\nContent-Length: ", 18);
		p = head + 4;
		if (length) {
			size_t n = strtoul(length + 18, NULL, 10);

			/* of HEAD nothing comes; then the next answer stands there */
			if ((size_t)(end - p) >= n && n > 0 && strncmp(p, "HTTP/1.1 ", 9) != 0)
				p += n;
		}
	}
}

/* What the hub made of the stream. */
static void run(const uint8_t *p, size_t n, uint32_t pieces, uint64_t pause_ns, struct seen *seen)
{
	static struct talk talk;
	struct net_address peer;
	struct input *input;

	seen->count = 0;
	seeing = seen;
	fuzz_hub_open();
	fuzz_hub_served = on_served;
	input = open_listener();
	MUST(net_parse(&peer, "192.0.2.1:9") == 0);
	MUST(conn_open(input, talk_pair(&talk), &peer) == 0);
	talk_send(&talk, p, n, pieces, pause_ns);
	talk_end(&talk);
	check_answers(&talk);
	fuzz_hub_close();
}

/* One may end sooner: the body of a request that is refused isn't waited for. */
static void check_same(const struct seen *a, const struct seen *b)
{
	for (unsigned i = 0; i < a->count && i < b->count; i++)
		MUST(strcmp(a->at[i].text, b->at[i].text) == 0 && a->at[i].n == b->at[i].n &&
			a->at[i].sum == b->at[i].sum);
}

/* To a service an empty query is none. */
static void drop_empty_query(struct seen *seen)
{
	for (unsigned i = 0; i < seen->count; i++) {
		char *mark = strchr(seen->at[i].text, '?');

		if (mark && mark[1] == '\0' &&
			strlen(seen->at[i].text) < sizeof(seen->at[i].text) - 1)
			*mark = '\0';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static struct seen whole, pieces, second;
	struct feed feed = {input, n};
	uint32_t cut = 1 + feed_16(&feed);
	bool slow = feed_8(&feed) == 255;
	uint8_t *stream = fuzz_copy(feed.p, feed.n);

	token_said = memmem(stream, feed.n, token, strlen(token)) != NULL;
	run(stream, feed.n, 0, 0, &whole);
	run(stream, feed.n, cut, slow ? 9 * CLOCK_S : 0, &pieces);
	if (!slow)
		check_same(&whole, &pieces);
	second.count = second_read(stream, feed.n, second.at);
	drop_empty_query(&second);
	MUST(second_agrees(whole.at, whole.count, second.at, second.count));
	MUST(second_agrees(pieces.at, pieces.count, second.at, second.count));
	free(stream);
	return 0;
}
