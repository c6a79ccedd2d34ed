/* hub/web/poster.c - see poster.h */
#include "hub/web/poster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/callbacks.h"
#include "hub/clocks.h"
#include "hub/emit.h"
#include "hub/emit_keys.h"
#include "hub/hub.h"
#include "hub/jobs/jobs.h"
#include "hub/outbox.h"
#include "hub/web/client.h"
#include "hub/web/guess.h"
#include "hub/web/url.h"
#include "sys/clock.h"
#include "sys/log.h"

#define FIRST_NS CLOCK_S
#define LAST_NS  (300 * CLOCK_S)
#define TIME_NS  (30 * CLOCK_S) /* for one request */
#define SHORT_NS CLOCK_S        /* of memory: then it is tried again */

#define FETCH_ROWS 256u     /* looked at in one round of the loop, */
#define FETCH_NS   CLOCK_MS /* and how long after another one */

struct queued {
	struct queued *next;
	uint64_t number; /* of the outbox */
};

/* One origin. */
struct target {
	struct target *next;
	struct poster *poster;
	struct web_call *call; /* of the first; NULL: none is under way */
	char *url, *shown;     /* of that one */
	char job[TASK_ID + 1]; /* whose end it is; "": it is none */
	struct queued *first, *last;
	unsigned count, failures;
	bool left;        /* there is more for it in the outbox, */
	uint64_t left_at; /* behind this number */
	bool told;        /* that it can't be reached */
	uint64_t next_ns; /* then the first is tried again; 0: at once */
	size_t origin_n;
	char origin[]; /* and a zero byte */
};

struct poster {
	struct hub *hub;
	struct web *web; /* NULL: nothing was sent yet */
	struct target *targets;
	struct target *again; /* whose first message the outbox hands over once more */
	bool short_of_memory;
	struct loop_timer timer;
	struct log_rate lines;
	struct poster_counts counts;
};

/* -------------------------------------------------------------------- targets */

static struct target *target_of(struct poster *p, struct mf_str origin)
{
	struct target *t = p->targets, **end = &p->targets;

	while (t && (t->origin_n != origin.n || memcmp(t->origin, origin.p, origin.n) != 0))
		t = t->next;
	if (t)
		return t;
	t = calloc(1, sizeof(*t) + origin.n + 1);
	if (!t)
		return NULL;
	t->poster = p;
	t->origin_n = origin.n;
	memcpy(t->origin, origin.p, origin.n);
	while (*end)
		end = &(*end)->next;
	*end = t;
	return t;
}

static bool enqueue(struct target *t, uint64_t number)
{
	struct queued *w = malloc(sizeof(*w));

	if (!w)
		return false;
	*w = (struct queued){.number = number};
	if (t->last)
		t->last->next = w;
	else
		t->first = w;
	t->last = w;
	t->count++;
	t->poster->counts.waiting++;
	return true;
}

static void drop_first(struct target *t)
{
	struct queued *w = t->first;

	t->first = w->next;
	if (!t->first)
		t->last = NULL;
	t->count--;
	t->poster->counts.waiting--;
	free(w);
}

static bool has_place(const struct target *t)
{
	return t->count < POSTER_WAITING && t->poster->counts.waiting < POSTER_ALL;
}

/* The request is over, in one way or another. */
static void end_call(struct target *t)
{
	t->call = NULL;
	t->poster->counts.running--;
	free(t->url);
	free(t->shown);
	t->url = t->shown = NULL;
}

static void empty(struct target *t)
{
	if (t->call) {
		web_cancel(t->call);
		end_call(t);
	}
	while (t->first)
		drop_first(t);
	t->left = false;
}

static void free_idle(struct poster *p)
{
	for (struct target **at = &p->targets; *at;) {
		struct target *t = *at;

		if (t->first || t->left) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		free(t);
	}
}

/* ----------------------------------------------------------------------- lines */

static bool may_say(struct poster *p, uint64_t *skipped)
{
	return log_allowed(&p->lines, loop_now(p->hub->loop), skipped);
}

static void give_up(struct poster *p, struct mf_str url, const char *why)
{
	uint64_t skipped;

	p->counts.given_up++;
	if (may_say(p, &skipped))
		log_warn("http: a message to %.*s is given up: %s; %llu more since the last such "
			 "line",
			(int)(url.n < 200 ? url.n : 200), (const char *)url.p, why,
			(unsigned long long)skipped);
}

/* Once an outage. */
static void tell_down(struct poster *p, struct target *t, const struct web_answer *answer)
{
	uint64_t skipped;
	char status[32];

	if (t->told || !may_say(p, &skipped))
		return;
	snprintf(status, sizeof(status), "it answers %u", answer->status);
	log_warn("http: can't send to %s: %s: tried again until it is there", t->shown,
		answer->status ? status : answer->error);
	t->told = true;
}

static void tell_up(struct target *t)
{
	if (t->told)
		log_info("http: %s takes messages again", t->origin);
	t->told = false;
}

/* --------------------------------------------------------------------- request */

#define HEADERS_MOST 6u
struct headers {
	char type[192], key[2 * STORE_ID_MAX], token[EMIT_KEYS_TOKEN + 32];
	char id[STORE_ID_MAX + 16], time[48], signature[CALLBACK_SIGNATURE + 32];
	const char *line[HEADERS_MOST];
	unsigned count;
};

/* No byte of it may begin another line. */
static bool is_header(struct mf_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] >= 0x7f || text.p[i] == '"')
			return false;
	return text.n < 128;
}

static void make_headers(const struct poster *p, const struct store_out *out, struct headers *h)
{
	struct mf_str type = out->type, id = out->id, token;

	h->count = 0;
	if (type.n == 0 || !is_header(type))
		type = guess_type(out->body);
	snprintf(h->type, sizeof(h->type), "Content-Type: %.*s", (int)type.n, (const char *)type.p);
	h->line[h->count++] = h->type;
	if (!is_header(id))
		id.n = 0;
	snprintf(h->key, sizeof(h->key), "Idempotency-Key: \"%.*s/%llu\"", (int)id.n,
		(const char *)id.p, (unsigned long long)out->number);
	h->line[h->count++] = h->key;
	if (!emit_keys_token(emit_settings(p->hub)->keys, out->name, &token))
		return;
	snprintf(h->token, sizeof(h->token), "Authorization: Bearer %.*s", (int)token.n,
		(const char *)token.p);
	h->line[h->count++] = h->token;
}

/* Standard Webhooks 1.0.0. The time is this try's: a receiver refuses an old one, which somebody may have kept. */
static void sign(const struct poster *p, const struct store_out *out,
	const struct callback *callback, struct headers *h)
{
	char signature[CALLBACK_SIGNATURE];
	int64_t seconds;

	clocks_look(p->hub);
	seconds = time_wall(&p->hub->clocks.kept) / (int64_t)CLOCK_S;
	callback_sign(callback, out->id, seconds, out->body, signature);
	snprintf(h->id, sizeof(h->id), "webhook-id: %.*s", (int)out->id.n, (const char *)out->id.p);
	snprintf(h->time, sizeof(h->time), "webhook-timestamp: %lld", (long long)seconds);
	snprintf(h->signature, sizeof(h->signature), "webhook-signature: %s", signature);
	h->line[h->count++] = h->id;
	h->line[h->count++] = h->time;
	h->line[h->count++] = h->signature;
}

static bool is_callback(const struct store_out *out)
{
	return out->flags & OUTBOX_CALLBACK && is_header(out->id);
}

static bool may_call(const struct poster *p, const struct store_out *out, struct callback *found)
{
	return callbacks_find(emit_settings(p->hub)->callbacks, out->name, found);
}

static void on_done(void *context, const struct web_answer *answer);

/* False: no memory. */
static bool begin(struct poster *p, struct target *t, const struct store_out *out)
{
	struct headers h;
	struct callback callback;
	struct url url;
	struct web_request request = {
		.headers = h.line,
		.body = out->body,
		.identity.authorities = emit_settings(p->hub)->authorities,
		.time_ns = TIME_NS,
	};

	(void)url_parse(out->name, &url);
	make_headers(p, out, &h);
	t->job[0] = '\0';
	if (is_callback(out) && may_call(p, out, &callback)) {
		sign(p, out, &callback, &h);
		request.outside = !callback.named;
		snprintf(t->job, sizeof(t->job), "%.*s", (int)out->id.n, (const char *)out->id.p);
	}
	request.headers_count = h.count;
	t->url = strndup((const char *)out->name.p, out->name.n);
	t->shown = strndup((const char *)url.shown.p, url.shown.n);
	request.url = t->url;
	p->counts.running++;
	if (t->url && t->shown)
		t->call = web_post(p->web, &request, on_done, t);
	if (t->call)
		return true;
	end_call(t);
	return false;
}

/* ------------------------------------------------------------------------ next */

/* What was left, as far as there are places for it. */
static enum outbox_want on_left(void *context, const struct store_out *out)
{
	struct target *t = context;

	if (out->name.n < t->origin_n || memcmp(out->name.p, t->origin, t->origin_n) != 0 ||
		(out->name.n > t->origin_n && out->name.p[t->origin_n] != '/'))
		return OUTBOX_SKIP;
	if (!has_place(t) || !enqueue(t, out->number))
		return OUTBOX_STOP;
	return OUTBOX_TAKE;
}

static void fetch(struct poster *p, struct target *t)
{
	if (t->left && t->count < POSTER_WAITING / 2 && has_place(t))
		t->left = outbox_scan(p->hub->outbox, OUTBOX_ADDRESS, &t->left_at, FETCH_ROWS,
				  on_left, t) != 0;
}

/* The first that waits is on its way, unless it has to wait longer. */
static void go_on(struct poster *p, struct target *t, uint64_t now)
{
	int rc = -ENOENT;

	while (t->first && !t->call && t->next_ns <= now && p->counts.running < POSTER_RUNNING &&
		rc == -ENOENT) {
		p->again = t;
		rc = outbox_again(p->hub->outbox, OUTBOX_ADDRESS, t->first->number);
		p->again = NULL;
		if (rc == -ENOENT) /* it was dropped meanwhile */
			drop_first(t);
		else if (rc < 0)
			t->next_ns = now + SHORT_NS;
		else if (!t->call) /* it was given up */
			rc = -ENOENT;
	}
}

/* All have had their turn, so that those in front don't have all of them. */
static void turn_round(struct poster *p)
{
	struct target *t = p->targets, **end = &p->targets;

	if (!t || !t->next)
		return;
	p->targets = t->next;
	while (*end)
		end = &(*end)->next;
	*end = t;
	t->next = NULL;
}

/* When there is something to do for it; 0: when one of those under way ends. */
static uint64_t next_of(const struct target *t, uint64_t now)
{
	uint64_t fetch = 0, again = t->first && !t->call && t->next_ns > now ? t->next_ns : 0;

	if (t->left && t->count < POSTER_WAITING / 2)
		fetch = now + (has_place(t) ? FETCH_NS : SHORT_NS);
	return again == 0 || (fetch > 0 && fetch < again) ? fetch : again;
}

static void set_timer(struct poster *p, uint64_t now)
{
	uint64_t next = p->short_of_memory ? now + SHORT_NS : 0;

	for (const struct target *t = p->targets; t; t = t->next) {
		uint64_t at = next_of(t, now);

		if (at > 0 && (next == 0 || at < next))
			next = at;
	}
	if (next > 0)
		(void)loop_timer_set(p->hub->loop, &p->timer, next);
}

/* Whatever can be done now is done. */
static void settle(struct poster *p)
{
	uint64_t now = loop_now(p->hub->loop);

	turn_round(p);
	for (struct target *t = p->targets; t; t = t->next) {
		fetch(p, t);
		go_on(p, t, now);
	}
	free_idle(p);
	set_timer(p, now);
}

static void on_timer(struct loop_timer *timer)
{
	struct poster *p = LOOP_OWNER(timer, struct poster, timer);

	if (p->short_of_memory)
		outbox_ready(p->hub->outbox, OUTBOX_ADDRESS);
	p->short_of_memory = false;
	settle(p);
}

/* --------------------------------------------------------------------- answers */

/* Would it be another answer later? */
static bool may_pass(unsigned status)
{
	return status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
}

static void put_off(struct poster *p, struct target *t, uint64_t retry_ns)
{
	uint64_t wait = FIRST_NS << (t->failures < 9 ? t->failures : 9);

	if (wait > LAST_NS)
		wait = LAST_NS;
	t->failures++;
	t->next_ns = loop_now(p->hub->loop) + (retry_ns > 0 ? retry_ns : wait);
	p->counts.again++;
	outbox_park(p->hub->outbox, OUTBOX_ADDRESS, t->first->number);
}

/* A job hears whether its end arrived. */
static void tell_job(struct poster *p, const struct target *t, unsigned status)
{
	if (t->job[0] != '\0')
		job_called(p->hub, mf_str_of(t->job, strlen(t->job)), status);
}

static void end_first(struct poster *p, struct target *t)
{
	uint64_t number = t->first->number;

	t->failures = 0;
	t->next_ns = 0;
	drop_first(t);
	outbox_arrived(p->hub->outbox, OUTBOX_ADDRESS, number);
}

static void on_done(void *context, const struct web_answer *answer)
{
	struct target *t = context;
	struct poster *p = t->poster;
	char why[64];

	if (may_pass(answer->status)) {
		tell_down(p, t, answer);
		put_off(p, t, answer->retry_ns);
	} else {
		tell_up(t);
		snprintf(why, sizeof(why), "it was answered with %u", answer->status);
		if (answer->status < 200 || answer->status > 299)
			give_up(p, mf_str_of(t->shown, strlen(t->shown)), why);
		else
			p->counts.arrived++;
		tell_job(p, t, answer->status);
		end_first(p, t);
	}
	end_call(t);
	settle(p);
}

/* --------------------------------------------------------------------- the way */

static bool not_now(struct poster *p)
{
	p->short_of_memory = true;
	set_timer(p, loop_now(p->hub->loop));
	return false;
}

static bool start(struct poster *p, char error[static WEB_ERROR_MAX])
{
	if (p->web)
		return true;
	snprintf(error, WEB_ERROR_MAX, "no memory");
	return web_load(error) == 0 && web_open(&p->web, p->hub->loop) == 0;
}

/* Behind others, or beside the outbox's window. */
static bool wait(struct poster *p, struct target *t, uint64_t number)
{
	if (!t->left && has_place(t) && enqueue(t, number)) {
		outbox_park(p->hub->outbox, OUTBOX_ADDRESS, number);
	} else {
		if (!t->left)
			t->left_at = number - 1;
		t->left = true;
		outbox_leave(p->hub->outbox, OUTBOX_ADDRESS, number);
		set_timer(p, loop_now(p->hub->loop));
	}
	return true;
}

/* Given up, though its turn hasn't come, or has: then it is the first. */
static bool drop(struct poster *p, const struct store_out *out, struct mf_str url, const char *why)
{
	give_up(p, url, why);
	if (p->again)
		drop_first(p->again);
	if (is_callback(out))
		job_called(p->hub, out->id, 0);
	outbox_arrived(p->hub->outbox, OUTBOX_ADDRESS, out->number);
	return true;
}

bool poster_send(struct poster *p, const struct store_out *out)
{
	char error[WEB_ERROR_MAX];
	struct callback callback;
	struct target *t;
	struct url url;
	const char *wrong = url_parse(out->name, &url);

	if (!wrong && !start(p, error))
		wrong = error;
	if (!wrong && out->flags & OUTBOX_CALLBACK &&
		(!is_callback(out) || !may_call(p, out, &callback)))
		wrong = "emit.callbacks in hub.yaml has no line for it any more";
	if (wrong)
		return drop(p, out, url.shown, wrong);
	t = target_of(p, url.origin);
	if (!t)
		return not_now(p);
	if (p->again == t)
		return begin(p, t, out);
	if (t->first || t->left || p->counts.running >= POSTER_RUNNING)
		return wait(p, t, out->number);
	if (!enqueue(t, out->number))
		return not_now(p);
	if (begin(p, t, out))
		return true;
	drop_first(t);
	return not_now(p);
}

int poster_open(struct poster **poster, struct hub *hub)
{
	struct poster *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->hub = hub;
	p->timer.fire = on_timer;
	p->lines.burst = 3;
	*poster = p;
	return 0;
}

void poster_close(struct poster *p)
{
	if (!p)
		return;
	for (struct target *t = p->targets; t; t = t->next)
		empty(t);
	free_idle(p);
	loop_timer_clear(p->hub->loop, &p->timer);
	web_close(p->web);
	free(p);
}

void poster_look(const struct poster *p, struct poster_counts *counts)
{
	*counts = p ? p->counts : (struct poster_counts){0};
}
