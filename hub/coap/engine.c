/* hub/coap/engine.c - see engine.h */
#include "hub/coap/lib.h" /* before all others: its names give way to none */

#include "hub/coap/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/num.h"
#include "hub/turn.h"

/* Endpoints that spoke and have nothing under way. Over UDP nothing is lost when one is forgotten; over
 * DTLS it has to shake hands again. */
#define IDLE_PLAIN   64u
#define IDLE_DTLS    1024u
#define HANDSHAKES   64u
#define IDLE_SECONDS 600u

#define READY_MOST 16 /* sockets, a call */

/* The kernel's own queue, while the hub is busy elsewhere: what doesn't fit is sent again seconds later. */
#define RECEIVE_BUFFER (4 << 20)

struct engine {
	const struct coap_library *lib;
	coap_context_t *coap;
	struct loop *loop;
	struct loop_source readable;
	struct turn turn;
	const struct engine_ops *ops;
	void *context;
	bool dtls;
	uint32_t sessions;    /* DTLS sessions so far */
	uint64_t messages;    /* that came */
	coap_bin_const_t key; /* given to the library, which copies it */
};

/* ----------------------------------------------------------------- what comes */

static struct engine *engine_of(const struct coap_library *lib, const coap_session_t *session)
{
	return lib->coap_get_app_data(lib->coap_session_get_context(session));
}

static struct message_block block_of(uint32_t value)
{
	return (struct message_block){
		.num = value >> 4, .more = value & 8, .szx = (uint8_t)(value & 7)};
}

static void take_option(const struct coap_library *lib, struct coap_message *m, unsigned number,
	const coap_opt_t *option)
{
	const uint8_t *value = lib->coap_opt_value(option);
	uint32_t n = lib->coap_opt_length(option);
	uint32_t number_of = n <= 4 ? lib->coap_decode_var_bytes(value, n) : 0;

#define NUMBER(option, bit, member)                                                                \
	case option:                                                                               \
		m->given |= (bit);                                                                 \
		m->member = number_of;                                                             \
		break
	switch (number) {
		NUMBER(COAP_OPTION_CONTENT_FORMAT, HAS_FORMAT, format);
		NUMBER(COAP_OPTION_ACCEPT, HAS_ACCEPT, accept);
		NUMBER(COAP_OPTION_OBSERVE, HAS_OBSERVE, observe);
		NUMBER(COAP_OPTION_MAXAGE, HAS_MAX_AGE, max_age);
		NUMBER(COAP_OPTION_SIZE1, HAS_SIZE1, size1);
		NUMBER(COAP_OPTION_SIZE2, HAS_SIZE2, size2);
		NUMBER(COAP_OPTION_NORESPONSE, HAS_NO_RESPONSE, no_response);
	case COAP_OPTION_BLOCK1:
		m->given |= HAS_BLOCK1;
		m->block1 = block_of(number_of);
		break;
	case COAP_OPTION_BLOCK2:
		m->given |= HAS_BLOCK2;
		m->block2 = block_of(number_of);
		break;
	case COAP_OPTION_IF_MATCH:
	case COAP_OPTION_IF_NONE_MATCH: m->given |= HAS_CONDITION; break;
	case COAP_OPTION_URI_HOST: m->host = mf_str_of(value, n); break;
	case COAP_OPTION_ETAG:
		if (n >= 1 && n <= MESSAGE_ETAG) {
			memcpy(m->etag, value, n);
			m->etag_n = (uint8_t)n;
		}
		break;
	default: break;
	}
}

static void take_message(
	const struct coap_library *lib, const coap_pdu_t *pdu, struct coap_message *m)
{
	coap_bin_const_t token = lib->coap_pdu_get_token(pdu);
	coap_opt_iterator_t at;
	const uint8_t *data;
	const coap_opt_t *option;
	size_t n;

	memset(m, 0, sizeof(*m));
	m->type = (enum message_type)lib->coap_pdu_get_type(pdu);
	m->code = (uint8_t)lib->coap_pdu_get_code(pdu);
	m->id = (uint16_t)lib->coap_pdu_get_mid(pdu);
	m->token_n = (uint8_t)(token.length < MESSAGE_TOKEN ? token.length : MESSAGE_TOKEN);
	if (m->token_n > 0)
		memcpy(m->token, token.s, m->token_n);
	lib->coap_option_iterator_init(pdu, &at, COAP_OPT_ALL);
	while ((option = lib->coap_option_next(&at)))
		take_option(lib, m, at.number, option);
	if (lib->coap_get_data(pdu, &n, &data))
		m->payload = mf_str_of(data, n);
}

/* The path as a text from '/'. */
static coap_string_t *take_path(
	const struct coap_library *lib, const coap_pdu_t *pdu, uint8_t *to, size_t size, size_t *n)
{
	coap_string_t *path = lib->coap_get_uri_path(pdu);

	*n = 0;
	if (!path || path->length + 1 > size)
		return path;
	to[0] = '/';
	if (path->length > 0)
		memcpy(to + 1, path->s, path->length);
	*n = path->length + 1;
	return path;
}

/* A message has at most 64 KiB, most of a datagram's 1472 bytes; %XX makes three of one. */
#define PATH_MOST 4096u

static void asked(const struct coap_library *lib, coap_session_t *session, const coap_pdu_t *pdu,
	const coap_string_t *query, coap_pdu_t *response)
{
	struct engine *e = engine_of(lib, session);
	uint8_t path[PATH_MOST];
	struct coap_message m;
	coap_string_t *text;
	size_t n;

	/* An empty response that isn't an acknowledgement: the library sends nothing (no_response). */
	lib->coap_pdu_set_type(response, COAP_MESSAGE_NON);
	e->messages++;
	take_message(lib, pdu, &m);
	text = take_path(lib, pdu, path, sizeof(path), &n);
	m.path = mf_str_of(path, n);
	if (query)
		m.query = mf_str_of(query->s, query->length);
	e->ops->asked(e->context, (struct engine_peer *)session, &m);
	lib->coap_delete_string(text);
}

/* The library tells its handlers no context, and there are two of it. */
#define HANDLERS(name, dtls)                                                                       \
	static void asked_##name(coap_resource_t *resource, coap_session_t *session,               \
		const coap_pdu_t *pdu, const coap_string_t *query, coap_pdu_t *response)           \
	{                                                                                          \
		char none[LIB_ERROR_MAX];                                                          \
                                                                                                   \
		(void)resource;                                                                    \
		asked(lib_load(dtls, none), session, pdu, query, response);                        \
	}                                                                                          \
	static coap_response_t answered_##name(coap_session_t *session, const coap_pdu_t *sent,    \
		const coap_pdu_t *received, const coap_mid_t id)                                   \
	{                                                                                          \
		char none[LIB_ERROR_MAX];                                                          \
                                                                                                   \
		(void)sent;                                                                        \
		(void)id;                                                                          \
		return answered(lib_load(dtls, none), session, received);                          \
	}                                                                                          \
	static void failed_##name(coap_session_t *session, const coap_pdu_t *sent,                 \
		const coap_nack_reason_t why, const coap_mid_t id)                                 \
	{                                                                                          \
		char none[LIB_ERROR_MAX];                                                          \
                                                                                                   \
		(void)why;                                                                         \
		(void)id;                                                                          \
		failed(lib_load(dtls, none), session, sent);                                       \
	}                                                                                          \
	static int event_##name(coap_session_t *session, coap_event_t event)                       \
	{                                                                                          \
		char none[LIB_ERROR_MAX];                                                          \
                                                                                                   \
		return happened(lib_load(dtls, none), session, event);                             \
	}

static coap_response_t answered(
	const struct coap_library *lib, coap_session_t *session, const coap_pdu_t *pdu)
{
	struct engine *e = engine_of(lib, session);
	struct coap_message m;

	e->messages++;
	take_message(lib, pdu, &m);
	e->ops->answered(e->context, (struct engine_peer *)session, &m);
	return COAP_RESPONSE_OK;
}

static void failed(const struct coap_library *lib, coap_session_t *session, const coap_pdu_t *pdu)
{
	struct engine *e = engine_of(lib, session);
	struct coap_message m;

	if (!pdu)
		return;
	take_message(lib, pdu, &m);
	e->ops->failed(e->context, (struct engine_peer *)session, &m);
}

static int happened(const struct coap_library *lib, coap_session_t *session, coap_event_t event)
{
	struct engine *e = engine_of(lib, session);

	if (event == COAP_EVENT_DTLS_CONNECTED) {
		if (++e->sessions == 0)
			e->sessions = 1;
		lib->coap_session_set_app_data(session, (void *)(uintptr_t)e->sessions);
		e->ops->connected(e->context);
	}
	return 0;
}

HANDLERS(plain, false)
HANDLERS(dtls, true)

/* ------------------------------------------------------------------- the loop */

/* It takes one datagram of a socket that is ready. coap_io_process would do the same, and look through all sessions
 * and set its timer twice instead of once. */
static bool take_one(struct engine *e)
{
	struct epoll_event ready[READY_MOST];
	int n = epoll_wait(e->lib->coap_context_get_coap_fd(e->coap), ready, READY_MOST, 0);

	if (n > 0)
		e->lib->coap_io_do_epoll(e->coap, ready, (size_t)n);
	return n > 0;
}

static void on_readable(struct loop_source *source, uint32_t events)
{
	struct engine *e = LOOP_OWNER(source, struct engine, readable);

	(void)events;
	if (!turn_begin(&e->turn, e->loop))
		return;
	while (take_one(e) && turn_goes_on(&e->turn))
		;
	turn_end(&e->turn);
}

/* --------------------------------------------------------------- what is sent */

/* Options in the order of their numbers, which is the order of the calls. */
struct writer {
	const struct coap_library *lib;
	coap_pdu_t *pdu;
	bool fits;
};

static void put(struct writer *w, uint16_t number, const void *value, size_t n)
{
	w->fits = w->fits && w->lib->coap_add_option(w->pdu, number, n, value) > 0;
}

static void put_number(struct writer *w, bool given, uint16_t number, uint32_t value)
{
	uint8_t bytes[4];

	if (given)
		put(w, number, bytes, w->lib->coap_encode_var_safe(bytes, sizeof(bytes), value));
}

static void put_block(
	struct writer *w, bool given, uint16_t number, const struct message_block *block)
{
	put_number(w, given, number, block->num << 4 | (block->more ? 8u : 0u) | (block->szx & 7u));
}

/* The byte at text[*i], which is then its last; %XX is one. */
static uint8_t take_byte(struct mf_str text, size_t *i)
{
	uint8_t c = text.p[*i];
	int byte = c == '%' ? num_hex_byte(text.p + *i + 1, text.n - *i - 1) : -1;

	if (byte < 0)
		return c;
	*i += 2;
	return (uint8_t)byte;
}

/* One part of a path or query. */
static void put_part(struct writer *w, uint16_t number, struct mf_str part)
{
	uint8_t bytes[255];
	size_t n = 0;

	for (size_t i = 0; i < part.n; i++) {
		if (n == sizeof(bytes)) {
			w->fits = false;
			return;
		}
		bytes[n++] = take_byte(part, &i);
	}
	put(w, number, bytes, n);
}

static void put_parts(struct writer *w, uint16_t number, struct mf_str text, uint8_t separator)
{
	size_t begin = 0;

	if (text.n == 0)
		return;
	for (size_t i = 0; i <= text.n; i++)
		if (i == text.n || text.p[i] == separator) {
			put_part(w, number, mf_str_of(text.p + begin, i - begin));
			begin = i + 1;
		}
}

static void put_options(struct writer *w, const struct coap_message *m)
{
	struct mf_str path = m->path;

	if (path.n > 0 && path.p[0] == '/')
		path = mf_str_of(path.p + 1, path.n - 1);
	if (m->etag_n > 0)
		put(w, COAP_OPTION_ETAG, m->etag, m->etag_n);
	put_number(w, m->given & HAS_OBSERVE, COAP_OPTION_OBSERVE, m->observe);
	put_parts(w, COAP_OPTION_URI_PATH, path, '/');
	put_number(w, m->given & HAS_FORMAT, COAP_OPTION_CONTENT_FORMAT, m->format);
	put_number(w, m->given & HAS_MAX_AGE, COAP_OPTION_MAXAGE, m->max_age);
	put_parts(w, COAP_OPTION_URI_QUERY, m->query, '&');
	put_block(w, m->given & HAS_BLOCK2, COAP_OPTION_BLOCK2, &m->block2);
	put_block(w, m->given & HAS_BLOCK1, COAP_OPTION_BLOCK1, &m->block1);
	put_number(w, m->given & HAS_SIZE2, COAP_OPTION_SIZE2, m->size2);
	put_number(w, m->given & HAS_SIZE1, COAP_OPTION_SIZE1, m->size1);
}

bool engine_send(
	struct engine *engine, struct engine_peer *peer, const struct coap_message *message)
{
	const struct coap_library *lib = engine->lib;
	coap_session_t *session = (coap_session_t *)peer;
	bool same = message->type == MESSAGE_ACK || message->type == MESSAGE_RST;
	struct writer w = {lib,
		lib->coap_pdu_init((coap_pdu_type_t)message->type, (coap_pdu_code_t)message->code,
			same ? message->id : lib->coap_new_message_id(session),
			lib->coap_session_max_pdu_size(session)),
		true};

	if (!w.pdu)
		return false;
	if (message->code != 0) {
		w.fits = lib->coap_add_token(w.pdu, message->token_n, message->token) != 0;
		put_options(&w, message);
		if (w.fits && message->payload.n > 0)
			w.fits = lib->coap_add_data(
					 w.pdu, message->payload.n, message->payload.p) != 0;
	}
	if (w.fits)
		return lib->coap_send(session, w.pdu) != COAP_INVALID_MID;
	lib->coap_delete_pdu(w.pdu);
	return false;
}

/* A header, a token, and the options that the hub writes into a response. */
#define BESIDE_PAYLOAD (4u + 8u + 9u + 4u + 3u + 5u + 4u + 4u + 6u + 6u + 1u)

size_t engine_room(const struct engine *engine, const struct engine_peer *peer)
{
	size_t most = engine->lib->coap_session_max_pdu_size((const coap_session_t *)peer);

	return most > BESIDE_PAYLOAD ? most - BESIDE_PAYLOAD : 0;
}

/* ---------------------------------------------------------------------- peers */

static void to_library(const struct net_address *from, coap_address_t *to)
{
	memset(to, 0, sizeof(*to));
	to->size = from->size;
	memcpy(&to->addr, &from->any, from->size);
}

struct engine_peer *engine_peer(struct engine *engine, const struct net_address *address)
{
	coap_address_t to;

	to_library(address, &to);
	return (struct engine_peer *)engine->lib->coap_new_client_session(
		engine->coap, NULL, &to, COAP_PROTO_UDP);
}

struct engine_peer *engine_peer_dtls(struct engine *engine, const struct net_address *address,
	struct mf_str identity, struct mf_str key)
{
	coap_dtls_cpsk_t setup = {
		.version = COAP_DTLS_CPSK_SETUP_VERSION,
		.psk_info = {.identity = {identity.n, identity.p}, .key = {key.n, key.p}},
	};
	coap_address_t to;

	to_library(address, &to);
	return (struct engine_peer *)engine->lib->coap_new_client_session_psk2(
		engine->coap, NULL, &to, COAP_PROTO_DTLS, &setup);
}

void engine_hold(struct engine *engine, struct engine_peer *peer)
{
	engine->lib->coap_session_reference((coap_session_t *)peer);
}

void engine_drop(struct engine *engine, struct engine_peer *peer)
{
	engine->lib->coap_session_release((coap_session_t *)peer);
}

void engine_address(
	const struct engine *engine, const struct engine_peer *peer, struct net_address *address)
{
	const coap_address_t *from =
		engine->lib->coap_session_get_addr_remote((const coap_session_t *)peer);

	memset(address, 0, sizeof(*address));
	address->size =
		from->addr.sa.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
	memcpy(&address->any, &from->addr, address->size);
}

static struct mf_str bytes_of(const coap_bin_const_t *bytes)
{
	return bytes ? mf_str_of(bytes->s, bytes->length) : mf_str_of(NULL, 0);
}

struct mf_str engine_identity(const struct engine *engine, const struct engine_peer *peer)
{
	return bytes_of(engine->dtls
			? engine->lib->coap_session_get_psk_identity((const coap_session_t *)peer)
			: NULL);
}

struct mf_str engine_key(const struct engine *engine, const struct engine_peer *peer)
{
	return bytes_of(engine->dtls
			? engine->lib->coap_session_get_psk_key((const coap_session_t *)peer)
			: NULL);
}

uint32_t engine_session(const struct engine *engine, const struct engine_peer *peer)
{
	return (uint32_t)(uintptr_t)engine->lib->coap_session_get_app_data(
		(const coap_session_t *)peer);
}

void engine_share(struct engine *engine, unsigned services)
{
	turn_share(&engine->turn, services);
}

/* ------------------------------------------------------------- open and close */

static const coap_bin_const_t *on_identity(
	coap_bin_const_t *identity, coap_session_t *session, void *context)
{
	struct engine *e = context;
	struct mf_str key;

	(void)session;
	if (!e->ops->key(e->context, mf_str_of(identity->s, identity->length), &key))
		return NULL;
	e->key = (coap_bin_const_t){key.n, key.p};
	return &e->key;
}

/* A server needs some key of its own to begin with; whom it is shown for is asked each time. */
static bool set_keys(struct engine *e)
{
	static const uint8_t unused[16];
	coap_dtls_spsk_t setup = {
		.version = COAP_DTLS_SPSK_SETUP_VERSION,
		.validate_id_call_back = on_identity,
		.id_call_back_arg = e,
		.psk_info = {.key = {sizeof(unused), unused}},
	};

	return e->lib->coap_context_set_psk2(e->coap, &setup) != 0;
}

/* Everything that is asked comes to `asked`: for what isn't registered, and for the one path that the
 * library would answer itself. */
static bool set_handlers(struct engine *e)
{
	static const char core[] = ".well-known/core";
	coap_str_const_t name = {sizeof(core) - 1, (const uint8_t *)core};
	coap_method_handler_t handler = e->dtls ? asked_dtls : asked_plain;
	coap_resource_t *all = e->lib->coap_resource_unknown_init2(handler, 0);
	coap_resource_t *known = e->lib->coap_resource_init(&name, 0);

	if (!all || !known)
		return false;
	for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++) {
		e->lib->coap_register_request_handler(all, (coap_request_t)method, handler);
		e->lib->coap_register_request_handler(known, (coap_request_t)method, handler);
	}
	e->lib->coap_add_resource(e->coap, all);
	e->lib->coap_add_resource(e->coap, known);
	e->lib->coap_register_response_handler(e->coap, e->dtls ? answered_dtls : answered_plain);
	e->lib->coap_register_nack_handler(e->coap, e->dtls ? failed_dtls : failed_plain);
	e->lib->coap_register_event_handler(e->coap, e->dtls ? event_dtls : event_plain);
	return true;
}

static int start(struct engine *e)
{
	e->coap = e->lib->coap_new_context(NULL);
	if (!e->coap)
		return -ENOMEM;
	e->lib->coap_set_app_data(e->coap, e);
	e->lib->coap_context_set_max_idle_sessions(e->coap, e->dtls ? IDLE_DTLS : IDLE_PLAIN);
	e->lib->coap_context_set_max_handshake_sessions(e->coap, HANDSHAKES);
	e->lib->coap_context_set_session_timeout(e->coap, IDLE_SECONDS);
	if (!set_handlers(e) || (e->dtls && !set_keys(e)))
		return -ENOMEM;
	return loop_add(e->loop, e->lib->coap_context_get_coap_fd(e->coap), EPOLLIN, &e->readable);
}

int engine_open(struct engine **engine, struct loop *loop, const struct engine_ops *ops,
	void *context, bool dtls, char error[static ENGINE_ERROR_MAX])
{
	struct engine *e = calloc(1, sizeof(*e));
	char why[LIB_ERROR_MAX] = "";
	int err;

	error[0] = '\0';
	if (!e)
		return -ENOMEM;
	*e = (struct engine){.lib = lib_load(dtls, why),
		.loop = loop,
		.ops = ops,
		.context = context,
		.dtls = dtls};
	e->readable.ready = on_readable;
	err = e->lib ? start(e) : -ENOENT;
	if (err < 0) {
		snprintf(error, ENGINE_ERROR_MAX, "%s", why[0] ? why : strerror(-err));
		engine_close(e);
		return err;
	}
	*engine = e;
	return 0;
}

void engine_close(struct engine *engine)
{
	if (engine->coap) {
		loop_remove(engine->loop, engine->lib->coap_context_get_coap_fd(engine->coap),
			&engine->readable);
		engine->lib->coap_free_context(engine->coap);
	}
	free(engine);
}

/* The library doesn't tell its sockets, but this one has the number that was free just before, unless another thread was
 * quicker: then it has another address. A wish: the kernel gives what it may. */
static void widen(int fd, const struct net_address *address)
{
	struct net_address its = {.size = sizeof(its.v6)};
	int size = RECEIVE_BUFFER;

	if (getsockname(fd, &its.any, &its.size) == 0 && net_same(&its, address))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* The library lets two sockets have one address, and the later one takes all; so it is tried before, which
 * also finds a free port. */
int engine_listen(struct engine *engine, struct net_address *address)
{
	int fd = net_bind(address, SOCK_DGRAM);
	coap_address_t at;

	if (fd < 0)
		return fd;
	close(fd);
	to_library(address, &at);
	if (!engine->lib->coap_new_endpoint(
		    engine->coap, &at, engine->dtls ? COAP_PROTO_DTLS : COAP_PROTO_UDP))
		return -EADDRINUSE;
	widen(fd, address);
	return 0;
}
