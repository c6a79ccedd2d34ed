/* hub/coap/way.c - see way.h */
#include "hub/coap/way.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/coap/engine.h"
#include "hub/coap/speech.h"
#include "hub/coap/watch.h"
#include "hub/emit.h"
#include "hub/emit_keys.h"
#include "hub/hub.h"
#include "hub/outbox.h"
#include "image/uri.h"
#include "sys/clock.h"

#define PER_DEVICE 16u
#define ALL        4096u /* that wait, for all devices */
#define PORT       ":5683"
#define PORT_DTLS  ":5684"

#define FIRST_NS (2 * CLOCK_S)
#define LAST_NS  (300 * CLOCK_S)
#define AGE_NS   (3600 * CLOCK_S)
#define ANSWER_NS                                                                                  \
	(100 * CLOCK_S) /* an answer after an empty acknowledgement: MAX_TRANSMIT_WAIT and some */

struct sending {
	struct sending *next;
	uint64_t number; /* of the outbox; its bytes are the token */
	uint64_t since_ns;
	uint8_t method;
	struct mf_str path, query, type, body; /* behind it */
};

struct device {
	struct device *next;
	struct net_address address;
	bool dtls;
	struct engine_peer *peer; /* held; NULL: none */
	struct sending *first;
	unsigned count, failures;
	bool under_way;   /* the first is */
	uint64_t next_ns; /* then it is tried again, or no longer waited for */
};

struct way {
	struct hub *hub;
	struct engine *engine[2]; /* without, with DTLS; NULL: nothing was sent yet */
	struct device *devices;
	unsigned waiting; /* with those under way */
	struct loop_timer timer;
	struct log_rate lines;
	struct way_counts counts;
};

/* --------------------------------------------------------------------- addresses */

struct target {
	uint8_t method;
	struct net_address address;
	bool dtls;
	bool here; /* no host: observers */
	struct mf_str path, query;
};

static bool take_scheme(struct mf_str *uri, struct target *t)
{
	static const struct {
		const char *text;
		uint8_t method;
		bool dtls;
	} schemes[] = {
		{"coap://", METHOD_PUT, false},
		{"coap-post://", METHOD_POST, false},
		{"coaps://", METHOD_PUT, true},
		{"coaps-post://", METHOD_POST, true},
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].text);

		if (uri->n < n || memcmp(uri->p, schemes[i].text, n) != 0)
			continue;
		t->method = schemes[i].method;
		t->dtls = schemes[i].dtls;
		*uri = mf_str_of(uri->p + n, uri->n - n);
		return true;
	}
	return false;
}

static bool take_host(struct mf_str host, bool dtls, struct net_address *address)
{
	char text[NET_TEXT + sizeof(PORT)];

	if (host.n >= NET_TEXT)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (net_parse(address, text) == 0)
		return !net_is_wildcard(address);
	strcpy(text + host.n, dtls ? PORT_DTLS : PORT);
	return net_parse(address, text) == 0 && !net_is_wildcard(address);
}

static size_t until(struct mf_str text, char c)
{
	const uint8_t *at = text.n > 0 ? memchr(text.p, c, text.n) : NULL;

	return at ? (size_t)(at - text.p) : text.n;
}

/* NULL, or what is wrong with it. */
static const char *parse(struct mf_str uri, struct target *t)
{
	size_t host, mark;

	*t = (struct target){0};
	if (!take_scheme(&uri, t))
		return "only coap://, coaps://, coap-post:// and coaps-post:// are known here";
	host = until(uri, '/');
	t->here = host == 0;
	if (t->here && t->dtls)
		return "observers are told by coap:///PATH, whatever they listen by";
	if (!t->here && !take_host(mf_str_of(uri.p, host), t->dtls, &t->address))
		return "the host is no number, as in coap://192.0.2.7/lamp or "
		       "coap://[2001:db8::7]/lamp";
	uri = mf_str_of(uri.p + host, uri.n - host);
	mark = until(uri, '?');
	t->path = mf_str_of(uri.p, mark);
	if (mark < uri.n)
		t->query = mf_str_of(uri.p + mark + 1, uri.n - mark - 1);
	if (uri_has_dots(t->path))
		return "its path has '.' or '..' as a part";
	return NULL;
}

const char *way_wrong(const struct hub *hub, struct mf_str uri, struct mf_str body)
{
	struct mf_str identity, key;
	struct target t;
	const char *wrong = parse(uri, &t);

	if (!wrong && !t.here && body.n > BLOCK_SIZE(BLOCK_SZX_MOST))
		wrong = "a message to a device has at most 1024 bytes";
	if (!wrong && t.dtls && !emit_settings(hub)->keys)
		wrong = "the hub has no key for it: this line in hub.yaml would give it some: "
			"emit: {keys: FILE}";
	if (!wrong && t.dtls &&
		!emit_keys_psk(emit_settings(hub)->keys, &t.address, &identity, &key))
		wrong = "the hub has no key for it: 'keys' under hub.yaml's 'emit' names a file, "
			"which needs a line coaps://HOST IDENTITY KEY";
	return wrong;
}

/* ------------------------------------------------------------------------ the end */

static void say(struct way *w, struct mf_str name, const char *why)
{
	uint64_t skipped;

	if (log_allowed(&w->lines, loop_now(w->hub->loop), &skipped))
		log_warn("\"%.*s\": a message is given up: %s; %llu more since the last such line",
			(int)(name.n < 200 ? name.n : 200), (const char *)name.p, why,
			(unsigned long long)skipped);
}

static void arrived(struct way *w, uint64_t number)
{
	outbox_arrived(w->hub->outbox, OUTBOX_ADDRESS, number);
}

static void end_first(struct way *w, struct device *d)
{
	struct sending *s = d->first;

	d->first = s->next;
	d->count--;
	w->waiting--;
	d->under_way = false;
	arrived(w, s->number);
	free(s);
}

static void give_up(struct way *w, struct device *d, const char *why)
{
	char text[NET_TEXT];

	w->counts.given_up++;
	say(w, mf_str_of(text, net_text(&d->address, text)), why);
	end_first(w, d);
}

/* ---------------------------------------------------------------------- requests */

static void put_token(struct coap_message *m, uint64_t number)
{
	m->token_n = MESSAGE_TOKEN;
	memcpy(m->token, &number, sizeof(number));
}

static bool is_for(const struct device *d, const struct coap_message *m)
{
	return d->first && d->under_way && m->token_n == MESSAGE_TOKEN &&
		memcmp(m->token, &d->first->number, MESSAGE_TOKEN) == 0;
}

/* What was sent to it may be told as failed meanwhile: of a peer that nobody has. */
static void drop_peer(struct way *w, struct device *d)
{
	struct engine_peer *peer = d->peer;

	d->peer = NULL;
	if (peer)
		engine_drop(w->engine[d->dtls], peer);
}

/* Not now; longer each time. */
static void put_off(struct way *w, struct device *d)
{
	uint64_t wait = FIRST_NS << (d->failures < 8 ? d->failures : 8);

	d->failures++;
	d->under_way = false;
	d->next_ns = loop_now(w->hub->loop) + (wait < LAST_NS ? wait : LAST_NS);
	w->counts.again++;
	outbox_park(w->hub->outbox, OUTBOX_ADDRESS, d->first->number);
	while (d->count > PER_DEVICE) /* it took none of them, and others need the room */
		give_up(w, d, "too many wait for this device");
}

/* With the key of now. */
static struct engine_peer *make_peer(struct way *w, const struct device *d)
{
	struct mf_str identity, key;

	if (!d->dtls)
		return engine_peer(w->engine[false], &d->address);
	if (!emit_keys_psk(emit_settings(w->hub)->keys, &d->address, &identity, &key))
		return NULL;
	return engine_peer_dtls(w->engine[true], &d->address, identity, key);
}

static bool ask(struct way *w, struct device *d)
{
	const struct sending *s = d->first;
	struct coap_message m = {.type = MESSAGE_CON,
		.code = s->method,
		.path = s->path,
		.query = s->query,
		.payload = s->body};
	int format = s->type.n > 0 ? speech_format(s->type) : -1;

	put_token(&m, s->number);
	if (format >= 0) {
		m.given = HAS_FORMAT;
		m.format = (uint32_t)format;
	}
	if (!d->peer)
		d->peer = make_peer(w, d);
	return d->peer && engine_send(w->engine[d->dtls], d->peer, &m);
}

/* The first that isn't too old is on its way, or put off. */
static void go_on(struct way *w, struct device *d, uint64_t now)
{
	while (d->first && d->first->since_ns + AGE_NS <= now)
		give_up(w, d, "no answer for an hour");
	if (!d->first || d->under_way || (d->failures > 0 && d->next_ns > now))
		return;
	if (d->failures > 0) /* the socket of one that failed may be of no more use */
		drop_peer(w, d);
	if (ask(w, d)) {
		d->under_way = true;
		d->next_ns = now + ANSWER_NS;
	} else {
		drop_peer(w, d);
		put_off(w, d);
	}
}

static void free_idle(struct way *w)
{
	for (struct device **at = &w->devices; *at;) {
		struct device *d = *at;

		if (d->first) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		drop_peer(w, d);
		free(d);
	}
}

/* When something is to be done next. */
static void set_timer(struct way *w)
{
	uint64_t next = 0;

	for (const struct device *d = w->devices; d; d = d->next)
		if (d->first && (next == 0 || d->next_ns < next))
			next = d->next_ns;
	if (next > 0)
		(void)loop_timer_set(w->hub->loop, &w->timer, next);
}

static void on_timer(struct loop_timer *timer)
{
	struct way *w = LOOP_OWNER(timer, struct way, timer);
	uint64_t now = loop_now(w->hub->loop);

	for (struct device *d = w->devices; d; d = d->next) {
		if (d->under_way && d->next_ns <= now) {
			drop_peer(w, d);
			put_off(w, d);
		}
		go_on(w, d, now);
	}
	free_idle(w);
	set_timer(w);
}

/* ----------------------------------------------------------------------- answers */

static struct device *find(struct way *w, const struct engine_peer *peer)
{
	struct device *d = w->devices;

	while (d && d->peer != peer)
		d = d->next;
	return d;
}

static void on_asked(void *context, struct engine_peer *peer, const struct coap_message *request)
{
	(void)context; /* a device that asks from there has the wrong port: it hears nothing */
	(void)peer;
	(void)request;
}

static void on_answered(
	void *context, struct engine_peer *peer, const struct coap_message *response)
{
	struct way *w = context;
	struct device *d = find(w, peer);
	uint64_t now = loop_now(w->hub->loop);

	if (!d || !is_for(d, response))
		return;
	if (MESSAGE_CLASS(response->code) == 5) {
		put_off(w, d);
	} else {
		w->counts.arrived++;
		w->counts.refused += MESSAGE_CLASS(response->code) == 4;
		d->failures = 0;
		d->next_ns = 0;
		end_first(w, d);
		go_on(w, d, now);
	}
	set_timer(w); /* an idle device is freed there: its peer is in use here */
	if (!d->first)
		(void)loop_timer_set(w->hub->loop, &w->timer, now + CLOCK_MS);
}

static void on_failed(void *context, struct engine_peer *peer, const struct coap_message *sent)
{
	struct way *w = context;
	struct device *d = find(w, peer);

	if (!d || !is_for(d, sent))
		return;
	put_off(w, d);
	set_timer(w);
}

static void on_connected(void *context)
{
	(void)context;
}

static const struct engine_ops engine_ops = {
	.asked = on_asked, .answered = on_answered, .failed = on_failed, .connected = on_connected};

/* ------------------------------------------------------------------------ the way */

static struct mf_str put_text(uint8_t **to, struct mf_str text)
{
	struct mf_str copy = mf_str_of(*to, text.n);

	if (text.n > 0)
		memcpy(*to, text.p, text.n);
	*to += text.n;
	return copy;
}

static struct sending *copy(
	const struct way *w, const struct store_out *out, const struct target *t)
{
	struct sending *s =
		calloc(1, sizeof(*s) + t->path.n + t->query.n + out->type.n + out->body.n);
	uint8_t *at = s ? (uint8_t *)(s + 1) : NULL;

	if (!s)
		return NULL;
	s->number = out->number;
	s->since_ns = loop_now(w->hub->loop);
	s->method = t->method;
	s->path = put_text(&at, t->path);
	s->query = put_text(&at, t->query);
	s->type = put_text(&at, out->type);
	s->body = put_text(&at, out->body);
	return s;
}

static struct device *device_of(struct way *w, const struct target *t)
{
	struct device *d = w->devices;

	while (d && (d->dtls != t->dtls || !net_same(&d->address, &t->address)))
		d = d->next;
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->address = t->address;
	d->dtls = t->dtls;
	d->next = w->devices;
	w->devices = d;
	return d;
}

static bool start(struct way *w, bool dtls, char why[static ENGINE_ERROR_MAX])
{
	return w->engine[dtls] ||
		engine_open(&w->engine[dtls], w->hub->loop, &engine_ops, w, dtls, why) == 0;
}

/* Behind those that wait, and beside the outbox's window; of too many the oldest goes, unless it is under way. */
static void append(struct way *w, struct device *d, struct sending *s)
{
	struct sending **end = &d->first;

	if (d->count >= PER_DEVICE && !d->under_way)
		give_up(w, d, "too many wait for this device");
	while (*end)
		end = &(*end)->next;
	if (d->first)
		outbox_park(w->hub->outbox, OUTBOX_ADDRESS, s->number);
	*end = s;
	d->count++;
	w->waiting++;
}

static void take(struct way *w, const struct store_out *out, const struct target *t)
{
	struct sending *s = copy(w, out, t);
	struct device *d = s && w->waiting < ALL ? device_of(w, t) : NULL;

	if (!d) {
		w->counts.given_up++;
		say(w, out->name, s ? "too many wait for devices" : "no memory");
		free(s);
		arrived(w, out->number);
		return;
	}
	append(w, d, s);
	go_on(w, d, loop_now(w->hub->loop));
	set_timer(w);
}

bool way_send(struct way *w, const struct store_out *out)
{
	char error[ENGINE_ERROR_MAX];
	struct target t;
	const char *wrong = way_wrong(w->hub, out->name, out->body);

	(void)parse(out->name, &t);
	if (!wrong && !t.here && !start(w, t.dtls, error))
		wrong = error;
	if (wrong) {
		w->counts.given_up++;
		say(w, out->name, wrong);
		arrived(w, out->number);
	} else if (t.here) {
		(void)watch_emitted(w->hub, t.path, out->type, out->body);
		w->counts.arrived++;
		arrived(w, out->number);
	} else {
		take(w, out, &t);
	}
	return true;
}

int way_open(struct way **way, struct hub *hub)
{
	struct way *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->hub = hub;
	w->timer.fire = on_timer;
	w->lines.burst = 3;
	*way = w;
	return 0;
}

void way_close(struct way *w)
{
	if (!w)
		return;
	loop_timer_clear(w->hub->loop, &w->timer);
	for (struct device *d = w->devices; d; d = d->next)
		while (d->first) {
			struct sending *s = d->first;

			d->first = s->next;
			free(s);
		}
	free_idle(w);
	for (unsigned i = 0; i < 2; i++)
		if (w->engine[i])
			engine_close(w->engine[i]);
	free(w);
}

void way_rekey(struct way *w)
{
	for (struct device *d = w->devices; d; d = d->next) {
		if (!d->dtls)
			continue;
		drop_peer(w, d);
		d->under_way = false;
		d->failures = 0;
		d->next_ns = 0;
	}
	(void)loop_timer_set(w->hub->loop, &w->timer, loop_now(w->hub->loop));
}

void way_look(const struct way *w, struct way_counts *counts)
{
	*counts = w ? w->counts : (struct way_counts){0};
}
