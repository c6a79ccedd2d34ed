/*
 * hub/http/quote.c - what a request would cost: one with `quote` in its query, to a service with a price. No life is
 * born. docs/market.md says what clients write.
 *
 * Its arrays are known by their shapes (`quote=1000x1000,1000x10`); by blobs that are here, of which only the heads are read; or
 * by a body, which comes as that of any request.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/heads.h"
#include "hub/http/operand_list.h"
#include "hub/http/problem.h"
#include "hub/http/router.h"
#include "hub/hub.h"
#include "hub/pricing.h"
#include "market/offer.h"
#include "wire/http_text.h"

#define DETAIL_MOST 300u /* of a problem (PROBLEM_MOST) */
#define SHAPES_MOST 1024u

/* ------------------------------------------------------------------------ answers */

/* It holds words of the client's. */
static void refuse(struct conn *c, unsigned status, const char *why)
{
	char detail[DETAIL_MOST + 1];
	struct problem p = {.status = status, .detail = detail};
	struct response r = {0};
	size_t n = 0;

	for (; n < DETAIL_MOST && why[n]; n++)
		detail[n] = why[n] < ' ' || why[n] > '~' || why[n] == '"' || why[n] == '\\'
			? '?'
			: why[n];
	detail[n] = '\0';
	exchange_turn_away(c, &p, &r);
}

static void answer(
	struct conn *c, const struct service *s, const char *path, const struct market_quote *quote)
{
	struct response r = {.status = 200, .content_type = MF_STR("application/json")};
	json_t *json = market_offer_json(&s->manifest, s->name, s->digest, path, quote);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char id[TASK_ID + 1];

	if (text) {
		task_make_id(id);
		r.event = id;
		r.version = s->manifest.version;
		send_answer(c, &r, mf_str_of(NULL, 0), mf_str_of(text, strlen(text)));
	} else { /* a path that isn't UTF-8, too */
		refuse(c, 400, "this path can't be written as JSON");
	}
	json_decref(json);
	free(text);
}

/* The path as a string. */
static void answer_for(struct conn *c, const struct service *s, const char *path,
	struct mf_str query, struct price_input *input)
{
	static const unsigned status[] = {
		[MARKET_NO_FORMULA] = 404, [MARKET_NO_INPUT] = 400, [MARKET_NO_NUMBER] = 422};
	struct market_quote quote;
	char why[PRICE_ERROR_MAX];
	enum market_result result;

	input->query = query;
	result = market_offer(&s->manifest, mf_str_of(path, strlen(path)), input, &quote, why);
	if (result == MARKET_QUOTED)
		answer(c, s, path, &quote);
	else
		refuse(c, status[result], why);
}

/* ------------------------------------------------------------- heads of blobs */

/* It outlives its connection until what is being read is. */
struct quoting {
	struct hub *hub;
	struct conn *conn;
	char *service, *path, *query;
	struct operand_list list;
	struct heads heads;
};

static void quoting_free(struct quoting *q)
{
	operand_list_free(&q->list);
	q->hub->held.held -= sizeof(*q);
	free(q->service);
	free(q->path);
	free(q->query);
	free(q);
}

static void finish(struct quoting *q)
{
	struct conn *c = q->conn;

	c->holds--;
	quoting_free(q);
	conn_settle(c);
}

static void fail(struct quoting *q, unsigned status, const char *why)
{
	if (q->conn->fd >= 0)
		refuse(q->conn, status, why);
	else
		q->conn->http->input.counts.unsent++;
	finish(q);
}

static void all_read(struct quoting *q)
{
	const char *query = q->query ? q->query : "";
	struct service *s = q->hub->services;

	while (s && strcmp(s->name, q->service) != 0)
		s = s->next;
	if (!s || !pricing_has(s)) {
		fail(q, 503, "the service was taken away meanwhile");
		return;
	}
	if (q->conn->fd >= 0)
		answer_for(q->conn, s, q->path, mf_str_of(query, strlen(query)), &q->heads.input);
	finish(q);
}

static void were_read(struct heads *heads, int error, const char *why)
{
	struct quoting *q = LOOP_OWNER(heads, struct quoting, heads);

	if (cache_closing(q->hub)) {
		conn_close(q->conn);
		finish(q);
	} else if (error == -EINVAL && why) {
		fail(q, 400, why);
	} else if (error < 0) {
		if (q->conn->fd >= 0)
			blob_refuse_error(q->conn, error, UINT64_MAX);
		finish(q);
	} else {
		all_read(q);
	}
}

static char *copy(struct mf_str s)
{
	return s.p ? strndup((const char *)s.p, s.n) : NULL;
}

static void begin(struct conn *c, const struct service *s, const struct request *request)
{
	const struct price_formula *formula = manifest_formula(&s->manifest, request->path);
	char detail[OPERANDS_DETAIL];
	struct quoting *q;
	unsigned status;

	if (!blob_hold(c, sizeof(*q)))
		return;
	q = calloc(1, sizeof(*q));
	if (!q) {
		c->http->input.hub->held.held -= sizeof(*q);
		refuse(c, 503, "the hub has no memory");
		return;
	}
	q->hub = c->http->input.hub;
	q->conn = c;
	q->service = strdup(s->name);
	q->path = copy(request->path);
	q->query = copy(request->query);
	status = operand_list_read(&q->list, q->hub->blobs, request, detail);
	if (status == 0 && (!q->service || !q->path || (request->query.p && !q->query))) {
		status = 503;
		snprintf(detail, sizeof(detail), "the hub has no memory");
	}
	q->heads = (struct heads){.hub = q->hub,
		.blobs = q->list.blob,
		.count = q->list.count,
		.wanted = formula ? price_arrays(formula) : 0,
		.done = were_read};
	q->heads.input.body_bytes = operand_list_bytes(&q->list);
	c->holds++;
	if (status != 0)
		fail(q, status, detail);
	else
		heads_read(&q->heads);
}

/* ------------------------------------------------------------------------ requests */

bool quote_wanted(const struct route *route, const struct request *request)
{
	return route->service && pricing_has(route->service) &&
		http_parameter(request->query, "quote").p;
}

static bool has_body(const struct request *request)
{
	return request->chunked || request->length > 0;
}

static bool names_blobs(const struct request *request)
{
	unsigned next = 0;

	return request_header(request, "mayfly-operands", &next).p != NULL;
}

bool quote_admit(struct conn *c, const struct request *request, bool *bodiless)
{
	const bool shapes = http_parameter(request->query, "quote").n > 0;

	*bodiless = shapes || (names_blobs(request) && !has_body(request));
	if (!shapes || (!has_body(request) && !names_blobs(request)))
		return true;
	refuse(c, 400, "a quote is of shapes or of arrays: quote=1000x10, or quote and a body");
	return false;
}

static void run_shapes(
	struct conn *c, const struct service *s, const struct request *request, const char *path)
{
	struct mf_str text = http_parameter(request->query, "quote");
	struct price_input input = {.arrays = 0};
	uint8_t decoded[SHAPES_MOST];
	char why[PRICE_ERROR_MAX];
	size_t n = 0;

	if (text.n > sizeof(decoded) || !http_decode(text, false, decoded, &n))
		refuse(c, 400, "quote is too long, or not well escaped");
	else if (!price_shapes(mf_str_of(decoded, n), &input, why))
		refuse(c, 400, why);
	else
		answer_for(c, s, path, request->query, &input);
}

static void run_body(struct conn *c, const struct service *s, const struct request *request,
	const char *path, struct mf_str body)
{
	const struct price_formula *formula = manifest_formula(&s->manifest, request->path);
	struct price_input input = {.arrays = 0};
	char why[PRICE_ERROR_MAX];

	if (c->spool.areas)
		body = mf_str_of(
			areas_input(c->spool.areas, c->spool.number), (size_t)c->spool.bytes);
	if (formula && !price_heads(body, price_arrays(formula), &input, why))
		refuse(c, 400, why);
	else
		answer_for(c, s, path, request->query, &input);
}

void quote_run(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str body)
{
	const struct service *s = route->service;
	char *path = copy(request->path);

	if (!path)
		refuse(c, 503, "the hub has no memory");
	else if (http_parameter(request->query, "quote").n > 0)
		run_shapes(c, s, request, path);
	else if (names_blobs(request) && !has_body(request))
		begin(c, s, request);
	else
		run_body(c, s, request, path, body);
	free(path);
}
