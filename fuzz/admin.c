/*
 * fuzz/admin.c - what somebody says on the admin socket, in pieces: the hub's own pages, logs and
 * figures, reloads and stops. Each answer of a page is JSON, or the text of metrics.
 */
/* with: fuzz/lib/hub.c fuzz/lib/worker.c fuzz/lib/clock.c fuzz/lib/talk.c */
/* link: -Wl,--wrap=clock_gettime */
/* libfuzzer: -max_len=4096 -dict=fuzz/dict/http */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/clock.h"
#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/hub.h"
#include "fuzz/lib/talk.h"
#include "hub/http/conn.h"
#include "hub/http/router.h"
#include "hub/journal.h"
#include "hub/pages.h"
#include "sys/clock.h"

static struct journal journal;

static struct input *open_listener(void)
{
	struct net_address address;
	char error[HTTP_ERROR_MAX];
	struct router *router;
	struct input *input;

	MUST(router_open(&router) == 0);
	MUST(pages_add(router, NULL, NULL) == 0);
	MUST(net_parse(&address, "127.0.0.1:0") == 0);
	MUST(in_http_open(&input, &fuzz_hub, &address, NULL, router, error) == 0);
	input->own = true;
	fuzz_hub.inputs = input;
	return input;
}

/* Some figures to show, and lines to read. */
static void fill(struct feed *feed)
{
	for (unsigned n = feed_below(feed, 4); n > 0; n--)
		fuzz_service->counts.lives += feed_32(feed);
	fuzz_service->manifest.version = feed_below(feed, 2) ? strdup("1.0") : NULL;
	fuzz_hub.options.journal = &journal;
	fuzz_hub.options.file = "/nonexistent/hub.yaml";
}

static void check_body(const char *type, size_t type_n, const char *body, size_t n)
{
	json_error_t error;
	json_t *value;

	if (!memmem(type, type_n, "json", 4))
		return;
	value = json_loadb(body, n, 0, &error);
	MUST(value != NULL);
	json_decref(value);
}

/* Whole answers, one behind the other. */
static void check_answers(struct talk *t)
{
	const char *p = (const char *)t->heard, *end = p + t->n;

	MUST(t->n < sizeof(t->heard));
	t->heard[t->n] = '\0';
	while (p < end) {
		const char *head = memmem(p, (size_t)(end - p), "\r\n\r\n", 4), *length, *type;
		size_t n;

		MUST(head && strncmp(p, "HTTP/1.1 ", 9) == 0);
		length = memmem(p, (size_t)(head - p), "\r\nContent-Length: ", 18);
		type = memmem(p, (size_t)(head - p), "\r\nContent-Type: ", 16);
		p = head + 4;
		n = length ? strtoul(length + 18, NULL, 10) : 0;
		/* of HEAD nothing comes; then the next answer stands there */
		if (n == 0 || (size_t)(end - p) < n || strncmp(p, "HTTP/1.1 ", 9) == 0)
			continue;
		if (type)
			check_body(type, (size_t)(head - type), p, n);
		p += n;
	}
}

/* The journal writes to standard error, so its lines are made once. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char text[300];

	(void)argc, (void)argv;
	clock_reset();
	memset(text, 'x', sizeof(text) - 1);
	journal_open(&journal, true);
	log_info("started");
	log_about(
		LOG_WARN, "fuzzed", "0123456789abcdef0123456789abcdef", "\033[31m\"quoted\" \xff");
	log_about(LOG_ERROR, "other", NULL, "%s", text);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static struct talk talk;
	struct feed feed = {input, n};
	uint32_t pieces = feed_16(&feed);
	struct net_address peer = {.size = sizeof(sa_family_t)};
	struct input *listener;

	fuzz_hub_open();
	fuzz_hub_served = NULL;
	listener = open_listener();
	fill(&feed);
	peer.any.sa_family = AF_UNIX;
	MUST(conn_open(listener, talk_pair(&talk), &peer) == 0);
	talk_send(&talk, feed.p, feed.n, pieces, 0);
	talk_end(&talk);
	check_answers(&talk);
	free(fuzz_service->manifest.version);
	fuzz_service->manifest.version = NULL;
	fuzz_hub_close();
	return 0;
}
