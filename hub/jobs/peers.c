/* hub/jobs/peers.c - see peers.h: what is said and heard goes to lend.c and borrow.c. */
#include "hub/jobs/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config.h"
#include "hub/http/blobs.h"
#include "hub/jobs/peer.h"
#include "hub/setup.h"
#include "sys/log.h"
#include "sys/secret.h"

#define HOME_NS (20 * CLOCK_S) /* the database is away for so long: what was lent comes home */
#define AGAIN_NS                                                                                   \
	(30 * CLOCK_S) /* what is lent is offered again, which changes nothing where it still is */
#define TOKEN_MOST 512u

/* ----------------------------------------------------------------- what files share */

void peer_kind(const struct service *s, char kind[static PEER_KIND])
{
	int n = snprintf(kind, PEER_KIND, "%.63s@", s->name);

	for (unsigned i = 0; i < 16; i++)
		n += snprintf(kind + n, PEER_KIND - (size_t)n, "%02x", s->snapshot[i]);
}

json_t *peer_blob_json(const struct blob *blob)
{
	char name[BLOB_NAME + 1];

	if (!blob)
		return json_null();
	blob_name(blob_hash(blob), name);
	return json_pack("[s I]", name, (json_int_t)blob_size(blob));
}

bool peer_blob_read(const json_t *json, uint8_t hash[static BLOB_HASH], uint64_t *bytes)
{
	const json_t *name = json_array_get(json, 0), *size = json_array_get(json, 1);

	*bytes = (uint64_t)json_integer_value(size);
	return json_string_length(name) == BLOB_NAME && json_is_integer(size) &&
		json_integer_value(size) > 0 && blob_name_read(json_string_value(name), hash);
}

/* Without memory nothing is said: then a lease ends. */
void peer_say(struct peers *peers, const struct queue_item *item)
{
	if (!queue_say(peers->thread, item))
		log_warn("queue: no memory to say what became of a task");
}

struct web_request peer_request(const struct peers *peers, const char *url,
	const uint8_t hash[static BLOB_HASH], struct peer_texts *texts)
{
	char name[BLOB_NAME + 1];
	struct web_request r = {.url = texts->url,
		.headers = texts->headers,
		.identity.authorities = peers->authorities};

	blob_name(hash, name);
	(void)snprintf(texts->url, sizeof(texts->url), "%s" BLOBS_PATH "%s", url, name);
	if (peers->token)
		texts->headers[r.headers_count++] = peers->token;
	return r;
}

/* ------------------------------------------------------------------ what is heard */

static void on_taken(void *context, struct queue_task *task)
{
	borrow_taken(context, task);
}

static void on_lost(void *context, const char *job, uint32_t number, uint64_t ticket)
{
	struct peers *peers = context;

	peers->counts.refused++;
	borrow_lost(peers, job, number, ticket);
}

static void on_ended(void *context, const struct queue_task *task)
{
	lent_ended(context, task);
}

static void on_said(void *context, const struct queue_item *item)
{
	struct peers *peers = context;

	if (item->verb == QUEUE_TELL) {
		peers->counts.told += !item->refused;
		peers->counts.refused += item->refused;
	}
	lent_said(peers, item);
}

static void on_state(void *context, const char *error, uint64_t hubs, bool replaced)
{
	struct peers *peers = context;
	struct loop *loop = peers->hub->loop;

	if (error) {
		log_warn("queue: %s%s", error,
			replaced ? ": each hub needs its own, hub.yaml's queue.name" : "");
		if (replaced)
			lent_home(peers);
		else if (peers->up)
			(void)loop_timer_set(loop, &peers->home, loop_now(loop) + HOME_NS);
		peers->up = false;
		return;
	}
	if (!peers->up) {
		log_info("queue: connected as %s, %llu hubs are there", peers->name,
			(unsigned long long)hubs);
		loop_timer_clear(loop, &peers->home);
		peers->up = true;
		peers->hubs = hubs;
		lent_again(peers);
	}
	peers->hubs = hubs;
	borrow_want(peers);
}

/* Whoever restores the database, or drops its schema, takes rows away without a word. */
static void on_again(struct loop_timer *timer)
{
	struct peers *peers = LOOP_OWNER(timer, struct peers, again);
	struct loop *loop = peers->hub->loop;

	if (peers->up && !peers->stopping)
		lent_again(peers);
	(void)loop_timer_set(loop, timer, loop_now(loop) + AGAIN_NS);
}

static void on_home(struct loop_timer *timer)
{
	lent_home(LOOP_OWNER(timer, struct peers, home));
}

/* ------------------------------------------------------------------ open, close */

/* The walls stand when the loop runs. */
static void on_start(struct loop_later *later)
{
	struct peers *peers = LOOP_OWNER(later, struct peers, start);
	int e = queue_thread_start(peers->thread);

	if (e < 0)
		log_error("queue: its thread can't be started: %s", strerror(-e));
}

static char *print_of(const struct config_queue *q)
{
	char *text = NULL;

	if (asprintf(&text, "%s\n%s\n%s\n%s\n%s", q->database ? q->database : "",
		    q->name ? q->name : "", q->url ? q->url : "", q->token ? q->token : "",
		    q->authorities ? q->authorities : "") < 0)
		return NULL;
	return text;
}

static int read_token(
	struct peers *peers, const struct config_queue *q, char error[static HUB_ERROR_MAX])
{
	char why[SECRET_ERROR_MAX], *text;
	size_t n;
	int e;

	if (!q->token)
		return 0;
	e = secret_read("queue.token:", q->token, TOKEN_MOST, &text, &n, why);
	if (e < 0)
		return setup_bad(q->place, error, setup_status_of(e), "%s", why);
	n = strcspn(text, "\r\n");
	if (asprintf(&peers->token, "Authorization: Bearer %.*s", (int)n, text) < 0)
		peers->token = NULL;
	secret_free(text, strlen(text));
	return peers->token ? 0 : setup_bad(q->place, error, SETUP_FAILED, "no memory");
}

static int fill(struct peers *peers, const struct config_queue *q, char error[static HUB_ERROR_MAX])
{
	static const struct queue_events events = {on_taken, on_lost, on_ended, on_said, on_state};
	const struct queue_options options = {
		.database = q->database, .name = q->name, .url = q->url};
	char why[WEB_ERROR_MAX] = "no memory";
	int status = read_token(peers, q, error), e;

	if (status != 0)
		return status;
	peers->print = print_of(q);
	peers->name = strdup(q->name);
	peers->url = strdup(q->url);
	peers->authorities = q->authorities ? strdup(q->authorities) : NULL;
	e = web_load(why);
	if (e == 0)
		e = web_open(&peers->web, peers->hub->loop);
	if (e == 0)
		e = queue_thread_open(&peers->thread, peers->hub->loop, &options, &events, peers);
	if (e == 0 && (!peers->print || !peers->name || !peers->url))
		e = -ENOMEM;
	return e < 0 ? setup_bad(q->place, error, setup_status_of(e), "queue: %s", why) : 0;
}

static void free_peers(struct peers *peers)
{
	queue_thread_close(peers->thread);
	web_close(peers->web);
	free(peers->print);
	free(peers->name);
	free(peers->url);
	if (peers->token)
		secret_free(peers->token, strlen(peers->token));
	free(peers->authorities);
	free(peers);
}

int peers_look(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	struct peers *peers;
	int status;

	if (!config->queue.database || !hub->jobs || hub->jobs->peers)
		return 0;
	peers = calloc(1, sizeof(*peers));
	if (!peers)
		return setup_bad(config->queue.place, error, SETUP_FAILED, "no memory");
	peers->hub = hub;
	peers->jobs = hub->jobs;
	peers->hubs = 1;
	peers->start.run = on_start;
	peers->timer.fire = borrow_fire;
	peers->home.fire = on_home;
	peers->again.fire = on_again;
	status = fill(peers, &config->queue, error);
	if (status != 0) {
		free_peers(peers);
		return status;
	}
	hub->jobs->peers = peers;
	loop_later(hub->loop, &peers->start);
	(void)loop_timer_set(hub->loop, &peers->again, loop_now(hub->loop) + AGAIN_NS);
	return 0;
}

int peers_check(
	const struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct peers *peers = hub->jobs ? hub->jobs->peers : NULL;
	char *print = print_of(&config->queue);
	bool same = !peers || (print && strcmp(print, peers->print) == 0);

	free(print);
	if (same)
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"%s: queue: it can't change while the hub runs: leave it as it was, or start the "
		"hub again",
		hub->options.file);
	return SETUP_USAGE;
}

void peers_stop(struct peers *peers)
{
	if (!peers)
		return;
	peers->stopping = true;
	borrow_want(peers);
	borrow_soon(peers);
}

void peers_close(struct peers *peers)
{
	if (!peers)
		return;
	peers->stopping = true;
	loop_later_cancel(peers->hub->loop, &peers->start);
	borrow_close(peers);
	loop_timer_clear(peers->hub->loop, &peers->timer);
	loop_timer_clear(peers->hub->loop, &peers->home);
	loop_timer_clear(peers->hub->loop, &peers->again);
	free_peers(peers);
}

uint64_t peers_hubs(const struct peers *peers)
{
	uint64_t most = 64;

	if (!peers || !peers->up || peers->hubs < 2)
		return 1;
	return peers->hubs < most ? peers->hubs : most;
}

bool peers_count(const struct jobs *jobs, struct peers_counts *counts)
{
	const struct peers *peers = jobs ? jobs->peers : NULL;

	if (!peers)
		return false;
	*counts = peers->counts;
	counts->up = peers->up;
	counts->hubs = peers->hubs;
	counts->borrowed = peers->loans;
	for (const struct job *job = jobs_first(peers->hub); job; job = jobs_next(job))
		counts->lent += job->lent_count;
	return true;
}
