/* hub/commit.c - effects to transactions, and what follows when these are done. */
#include "hub/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub/database.h"
#include "hub/emit.h"
#include "hub/failed.h"
#include "hub/history.h"
#include "hub/ids.h"
#include "hub/life.h"
#include "hub/outbox.h"
#include "hub/schedule.h"
#include "hub/states.h"
#include "image/uri.h"

/* Of a name, in a sentence. */
#define QUOTED 80

/* A task's, in its transaction's room. */
struct commit {
	struct mfw_message message;
	struct effects_reader effects; /* of the bytes behind */
	uint64_t id;                   /* of its row; 0: none */
	uint8_t bytes[];
};

static struct mf_str id_of(const struct task *task)
{
	return mf_str_of(task->id, strlen(task->id));
}

/* --------------------------------------------------------------- may it be? */

static bool is_written(const struct effect *e)
{
	return e->kind != MF_EFFECT_REPLY && e->kind != MF_EFFECT_LOG && e->kind != MF_EFFECT_CALL;
}

static bool writes(struct effects_reader r)
{
	struct effect e;

	while (effects_next(&r, &e))
		if (is_written(&e))
			return true;
	return false;
}

/* What it saw was not committed yet: then what it says of it must not be heard before. */
static bool must_wait(const struct task *task)
{
	const struct service *s = task->service;

	return task->seen && s->durability != DURABILITY_NONE &&
		states_unsure(s->hub->states, task->seen);
}

static bool saw_the_newest(struct task *task, char why[GRANTS_WHY_MAX])
{
	struct service *s = task->service;
	struct mf_str key;

	if (!task->seen || !states_changed(s->hub->states, database_service(s), task->seen, &key))
		return true;
	snprintf(why, GRANTS_WHY_MAX, "\"%.*s\" was changed by another life",
		(int)(key.n < QUOTED ? key.n : QUOTED), (const char *)key.p);
	return false;
}

/* "put if version": false: the key has another one. What the life saw is of now, so it would ask for the same
 * again. */
static bool conditions_hold(struct task *task, struct effects_reader r, char why[GRANTS_WHY_MAX])
{
	struct service *s = task->service;
	struct store_value value;
	struct effect e;

	while (effects_next(&r, &e)) {
		struct mf_str key = e.field[MF_FIELD_NAME];

		if (!(e.flags & MF_EFFECT_IF_VERSION))
			continue;
		value.version = 0;
		if (states_get(s->hub->states, database_service(s), key, &value) == 0 &&
			value.version == e.value)
			continue;
		snprintf(why, GRANTS_WHY_MAX,
			"\"%.*s\" has version %" PRIu64 ", and not %" PRIu64
			", for which it was to be put",
			(int)(key.n < QUOTED ? key.n : QUOTED), (const char *)key.p, value.version,
			e.value);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------ a transaction */

/* An event that the service will get later; `id` is for its id. */
static struct store_later later_of(
	struct task *task, const struct effect *e, char id[static TASK_ID + 1])
{
	uint64_t most = INT64_MAX - task->head.elapsed_ns;
	int64_t due = (int64_t)(task->head.elapsed_ns + (e->value < most ? e->value : most));
	struct mf_str name = e->field[MF_FIELD_NAME];
	const struct mf_str pieces[] = {name, mf_str_of(&due, sizeof(due)), id_of(task)};

	task_identity_id(id, MF_SOURCE_SCHEDULE, task->service->name, pieces, 3);
	return (struct store_later){
		.service = database_service(task->service),
		.name = name,
		.id = mf_str_of(id, TASK_ID),
		.type = e->field[MF_FIELD_TYPE],
		.body = e->field[MF_FIELD_BODY],
		.due_ns = due,
	};
}

static bool put(struct task *task, struct store_tx *tx, const struct effect *e)
{
	struct service *s = task->service;
	struct mf_str value = e->field[MF_FIELD_BODY];

	if (e->kind == MF_EFFECT_DELETE)
		value.p = NULL;
	else if (value.n == 0)
		value = MF_STR(""); /* empty, not absent */
	return states_put(s->hub->states, tx, database_service(s), e->field[MF_FIELD_NAME],
		       value) != 0;
}

/* Whom a message is for: a topic is the broker's, an address whoever is there. */
static enum outbox_destination destination_of(const struct effect *e)
{
	if (e->kind == MF_EFFECT_UPSTREAM)
		return OUTBOX_UPSTREAM;
	return emit_is_address(e->field[MF_FIELD_NAME]) ? OUTBOX_ADDRESS : OUTBOX_BROKER;
}

static uint32_t flags_of(const struct effect *e)
{
	if (e->kind == MF_EFFECT_UPSTREAM)
		return 1; /* it is acknowledged */
	return (e->status & OUTBOX_QOS) | (e->flags & MF_EFFECT_RETAIN ? OUTBOX_RETAIN : 0);
}

/* False: there is no way there; `why` has the line of hub.yaml that would make one. */
static bool send_out(struct task *task, struct store_tx *tx, const struct effect *e, char *why)
{
	static const char *const lines[OUTBOX_DESTINATIONS] = {
		[OUTBOX_BROKER] = "mqtt: {broker: \"mqtt://127.0.0.1\"}",
		[OUTBOX_ADDRESS] = "",
	};
	struct mf_str name = e->field[MF_FIELD_NAME];
	struct store_out out = {
		.destination = destination_of(e),
		.priority = e->kind == MF_EFFECT_UPSTREAM ? e->status : 0,
		.service = database_service(task->service),
		.flags = flags_of(e),
		.at_ns = (int64_t)task->head.elapsed_ns,
		.wall_ns = task->head.time_ns,
		.id = id_of(task),
		.name = name,
		.type = e->field[MF_FIELD_TYPE],
		.body = e->field[MF_FIELD_BODY],
	};

	const char *wrong = out.destination == OUTBOX_ADDRESS
		? emit_wrong(task->service->hub, name, out.body)
		: NULL;
	char shown[QUOTED + 1];

	if (!wrong && outbox_add(task->service->hub->outbox, tx, &out) != 0)
		return true;
	if (wrong) {
		snprintf(why, GRANTS_WHY_MAX, "\"%s\": %s", uri_show(name, shown, sizeof(shown)),
			wrong);
		return false;
	}
	snprintf(why, GRANTS_WHY_MAX, "it may send to \"%.*s\", but this hub has no way there%s%s",
		(int)(name.n < QUOTED ? name.n : QUOTED), (const char *)name.p,
		lines[out.destination][0] ? ": this line in hub.yaml would make one: " : "",
		lines[out.destination]);
	return false;
}

static bool has_upstream(const struct task *task)
{
	return outbox_takes(task->service->hub->outbox, OUTBOX_UPSTREAM);
}

static bool send_any(struct task *task, struct store_tx *tx, const struct effect *e, char *why)
{
	if (e->kind != MF_EFFECT_UPSTREAM || has_upstream(task))
		return send_out(task, tx, e, why);
	task->service->counts.unsent++;
	return true;
}

static enum commit_result add_effect(
	struct task *task, struct store_tx *tx, const struct effect *e, char *why)
{
	struct store_later later;
	char id[TASK_ID + 1];

	switch (e->kind) {
	case MF_EFFECT_PUT:
	case MF_EFFECT_DELETE: return put(task, tx, e) ? COMMIT_TAKEN : COMMIT_REFUSED;
	case MF_EFFECT_UPSTREAM:
	case MF_EFFECT_EMIT: return send_any(task, tx, e, why) ? COMMIT_TAKEN : COMMIT_DENIED;
	case MF_EFFECT_SCHEDULE:
		later = later_of(task, e, id);
		if (e->value > 0)
			store_later(tx, &later);
		else
			store_later_done(tx, later.service, later.name, mf_str_of(NULL, 0));
		return COMMIT_TAKEN;
	case MF_EFFECT_METER:
		store_meter(tx, database_service(task->service), e->field[MF_FIELD_NAME],
			pricing_meter(task, e->field[MF_FIELD_NAME], e->value));
		return COMMIT_TAKEN;
	default: return COMMIT_TAKEN;
	}
}

/* The answer, in the transaction's room; empty: it is too large to be kept. False: no memory. */
static bool keep_answer(
	struct task *task, struct store_tx *tx, const struct commit *c, struct mf_str *answer)
{
	struct reply reply;
	const struct reply *given = life_reply(task, c->effects, &reply) ? &reply : NULL;
	uint64_t metered = task->paid ? pricing_sum(task, c->effects) : 0;
	size_t n = ids_answer_bytes(given), more = task->paid ? sizeof(metered) : 0;
	uint8_t *to = n > 0 ? store_room(tx, n + more) : NULL;

	if (to)
		ids_answer_write(task, given, to);
	if (to && more > 0)
		memcpy(to + n, &metered, more);
	*answer = mf_str_of(to, n > 0 ? n + more : 0);
	return n == 0 || to;
}

static bool only_meters(struct effects_reader r)
{
	struct effect e;

	while (effects_next(&r, &e))
		if (is_written(&e) && e.kind != MF_EFFECT_METER)
			return false;
	return true;
}

/* What is paid for is charged once by the ledger: only what else it wrote may not be done again. */
static bool add_id(struct task *task, struct store_tx *tx, struct commit *c)
{
	struct store_id id = {
		.id = id_of(task),
		.service = database_service(task->service),
		.at_ns = (int64_t)task->head.elapsed_ns,
	};

	if (!(task->identity & TASK_IDENTITY) || (task->paid && only_meters(c->effects)))
		return true;
	if ((task->identity & TASK_KEEP) && !keep_answer(task, tx, c, &id.answer))
		return false;
	id.number = c->id = store_number(task->service->hub->store, STORE_IDS);
	store_id(tx, &id);
	return true;
}

static struct mf_str effects_of(const struct commit *c)
{
	return mf_str_of(c->effects.bytes, c->effects.size);
}

/* For its trace; NULL: there is nothing to be said. */
static const char *not_done(const struct task *task, struct effects_reader r)
{
	struct effect e;

	if (task->service->manifest.upstream_count == 0 || has_upstream(task))
		return NULL;
	while (effects_next(&r, &e))
		if (e.kind == MF_EFFECT_UPSTREAM)
			return "what it sent upstream was dropped: this hub has no upstream";
	return NULL;
}

/* COMMIT_TAKEN, or why there is no such transaction. */
static enum commit_result fill(struct task *task, struct store_tx *tx, struct commit *c, char *why)
{
	const struct history_end well = {.result = MFW_OK, .why = not_done(task, c->effects)};
	enum commit_result result = COMMIT_TAKEN;
	struct effects_reader r = c->effects;
	struct effect e;

	/* what its event was ends with it */
	schedule_done(task, tx);
	failed_done(task, tx);
	if (!writes(c->effects)) /* it only waits for what it saw */
		return store_sound(tx) ? COMMIT_TAKEN : COMMIT_REFUSED;
	if (!add_id(task, tx, c) || !history_add(task, tx, &c->message, effects_of(c), &well))
		return COMMIT_REFUSED;
	while (result == COMMIT_TAKEN && effects_next(&r, &e))
		result = add_effect(task, tx, &e, why);
	return result == COMMIT_TAKEN && !store_sound(tx) ? COMMIT_REFUSED : result;
}

/* -------------------------------------------------------------------- done */

/* What it scheduled is the timers' from now on. */
static void tell_laters(struct task *task, struct effects_reader r)
{
	struct hub *hub = task->service->hub;
	char id[TASK_ID + 1];
	struct effect e;

	while (hub->on_later && effects_next(&r, &e)) {
		struct store_later later;

		if (e.kind != MF_EFFECT_SCHEDULE || e.value == 0)
			continue;
		later = later_of(task, &e, id);
		hub->on_later(hub, &later);
	}
}

static void done(struct store_tx *tx, int error)
{
	struct task *task = store_context(tx);
	const struct commit *c = task->commit;

	database_done(task->service->hub, tx, error);
	if (error == 0) {
		if (c->id)
			ids_done(task->service->hub->ids, id_of(task), c->id);
		tell_laters(task, c->effects);
		life_kept(task, &c->message, c->effects);
	} else {
		life_lost(task, &c->message);
	}
}

/* ------------------------------------------------------------------- submit */

/* What the transaction is about, copied into its room: the bytes that were judged are overwritten by the
 * next life. */
static struct commit *make_commit(
	struct store_tx *tx, const struct mfw_message *message, struct effects_reader effects)
{
	struct commit *c = store_room(tx, sizeof(*c) + effects.size);

	if (!c)
		return NULL;
	memcpy(c->bytes, effects.bytes, effects.size);
	c->message = *message;
	c->effects = effects;
	c->effects.bytes = c->bytes;
	return c;
}

/* Alone, where no other life is under way, it is written here: handing it to the thread and back takes longer. */
static void submit(const struct service *s, struct store_tx *tx)
{
	if (s->durability != DURABILITY_SYNC && s->posted == 0 && store_waiting(s->hub->store) == 0)
		store_submit_now(tx);
	else
		store_submit(tx);
}

/* Durability `none`: nothing waits for it. */
static enum commit_result commit_unheard(struct task *task, struct store_tx *tx, struct commit *c)
{
	struct hub *hub = task->service->hub;

	if (c->id)
		ids_done(hub->ids, id_of(task), c->id);
	tell_laters(task, c->effects);
	task->subject = mf_str_of(NULL, 0); /* its event still lies in its slot */
	submit(task->service, tx);
	return COMMIT_PURE; /* from here on */
}

static enum commit_result commit(struct task *task, const struct mfw_message *message,
	struct effects_reader effects, char *why)
{
	static const struct ending well = {.result = "ok"};
	struct service *s = task->service;
	bool unheard = s->durability == DURABILITY_NONE;
	struct store_tx *tx = store_begin(s->hub->store,
		s->durability == DURABILITY_SYNC ? STORE_SYNC : STORE_BATCH,
		unheard ? database_unheard : done, unheard ? (void *)s->hub : task);
	enum commit_result result = COMMIT_REFUSED;

	if (!tx)
		return COMMIT_REFUSED;
	task->commit = make_commit(tx, message, effects);
	if (task->commit)
		result = fill(task, tx, task->commit, why);
	if (result == COMMIT_TAKEN && !unheard && !service_commits(task, &well))
		result = COMMIT_REFUSED;
	if (result != COMMIT_TAKEN) {
		states_undo(s->hub->states, tx);
		history_forget(task);
		store_drop(tx);
		return result;
	}
	s->counts.commits++;
	if (unheard)
		return commit_unheard(task, tx, task->commit);
	submit(s, tx);
	return COMMIT_TAKEN;
}

enum commit_result commit_life(struct task *task, const struct mfw_message *message,
	struct effects_reader effects, char why[GRANTS_WHY_MAX])
{
	const struct hub *hub = task->service->hub;
	bool any = writes(effects);

	if ((any || (task->seen && states_doubtful(hub->states, task->seen))) &&
		!saw_the_newest(task, why))
		return COMMIT_RACE;
	if (!any && !must_wait(task))
		return COMMIT_PURE;
	if (any && !conditions_hold(task, effects, why))
		return COMMIT_FAILED;
	if (!hub->store || database_down(hub))
		return COMMIT_REFUSED;
	return commit(task, message, effects, why);
}

/* ------------------------------------------------------------------ operator */

int commit_put(struct service *service, const struct commit_put *put, uint64_t *version)
{
	struct hub *hub = service->hub;
	uint32_t number = database_service(service);
	struct store_value value;
	struct store_tx *tx;
	int rc;

	if (database_down(hub) || database_full(hub))
		return -EAGAIN;
	rc = states_get(hub->states, number, put->key, &value);
	if (rc < 0)
		return rc;
	*version = value.version;
	if (put->conditional && value.version != put->if_version)
		return -ESTALE;
	tx = store_begin(hub->store, STORE_SYNC, database_unheard, hub);
	*version = tx ? states_put(hub->states, tx, number, put->key, put->value) : 0;
	if (tx && *version != 0 && store_sound(tx)) {
		store_submit(tx);
		return 0;
	}
	if (tx) {
		states_undo(hub->states, tx);
		store_drop(tx);
	}
	return -EAGAIN;
}
