/* hub/web/upstream.c - see upstream.h */
#include "hub/web/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config.h"
#include "hub/database.h"
#include "hub/outbox.h"
#include "hub/setup.h"
#include "hub/web/client.h"
#include "hub/web/cloudevents.h"
#include "hub/web/url.h"
#include "sys/fd.h"
#include "sys/random.h"
#include "sys/secret.h"

#define BATCH_MOST  512u         /* messages; so many rows are deleted in a transaction */
#define BATCH_BYTES (256u << 10) /* and it takes no more after these */
#define FIRST_NS    CLOCK_S
#define LAST_NS     (60 * CLOCK_S)
#define TIME_NS     (60 * CLOCK_S)
#define TOKEN_MOST  4096u

/* Messages on their way together. */
struct batch {
	struct cloudevents events;
	uint64_t number[BATCH_MOST];
	unsigned count;
};

struct sender {
	struct input input;
	struct outbox_way way;
	struct outbox *outbox; /* whose way it is; NULL: nobody's */
	/* as configured */
	char *url, *shown, *name, *username, *password;
	char *token; /* "Authorization: Bearer TOKEN" */
	size_t password_n, token_n;
	char *authorities, *certificate, *key;
	/* at work */
	struct web *web;
	struct web_call *call;      /* of `sent` */
	struct batch filling, sent; /* one fills up while the other is under way */
	unsigned most;              /* messages of a batch: fewer after one was refused */
	unsigned failures;
	bool stopping, waiting; /* waiting: until the timer */
	bool taken;             /* the page has taken a message */
	bool told_up, told_down;
	struct loop_later flush;
	struct loop_timer timer;
	struct log_rate lines;
};

static struct sender *of(struct input *input)
{
	return LOOP_OWNER(input, struct sender, input);
}

/* ----------------------------------------------------------------------- lines */

static void tell_up(struct sender *s)
{
	if (!s->told_up || s->told_down)
		log_info("upstream: %s takes messages", s->shown);
	s->told_up = true;
	s->told_down = false;
}

static void tell_down(struct sender *s, const struct web_answer *answer)
{
	char status[64];

	snprintf(status, sizeof(status), "it answers %u%s", answer->status,
		answer->status == 401 || answer->status == 403 ? ": look at who the hub is there"
			: answer->status == 404                ? ": look at the address"
							       : "");
	if (!s->told_down)
		log_warn("upstream: can't send to %s: %s: tried again until it takes messages",
			s->shown, answer->status ? status : answer->error);
	s->told_down = true;
}

static void tell_refused(struct sender *s, unsigned status)
{
	uint64_t skipped;

	s->input.counts.unsent++;
	if (log_allowed(&s->lines, loop_now(s->input.hub->loop), &skipped))
		log_warn("upstream: a message is dropped: %s answers %u to it (%llu more)",
			s->shown, status, (unsigned long long)skipped);
}

/* --------------------------------------------------------------------- batches */

static void clear(struct batch *b)
{
	cloudevents_clear(&b->events);
	b->count = 0;
}

/* All that was handed over goes again, in order. */
static void lose(struct sender *s)
{
	clear(&s->filling);
	clear(&s->sent);
	if (s->outbox)
		outbox_lost(s->outbox, OUTBOX_UPSTREAM);
}

static void arrived(struct sender *s)
{
	for (unsigned i = 0; i < s->sent.count && s->outbox; i++)
		outbox_arrived(s->outbox, OUTBOX_UPSTREAM, s->sent.number[i]);
	clear(&s->sent);
}

static void ready(struct sender *s)
{
	if (s->outbox && !s->waiting && !s->stopping)
		outbox_ready(s->outbox, OUTBOX_UPSTREAM);
}

/* Nothing is taken until then. */
static void wait_for(struct sender *s, uint64_t ns)
{
	s->waiting = loop_timer_set(
			     s->input.hub->loop, &s->timer, loop_now(s->input.hub->loop) + ns) == 0;
}

/* And what was handed over goes again. */
static void pause_for(struct sender *s, uint64_t ns)
{
	lose(s);
	wait_for(s, ns);
}

static void on_timer(struct loop_timer *timer)
{
	struct sender *s = LOOP_OWNER(timer, struct sender, timer);

	s->waiting = false;
	ready(s);
}

/* --------------------------------------------------------------------- answers */

/* Each time longer, and half of it as chance has it, for many hubs come back at once. */
static uint64_t backoff(struct sender *s)
{
	uint64_t wait = FIRST_NS << (s->failures < 6 ? s->failures : 6);
	uint32_t chance;

	random_bytes(&chance, sizeof(chance));
	if (wait > LAST_NS)
		wait = LAST_NS;
	s->failures++;
	return wait / 2 + (uint64_t)((double)wait / 2 * chance / UINT32_MAX);
}

static bool is_about_content(unsigned status)
{
	return status == 400 || status == 413 || status == 422;
}

/* One of the messages may be at fault, or all of the page: a proxy answers so to whoever has no certificate any more. So
 * a second one that is refused alone, with none taken in between, has to wait: a page at fault costs few. */
static void on_refused(struct sender *s, const struct web_answer *answer)
{
	if (s->sent.count > 1) {
		s->most = s->sent.count / 2;
		lose(s);
	} else {
		tell_refused(s, answer->status);
		arrived(s);
		if (s->failures > 0)
			pause_for(s, backoff(s));
		else
			s->failures = 1;
	}
	ready(s);
}

static void on_taken(struct sender *s)
{
	tell_up(s);
	s->taken = true;
	s->failures = 0;
	s->input.counts.replies += s->sent.count;
	s->most = s->most < BATCH_MOST / 2 ? s->most * 2 : BATCH_MOST;
	arrived(s);
	ready(s);
}

static void on_done(void *context, const struct web_answer *answer)
{
	struct sender *s = context;

	s->call = NULL;
	s->input.counts.open = answer->status > 0;
	if (answer->status >= 200 && answer->status <= 299) {
		on_taken(s);
	} else if (is_about_content(answer->status) && (s->taken || s->sent.count > 1)) {
		on_refused(s, answer);
	} else {
		tell_down(s, answer);
		pause_for(s, answer->retry_ns > 0 ? answer->retry_ns : backoff(s));
	}
	if (s->stopping)
		hub_ended(s->input.hub);
	else if (s->filling.count > 0)
		loop_later(s->input.hub->loop, &s->flush);
}

/* ------------------------------------------------------------------------ send */

static struct web_call *post(struct sender *s, struct mf_str body)
{
	const char *headers[] = {"Content-Type: " CLOUDEVENTS_TYPE, s->token};
	const struct web_request request = {
		.url = s->url,
		.headers = headers,
		.headers_count = s->token ? 2 : 1,
		.body = body,
		.identity = {s->authorities, s->certificate, s->key},
		.user = s->username,
		.password = s->password,
		.time_ns = TIME_NS,
	};

	return body.n > 0 ? web_post(s->web, &request, on_done, s) : NULL;
}

/* What has come together by the end of the round is a batch. */
static void on_flush(struct loop_later *later)
{
	struct sender *s = LOOP_OWNER(later, struct sender, flush);
	struct mf_str body;

	if (s->call || s->stopping || s->filling.count == 0)
		return;
	body = cloudevents_end(&s->filling.events);
	s->sent = s->filling;
	s->filling.events = (struct cloudevents){0};
	s->filling.count = 0;
	s->call = post(s, body);
	s->input.counts.bytes_out += body.n;
	cloudevents_clear(&s->sent.events);
	if (!s->call)
		pause_for(s, FIRST_NS); /* no memory */
	else
		ready(s);
}

static bool on_send(struct outbox_way *way, const struct store_out *out)
{
	struct sender *s = LOOP_OWNER(way, struct sender, way);
	struct batch *b = &s->filling;
	int64_t age = database_elapsed(s->input.hub) - out->at_ns;
	const struct cloudevent event = {
		.hub = s->name,
		.service = store_service_name(s->input.hub->store, out->service),
		.out = out,
		.late_s = !(out->flags & OUTBOX_LATE) ? -1
			: age > 0                     ? age / (int64_t)CLOCK_S
						      : 0,
	};

	if (s->stopping || s->waiting || b->count >= s->most || b->events.n >= BATCH_BYTES)
		return false;
	if (!cloudevents_add(&b->events, &event)) {
		if (b->count == 0)
			wait_for(s, FIRST_NS); /* no memory */
		return false;
	}
	b->number[b->count++] = out->number;
	if (!s->call)
		loop_later(s->input.hub->loop, &s->flush);
	return true;
}

/* ------------------------------------------------------------------- the input */

static void attach(struct input *input)
{
	struct sender *s = of(input);

	if (s->outbox || !input->hub->outbox)
		return;
	s->outbox = input->hub->outbox;
	s->way = (struct outbox_way){.send = on_send, .window = 2 * BATCH_MOST};
	outbox_way(s->outbox, OUTBOX_UPSTREAM, &s->way);
}

static void detach(struct sender *s)
{
	if (s->call)
		web_cancel(s->call);
	s->call = NULL;
	if (s->outbox && s->input.hub->outbox)
		outbox_way(s->outbox, OUTBOX_UPSTREAM, NULL);
	s->outbox = NULL;
	clear(&s->filling);
	clear(&s->sent);
}

/* A hub that ends hears the answer to what is under way. */
static void stop(struct input *input)
{
	struct sender *s = of(input);

	s->stopping = true;
	loop_timer_clear(input->hub->loop, &s->timer);
	if (!input->hub->stopping)
		detach(s);
	hub_ended(input->hub);
}

static bool busy(const struct input *input)
{
	return LOOP_OWNER(input, const struct sender, input)->call != NULL;
}

static void close_sender(struct input *input)
{
	struct sender *s = of(input);

	detach(s);
	loop_later_cancel(input->hub->loop, &s->flush);
	loop_timer_clear(input->hub->loop, &s->timer);
	web_close(s->web);
	secret_free(s->password, s->password_n);
	secret_free(s->token, s->token_n);
	free(s->url);
	free(s->shown);
	free(s->name);
	free(s->username);
	free(s->authorities);
	free(s->certificate);
	free(s->key);
	free(s);
}

static const struct input_ops ops = {
	.name = "upstream",
	.stop = stop,
	.busy = busy,
	.close = close_sender,
};

/* ------------------------------------------------------------------------ open */

static int read_line(const char *what, const char *path, char **text, size_t *n, char *error)
{
	char why[SECRET_ERROR_MAX];
	int rc = secret_read(what, path, TOKEN_MOST, text, n, why);

	if (rc < 0) {
		snprintf(error, HUB_ERROR_MAX, "%s", why);
		return rc;
	}
	(*text)[strcspn(*text, "\r\n")] = '\0';
	for (const char *p = *text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			(*text)[0] = '\0';
	if ((*text)[0])
		return 0;
	snprintf(error, HUB_ERROR_MAX, "%s \"%.200s\": its first line is empty, or no text", what,
		path);
	return -EINVAL;
}

static int read_token(struct sender *s, const char *path, char *error)
{
	char *token;
	size_t n;
	int rc = read_line("token", path, &token, &n, error);

	if (rc < 0)
		return rc;
	if (asprintf(&s->token, "Authorization: Bearer %s", token) < 0)
		s->token = NULL;
	s->token_n = s->token ? strlen(s->token) : 0;
	secret_free(token, n);
	return s->token ? 0 : -ENOMEM;
}

static int copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static int take_texts(struct sender *s, const struct config_upstream *config, const char *name)
{
	struct url parts;
	int rc = copy(&s->name, name);

	(void)url_parse(mf_str_of(config->to, strlen(config->to)), &parts);
	s->url = strdup(config->to);
	s->shown = strndup((const char *)parts.shown.p, parts.shown.n);
	if (!s->url || !s->shown)
		rc = -ENOMEM;
	if (rc == 0)
		rc = copy(&s->username, config->at.username);
	if (rc == 0)
		rc = copy(&s->authorities, config->at.authorities);
	if (rc == 0)
		rc = copy(&s->certificate, config->at.certificate);
	return rc == 0 ? copy(&s->key, config->at.key) : rc;
}

static int read_files(struct sender *s, const struct config_upstream *config, char *error)
{
	char why[SECRET_ERROR_MAX];
	int rc = 0, fd;

	if (config->at.password)
		rc = read_line(
			"password", config->at.password, &s->password, &s->password_n, error);
	if (rc == 0 && config->token)
		rc = read_token(s, config->token, error);
	if (rc < 0 || !s->key)
		return rc;
	fd = secret_open("tls: key", s->key, why);
	if (fd < 0) {
		snprintf(error, HUB_ERROR_MAX, "%s", why);
		return fd;
	}
	fd_close(&fd);
	return 0;
}

static int prepare(
	struct sender *s, const struct config_upstream *config, const char *name, char *error)
{
	char why[WEB_ERROR_MAX];
	struct url parts;
	const char *wrong = url_parse(mf_str_of(config->to, strlen(config->to)), &parts);
	int rc = wrong ? -EINVAL : web_load(why);

	snprintf(error, HUB_ERROR_MAX, "%s%s", wrong ? "to: " : "",
		wrong            ? wrong
			: rc < 0 ? why
				 : "no memory");
	if (rc == 0)
		rc = take_texts(s, config, name);
	if (rc == 0)
		rc = read_files(s, config, error);
	return rc == 0 ? web_open(&s->web, s->input.hub->loop) : rc;
}

static int open_sender(struct input **input, struct hub *hub, const struct config_upstream *config,
	const char *name, char *error)
{
	struct sender *s = calloc(1, sizeof(*s));
	char why[HUB_ERROR_MAX];
	int rc;

	if (!s)
		return setup_bad(config->at.place, error, SETUP_FAILED, "no memory");
	s->input.ops = &ops;
	s->input.hub = hub;
	s->input.apart = true;
	s->most = BATCH_MOST;
	s->lines.burst = 3;
	s->flush.run = on_flush;
	s->timer.fire = on_timer;
	rc = prepare(s, config, name, why);
	if (rc < 0) {
		close_sender(&s->input);
		return setup_bad(config->at.place, error, setup_status_of(rc), "upstream: %s", why);
	}
	snprintf(s->input.text, sizeof(s->input.text), "%s", s->shown);
	s->input.text_n = (unsigned)strlen(s->input.text);
	*input = &s->input;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same(const struct input *a, const struct input *b)
{
	const struct sender *x = LOOP_OWNER(a, const struct sender, input);
	const struct sender *y = LOOP_OWNER(b, const struct sender, input);

	return same_text(x->url, y->url) && same_text(x->name, y->name) &&
		same_text(x->username, y->username) && same_text(x->password, y->password) &&
		same_text(x->token, y->token) && same_text(x->authorities, y->authorities) &&
		same_text(x->certificate, y->certificate) && same_text(x->key, y->key);
}

/* It connects when there is something to send. */
static void start(struct input *input)
{
	(void)input;
}

const struct upstream_kind web_upstream = {
	.open = open_sender,
	.same = same,
	.start = start,
	.attach = attach,
};
