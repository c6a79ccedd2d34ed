/*
 * hub/jobs/lend.c - tasks of this hub's jobs that other hubs may do: offered by the queue when this one has no thread for them, back
 * when it has and nobody took them. The first that has a result counts; who is told of one he doesn't wait for drops it.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/http/problem.h"
#include "hub/jobs/peer.h"
#include "sys/log.h"
#include "wire/base64.h"
#include "wire/effects.h"

struct job_lent {
	struct job_lent *next;
	uint32_t task;
	bool asked; /* for back */
	bool taken; /* and refused: somebody has it */
};

static struct job_lent **find(struct job *job, uint32_t task)
{
	struct job_lent **at = &job->lent;

	while (*at && (*at)->task != task)
		at = &(*at)->next;
	return at;
}

static void forget(struct job *job, struct job_lent **at)
{
	struct job_lent *lent = *at;

	*at = lent->next;
	free(lent);
	job->lent_count--;
}

static struct queue_item item_of(enum queue_verb verb, const char *job, uint32_t task)
{
	struct queue_item item = {.verb = verb, .number = task};

	(void)snprintf(item.job, sizeof(item.job), "%s", job);
	return item;
}

/* ------------------------------------------------------------------- what is said */

static json_t *or_null(struct mf_str s)
{
	json_t *j = s.p && s.n > 0 ? json_stringn((const char *)s.p, s.n) : NULL;

	return j ? j : json_null();
}

static json_t *words(const char *text)
{
	return text ? or_null(mf_str_of(text, strlen(text))) : json_null();
}

/* What all of its tasks have in common. */
static char *about(const struct job *job)
{
	json_t *operands = json_array(), *o;
	char *text;

	for (unsigned i = 0; i < job->operands; i++)
		json_array_append_new(operands, peer_blob_json(job->operand[i]));
	o = json_pack("{so so so so so}", "path", words(job->path), "query", words(job->query),
		"type", words(job->type), "operands", operands, "plan",
		job->single ? json_null() : peer_blob_json(job->plan_blob));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* The results that go into this one. */
static char *needs(const struct job *job, uint32_t task)
{
	const struct job_bytes *input = &job->plan.tasks[task].input;
	json_t *o = json_object();
	char key[16], *text;

	for (uint32_t i = 0; i < input->count; i++)
		if (input->pieces[i].kind == JOB_RESULT) {
			(void)snprintf(key, sizeof(key), "%u", (unsigned)input->pieces[i].source);
			json_object_set_new(
				o, key, peer_blob_json(job->results[input->pieces[i].source]));
		}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static bool offer(struct job *job, uint32_t task)
{
	struct peers *peers = job->jobs->peers;
	const struct service *s = job_service(job);
	struct queue_item item = item_of(QUEUE_OFFER, job->id, task);
	char kind[PEER_KIND], *common = about(job), *own = needs(job, task);
	bool said = false;

	if (s && common && own) {
		peer_kind(s, kind);
		item.kind = kind;
		item.about = common;
		item.needs = own;
		said = queue_say(peers->thread, &item);
	}
	free(common);
	free(own);
	return said;
}

uint32_t job_lends(const struct job *job)
{
	const struct peers *peers = job->jobs->peers;
	const struct service *s = job_service(job);

	if (!peers || !peers->up || peers->stopping || peers->hubs < 2 || !s ||
		!(job->single || job->plan_blob))
		return 0;
	return (uint32_t)(peers->hubs - 1) * s->head.threads * JOB_LENDS;
}

bool job_lend(struct job *job, uint32_t task)
{
	struct job_lent *lent;

	if (job->lent_count >= job_lends(job) || job->run.tries[task] > 0)
		return false;
	lent = calloc(1, sizeof(*lent));
	if (!lent || !offer(job, task)) {
		free(lent);
		return false;
	}
	job->lent_ever = true;
	lent->task = task;
	lent->next = job->lent; /* so the last one is asked for first */
	job->lent = lent;
	job->lent_count++;
	job->jobs->peers->counts.offered++;
	return true;
}

void job_lent_back(struct job *job, uint32_t idle)
{
	for (struct job_lent *l = job->lent; l && idle > 0; l = l->next) {
		struct queue_item item = item_of(QUEUE_RECALL, job->id, l->task);

		if (l->taken)
			continue;
		idle--;
		if (!l->asked)
			peer_say(job->jobs->peers, &item);
		l->asked = true;
	}
}

void job_lent_drop(struct job *job)
{
	struct peers *peers = job->jobs->peers;
	struct queue_item item = item_of(QUEUE_CANCEL, job->id, 0);

	if (!peers || !job->lent_ever)
		return;
	job->lent_ever = false;
	while (job->lent)
		forget(job, &job->lent);
	peer_say(peers, &item);
}

void job_ran(struct job *job, const char *by)
{
	const struct peers *peers = job->jobs->peers;

	if (by[0] == '\0' && !peers)
		return;
	if (!job->hubs)
		job->hubs = json_object();
	if (by[0] == '\0')
		by = peers->name;
	(void)json_object_set_new(job->hubs, by,
		json_integer(1 + json_integer_value(json_object_get(job->hubs, by))));
}

/* ------------------------------------------------------------------ what is heard */

static void come_home(struct job *job, uint32_t task)
{
	job_run_back(&job->run, task, clock_mono_ns(), 0);
	job_go(job);
}

/* Another hub couldn't: here it is seen why, and tried as often as the service says. */
static void try_here(struct job *job, uint32_t task, const char *why)
{
	log_about(LOG_WARN, job->service, job->id, "task %u comes back from another hub: %s",
		(unsigned)task, why);
	job->jobs->peers->counts.home++;
	if (job->run.tries[task] == 0)
		job->run.tries[task] = 1;
	come_home(job, task);
}

static struct mf_str text_in(const json_t *o, const char *key)
{
	const json_t *s = json_object_get(o, key);

	return mf_str_of(json_string_value(s), json_string_length(s));
}

/* Of another hub's words: not below 0. */
static uint64_t number_in(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* They become an answer over HTTP: a life's are looked at when it ends, these come from another hub. */
static bool are_words(const json_t *said, uint32_t status)
{
	struct mf_str type = text_in(said, "type");

	for (size_t i = 0; i < type.n; i++)
		if (type.p[i] < ' ' || type.p[i] == 0x7f)
			return false;
	return type.n <= EFFECTS_TYPE_MOST && !effects_headers(text_in(said, "headers")) &&
		status != 204 && status != 205;
}

/* The task's own reply says that the job has failed. */
static void fail_as(struct job *job, const json_t *said, uint32_t status)
{
	struct mf_str text = text_in(said, "text");
	uint8_t bytes[BASE64_ROOM(2 * JOB_WORDS_MOST)];
	size_t n = 0;
	struct reply reply = {.status = status,
		.content_type = text_in(said, "type"),
		.headers = text_in(said, "headers")};

	if (text.p && text.n <= 2 * JOB_WORDS_MOST - 4 && base64_read(text, bytes, &n))
		reply.body = mf_str_of(bytes, n);
	job_fail_as(job, &reply);
}

/* Pinned. */
static struct blob *blob_said(const struct job *job, const json_t *said)
{
	uint8_t hash[BLOB_HASH];
	uint64_t bytes;
	struct blob *blob = NULL;

	if (peer_blob_read(json_object_get(said, "blob"), hash, &bytes))
		blob = blobs_find(job->jobs->hub->blobs, hash);
	if (!blob || blob_size(blob) != bytes)
		return NULL;
	blob_pin(blob);
	return blob;
}

static void take_single(
	struct job *job, const json_t *said, uint32_t status, struct blob *blob, const char *by)
{
	if (!job_words(job, status, text_in(said, "type"), text_in(said, "headers"),
		    mf_str_of(NULL, 0))) {
		blob_unpin(blob);
		job_fail(job, 503, "no memory");
		return;
	}
	job_ran(job, by);
	job_meter(job, number_in(said, "metered"), number_in(said, "run_ns"));
	job_done(job, status, job->answer.type, job->answer.headers, blob);
}

static void take(struct job *job, uint32_t task, const struct queue_task *ended)
{
	json_t *said = ended->result ? json_loads(ended->result, 0, NULL) : NULL;
	uint32_t status = (uint32_t)json_integer_value(json_object_get(said, "status"));
	const char *why = json_string_value(json_object_get(said, "detail"));
	struct blob *blob = NULL;

	job->lives++;
	if (!are_words(said, status)) {
		try_here(job, task, "its words can't be an answer");
	} else if (ended->failed && status >= 300 && status <= 599) {
		fail_as(job, said, status);
	} else if (ended->failed || status < 200 || status >= 300) {
		try_here(job, task, why ? why : "hubs were lost over it");
	} else if (!(blob = blob_said(job, said))) {
		try_here(job, task, "its result isn't in the disk cache any more");
	} else if (job->single) {
		take_single(job, said, status, blob, ended->hub);
	} else if (blob_size(blob) != job->plan.tasks[task].result ||
		!job_land(job, task, blob, ended->hub, number_in(said, "metered"),
			number_in(said, "run_ns"))) {
		blob_unpin(blob);
		try_here(job, task, "its result can't be used");
	}
	job->jobs->peers->counts.returned++;
	json_decref(said);
}

/* Of a job that an earlier run of this hub lent: does it wait for it still? */
static bool waits_for(struct job *job, uint32_t task)
{
	struct job_lent **at = find(job, task);

	if (*at) {
		forget(job, at);
		return true;
	}
	if (task >= job->plan.tasks_count || job->run.graph.state[task] != JOB_TODO)
		return false;
	job_graph_start(&job->run.graph, task);
	return true;
}

void lent_ended(struct peers *peers, const struct queue_task *ended)
{
	struct job *job = jobs_find(peers->hub, mf_str_of(ended->job, strlen(ended->job)));
	struct queue_item item = item_of(QUEUE_REMOVE, ended->job, ended->number);

	if (job && !job_is_off(job) && !job->has_run)
		return; /* its plan is being read */
	if (job && !job_is_off(job) && waits_for(job, ended->number)) {
		take(job, ended->number, ended);
		job_changed(job);
	}
	peer_say(peers, &item);
}

void lent_said(struct peers *peers, const struct queue_item *item)
{
	struct job *job = jobs_find(peers->hub, mf_str_of(item->job, strlen(item->job)));
	struct job_lent **at;

	if (item->verb != QUEUE_RECALL || !job || job_is_off(job) || !job->has_run)
		return;
	at = find(job, item->number);
	if (!*at)
		return;
	if (item->refused) {
		(*at)->taken = true;
		job_go(job); /* for another one */
		return;
	}
	forget(job, at);
	come_home(job, item->number);
}

void lent_again(struct peers *peers)
{
	for (struct job *job = jobs_first(peers->hub); job; job = jobs_next(job)) {
		for (const struct job_lent *l = job->lent; l; l = l->next)
			if (!l->asked || l->taken)
				(void)offer(job, l->task);
		job_go(job);
	}
}

void lent_home(struct peers *peers)
{
	for (struct job *job = jobs_first(peers->hub); job; job = jobs_next(job))
		while (job->lent) {
			struct queue_item item = item_of(QUEUE_RECALL, job->id, job->lent->task);
			uint32_t task = job->lent->task;

			peer_say(peers, &item);
			forget(job, &job->lent);
			peers->counts.home++;
			come_home(job, task);
		}
}
