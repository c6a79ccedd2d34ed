/* hub/life.c - check a life's effects, and do them. */
#include "hub/life.h"

#include <stdio.h>

#include "hub/commit.h"
#include "hub/call.h"
#include "hub/canary.h"
#include "hub/cores.h"
#include "hub/failed.h"
#include "hub/history.h"
#include "hub/hub.h"
#include "hub/paid.h"
#include "hub/service_parts.h"
#include "image/grants.h"
#include "wire/effects.h"

/* What the worker says of times is for display and for guessing; it needn't be true. */
#define TIME_MOST 3600000000000ull

struct verdict {
	const char *name;
	const char *words;
};
static const struct verdict verdicts[MFW_RESULTS] = {
	[MFW_OK] = {"ok", ""},
	[MFW_ERR_FAILED] = {"failed", "gave up (mf_fail)"},
	[MFW_ERR_CRASHED] = {"crashed", "crashed"},
	[MFW_ERR_CPU] = {"deadline", "ran longer than limits.cpu or limits.deadline allow"},
	[MFW_ERR_MEMORY] = {"memory", "needs more memory than its manifest's memory.window"},
	[MFW_ERR_EFFECTS] = {"effects", "left effects that are malformed"},
	[MFW_ERR_EVENT] = {"event", "got an event that it can't hold"},
	[MFW_ERR_CALL] = {"call", "called another service, where it can't"},
	[MFW_ERR_BACKEND] = {"backend", "could not be given a machine"},
	[MFW_ERR_IMAGE] = {"image", "has no image that can be loaded"},
	[MFW_ERR_INIT] = {"init", "has no snapshot: mf_init failed"},
	[MFW_ERR_FULL] = {"full",
		"replied or logged more than its manifest's memory.effects holds"},
};

const char *life_result_name(enum mfw_result result)
{
	return verdicts[result].name;
}

/* ------------------------------------------------------------ doing effects */

struct doing {
	struct service *service;
	struct task *task;
	struct reply reply;
	bool replied;
	bool writes;           /* something that commit.c does */
	bool told;             /* the operator knows what is wrong */
	struct mf_str effects; /* as it left them, where they can be read */
};

static struct reply reply_of(const struct task *task, const struct effect *e)
{
	const bool blob = (e->flags & MF_EFFECT_BLOB) != 0;

	return (struct reply){
		.status = e->status,
		.content_type = e->field[MF_FIELD_TYPE],
		.headers = e->field[MF_FIELD_META],
		.body = blob ? areas_output(&task->output, e->value) : e->field[MF_FIELD_BODY],
		.output = blob ? &task->output : NULL,
	};
}

static void do_reply(struct doing *d, const struct effect *e)
{
	d->replied = true;
	d->reply = reply_of(d->task, e);
}

static void do_log(struct doing *d, const struct effect *e)
{
	report_log(&d->service->hub->report, d->service, d->task, (enum mf_level)e->status,
		e->field[MF_FIELD_BODY]);
}

/* It was written, if it had to be: commit.c. */
static void do_nothing(struct doing *d, const struct effect *e)
{
	(void)d;
	(void)e;
}

/* It was done when it was asked for: call.c. */
static void do_call(struct doing *d, const struct effect *e)
{
	(void)d;
	(void)e;
}

/* What this hub can do. A kind without an entry refuses the life. */
static void (*const doers[MF_EFFECT_KINDS])(struct doing *d, const struct effect *e) = {
	[MF_EFFECT_REPLY] = do_reply,
	[MF_EFFECT_LOG] = do_log,
	[MF_EFFECT_EMIT] = do_nothing,
	[MF_EFFECT_PUT] = do_nothing,
	[MF_EFFECT_DELETE] = do_nothing,
	[MF_EFFECT_SCHEDULE] = do_nothing,
	[MF_EFFECT_METER] = do_nothing,
	[MF_EFFECT_UPSTREAM] = do_nothing,
	[MF_EFFECT_CALL] = do_call,
};

/* Can this hub do it? */
static bool can_do(struct doing *d, const struct effect *e, char why[GRANTS_WHY_MAX])
{
	const struct service *s = d->service;
	bool writes = doers[e->kind] == do_nothing;

	d->writes |= writes;
	if (writes && !d->service->hub->store)
		snprintf(why, GRANTS_WHY_MAX,
			"it asks for '%s', which is kept in a database, and this hub has none%s",
			effect_names[e->kind],
			e->kind == MF_EFFECT_METER ? ": 'price' in mayfly.yaml says what is metered"
						   : "");
	else if (!doers[e->kind])
		snprintf(why, GRANTS_WHY_MAX, "it asks for '%s', which this hub can't do",
			effect_names[e->kind]);
	else if ((e->flags & MF_EFFECT_BLOB) && e->value > s->note.output_bytes)
		snprintf(why, GRANTS_WHY_MAX,
			"it replies with %llu bytes of its output area, which has %llu: raise "
			"memory.output in its mayfly.yaml",
			(unsigned long long)e->value, (unsigned long long)s->note.output_bytes);
	else
		return true;
	return false;
}

/* May the life ask for all of it, and can this hub do it? False: why says what not. */
static bool may_do(struct doing *d, struct effects_reader r, char why[GRANTS_WHY_MAX])
{
	const struct service *s = d->service;
	struct effect e;

	while (effects_next(&r, &e)) {
		if (!grants_allow(&s->note, &s->manifest, e.kind, e.field[MF_FIELD_NAME],
			    effect_names[e.kind], why))
			return false;
		if (!can_do(d, &e, why))
			return false;
	}
	return true;
}

static void do_all(struct doing *d, struct effects_reader r, bool logs_only)
{
	struct effect e;

	while (effects_next(&r, &e))
		if (e.kind == MF_EFFECT_LOG || !logs_only)
			doers[e.kind](d, &e);
}

static enum mfw_result result_of(enum mf_outcome outcome)
{
	switch (outcome) {
	case MF_OUTCOME_OK: return MFW_OK;
	case MF_OUTCOME_FAILED: return MFW_ERR_FAILED;
	case MF_OUTCOME_MEMORY: return MFW_ERR_MEMORY;
	default: return MFW_ERR_EFFECTS;
	}
}

/* ------------------------------------------------------------------ the end */

static uint64_t bounded(uint64_t ns)
{
	return ns < TIME_MOST ? ns : TIME_MOST;
}

/* It is kept, to be tried again or looked at; or whoever waits hears of it. */
static void end_failed(struct doing *d, const struct mfw_message *m, const struct history_end *how,
	const struct ending *ending)
{
	if (canary_return(d->task, ending))
		return;
	if (failed_keep(d->task, m, d->effects, how, ending))
		return;
	history_add_failed(d->task, m, d->effects, how);
	service_end(d->task, ending);
}

/* Nothing was written for it, so that another version may try. */
static bool on_trial(const struct doing *d)
{
	return d->service->stable && !d->writes;
}

static void end(struct doing *d, const struct mfw_message *m, enum mfw_result result)
{
	const struct verdict *v = &verdicts[result];
	const struct ending ending = {
		.refused = result != MFW_OK,
		.why = result != MFW_OK ? refusal_of(result) : 0,
		.reply = d->replied ? &d->reply : NULL,
		.result = v->name,
		.detail = result != MFW_OK ? v->words : NULL,
		.birth_ns = bounded(m->birth_ns),
		.run_ns = bounded(m->run_ns),
	};

	d->service->counts.results[result]++;
	if (result != MFW_OK && !d->told)
		report_failure(&d->service->hub->report, d->service, d->task, m, result, v->words);
	if (result == MFW_OK && d->replied && d->reply.status >= 500 && on_trial(d)) {
		d->service->counts.errors++;
		if (canary_return(d->task, &ending))
			return;
		d->service->counts.errors--; /* service_end counts it */
	}
	if (result == MFW_OK)
		service_end(d->task, &ending);
	else
		end_failed(d, m, &(struct history_end){.result = result, .why = v->words}, &ending);
}

/* It went well, and what it asked for is refused whole. */
static void end_refused(
	struct doing *d, const struct mfw_message *m, enum refusal why, const char *what)
{
	const struct ending ending = {
		.refused = true,
		.why = why,
		.result = "denied",
		.detail = what,
		.birth_ns = bounded(m->birth_ns),
		.run_ns = bounded(m->run_ns),
	};

	d->service->counts.denied++;
	report_denied(&d->service->hub->report, d->service, d->task, what);
	end_failed(d, m, &(struct history_end){.result = MFW_OK, .denied = true, .why = what},
		&ending);
}

static unsigned calls_of(struct effects_reader r)
{
	struct effect e;
	unsigned n = 0;

	while (effects_next(&r, &e))
		n += e.kind == MF_EFFECT_CALL;
	return n;
}

/* Reads the effects; true if they may be done. Else the task has ended. */
static bool judge(struct doing *d, const struct mfw_message *m, struct effects_reader *r)
{
	struct service *s = d->service;
	enum mfw_result result = m->result;
	char why[GRANTS_WHY_MAX];
	uint32_t record;
	const char *wrong;

	link_effects_copy(s->link, m, s->hub->scratch);
	wrong = effects_open(r, s->hub->scratch, m->bytes, ~0u, &record);
	if (wrong && result == MFW_OK) {
		report_effects(&s->hub->report, s, d->task, wrong, record, r->line);
		d->told = true;
		end(d, m, MFW_ERR_EFFECTS);
		return false;
	}
	if (!wrong)
		d->effects = mf_str_of(s->hub->scratch, m->bytes);
	if (!wrong && result == MFW_OK)
		result = result_of(r->outcome);
	if (result != MFW_OK) {
		if (!wrong)
			do_all(d, *r, true);
		end(d, m, result);
		return false;
	}
	if (!may_do(d, *r, why)) {
		end_refused(d, m, REFUSED_DENIED, why);
		return false;
	}
	if (calls_of(*r) == call_count(d->task))
		return true;
	report_effects(&s->hub->report, s, d->task, "calls that it didn't make", 0, r->line);
	d->told = true;
	end(d, m, MFW_ERR_EFFECTS);
	return false;
}

static void end_unwritten(struct doing *d, const struct mfw_message *m, enum refusal why)
{
	const struct ending ending = {
		.refused = true,
		.why = why,
		.result = refusal_names[why],
		.birth_ns = bounded(m->birth_ns),
		.run_ns = bounded(m->run_ns),
	};

	service_end(d->task, &ending);
}

static void do_and_end(struct doing *d, const struct mfw_message *m, struct effects_reader r)
{
	pricing_end(d->task);
	if (d->task->paid && paid_charge(d->task, m, r))
		return;
	do_all(d, r, false);
	end(d, m, MFW_OK);
}

static void judge_and_do(struct service *s, struct task *task, const struct mfw_message *m)
{
	struct doing d = {.service = s, .task = task};
	struct effects_reader r;
	char why[GRANTS_WHY_MAX];

	if (!judge(&d, m, &r))
		return;
	areas_release(&task->output); /* of a life that ran in vain */
	pricing_begin(task);
	if (s->areas)
		areas_hold(&task->output, s->areas, (int)m->slot);
	switch (d.writes || task->seen ? commit_life(task, m, r, why) : COMMIT_PURE) {
	case COMMIT_PURE: do_and_end(&d, m, r); break;
	case COMMIT_TAKEN: break;
	case COMMIT_RACE: service_again(task, why); break;
	case COMMIT_FAILED: end_refused(&d, m, REFUSED_FAILED, why); break;
	case COMMIT_DENIED: end_refused(&d, m, REFUSED_DENIED, why); break;
	case COMMIT_REFUSED: end_unwritten(&d, m, REFUSED_STORE); break;
	}
}

void life_kept(struct task *task, const struct mfw_message *message, struct effects_reader effects)
{
	struct doing d = {.service = task->service, .task = task};

	do_and_end(&d, message, effects);
}

void life_lost(struct task *task, const struct mfw_message *message)
{
	struct doing d = {.service = task->service, .task = task};

	end_unwritten(&d, message, REFUSED_STORE);
}

void life_paid(struct task *task, const struct mfw_message *message, struct effects_reader effects)
{
	struct doing d = {.service = task->service, .task = task};

	do_all(&d, effects, false);
	end(&d, message, MFW_OK);
}

void life_unpaid(struct task *task, const struct mfw_message *message)
{
	struct doing d = {.service = task->service, .task = task};

	end_unwritten(&d, message, REFUSED_UNPAID);
}

bool life_reply(const struct task *task, struct effects_reader effects, struct reply *reply)
{
	struct effect e;

	while (effects_next(&effects, &e)) {
		if (e.kind != MF_EFFECT_REPLY)
			continue;
		*reply = reply_of(task, &e);
		return true;
	}
	return false;
}

void life_told(struct service *service, const struct task *task, const struct mfw_message *message)
{
	enum mfw_result result = message->result;

	report_failure(
		&service->hub->report, service, task, message, result, verdicts[result].words);
}

/* About how long a life takes: a mean that follows. */
static void learn(struct service *s, const struct mfw_message *m)
{
	uint64_t ns = bounded(m->birth_ns) + bounded(m->run_ns);

	s->life_ns = s->life_ns == 0 ? ns : s->life_ns - s->life_ns / 8 + ns / 8;
}

/* What the worker left of a life that crashed is no effects. */
static struct mfw_message without_remains(
	struct service *s, const struct task *task, const struct mfw_message *m)
{
	struct mfw_message rest = *m;

	if (m->result != MFW_ERR_CRASHED || !(s->head.flags & MFW_CORES))
		return rest;
	if (task)
		cores_keep(s, task, m);
	rest.bytes = 0;
	return rest;
}

/* It stands still, and what it left until then ends in a call. It may be one that isn't granted, or the worker may
 * lie: then it ends here. */
static void stands_still(struct service *s, struct task *task, const struct mfw_message *m)
{
	struct doing d = {.service = s, .task = task};
	char why[GRANTS_WHY_MAX];
	struct effects_reader r;
	struct effect call;
	uint32_t record;
	const char *wrong;

	link_effects_copy(s->link, m, s->hub->scratch);
	wrong = effects_open_call(&r, s->hub->scratch, m->bytes, &record, &call);
	if (!wrong && calls_of(r) != call_count(task) + 1)
		wrong = "calls that it didn't make";
	if (!wrong)
		d.effects = mf_str_of(s->hub->scratch, m->bytes);
	if (wrong) {
		report_effects(&s->hub->report, s, task, wrong, record, r.line);
		d.told = true;
		end(&d, m, MFW_ERR_EFFECTS);
	} else if (!grants_allow(&s->note, &s->manifest, call.kind, call.field[MF_FIELD_NAME],
			   effect_names[call.kind], why)) {
		end_refused(&d, m, REFUSED_DENIED, why);
	} else {
		call_make(task, &call);
		return;
	}
	s->suspended++;
	call_drop(s, (int)m->slot);
}

/* It can't say so too often: a slot is its own again only after an answer. False: no life of this service ever calls. */
static bool suspended(struct service *s, const struct mfw_message *m)
{
	struct task *task = s->at[m->slot];

	if (!(s->note.grants & MFI_GRANT(MF_EFFECT_CALL)))
		return false;
	if (task) {
		stands_still(s, task, m);
	} else { /* it was refused for being late */
		s->suspended++;
		call_drop(s, (int)m->slot);
	}
	return true;
}

bool life_ended(struct service *service, const struct mfw_message *message)
{
	struct task *task = service->at[message->slot];
	struct mfw_message rest;

	if (message->kind == MFW_SUSPENDED)
		return suspended(service, message);
	service->at[message->slot] = NULL;
	service->posted--;
	service->worker_lives++;
	service->counts.lives++;
	learn(service, message);
	rest = without_remains(service, task, message);
	if (service->areas) /* the task holds it, too */
		service_slot_over(service, (int)message->slot, task, message->result == MFW_OK);
	if (task) /* else it was refused for being late */
		task->run_ns = bounded(message->run_ns);
	if (task)
		judge_and_do(service, task, &rest);
	if (!service->areas)
		service_slot_over(service, (int)message->slot, task, true);
	return true;
}
