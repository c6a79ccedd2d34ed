#include "client/blas/state.h"

#include <math.h>
#include <pthread.h>

#include "client/blas/cache.h"
#include "client/blas/config.h"
#include "client/blas/local.h"
#include "client/blas/plan.h"
#include "client/blas/say.h"
#include "client/blas/service.h"

#define LONGEST_PAUSE 600.0

struct routine routines[ROUTINES] = {[0 ... ROUTINES - 1] = {.threshold = -HUGE_VAL}};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT, solvers_once = PTHREAD_ONCE_INIT;
static struct model model;
static struct {
	double until, pause; /* not asked before; how long the next pause is */
	bool warned;
	unsigned wrong;
	bool lacks[OPS];
	double too_large[OPS]; /* bytes sent from which on it does */
} service;

static void set_threshold(enum routine_id id, enum kind kind, char type, bool ready)
{
	double w = HUGE_VAL;

	if (!ready)
		return;
	if (config.explain || (config.mode == MODE_REMOTE && config.url != NULL))
		w = -HUGE_VAL;
	else if (config.mode == MODE_AUTO && config.url != NULL && plan_op(kind, type) < OPS)
		w = model_threshold(&model, kind, plan_op(kind, type), type);
	atomic_store_explicit(&routines[id].threshold, w, memory_order_release);
}

static bool solvers_ready;

/* Under the lock. */
static void set_thresholds(void)
{
#define X(t, name, GROUP) set_threshold(ROUTINE_##t##name, KIND_##name, #t[0], true);
	BLAS_LEVEL3(X)
#undef X
#define X(t, name, GROUP) set_threshold(ROUTINE_##t##name, KIND_##name, #t[0], solvers_ready);
	BLAS_SOLVERS(X)
#undef X
}

__attribute__((destructor)) static void at_exit(void)
{
	/* threads may still be at work: then what they know isn't kept */
	if (pthread_mutex_trylock(&lock) != 0)
		return;
	if (model.changed && config.cache != NULL)
		cache_save(&model);
	pthread_mutex_unlock(&lock);
}

/* --------------------------------------------------------------------------- start */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	model.changed = false; /* the parent keeps what both know */
	service_forget();
	pthread_mutex_unlock(&lock);
}

static void begin(void)
{
	config_read();
	local_find();
	pthread_mutex_lock(&lock);
	model_begin(&model);
	cache_load(&model);
	set_thresholds();
	pthread_mutex_unlock(&lock);
	if (pthread_atfork(before_fork, in_parent, in_child) != 0)
		say("no memory to watch fork(): children share connections");
}

static void begin_solvers(void)
{
	local_find_solvers();
	pthread_mutex_lock(&lock);
	solvers_ready = true;
	set_thresholds();
	pthread_mutex_unlock(&lock);
}

void state_begin(bool solver)
{
	pthread_once(&once, begin);
	if (solver)
		pthread_once(&solvers_once, begin_solvers);
}

struct model *state_lock(void)
{
	pthread_mutex_lock(&lock);
	return &model;
}

void state_unlock(enum routine_id learned)
{
	if (learned == ROUTINES)
		set_thresholds();
#define X(t, name, GROUP)                                                                          \
	if (learned == ROUTINE_##t##name)                                                          \
		set_threshold(learned, KIND_##name, #t[0], true);
	BLAS_LEVEL3(X)
	BLAS_SOLVERS(X)
#undef X
	pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------------- service */

const char *state_barred(const struct load *load)
{
	const char *why = NULL;

	pthread_mutex_lock(&lock);
	if (service.wrong >= config.wrong_most)
		why = "the service gave too many wrong answers";
	else if (say_now() < service.until)
		why = "the service is away";
	else if (service.lacks[load->op] && load->up >= service.too_large[load->op])
		why = "the service doesn't take it";
	pthread_mutex_unlock(&lock);
	return why;
}

void state_away(const char *why)
{
	bool warn;
	double pause;

	pthread_mutex_lock(&lock);
	service.pause = service.pause <= 0 ? config.retry : service.pause * 2;
	if (service.pause > LONGEST_PAUSE && service.pause > config.retry)
		service.pause = LONGEST_PAUSE > config.retry ? LONGEST_PAUSE : config.retry;
	pause = service.pause;
	service.until = say_now() + pause;
	warn = !service.warned;
	service.warned = true;
	pthread_mutex_unlock(&lock);
	if (warn)
		say("warning: %s: %s; computing here, and asking again in %g s", config.url, why,
			pause);
}

void state_here(void)
{
	pthread_mutex_lock(&lock);
	service.pause = 0;
	service.warned = false;
	pthread_mutex_unlock(&lock);
}

void state_lacks(enum service_op op, double bytes)
{
	pthread_mutex_lock(&lock);
	if (!service.lacks[op] || bytes < service.too_large[op])
		service.too_large[op] = bytes;
	service.lacks[op] = true;
	pthread_mutex_unlock(&lock);
}

unsigned state_wrong(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = ++service.wrong;
	pthread_mutex_unlock(&lock);
	return n;
}
