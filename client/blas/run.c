/*
 * client/blas/run.c - one call above its threshold, from the question where it goes to the line that explains it.
 *
 *	call_begin ── decide ──┬── here: the entry calls the local routine, call_end times it
 *	                       └── away: job_product or job_solve; if nothing comes of it, here all the same
 */
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/blas/config.h"
#include "client/blas/finish.h"
#include "client/blas/job.h"
#include "client/blas/local.h"
#include "client/blas/say.h"
#include "client/blas/state.h"

#define PAYS    0.9   /* of the local time: what may be won must be more than what isn't known */
#define PROBE_S 0.005 /* a call that takes as long here is worth finding out about the service */
#define UNKNOWN_S                                                                                  \
	2.0 /* assumed to take longer than this: not done here just to see how long it takes */
#define PATIENCE 4.0 /* times the local time: more isn't waited for */
#define LEAST_S  2.0 /* but this always */

/* A local routine is running that was timed, or one of ours that does a part of its work here: what it
 * calls is a part of it. */
static __thread bool inside;

static void name(const struct call *c, char to[64])
{
	char by[24] = "";
	int at = snprintf(to, 64, "%c%s", c->type, kind_names[c->kind]);

	if (c->kind == KIND_gemm)
		snprintf(by, sizeof(by), " %c%c", c->transa, c->transb);
	at += snprintf(to + at, 64 - (size_t)at, "%s %dx%d", by, c->m > 0 ? c->m : c->n, c->n);
	if (c->k > 0)
		snprintf(to + at, 64 - (size_t)at, "x%d", c->k);
}

/* -------------------------------------------------------------------------- deciding */

/* Why it stays here, into c->why; false: it goes out. */
static bool stays(struct call *c, const struct plan *p, const struct model *model)
{
	double away, here = c->predicted_local;
	bool guessed, known = here < HUGE_VAL;

	if (!known)
		here = p->here / model_assumed(c->type);
	if (model->up <= 0) {
		c->predicted_remote = HUGE_VAL;
		snprintf(c->why, sizeof(c->why), "too small to ask how fast the service is");
		return here < PROBE_S;
	}
	away = model_remote(model, &p->load, say_now(), &guessed) +
		(p->rest > 0 ? here * p->rest / p->here : 0);
	c->predicted_remote = away;
	if (!known && here < UNKNOWN_S) {
		snprintf(c->why, sizeof(c->why), "its speed here isn't known yet");
		return true;
	}
	/* a speed that nobody knows is tried where half of the time remains for it */
	snprintf(c->why, sizeof(c->why),
		guessed ? "sending alone takes too long" : "it is faster here");
	return away >= here * (guessed ? 0.5 : PAYS);
}

static bool barred(struct call *c, const struct plan *p)
{
	const char *why = state_barred(&p->load);

	if (why != NULL)
		snprintf(c->why, sizeof(c->why), "%s", why);
	return why != NULL;
}

/* ------------------------------------------------------------------------ the service */

static double deadline(const struct call *c)
{
	double most = config.deadline, here = c->predicted_local;

	if (config.mode == MODE_REMOTE || !(here < HUGE_VAL))
		return most;
	return fmin(most, fmax(LEAST_S, PATIENCE * here));
}

static void complain(const struct call *c, const struct job *job)
{
	char what[64], times[64] = "";
	unsigned wrong = state_wrong();

	name(c, what);
	if (job->outcome == ASK_DONE)
		snprintf(times, sizeof(times), " (%.3g times what rounding explains)",
			job->check.worst);
	else
		snprintf(times, sizeof(times), " (%.50s)", job->told.text);
	say("error: %s: life %s of %s answered wrong%s; computed here; wrong answers so far: %u",
		what, job->told.event[0] != '\0' ? job->told.event : "(unnamed)", config.url, times,
		wrong);
	if (wrong == config.wrong_most)
		say("warning: %s is not asked any more by this program: too many wrong answers",
			config.url);
}

/* What came instead of results, and what follows. */
static void failed(struct call *c, const struct job *job)
{
	snprintf(c->why, sizeof(c->why), "%s", job->why != NULL ? job->why : job->told.text);
	if (job->why != NULL)
		return;
	switch (job->outcome) {
	case ASK_DONE:
		if (job->verdict == CHECK_WRONG)
			complain(c, job);
		snprintf(c->why, sizeof(c->why),
			job->verdict == CHECK_WRONG ? "the answer was wrong"
						    : "the answer can't be checked");
		break;
	case ASK_WRONG: complain(c, job); break;
	case ASK_AWAY: state_away(job->told.text); break;
	case ASK_LACKS: state_lacks(job->plan->load.op, 0); break;
	case ASK_LARGE: state_lacks(job->plan->load.op, job->plan->load.up); break;
	default: break;
	}
}

static void learn(const struct call *c, const struct job *job)
{
	struct model *model = state_lock();
	struct load load = job->plan->load;

	model_saw_remote(model, &load, &job->told.trip, say_now());
	if (job->check.rounds > 0)
		model_saw_check(model, load.up + load.hashed + load.down, job->check.seconds);
	(void)c;
	state_unlock(ROUTINES);
	state_here();
}

/* Three questions, once for a service: is it there (the first answer also waits for whatever isn't ready there), how long
 * does it take to ask nothing, and how fast do bytes go each way. Half a megabyte each. */
static bool probe(struct call *c)
{
	static const struct {
		int64_t m, n, k;
	} shapes[] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 32768}, {256, 256, 1}};
	enum { WAYS = sizeof(shapes) / sizeof(shapes[0]) };
	double took[WAYS];
	struct plan plan = {.load.op = OP_multiply, .load.type = 'd'};
	struct model *model;

	for (unsigned i = 0; i < WAYS; i++) {
		struct job job = {.call = c, .plan = &plan, .ask.deadline = 10};

		if (!job_probe(&job, shapes[i].m, shapes[i].n, shapes[i].k)) {
			failed(c, &job);
			return false;
		}
		took[i] = job.told.trip.whole;
	}
	model = state_lock();
	model->latency = took[1];
	model->up = 524288 / fmax(took[2] - took[1], 1e-5);
	model->down = 524288 / fmax(took[3] - took[1], 1e-5);
	model->changed = true;
	state_unlock(ROUTINES);
	state_here();
	return true;
}

static void explain_remote(const struct call *c, const struct job *job, double took)
{
	char what[64], a[24], b[24], t[24], v[24], checked[64] = "not verified";

	if (!config.explain)
		return;
	name(c, what);
	if (job->check.rounds > 0)
		snprintf(checked, sizeof(checked), "verified in %u rounds, %s", job->check.rounds,
			say_time(job->check.seconds, v));
	say("%s: remote (%s%s): predicted %s, here %s; took %s; life %s; %s", what,
		op_names[job->plan->load.op], job->plan->kept ? ", its factor was there" : "",
		say_time(c->predicted_remote, a), say_time(c->predicted_local, b),
		say_time(took, t), job->told.event, checked);
}

/* true: done there. p->kept becomes false if that was all that was in the way. */
static bool remote(struct call *c, struct plan *p)
{
	struct job job = {.call = c,
		.plan = p,
		.ask.deadline = deadline(c),
		.check = {.rounds = config.verify,
			.threads = local_threads(),
			.tolerance = config.tolerance}};
	double began = say_now(), took;
	bool done;

	done = c->kind <= KIND_trmm ? job_product(&job) : job_solve(&job);
	took = say_now() - began;
	if (!done && job.why == NULL && job.outcome == ASK_GONE) {
		snprintf(c->why, sizeof(c->why), "its factor isn't kept at the service");
		p->kept = false;
		return false;
	}
	if (!done) {
		failed(c, &job);
		return false;
	}
	learn(c, &job);
	explain_remote(c, &job, took);
	return true;
}

/* ---------------------------------------------------------------------------- entries */

/* With a factor that may be there, if that is quicker. */
static void choose_kept(const struct call *c, struct plan *p, const struct model *model)
{
	struct plan kept = *p;
	struct factor_kind_of kind;
	double now = say_now();
	bool guessed;

	if ((p->load.op != OP_getrs && p->load.op != OP_potrs) || !plan_factor(c, &kind) ||
		!factors_may(&model->factors, &kind, now))
		return;
	plan_keep(c, &kept);
	if (config.mode == MODE_REMOTE ||
		model_remote(model, &kept.load, now, &guessed) <
			model_remote(model, &p->load, now, &guessed))
		*p = kept;
}

/* Everything but the arithmetic; true: it goes out. */
static bool decide(struct call *c, struct plan *p)
{
	const char *why = plan_make(c, config.verify, p);
	struct model *model;
	bool here, probed;

	c->flops = p->here;
	model = state_lock();
	c->predicted_local = model_local(model, c->kind, c->type, p->here);
	c->predicted_remote = HUGE_VAL;
	if (why == NULL)
		choose_kept(c, p, model);
	here = config.mode == MODE_AUTO && why == NULL && stays(c, p, model);
	probed = model->up > 0;
	state_unlock(NOTHING);
	if (why != NULL)
		snprintf(c->why, sizeof(c->why), "%s", why);
	c->timed = p->here > 0 && (why == NULL || p->load.op == OPS);
	if (why != NULL || here || barred(c, p))
		return false;
	if (probed || config.mode == MODE_REMOTE)
		return true;
	if (!probe(c))
		return false;
	model = state_lock();
	here = stays(c, p, model);
	state_unlock(NOTHING);
	return !here;
}

static bool goes(struct call *c, struct plan *p)
{
	plan_columns(c);
	if (config.url != NULL && config.mode != MODE_LOCAL)
		return decide(c, p);
	snprintf(c->why, sizeof(c->why),
		config.url == NULL ? "MAYFLY_BLAS_URL isn't set" : "MAYFLY_BLAS_MODE=local");
	if (plan_make(c, 0, p) == NULL || p->load.op == OPS) {
		struct model *model = state_lock();

		c->flops = p->here;
		c->timed = p->here > 0;
		c->predicted_local = model_local(model, c->kind, c->type, p->here);
		state_unlock(NOTHING);
	}
	return false;
}

/* The factor isn't there after all: does it pay to send it? */
static bool remote_whole(struct call *c, struct plan *p)
{
	bool here;

	if (plan_make(c, config.verify, p) != NULL)
		return false;
	here = stays(c, p, state_lock()) && config.mode == MODE_AUTO;
	state_unlock(NOTHING);
	return !here && remote(c, p);
}

static bool away(struct call *c)
{
	struct plan plan;
	bool kept;

	if (!goes(c, &plan))
		return false;
	kept = plan.kept;
	return remote(c, &plan) || (kept && !plan.kept && remote_whole(c, &plan));
}

static bool begin(struct call *c)
{
	state_begin(c->kind >= KIND_getrf);
	c->nested = inside;
	if (inside) {
		c->timed = false;
		return false;
	}
	c->predicted_local = c->predicted_remote = HUGE_VAL;
	if (away(c)) {
		inside = true;
		finish(c);
		inside = false;
		return true;
	}
	inside = true;
	c->started = say_now();
	return false;
}

/* Programs look at the flags of floating point, and may have asked for traps: what estimates and checks do is none of their
 * business. */
bool call_begin(struct call *c)
{
	locale_t theirs = say_plainly(NULL);
	fenv_t flags;
	bool done;

	(void)feholdexcept(&flags);
	done = begin(c);
	(void)fesetenv(&flags);
	(void)say_plainly(theirs);
	return done;
}

void call_end(struct call *c)
{
	double took = say_now() - c->started;
	char what[64], a[24], b[24], t[24];
	locale_t theirs;

	if (c->nested)
		return;
	inside = false;
	if (c->timed) {
		struct model *model = state_lock();

		model_saw_local(model, c->kind, c->type, c->flops, took);
		state_unlock(c->id);
	}
	if (!config.explain)
		return;
	theirs = say_plainly(NULL);
	name(c, what);
	say("%s: here: %s; predicted %s, at the service %s; took %s", what, c->why,
		say_time(c->predicted_local, a), say_time(c->predicted_remote, b),
		say_time(took, t));
	(void)say_plainly(theirs);
}
