/* hub/coap/request.c - a request becomes an event, and gets its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/coap/identity.h"
#include "hub/coap/listener.h"
#include "hub/coap/speech.h"
#include "hub/coap/watch.h"
#include "hub/http/router.h"
#include "hub/http/target.h"
#include "hub/hub.h"
#include "sys/clock.h"

/* A life that takes longer gets its acknowledgement before it ends (RFC 7252, 5.2.2): clients send again
 * after 2 s. */
#define ACK_NS CLOCK_S

/* A request whose answer is awaited. */
struct exchange {
	struct exchange *next, *prev; /* of those that aren't acknowledged */
	struct in_coap *in;
	struct engine_peer *peer; /* held */
	struct doubles_entry *entry;
	uint64_t key, ack_at;
	uint8_t method;
	bool acked, watches;
	struct coap_message asked; /* its numbers; no texts */
};

/* ------------------------------------------------------------------- answers */

void coap_say(struct in_coap *in, struct engine_peer *peer, const struct coap_message *message)
{
	if (!engine_send(in->engine, peer, message)) {
		in->input.counts.unsent++;
		return;
	}
	in->input.counts.replies++;
	in->input.counts.bytes_out += message->payload.n;
}

/* It said that it isn't interested in answers of this class (RFC 7967). */
static bool is_unwanted(const struct coap_message *asked, uint8_t code)
{
	return asked->given & HAS_NO_RESPONSE &&
		(asked->no_response & (1u << (MESSAGE_CLASS(code) - 1)));
}

/* The answer to `asked`, with the acknowledgement or, if that was given, in a message of its own. */
static void answer_to(struct in_coap *in, struct engine_peer *peer,
	const struct coap_message *asked, bool acked, struct coap_message *answer)
{
	answer->type = asked->type;
	if (asked->type == MESSAGE_CON && !acked)
		answer->type = MESSAGE_ACK;
	answer->id = asked->id;
	answer->token_n = asked->token_n;
	memcpy(answer->token, asked->token, sizeof(answer->token));
	if (answer->code != 0 && is_unwanted(asked, answer->code)) {
		if (answer->type != MESSAGE_ACK)
			return;
		*answer = (struct coap_message){.type = MESSAGE_ACK, .id = asked->id};
	}
	coap_say(in, peer, answer);
}

static void acknowledge(
	struct in_coap *in, struct engine_peer *peer, const struct coap_message *asked)
{
	const struct coap_message empty = {.type = MESSAGE_ACK, .id = asked->id};

	if (asked->type == MESSAGE_CON)
		(void)engine_send(in->engine, peer, &empty);
}

static struct mf_str text_of(const char *text)
{
	return mf_str_of(text, strlen(text));
}

/* What makes it no event. */
static void turn_away(struct in_coap *in, struct engine_peer *peer,
	const struct coap_message *asked, uint8_t code, const char *detail)
{
	struct coap_message answer = {.code = code, .payload = text_of(detail)};

	in->input.counts.bad++;
	answer_to(in, peer, asked, false, &answer);
}

static void put_refusal(
	struct coap_message *answer, const struct service *service, enum refusal why)
{
	const struct speech_refusal *r = speech_refusal(why);

	*answer = (struct coap_message){.code = r->code, .payload = text_of(r->detail)};
	if (r->again) {
		answer->given = HAS_MAX_AGE;
		answer->max_age =
			(uint32_t)((service_retry_ns(service, why) + CLOCK_S - 1) / CLOCK_S);
	}
	if (why == REFUSED_TOO_BIG) {
		answer->given = HAS_SIZE1; /* RFC 7959, 2.9.3 */
		answer->size1 = service->note.event_bytes;
	}
}

static void refuse(struct in_coap *in, struct engine_peer *peer, const struct coap_message *asked,
	const struct service *service, enum refusal why)
{
	struct coap_message answer;

	put_refusal(&answer, service, why);
	answer_to(in, peer, asked, false, &answer);
}

/* ---------------------------------------------------------------------- blocks */

static uint8_t block_size(const struct coap_message *asked)
{
	return asked->given & HAS_BLOCK2 ? asked->block2.szx : BLOCK_SZX_MOST;
}

/* A block behind the first, of an answer that is kept. True: it was answered. */
static bool answer_block(struct in_coap *in, struct engine_peer *peer,
	const struct coap_message *asked, uint64_t key)
{
	struct coap_message answer;

	if (!bodies_find(in->bodies, key, loop_now(in->input.hub->loop), &answer)) {
		if (asked->code == METHOD_GET || asked->code == METHOD_FETCH)
			return false; /* it may be had anew */
		turn_away(in, peer, asked, MESSAGE_CODE(4, 8),
			"what this is a block of is no longer known: ask from the start");
		return true;
	}
	answer.given &= ~(unsigned)HAS_OBSERVE;
	if (!bodies_cut(&answer, asked->block2.num, asked->block2.szx)) {
		turn_away(in, peer, asked, MESSAGE_CODE(4, 0), "there is no such block");
		return true;
	}
	answer_to(in, peer, asked, false, &answer);
	return true;
}

/* ---------------------------------------------------------------------- replies */

/* By which a client sees that it has this answer already, and that all blocks are of one. */
static void put_etag(const struct in_coap *in, struct coap_message *answer)
{
	uint8_t hash[crypto_shorthash_BYTES];

	crypto_shorthash(hash, answer->payload.p, answer->payload.n, in->seed);
	answer->etag_n = 4;
	memcpy(answer->etag, hash, answer->etag_n);
}

/* What depends on who asked. */
static void fit(struct exchange *x, struct coap_message *answer)
{
	const struct coap_message *asked = &x->asked;
	bool got = answer->code == MESSAGE_CODE(2, 5);

	if (got && asked->given & HAS_ACCEPT && answer->given & HAS_FORMAT &&
		asked->accept != answer->format) {
		*answer = (struct coap_message){.code = MESSAGE_CODE(4, 6),
			.payload = text_of("the service answers in another format")};
		return;
	}
	if (got && answer->payload.n > 0)
		put_etag(x->in, answer);
	if (got && asked->etag_n > 0 && asked->etag_n == answer->etag_n &&
		memcmp(asked->etag, answer->etag, answer->etag_n) == 0) {
		answer->code = MESSAGE_CODE(2, 3);
		answer->payload = mf_str_of(NULL, 0);
		answer->given &= ~(unsigned)HAS_FORMAT;
	}
	if (asked->given & HAS_BLOCK2 && asked->block2.num > 0) {
		/* a GET once more for one of its blocks */
		if (!bodies_cut(answer, asked->block2.num, asked->block2.szx))
			*answer = (struct coap_message){.code = MESSAGE_CODE(4, 0),
				.payload = text_of("there is no such block")};
		return;
	}
	if (x->watches)
		watch_answered(x->in, x->peer, asked, answer);
	coap_cut(x->in, x->peer, x->key, answer, block_size(asked));
	if (asked->given & HAS_BLOCK1) {
		answer->given |= HAS_BLOCK1;
		answer->block1 = asked->block1;
	}
}

/* ----------------------------------------------------------------- exchanges */

static void wait_for_ack(struct exchange *x)
{
	struct in_coap *in = x->in;

	x->ack_at = loop_now(in->input.hub->loop) + ACK_NS;
	x->prev = in->last;
	if (in->last)
		in->last->next = x;
	else
		in->first = x;
	in->last = x;
	if (in->timer.place == 0 || x->ack_at < in->timer.at)
		(void)loop_timer_set(in->input.hub->loop, &in->timer, x->ack_at);
}

static void stop_waiting(struct exchange *x)
{
	if (x->asked.type != MESSAGE_CON || x->acked)
		return;
	if (x->prev)
		x->prev->next = x->next;
	else
		x->in->first = x->next;
	if (x->next)
		x->next->prev = x->prev;
	else
		x->in->last = x->prev;
}

static void acknowledge_late(struct exchange *x)
{
	acknowledge(x->in, x->peer, &x->asked);
	stop_waiting(x);
	x->acked = true;
}

/* Its client is impatient. */
static void acknowledge_running(struct in_coap *in, const struct doubles_entry *entry,
	struct engine_peer *peer, const struct coap_message *asked)
{
	struct exchange *x = in->first;

	while (x && x->entry != entry)
		x = x->next;
	if (x)
		acknowledge_late(x);
	else
		acknowledge(in, peer, asked);
}

void coap_on_timer(struct loop_timer *timer)
{
	struct in_coap *in = LOOP_OWNER(timer, struct in_coap, timer);
	uint64_t now = loop_now(in->input.hub->loop), next, at;

	while (in->first && in->first->ack_at <= now)
		acknowledge_late(in->first);
	next = in->first ? in->first->ack_at : 0;
	at = doubles_expire(in->doubles, now);
	if (at > 0 && (next == 0 || at < next))
		next = at;
	at = bodies_expire(in->bodies, now);
	if (at > 0 && (next == 0 || at < next))
		next = at;
	if (next > 0)
		(void)loop_timer_set(in->input.hub->loop, timer, next);
}

static void finish(struct exchange *x)
{
	struct in_coap *in = x->in;

	stop_waiting(x);
	engine_drop(in->engine, x->peer);
	in->input.tasks--;
	free(x);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct exchange *x = task->context;
	struct coap_message answer;

	coap_reply(&answer, x->method, reply);
	fit(x, &answer);
	if (x->entry)
		doubles_keep(x->in->doubles, x->entry,
			x->asked.type == MESSAGE_CON ? &answer : NULL, x->acked);
	answer_to(x->in, x->peer, &x->asked, x->acked, &answer);
	finish(x);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct exchange *x = task->context;
	struct coap_message answer;

	put_refusal(&answer, task->service, why);
	if (x->watches)
		watch_answered(x->in, x->peer, &x->asked, &answer);
	if (x->entry)
		doubles_drop(x->in->doubles, x->entry);
	answer_to(x->in, x->peer, &x->asked, x->acked, &answer);
	finish(x);
}

/* libcoap's session with its endpoint stays as long: about 1 KiB, by valgrind's massif. */
static const struct origin_ops origin = {.source = "coap",
	.reply = on_reply,
	.refuse = on_refuse,
	.keeps = sizeof(struct exchange) + 1024};

static struct exchange *make_exchange(struct in_coap *in, struct engine_peer *peer,
	const struct coap_message *asked, uint64_t key)
{
	static const struct mf_str none = {NULL, 0};
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->in = in;
	x->peer = peer;
	x->key = key;
	x->method = asked->code;
	x->asked = *asked;
	x->asked.host = x->asked.path = x->asked.query = x->asked.payload = none;
	engine_hold(in->engine, peer);
	in->input.tasks++;
	if (asked->type == MESSAGE_CON)
		wait_for_ack(x);
	return x;
}

/* ---------------------------------------------------------------------- events */

/* False: it doesn't fit. */
static bool write_event(struct task *task, const struct in_coap *in, const struct engine_peer *peer,
	const struct coap_message *asked, struct mf_str body)
{
	struct event_writer *w = &task->writer;
	struct mf_str who = engine_identity(in->engine, peer);
	char text[NET_TEXT], media[SPEECH_MEDIA_MOST], client[PSK_IDENTITY_MAX + 8];
	size_t n;

	engine_address(in->engine, peer, &task->peer);
	if (!event_span(w, &task->head.method, text_of(speech_method(asked->code))) ||
		!event_span(w, &task->head.query, asked->query) ||
		!event_span(w, &task->head.peer, mf_str_of(text, net_text(&task->peer, text))))
		return false;
	n = asked->given & HAS_FORMAT ? speech_media(asked->format, media) : 0;
	if (!event_span(w, &task->head.content_type, mf_str_of(media, n)))
		return false;
	if (who.n > 0 && who.n <= PSK_IDENTITY_MAX) {
		memcpy(client, "psk:", 4);
		memcpy(client + 4, who.p, who.n);
		if (!event_attribute(w, MF_STR(MF_CLIENT), mf_str_of(client, 4 + who.n)))
			return false;
	}
	return event_span(w, &task->head.payload, body);
}

static struct task *make_task(struct in_coap *in, struct engine_peer *peer,
	const struct route *route, const struct coap_message *asked, struct mf_str body,
	enum refusal *why)
{
	struct task *task = service_begin(
		route->service, MF_SOURCE_COAP, MF_STR("coap.request"), asked->path, why);

	in->input.counts.events++;
	if (task && !write_event(task, in, peer, asked, body)) {
		service_cancel(task);
		*why = REFUSED_TOO_BIG;
		return NULL;
	}
	return task;
}

static void make_event(struct in_coap *in, struct engine_peer *peer, const struct route *route,
	const struct coap_message *asked, struct mf_str body, struct doubles_entry *entry,
	uint64_t key)
{
	enum refusal why = REFUSED_BUSY;
	struct task *task = make_task(in, peer, route, asked, body, &why);
	struct exchange *x = task ? make_exchange(in, peer, asked, key) : NULL;

	if (!x) {
		if (task)
			service_cancel(task);
		if (entry)
			doubles_drop(in->doubles, entry);
		service_refused(route->service, why);
		refuse(in, peer, asked, route->service, why);
		return;
	}
	x->entry = entry;
	identity_give(task, in, asked, body);
	task->origin = &origin;
	task->context = x;
	if (asked->given & HAS_OBSERVE && asked->observe == 0 && asked->code == METHOD_GET)
		x->watches = watch_add(in, peer, route->service, asked);
	service_submit(task);
}

/* -------------------------------------------------------------------- requests */

/* A request that came before. True: it was dealt with. */
static bool repeat(struct in_coap *in, struct engine_peer *peer, const struct coap_message *asked,
	struct doubles_entry **entry)
{
	struct doubles_key key = {.session = engine_session(in->engine, peer), .id = asked->id};
	struct coap_message answer;

	engine_address(in->engine, peer, &key.from);
	switch (doubles_find(in->doubles, &key, asked, loop_now(in->input.hub->loop), entry)) {
	case DOUBLES_NEW: return false;
	case DOUBLES_ANSWERED:
		if (asked->type != MESSAGE_CON)
			return true;
		doubles_answer(*entry, &answer);
		answer_to(in, peer, asked, false, &answer);
		return true;
	case DOUBLES_RUNNING: acknowledge_running(in, *entry, peer, asked); return true;
	default: acknowledge(in, peer, asked); return true;
	}
}

/* A block of a request. True: it is whole. */
static bool take_block(struct in_coap *in, struct engine_peer *peer, const struct route *route,
	const struct coap_message *asked, uint64_t key, struct mf_str *body)
{
	struct coap_message answer = {0};

	switch (bodies_take(in->bodies, key, asked, route->service->note.event_bytes,
		loop_now(in->input.hub->loop), body)) {
	case BODIES_WHOLE: return true;
	case BODIES_MORE:
		answer.code = MESSAGE_CODE(2, 31);
		answer.given = HAS_BLOCK1;
		answer.block1 = asked->block1;
		answer_to(in, peer, asked, false, &answer);
		return false;
	case BODIES_TOO_BIG:
		service_refused(route->service, REFUSED_TOO_BIG);
		refuse(in, peer, asked, route->service, REFUSED_TOO_BIG);
		return false;
	case BODIES_FULL:
		service_refused(route->service, REFUSED_BUSY);
		refuse(in, peer, asked, route->service, REFUSED_BUSY);
		return false;
	case BODIES_INCOMPLETE:
		turn_away(
			in, peer, asked, MESSAGE_CODE(4, 8), "blocks before this one are missing");
		return false;
	default: turn_away(in, peer, asked, MESSAGE_CODE(4, 0), "this is no block"); return false;
	}
}

static void ask_service(struct in_coap *in, struct engine_peer *peer, const struct route *route,
	const struct coap_message *asked)
{
	uint64_t key = coap_body_key(in, peer, asked->code, asked->path, asked->query);
	struct doubles_entry *entry = NULL;
	struct mf_str body = asked->payload;

	if (asked->given & HAS_OBSERVE && asked->observe == 1)
		watch_cancel(in, peer, asked->token, asked->token_n);
	if (asked->given & HAS_BLOCK2 && asked->block2.szx > BLOCK_SZX_MOST) {
		turn_away(in, peer, asked, MESSAGE_CODE(4, 0), "this is no block");
		return;
	}
	if (asked->given & HAS_BLOCK2 && asked->block2.num > 0 &&
		answer_block(in, peer, asked, key))
		return;
	if (repeat(in, peer, asked, &entry))
		return;
	if (asked->given & HAS_BLOCK1 && !take_block(in, peer, route, asked, key, &body)) {
		if (entry)
			doubles_drop(in->doubles, entry);
		return;
	}
	make_event(in, peer, route, asked, body, entry, key);
}

static void answer_core(
	struct in_coap *in, struct engine_peer *peer, const struct coap_message *asked)
{
	struct coap_message answer = {
		.code = MESSAGE_CODE(2, 5), .given = HAS_FORMAT, .format = 40};
	uint64_t key = coap_body_key(in, peer, asked->code, asked->path, asked->query);
	char *text;
	size_t n;

	if (asked->code != METHOD_GET) {
		turn_away(in, peer, asked, MESSAGE_CODE(4, 5), "this path has other methods");
		return;
	}
	if (asked->given & HAS_BLOCK2 && asked->block2.num > 0 &&
		answer_block(in, peer, asked, key))
		return;
	text = coap_core(in, asked->query, &n);
	if (!text) {
		turn_away(in, peer, asked, MESSAGE_CODE(5, 0), "the hub has no memory");
		return;
	}
	answer.payload = mf_str_of(text, n);
	coap_cut(in, peer, key, &answer, block_size(asked));
	answer_to(in, peer, asked, false, &answer);
	free(text);
}

/* DTLS: with which key it came in may have been taken away since. */
static bool is_still_known(const struct in_coap *in, const struct engine_peer *peer)
{
	struct mf_str key;

	return !in->psk ||
		(psk_find(in->psk, engine_identity(in->engine, peer), &key) &&
			mf_str_eq(key, engine_key(in->engine, peer)));
}

/* What is wrong with it whoever it is for; 0: nothing. */
static uint8_t check(const struct in_coap *in, const struct engine_peer *peer,
	const struct coap_message *asked, const char **detail)
{
	struct target target;

	if (!is_still_known(in, peer)) {
		*detail = "this identity is no longer known";
		return MESSAGE_CODE(4, 1);
	}
	if (asked->given & HAS_CONDITION) {
		*detail = "If-Match and If-None-Match mean nothing here";
		return MESSAGE_CODE(4, 2);
	}
	/* the same are no paths as in HTTP: ".." and zero bytes, in any way of writing them */
	*detail = asked->path.n > 0 ? target_parse(&target, asked->path, false)
				    : "the path is too long";
	return *detail ? MESSAGE_CODE(4, 0) : 0;
}

void coap_asked(void *context, struct engine_peer *peer, const struct coap_message *request)
{
	struct in_coap *in = context;
	char allow[ROUTER_ALLOW_MAX] = "";
	const struct route *route;
	const char *detail = NULL;
	uint8_t wrong = check(in, peer, request, &detail);
	enum router_result found;

	in->input.counts.requests++;
	in->input.counts.bytes_in += request->payload.n;
	if (wrong != 0) {
		turn_away(in, peer, request, wrong, detail);
		return;
	}
	if (in->stopping) {
		turn_away(in, peer, request, MESSAGE_CODE(5, 3), "the hub is stopping");
		return;
	}
	if (mf_str_is(request->path, "/.well-known/core")) {
		answer_core(in, peer, request);
		return;
	}
	found = router_find(in->router, request->host, text_of(speech_method(request->code)),
		request->path, &route, allow);
	if (found == ROUTER_FOUND) {
		ask_service(in, peer, route, request);
		return;
	}
	recent_note(&in->input.hub->recent,
		&(struct recent_note){.source = in->input.ops->name,
			.subject = request->path,
			.result = found == ROUTER_NO_PATH ? "no service" : "no method",
			.refused = true,
			.times = 1});
	if (found == ROUTER_NO_PATH)
		turn_away(in, peer, request, MESSAGE_CODE(4, 4), "nothing is here");
	else
		turn_away(in, peer, request, MESSAGE_CODE(4, 5), "this path has other methods");
}
