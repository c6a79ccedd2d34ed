/*
 * fuzz/coap.c - what clients of CoAP ask, as the library hands it over: methods, options, blocks both ways, observers,
 * requests that come again, clients that don't answer. Beside the hub's own code stands no libcoap: the engine here
 * notes what is sent. What leaves is sound, a request that comes again within its lifetime has no second life and gets
 * the same answer, each event ends once, and nothing is left at the end.
 */
/* with: fuzz/lib/hub.c fuzz/lib/worker.c fuzz/lib/clock.c */
/* link: -Wl,--wrap=clock_gettime */
/* libfuzzer: -max_len=4096 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/clock.h"
#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/hub.h"
#include "fuzz/lib/worker.h"
#include "hub/coap/engine.h"
#include "hub/coap/watch.h"
#include "hub/coap/way.h"
#include "hub/in_coap.h"
#include "sys/clock.h"

#define STEPS_MOST 150u
#define PEERS      4u
#define KEPT       16u
#define ROOM       1024u

/* -------------------------------------------------------------------- engine */

struct engine_peer {
	unsigned held;
	struct net_address address;
	uint16_t next_id;               /* of what is sent to it unasked */
	struct coap_message sent[KEPT]; /* confirmable, not acknowledged; without texts */
	unsigned sent_count;
};

static struct engine {
	const struct engine_ops *ops;
	void *context;
	bool open;
} engine_here;
static struct engine_peer peers[PEERS];

/* What came, and what it was answered at once. */
static struct asked {
	struct engine_peer *peer;
	struct coap_message message;
	uint8_t path[64], query[64], payload[600];
	uint64_t at_ns;
	bool answered;
	bool unsure; /* its id is that of one before, whose answer is still to come */
	uint8_t code;
	size_t answer_n;
	uint8_t answer[ROOM];
} asked[KEPT];
static unsigned asked_count;
static struct asked *asking; /* now */

int engine_open(struct engine **engine, struct loop *loop, const struct engine_ops *ops,
	void *context, bool dtls, char error[static ENGINE_ERROR_MAX])
{
	(void)loop;
	(void)error;
	MUST(!dtls && !engine_here.open);
	engine_here = (struct engine){ops, context, true};
	*engine = &engine_here;
	return 0;
}

void engine_close(struct engine *engine)
{
	MUST(engine == &engine_here && engine->open);
	engine->open = false;
	for (unsigned i = 0; i < PEERS; i++)
		MUST(peers[i].held == 0);
}

int engine_listen(struct engine *engine, struct net_address *address)
{
	(void)engine;
	(void)address;
	return 0;
}

static bool plain(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t')
			return false;
	return true;
}

/* RFC 7252, 4.1, 5.3.2; RFC 7959, 2.2; RFC 7641, 3.2 */
static void check_sent(const struct coap_message *m)
{
	uint8_t class = MESSAGE_CLASS(m->code);

	MUST(m->type <= MESSAGE_RST && m->token_n <= MESSAGE_TOKEN && m->etag_n <= MESSAGE_ETAG);
	MUST(m->payload.n <= ROOM);
	if (m->code == 0) {
		MUST(m->type != MESSAGE_NON && m->payload.n == 0 && m->given == 0);
		return;
	}
	MUST(class == 2 || class == 4 || class == 5); /* nothing is asked from here */
	MUST(m->type != MESSAGE_RST);
	if (m->given & HAS_BLOCK2)
		MUST(m->block2.szx <= BLOCK_SZX_MOST && m->block2.num <= BLOCK_NUM_MOST &&
			m->payload.n <= BLOCK_SIZE(m->block2.szx) &&
			(!m->block2.more || m->payload.n == BLOCK_SIZE(m->block2.szx)));
	if (m->given & HAS_OBSERVE)
		MUST(class == 2 && m->observe < 1u << 24);
	if (class != 2) /* RFC 7252, 5.5.2: words for people */
		MUST(plain(m->payload));
}

/* The answer to the request at hand, if it is one: the first one stays what it was. */
static void compare(const struct coap_message *m)
{
	struct asked *a = asking;

	if (!a || m->type != MESSAGE_ACK || m->code == 0)
		return;
	MUST(m->id == a->message.id && m->token_n == a->message.token_n &&
		memcmp(m->token, a->message.token, m->token_n) == 0);
	if (a->answered && !a->unsure)
		MUST(m->code == a->code && m->payload.n == a->answer_n &&
			(m->payload.n == 0 || memcmp(m->payload.p, a->answer, a->answer_n) == 0));
}

static void note_answer(struct engine_peer *peer, const struct coap_message *m)
{
	for (unsigned i = 0; i < asked_count; i++) {
		struct asked *a = &asked[i];

		if (a->peer != peer || a->answered || m->type != MESSAGE_ACK || m->code == 0 ||
			MESSAGE_CLASS(m->code) != 2 || a->message.id != m->id)
			continue;
		a->answered = true;
		a->code = m->code;
		a->answer_n = m->payload.n;
		if (m->payload.n > 0)
			memcpy(a->answer, m->payload.p, m->payload.n);
	}
}

bool engine_send(
	struct engine *engine, struct engine_peer *peer, const struct coap_message *message)
{
	MUST(engine == &engine_here && peer >= peers && peer < peers + PEERS);
	check_sent(message);
	free(fuzz_copy(message->payload.p, message->payload.n));
	compare(message);
	note_answer(peer, message);
	if (message->type == MESSAGE_CON && peer->sent_count < KEPT) {
		peer->sent[peer->sent_count] = *message;
		peer->sent[peer->sent_count].payload = mf_str_of(NULL, 0);
		peer->sent[peer->sent_count++].id = peer->next_id++;
	}
	return true;
}

size_t engine_room(const struct engine *engine, const struct engine_peer *peer)
{
	(void)engine;
	(void)peer;
	return ROOM;
}

struct engine_peer *engine_peer(struct engine *engine, const struct net_address *address)
{
	(void)engine;
	(void)address;
	return NULL;
}

struct engine_peer *engine_peer_dtls(struct engine *engine, const struct net_address *address,
	struct mf_str identity, struct mf_str key)
{
	(void)identity;
	(void)key;
	return engine_peer(engine, address);
}

void engine_share(struct engine *engine, unsigned services)
{
	(void)engine;
	(void)services;
}

void engine_hold(struct engine *engine, struct engine_peer *peer)
{
	(void)engine;
	peer->held++;
}

void engine_drop(struct engine *engine, struct engine_peer *peer)
{
	(void)engine;
	MUST(peer->held > 0);
	peer->held--;
}

void engine_address(
	const struct engine *engine, const struct engine_peer *peer, struct net_address *address)
{
	(void)engine;
	*address = peer->address;
}

struct mf_str engine_identity(const struct engine *engine, const struct engine_peer *peer)
{
	(void)engine;
	(void)peer;
	return mf_str_of(NULL, 0);
}

struct mf_str engine_key(const struct engine *engine, const struct engine_peer *peer)
{
	return engine_identity(engine, peer);
}

uint32_t engine_session(const struct engine *engine, const struct engine_peer *peer)
{
	(void)engine;
	(void)peer;
	return 0;
}

/* ------------------------------------------------------------------- clients */

static struct mf_str keep(uint8_t *to, size_t size, struct mf_str s)
{
	size_t n = s.n < size ? s.n : size;

	if (n > 0)
		memcpy(to, s.p, n);
	return mf_str_of(to, n);
}

static struct mf_str some_path(struct feed *feed)
{
	static const char *const paths[] = {"/s/a", "/s/b", "/g", "/p", "/o/x", "/.well-known/core",
		"/nonesuch", "/", "/s/%41", "/s/%00", "/s/../g", ""};
	const char *path = paths[feed_below(feed, sizeof(paths) / sizeof(paths[0]))];

	return mf_str_of(path, strlen(path));
}

static struct message_block some_block(struct feed *feed)
{
	uint8_t byte = feed_8(feed);

	return (struct message_block){
		.num = byte < 250 ? byte & 7u : feed_32(feed) & BLOCK_NUM_MOST,
		.more = feed_below(feed, 2) == 1,
		.szx = (uint8_t)feed_below(feed, 8)};
}

/* Its method is one that the engine asked the library for, its options are as it leaves them: within their bits. */
static void fill(struct feed *feed, struct asked *a)
{
	struct coap_message *m = &a->message;

	*m = (struct coap_message){
		.type = feed_below(feed, 4) == 3 ? MESSAGE_NON : MESSAGE_CON,
		.code = (uint8_t)(1 + feed_below(feed, 7)),
		.id = feed_below(feed, 12) < 11 ? feed_8(feed) & 31u : feed_16(feed),
		.token_n = (uint8_t)feed_below(feed, 3),
		.given = feed_16(feed) & 0x3ffu,
	};
	m->token[0] = feed_8(feed) & 3u;
	m->token[1] = 7;
	if (feed_below(feed, 8) > 0) /* most have no conditions, and want to be answered */
		m->given &= ~(unsigned)(HAS_CONDITION | HAS_NO_RESPONSE);
	if (feed_below(feed, 3) > 0)
		m->given &= ~(unsigned)(HAS_BLOCK1 | HAS_BLOCK2);
	m->etag_n = (uint8_t)(feed_below(feed, 8) == 7 ? feed_below(feed, 9) : 0);
	m->format = feed_below(feed, 4) == 3 ? feed_16(feed) : 0;
	m->accept = feed_below(feed, 4) == 3 ? feed_16(feed) : 0;
	m->observe = feed_below(feed, 3);
	m->no_response = feed_8(feed);
	m->size1 = feed_32(feed);
	m->block1 = some_block(feed);
	m->block2 = some_block(feed);
	m->path = keep(a->path, sizeof(a->path), some_path(feed));
	m->query = keep(a->query, sizeof(a->query),
		feed_below(feed, 3) == 2 ? MF_STR("a=1&b") : MF_STR(""));
	m->payload = keep(a->payload, sizeof(a->payload), feed_some(feed, sizeof(a->payload)));
	if (m->given & HAS_BLOCK1 && feed_below(feed, 2) == 1 &&
		m->block1.szx < 4) /* whole blocks */
		m->payload.n = m->payload.n < BLOCK_SIZE(m->block1.szx) ? m->payload.n
									: BLOCK_SIZE(m->block1.szx);
}

static void hand_over(struct asked *a)
{
	asking = a;
	engine_here.ops->asked(engine_here.context, a->peer, &a->message);
	asking = NULL;
}

/* Another request with this id means that the one before is over, for its client. */
static struct asked *place_for(struct engine_peer *peer, uint16_t id)
{
	for (unsigned i = 0; i < asked_count; i++)
		if (asked[i].peer == peer && asked[i].message.id == id)
			return &asked[i];
	if (asked_count == KEPT)
		return NULL;
	asked[asked_count].peer = NULL;
	return &asked[asked_count++];
}

static void ask(struct feed *feed)
{
	static struct asked fresh;
	struct asked *a;

	fresh = (struct asked){.peer = &peers[feed_below(feed, PEERS)], .at_ns = clock_mono_ns()};
	fill(feed, &fresh);
	a = place_for(fresh.peer, fresh.message.id);
	if (!a) { /* nobody asks for it again */
		hand_over(&fresh);
		return;
	}
	fresh.unsure = a->peer && (a->unsure || !a->answered);
	*a = fresh;
	a->message.path.p = a->path;
	a->message.query.p = a->query;
	a->message.payload.p = a->payload;
	hand_over(a);
}

/* Of what was answered with a life there is no second one, for as long as it is remembered. */
static bool is_remembered(const struct asked *a)
{
	return a->answered && !a->unsure && a->message.type == MESSAGE_CON &&
		!(a->message.given & (HAS_BLOCK1 | HAS_BLOCK2)) &&
		!mf_str_is(a->message.path, "/.well-known/core") &&
		clock_mono_ns() - a->at_ns < 240 * CLOCK_S;
}

static void ask_again(struct feed *feed)
{
	struct asked *a = asked_count > 0 ? &asked[feed_below(feed, asked_count)] : NULL;
	uint64_t accepted = fuzz_service->counts.accepted;
	bool remembered = a && is_remembered(a);

	if (!a)
		return;
	if (!remembered)
		a->answered = false;
	hand_over(a);
	MUST(!remembered || fuzz_service->counts.accepted == accepted);
}

/* One of our confirmable messages: acknowledged, or not. */
static void settle(struct feed *feed)
{
	struct engine_peer *p = &peers[feed_below(feed, PEERS)];
	struct coap_message m;
	unsigned i;

	if (p->sent_count == 0)
		return;
	i = feed_below(feed, p->sent_count);
	m = p->sent[i];
	p->sent[i] = p->sent[--p->sent_count];
	if (feed_below(feed, 2) == 1)
		engine_here.ops->failed(engine_here.context, p, &m);
}

static void pass_time(struct feed *feed)
{
	static const uint64_t steps[] = {CLOCK_MS, 50 * CLOCK_MS, CLOCK_S, 3 * CLOCK_S,
		11 * CLOCK_S, 70 * CLOCK_S, 150 * CLOCK_S, 300 * CLOCK_S};

	clock_advance(steps[feed_below(feed, 8)]);
	fuzz_hub_rounds(2);
}

static void step(struct feed *feed)
{
	switch (feed_below(feed, 13)) {
	case 0:
	case 1:
	case 2:
	case 3: ask(feed); break;
	case 4:
	case 5: ask_again(feed); break;
	case 6:
	case 7: fuzz_hub_serve(); break;
	case 8: settle(feed); break;
	case 9: pass_time(feed); break;
	case 10:
		(void)watch_emitted(
			&fuzz_hub, some_path(feed), MF_STR("text/plain"), feed_some(feed, 300));
		break;
	case 11: (void)way_wrong(&fuzz_hub, feed_some(feed, 200), feed_some(feed, 20)); break;
	default: worker_die((int)feed_below(feed, 12) - 3); break;
	}
	fuzz_hub_rounds(1);
}

/* ----------------------------------------------------------------------- all */

static void open_listener(void)
{
	const struct route routes[] = {
		{.path = "/s/#", .service = fuzz_service, .place = "here"},
		{.path = "/o/+", .service = fuzz_service, .place = "here"},
		{.path = "/g", .method = "GET", .service = fuzz_service, .place = "here"},
		{.path = "/p", .method = "POST", .service = fuzz_service, .place = "here"},
	};
	struct net_address address;
	char error[IN_COAP_ERROR_MAX];
	const struct route *other;
	struct router *router;

	MUST(router_open(&router) == 0);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		MUST(router_add(router, &routes[i], &other) == 0);
	MUST(net_parse(&address, "127.0.0.1:5683") == 0);
	MUST(in_coap_open(&fuzz_hub.inputs, &fuzz_hub, &address, NULL, router, error) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	char text[32];

	asked_count = 0;
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < PEERS; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u:5683", i + 1);
		MUST(net_parse(&peers[i].address, text) == 0);
	}
	fuzz_hub_open();
	open_listener();
	for (unsigned i = 0; i < STEPS_MOST && feed.n > 0; i++)
		step(&feed);
	fuzz_hub.inputs->ops->stop(fuzz_hub.inputs);
	fuzz_hub_serve();
	fuzz_hub_rounds(2);
	fuzz_hub_close();
	MUST(!engine_here.open);
	return 0;
}
