/*
 * store/thread.c - the queue of transactions and the thread that writes them: all that wait in one commit, the
 * next one when that has ended. Beside that it puts on the disk what was committed without a flush, and
 * writes the log back. It starts with the first transaction, so that it has the walls that stand then.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "store/inner.h"
#include "sys/beside.h"
#include "sys/clock.h"

#define STACK    (256u << 10)
#define AGAIN_NS CLOCK_S /* after a write-back that failed */

/* --- under the lock, on any thread */

static bool is_stale(const struct shared *sh, const struct store_tx *tx)
{
	return tx->generation <= sh->failed;
}

static void tell(struct store *store)
{
	uint64_t one = 1;

	(void)!write(store->fd, &one, sizeof(one));
}

static const struct service_name *unwritten(const struct shared *sh)
{
	return sh->services_written ? sh->services_written->next : sh->services;
}

static void count_commit(struct store *store, uint64_t since, const struct store_tx *first)
{
	struct shared *sh = &store->shared;

	sh->counts.commits++;
	sh->counts.lives += store->lives_added;
	for (const struct store_tx *tx = first; tx; tx = tx->next)
		sh->counts.transactions += tx->error == 0;
	histogram_add(&sh->counts.commit, clock_mono_ns() - since);
	sh->kept = store->kept;
}

/* What has changed after a commit of `first` and those behind it, which began at `since`; result as write_commit's. */
static void note_commit(struct store *store, int result, const struct store_tx *first,
	const struct now *now, uint64_t since, struct service_name *last_service)
{
	struct shared *sh = &store->shared;

	if (result < 0) {
		sh->counts.failed++;
		if (result == -EUCLEAN)
			atomic_store(&sh->damaged, true);
		if (result == -EIO) {
			sh->repair = true;
			atomic_store(&sh->divert, true);
		}
		return;
	}
	count_commit(store, since, first);
	sh->committed = *now;
	sh->services_written = last_service;
	if (result > 0)
		sh->unsynced_ns = 0;
	else if (sh->unsynced_ns == 0)
		sh->unsynced_ns = since;
}

/* --- on the writing thread, under the lock, which is given back meanwhile */

/* Before a commit: 0, or why there can be none. */
static int make_ready(struct store *store, bool repair)
{
	int e;

	if (atomic_load(&store->shared.damaged))
		return -EUCLEAN;
	if (!repair && !log_is_full(store))
		return 0;
	e = log_write_back(store);
	return e == 0 && repair ? -EIO : e < 0 ? e : 0;
}

static void end(struct store *store, struct store_tx *first, struct store_tx **last)
{
	struct shared *sh = &store->shared;

	if (!sh->ended)
		tell(store);
	*sh->ended_last = first;
	sh->ended_last = last;
}

static void commit_queue(struct store *store)
{
	struct shared *sh = &store->shared;
	struct store_tx *first = sh->queue, **last = sh->queue_last;
	struct service_name *last_service = sh->services_last;
	const struct service_name *services = unwritten(sh);
	struct now now = sh->now;
	uint64_t since = clock_mono_ns(), generation = 0;
	bool repair = sh->repair;
	int e;

	sh->queue = NULL;
	sh->queue_last = &sh->queue;
	for (struct store_tx *tx = first; tx; tx = tx->next)
		if (is_stale(sh, tx))
			tx->error = sh->failure;
		else
			generation = tx->generation;
	if (generation > 0) {
		(void)pthread_mutex_unlock(&sh->lock);
		e = make_ready(store, repair);
		if (e == 0)
			e = write_commit(store, first, &now, services, last_service);
		(void)pthread_mutex_lock(&sh->lock);
		if (repair && e >= 0) {
			sh->repair = false;
			sh->sync_error = 0;
		}
		if (e >= 0)
			atomic_store(&sh->divert, log_is_full(store));
		note_commit(store, e, first, &now, since, last_service);
		if (e < 0) {
			sh->failed = generation;
			sh->failure = e;
		}
		for (struct store_tx *tx = first; tx; tx = tx->next)
			if (tx->error == 0 && e < 0)
				tx->error = e;
	}
	end(store, first, last);
}

static void sync_log(struct store *store)
{
	struct shared *sh = &store->shared;
	uint64_t since = sh->unsynced_ns, began = clock_mono_ns();
	int e;

	sh->unsynced_ns = 0; /* commits from now on are not part of it */
	sh->syncing_ns = since;
	(void)pthread_mutex_unlock(&sh->lock);
	e = log_sync(store);
	(void)pthread_mutex_lock(&sh->lock);
	sh->syncing_ns = 0;
	sh->counts.flushes++;
	histogram_add(&sh->counts.flush, clock_mono_ns() - began);
	if (e < 0) {
		sh->counts.flushes_failed++;
		sh->repair = true;
		atomic_store(&sh->divert, true);
	}
	if (e != sh->sync_error) {
		sh->sync_error = e;
		tell(store);
	}
}

static void write_back(struct store *store)
{
	struct shared *sh = &store->shared;
	int e;

	(void)pthread_mutex_unlock(&sh->lock);
	e = log_write_back(store);
	(void)pthread_mutex_lock(&sh->lock);
	store->write_back_ns = e == 1 ? 0 : clock_mono_ns() + AGAIN_NS;
	if (e == -EUCLEAN)
		atomic_store(&sh->damaged, true);
	if (e == 1 && sh->repair) {
		sh->repair = false;
		sh->sync_error = 0;
		tell(store);
	}
}

/* When there is nothing to do but by the clock. */
static void wait_until(struct shared *sh, uint64_t at)
{
	struct timespec t = {(time_t)(at / CLOCK_S), (long)(at % CLOCK_S)};

	if (at == UINT64_MAX)
		(void)pthread_cond_wait(&sh->wake, &sh->lock);
	else
		(void)pthread_cond_timedwait(&sh->wake, &sh->lock, &t);
}

/* Half the time is the flush's own. */
static uint64_t sync_due(const struct store *store)
{
	uint64_t since = store->shared.unsynced_ns;

	return since ? since + store->options.sync_ns / 2 : UINT64_MAX;
}

static uint64_t write_back_due(const struct store *store)
{
	bool wanted = store->shared.repair || log_is_long(store);

	return wanted && !atomic_load(&store->shared.damaged) ? store->write_back_ns : UINT64_MAX;
}

static void *run(void *context)
{
	struct store *store = context;
	struct shared *sh = &store->shared;

	(void)pthread_mutex_lock(&sh->lock);
	for (;;) {
		uint64_t now = clock_mono_ns(), sync = sync_due(store),
			 back = write_back_due(store);

		if (sync <= now && !sh->repair)
			sync_log(store);
		else if (sh->queue)
			commit_queue(store);
		else if (sh->stop)
			break;
		else if (back <= now)
			write_back(store);
		else
			wait_until(sh, sync < back && !sh->repair ? sync : back);
	}
	if (sh->unsynced_ns && !sh->repair)
		sync_log(store);
	(void)pthread_mutex_unlock(&sh->lock);
	return NULL;
}

/* --- the caller's thread */

int thread_init(struct store *store)
{
	struct shared *sh = &store->shared;
	pthread_condattr_t attr;

	sh->queue_last = &sh->queue;
	sh->ended_last = &sh->ended;
	(void)pthread_mutex_init(&sh->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&sh->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	store->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return store->fd < 0 ? -errno : 0;
}

/* Signals are the caller's. */
static int start(struct store *store)
{
	int e;

	if (store->started)
		return 0;
	e = beside_start(&store->thread, STACK, run, store);
	store->started = e == 0;
	return e;
}

void thread_stop(struct store *store)
{
	struct shared *sh = &store->shared;

	if (store->started) {
		(void)pthread_mutex_lock(&sh->lock);
		sh->stop = true;
		(void)pthread_cond_signal(&sh->wake);
		(void)pthread_mutex_unlock(&sh->lock);
		(void)pthread_join(store->thread, NULL);
	}
	store->started = false;
}

static void count_in(struct store *store, struct store_tx *tx)
{
	store->unreported++;
	store->waiting += tx->bytes;
	if (tx->generation == store->generation)
		totals_add(&store->now.totals, tx);
}

void store_submit(struct store_tx *tx)
{
	struct store *store = tx->store;
	struct shared *sh = &store->shared;
	bool stale = tx->generation != store->generation;
	int e;

	count_in(store, tx);
	e = tx->unsound ? -ENOMEM : start(store);
	(void)pthread_mutex_lock(&sh->lock);
	if (!stale)
		sh->now = store->now;
	if (e < 0) { /* what comes behind it is void too; nothing is queued without a thread */
		tx->error = e;
		sh->failed = tx->generation > sh->failed ? tx->generation : sh->failed;
		sh->failure = e;
	}
	if (store->started) {
		if (!sh->queue)
			(void)pthread_cond_signal(&sh->wake);
		*sh->queue_last = tx;
		sh->queue_last = &tx->next;
	} else {
		end(store, tx, &tx->next);
	}
	(void)pthread_mutex_unlock(&sh->lock);
}

/* Is all that was committed young enough? If flushes take long, the thread is the one who waits. */
static bool is_fresh(const struct store *store, uint64_t now)
{
	const struct shared *sh = &store->shared;
	uint64_t since = sh->syncing_ns ? sh->syncing_ns : sh->unsynced_ns;

	return !since || now - since < store->options.sync_ns;
}

/* On the way out of store_submit_now and store_reap. */
static void report(struct store_tx *tx)
{
	struct store *store = tx->store;
	struct shared *sh = &store->shared;

	store->unreported--;
	store->waiting -= tx->bytes;
	if (tx->error < 0 && tx->generation == store->generation) {
		(void)pthread_mutex_lock(&sh->lock);
		store->now.totals = sh->committed.totals;
		(void)pthread_mutex_unlock(&sh->lock);
		store->generation++;
	}
	store->error = tx->error;
	store->in_done++;
	if (tx->done)
		tx->done(tx, tx->error);
	store->in_done--;
	tx_free(tx);
}

void store_submit_now(struct store_tx *tx)
{
	struct store *store = tx->store;
	struct shared *sh = &store->shared;
	uint64_t since = clock_mono_ns();
	struct service_name *last_service;
	const struct service_name *services;
	bool can = tx->durability == STORE_BATCH && !tx->unsound && store->unreported == 0 &&
		store->in_done == 0 && store->started && tx->generation == store->generation &&
		!atomic_load(&sh->divert) && !atomic_load(&sh->damaged);
	int e;

	if (can) {
		(void)pthread_mutex_lock(&sh->lock);
		can = is_fresh(store, since) && !sh->repair;
		services = unwritten(sh);
		last_service = sh->services_last;
		(void)pthread_mutex_unlock(&sh->lock);
	}
	if (!can) {
		store_submit(tx);
		return;
	}
	count_in(store, tx);
	e = write_commit(store, tx, &store->now, services, last_service);
	tx->error = e < 0 ? e : 0;
	(void)pthread_mutex_lock(&sh->lock);
	if (!sh->unsynced_ns && e == 0)
		(void)pthread_cond_signal(&sh->wake);
	note_commit(store, e, tx, &store->now, since, last_service);
	if (e < 0) {
		sh->failed = tx->generation;
		sh->failure = e;
	}
	(void)pthread_mutex_unlock(&sh->lock);
	report(tx);
}

void store_reap(struct store *store)
{
	struct shared *sh = &store->shared;
	struct store_tx *next;
	uint64_t count;

	(void)!read(store->fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&sh->lock);
	next = sh->ended;
	sh->ended = NULL;
	sh->ended_last = &sh->ended;
	store->sync_error = sh->sync_error;
	(void)pthread_mutex_unlock(&sh->lock);
	while (next) {
		struct store_tx *tx = next;

		next = tx->next;
		report(tx);
	}
}
