#include "monitor/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake; /* by a clock that nobody sets */
static struct watch *watches;
static bool started, runs;
static pthread_cond_t running = PTHREAD_COND_INITIALIZER;
static atomic_bool asleep; /* the thread waits without a timeout */

/* ticks without a life before the thread sleeps until it is woken */
#define QUIET_TICKS 20

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void expire(struct watch *w, uint64_t state)
{
	/* whoever moves the state on decides: the life that ends, or this */
	if (atomic_compare_exchange_strong(&w->state, &state, state + 1))
		w->kill(w->shell);
}

/* The life that was seen before: has it run for too long? */
static bool is_over(const struct watch *w, uint64_t wall)
{
	const uint64_t ran = wall - w->seen_wall;

	return ran >= w->wall_ns || (ran >= w->cpu_ns && now(w->clock) - w->seen_cpu >= w->cpu_ns);
}

static bool is_unwanted(const struct watch *w)
{
	const uint32_t *stop = atomic_load(&w->stop);

	return stop && (__atomic_load_n(stop, __ATOMIC_ACQUIRE) & w->stop_bit);
}

/* Is a life under way? */
static bool look(struct watch *w, uint64_t wall)
{
	uint64_t state = atomic_load(&w->state);

	if (!(state & 1))
		return false;
	if (state != w->seen) {
		w->seen = state;
		w->seen_wall = wall;
		w->seen_cpu = now(w->clock);
		if (w->lasts)
			w->lasts(w->shell);
	} else if (is_over(w, wall) || is_unwanted(w)) {
		expire(w, state);
	}
	return true;
}

static bool look_at_all(void)
{
	uint64_t wall = now(CLOCK_MONOTONIC);
	bool any = false;

	for (struct watch *w = watches; w != NULL; w = w->next)
		any |= look(w, wall);
	return any;
}

static void wait_tick(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)WATCHDOG_TICK_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&wake, &lock, &until);
}

static void *watchdog(void *unused)
{
	unsigned quiet = 0;

	(void)unused;
	pthread_mutex_lock(&lock);
	runs = true;
	pthread_cond_signal(&running);
	for (;;) {
		quiet = look_at_all() ? 0 : quiet + 1;
		if (quiet < QUIET_TICKS) {
			wait_tick();
			continue;
		}
		atomic_store(&asleep, true);
		if (!look_at_all())
			pthread_cond_wait(&wake, &lock);
		atomic_store(&asleep, false);
		quiet = 0;
	}
	return NULL;
}

/* CLOCK_MONOTONIC: a step back of the wall's clock would put every limit off by as much. */
static void make_wake(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

int watchdog_start(void)
{
	pthread_t thread;
	sigset_t all, old;
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (!started) {
		make_wake();
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		rc = -pthread_create(&thread, NULL, watchdog, NULL);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		started = rc == 0;
		if (started)
			pthread_detach(thread);
		/* a thread's first steps are system calls that a jail may deny */
		while (started && !runs)
			pthread_cond_wait(&running, &lock);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void watchdog_add(struct watch *watch)
{
	pthread_mutex_lock(&lock);
	watch->next = watches;
	watches = watch;
	pthread_mutex_unlock(&lock);
}

void watchdog_remove(struct watch *watch)
{
	pthread_mutex_lock(&lock);
	for (struct watch **w = &watches; *w != NULL; w = &(*w)->next) {
		if (*w == watch) {
			*w = watch->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

void watchdog_begin(struct watch *watch)
{
	atomic_fetch_add(&watch->state, 1);
	if (atomic_load(&asleep)) {
		pthread_mutex_lock(&lock);
		pthread_cond_signal(&wake);
		pthread_mutex_unlock(&lock);
	}
}

/* It looks, moves states on and kills under the lock. */
void watchdog_wait(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

bool watchdog_end(struct watch *watch)
{
	uint64_t state = atomic_load(&watch->state);

	if ((state & 1) && atomic_compare_exchange_strong(&watch->state, &state, state + 1))
		return true;
	watchdog_wait();
	return false;
}
