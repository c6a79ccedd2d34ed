/* hub/till.c - see till.h */
#include "hub/till.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/beside.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

#define STACK      (256u << 10)
#define AGAIN_NS   CLOCK_S /* after the ledger couldn't be written */
#define SIGN_MS    5000    /* a signature takes 30 us */
#define SETTLE_NS  (30 * CLOCK_S)
#define DRAIN_MS   10000 /* without a report: then nothing more is tried */
#define QUICK_MOST 256u  /* one in so many is the thread's all the same: it writes the log back */
#define BATCH_MOST 256u  /* works in a transaction: others, of other processes, want their turn */

struct works {
	struct till_work *first, **last;
	unsigned count;
};

struct till {
	/* the loop's */
	struct loop *loop;
	struct loop_source source, signer_source;
	void (*lost)(void *context);
	void *context;
	int fd;
	unsigned waiting;
	uint64_t down_ns; /* until then nothing is begun; 0: it goes */
	unsigned tries;   /* to do a work on this thread */
	unsigned sign_ms, drain_ms;
	bool started, watches;
	struct loop_later later; /* reap what was done here */
	pthread_t thread;
	/* the thread's, once it has started */
	struct ledger *ledger;
	struct signer signer;
	atomic_bool unsigning; /* the signer is gone, or doesn't answer */
	atomic_bool gives_up;  /* till_drain has waited for long enough */
	/* of both, under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct works queue, ended;
	struct till_counts counts;
	bool stop;
};

static void works_init(struct works *w)
{
	*w = (struct works){.last = &w->first};
}

static void works_add(struct works *w, struct till_work *work)
{
	work->next = NULL;
	*w->last = work;
	w->last = &work->next;
	w->count++;
}

static struct till_work *works_take(struct works *w)
{
	struct till_work *work = w->first;

	if (!work)
		return NULL;
	w->first = work->next;
	if (!w->first)
		w->last = &w->first;
	w->count--;
	return work;
}

/* -------------------------------------------------------------- on the till's thread */

/* False: it doesn't answer. */
static bool wait_signer(const struct till *t)
{
	struct pollfd fd = {.fd = t->signer.socket, .events = POLLIN};

	return poll(&fd, 1, (int)t->sign_ms) > 0;
}

/* For good: one that hangs ends with its socket, so that the loop hears of it as of one that died. */
static void sign_no_more(struct till *t)
{
	if (!atomic_exchange(&t->unsigning, true))
		(void)shutdown(t->signer.socket, SHUT_RDWR);
}

static int take_signature(struct till *t, struct till_work *const *asked, uint64_t count)
{
	uint8_t signature[RECEIPT_SIGNATURE];
	uint64_t number;
	int e;

	while ((e = signer_answer(&t->signer, &number, signature)) == 0)
		if (!wait_signer(t))
			return -EPIPE;
	if (e < 0 || number >= count)
		return -EPIPE;
	memcpy(asked[number]->receipt->signature, signature, sizeof(signature));
	return 0;
}

/* Where the signer's socket is full, the first answers are taken. */
static int ask_signature(
	struct till *t, struct till_work *const *asked, uint64_t count, uint64_t *taken)
{
	int e;

	while ((e = signer_ask(&t->signer, count, asked[count]->receipt)) == -EAGAIN) {
		if (*taken == count || take_signature(t, asked, count) < 0)
			return -EPIPE;
		++*taken;
	}
	return e;
}

/* All are asked for before the first is waited for, as far as the socket takes them: the signer works meanwhile. What it doesn't
 * do now it never will. */
static void sign_all(struct till *t, const struct works *batch)
{
	struct till_work *asked[BATCH_MOST];
	uint64_t count = 0, taken = 0;

	for (struct till_work *w = batch->first; w; w = w->next) {
		if (!w->receipt || w->error < 0)
			continue;
		asked[count] = w;
		w->error = atomic_load(&t->unsigning) ? -EPIPE
						      : ask_signature(t, asked, count, &taken);
		if (w->error == -EPIPE)
			sign_no_more(t);
		count += w->error == 0;
	}
	while (taken < count && !atomic_load(&t->unsigning))
		if (take_signature(t, asked, count) == 0)
			taken++;
		else
			sign_no_more(t);
	for (uint64_t i = 0; i < count && taken < count; i++)
		asked[i]->error = -EPIPE; /* whose those are that came is no matter any more */
	(void)pthread_mutex_lock(&t->lock);
	t->counts.receipts += taken;
	(void)pthread_mutex_unlock(&t->lock);
}

static void prepare(struct till *t, const struct works *batch)
{
	bool signs = false;

	for (struct till_work *w = batch->first; w; w = w->next) {
		w->error = w->prepare ? w->prepare(w) : 0;
		signs |= w->receipt && w->error >= 0;
	}
	if (signs)
		sign_all(t, batch);
}

/* In one transaction, those that aren't lost already. *own: it was a work that failed, not the ledger. */
static int transact(struct till *t, struct till_work *first, const struct till_work *end, bool *own)
{
	bool durable = false, any = false;
	int e;

	*own = false;
	for (struct till_work *w = first; w != end; w = w->next) {
		durable |= w->durable && w->error >= 0;
		any |= w->error >= 0;
	}
	if (!any)
		return 0;
	if (atomic_load(&t->gives_up))
		return -EIO;
	e = ledger_begin(t->ledger, durable);
	if (e < 0)
		return e;
	for (struct till_work *w = first; w != end && e >= 0; w = w->next)
		if (w->error >= 0)
			e = w->run(w, t->ledger);
	if (e < 0) {
		*own = true;
		ledger_rollback(t->ledger);
		return e;
	}
	e = ledger_commit(t->ledger);
	(void)pthread_mutex_lock(&t->lock);
	t->counts.transactions++;
	t->counts.flushes += durable;
	(void)pthread_mutex_unlock(&t->lock);
	return e;
}

static void fail_all(const struct works *batch, int error)
{
	for (struct till_work *w = batch->first; w; w = w->next)
		if (w->error >= 0)
			w->error = error;
}

static bool is_lost(int error)
{
	return error == -ECONNRESET || error == -ECONNREFUSED;
}

/* What the database says of itself, and not of what it was given. */
static bool is_of_ledger(int error)
{
	return error == -ENOSPC || error == -EIO || error == -EBUSY || error == -EROFS ||
		is_lost(error) || error == -EUCLEAN;
}

static void each_alone(struct till *t, const struct works *batch)
{
	uint64_t count = 0;
	bool own;
	int e = 0;

	for (struct till_work *w = batch->first; w; w = w->next) {
		if (w->error < 0)
			continue;
		count++;
		w->error = is_of_ledger(e) ? e : transact(t, w, w->next, &own);
		e = w->error;
	}
	(void)pthread_mutex_lock(&t->lock);
	t->counts.alone += count;
	(void)pthread_mutex_unlock(&t->lock);
}

/* The server went while it was told to commit: nobody knows if it did. Each is asked about anew, which a charge can be, until there is an
 * answer. */
static void settle(struct till *t, const struct works *batch)
{
	const uint64_t until = clock_mono_ns() + SETTLE_NS;
	bool own;

	for (struct till_work *w = batch->first; w; w = w->next) {
		if (w->error < 0)
			continue;
		while (is_lost(w->error = transact(t, w, w->next, &own)) && clock_mono_ns() < until)
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0,
				&(struct timespec){.tv_nsec = CLOCK_S / 20}, NULL);
	}
}

static void work_off(struct till *t, const struct works *batch)
{
	bool own;
	int e;

	prepare(t, batch);
	e = transact(t, batch->first, NULL, &own);
	if (e >= 0)
		return;
	if (e == -ECONNRESET && !own)
		settle(t, batch);
	else if (batch->count == 1 || (is_of_ledger(e) && !own))
		fail_all(batch, e);
	else
		each_alone(t, batch);
}

static void tell(const struct till *t)
{
	uint64_t one = 1;

	(void)!write(t->fd, &one, sizeof(one));
}

static void end(struct till *t, struct works *batch)
{
	struct till_work *w;

	if (!t->ended.first)
		tell(t);
	t->counts.works += batch->count;
	while ((w = works_take(batch))) {
		t->counts.failed += w->error < 0;
		works_add(&t->ended, w);
	}
}

static void *run(void *context)
{
	struct till *t = context;
	struct works batch;

	(void)pthread_mutex_lock(&t->lock);
	for (;;) {
		if (!t->queue.first && t->stop)
			break;
		if (!t->queue.first) {
			(void)pthread_cond_wait(&t->wake, &t->lock);
			continue;
		}
		works_init(&batch);
		while (batch.count < BATCH_MOST && t->queue.first)
			works_add(&batch, works_take(&t->queue));
		t->counts.taken += batch.count;
		(void)pthread_mutex_unlock(&t->lock);
		work_off(t, &batch);
		(void)pthread_mutex_lock(&t->lock);
		end(t, &batch);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* --------------------------------------------------------------- on the loop's thread */

/* Signals are the loop's. The thread starts with the first work, so that it has the walls that stand then. */
static int start(struct till *t)
{
	int e;

	if (t->started)
		return 0;
	e = beside_start(&t->thread, STACK, run, t);
	t->started = e == 0;
	return e;
}

bool till_takes(const struct till *t)
{
	return t->waiting < TILL_MOST && (t->down_ns == 0 || t->down_ns <= clock_mono_ns()) &&
		!atomic_load(&t->unsigning);
}

/* Nothing is under way, so the thread waits, and has left the ledger. What can't be done now is the thread's. */
static bool do_now(struct till *t, struct till_work *work)
{
	int e;

	if (!work->quick || work->durable || work->receipt || t->waiting > 0 || !t->started ||
		t->down_ns > 0 || ++t->tries % QUICK_MOST == 0 || ledger_begin_now(t->ledger) < 0)
		return false;
	e = work->prepare ? work->prepare(work) : 0;
	if (e >= 0)
		e = work->run(work, t->ledger);
	if (e >= 0)
		e = ledger_commit(t->ledger);
	else
		ledger_rollback(t->ledger);
	t->waiting++;
	work->error = e < 0 ? e : 0;
	(void)pthread_mutex_lock(&t->lock);
	t->counts.quick++;
	t->counts.works++;
	t->counts.transactions++;
	t->counts.failed += e < 0;
	works_add(&t->ended, work);
	(void)pthread_mutex_unlock(&t->lock);
	loop_later(t->loop, &t->later);
	return true;
}

void till_do(struct till *t, struct till_work *work)
{
	int e;

	if (do_now(t, work))
		return;
	e = start(t);
	t->waiting++;
	work->error = e;
	(void)pthread_mutex_lock(&t->lock);
	if (e == 0) {
		if (!t->queue.first)
			(void)pthread_cond_signal(&t->wake);
		works_add(&t->queue, work);
	} else {
		if (!t->ended.first)
			tell(t);
		works_add(&t->ended, work);
	}
	(void)pthread_mutex_unlock(&t->lock);
}

/* One line when it begins, one when it is over. */
static void note(struct till *t, int error)
{
	const bool was = t->down_ns > 0;

	if (error < 0 && is_of_ledger(error)) {
		t->down_ns = clock_mono_ns() + AGAIN_NS;
		if (!was)
			log_error("the ledger can't be written: %s: nothing that costs money is "
				  "begun until it can",
				error == -EUCLEAN ? "it is damaged" : strerror(-error));
	} else if (error >= 0 && was) {
		t->down_ns = 0;
		log_info("the ledger can be written again");
	}
}

static void reap(struct till *t)
{
	struct works ended;
	struct till_work *w;
	uint64_t count;

	(void)!read(t->fd, &count, sizeof(count));
	works_init(&ended);
	(void)pthread_mutex_lock(&t->lock);
	while ((w = works_take(&t->ended)))
		works_add(&ended, w);
	(void)pthread_mutex_unlock(&t->lock);
	while ((w = works_take(&ended))) {
		t->waiting--;
		note(t, w->error);
		w->done(w, w->error < 0 ? w->error : 0);
	}
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	reap(LOOP_OWNER(source, struct till, source));
}

static void on_later(struct loop_later *later)
{
	reap(LOOP_OWNER(later, struct till, later));
}

static void on_signer(struct loop_source *source, uint32_t events)
{
	struct till *t = LOOP_OWNER(source, struct till, signer_source);

	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0)
		return;
	loop_remove(t->loop, t->signer.socket, source);
	t->watches = false;
	atomic_store(&t->unsigning, true);
	if (t->lost)
		t->lost(t->context);
}

void till_drain(struct till *t)
{
	struct pollfd fd = {.fd = t ? t->fd : -1, .events = POLLIN};

	if (t)
		reap(t); /* what was done on this thread */
	while (t && t->waiting > 0) {
		/* whose works they are is gone soon: the thread must have none when this returns */
		if (poll(&fd, 1, (int)t->drain_ms) == 0)
			atomic_store(&t->gives_up, true);
		reap(t);
	}
}

unsigned till_waiting(const struct till *t)
{
	return t->waiting;
}

const char *till_currency(const struct till *t)
{
	return ledger_currency(t->ledger);
}

const uint8_t *till_key(const struct till *t)
{
	return t->signer.socket >= 0 ? t->signer.key : NULL;
}

pid_t till_signer(const struct till *t)
{
	return t->signer.pid;
}

struct till_counts till_counted(struct till *t)
{
	struct till_counts counts;

	(void)pthread_mutex_lock(&t->lock);
	counts = t->counts;
	(void)pthread_mutex_unlock(&t->lock);
	return counts;
}

/* ------------------------------------------------------------------------ open, close */

static int listen_all(struct till *t)
{
	int e = loop_add(t->loop, t->fd, EPOLLIN, &t->source);

	if (e == 0 && t->signer.socket >= 0)
		e = loop_add(t->loop, t->signer.socket, EPOLLRDHUP, &t->signer_source);
	t->watches = e == 0 && t->signer.socket >= 0;
	return e;
}

int till_open(
	struct till **till, const struct till_options *options, char error[static LEDGER_ERROR_MAX])
{
	struct till *t = calloc(1, sizeof(*t));
	int e = t ? 0 : -ENOMEM;

	*till = t;
	if (t) {
		t->loop = options->loop;
		t->lost = options->lost;
		t->context = options->context;
		t->signer = options->signer;
		t->sign_ms = options->sign_ms ? options->sign_ms : SIGN_MS;
		t->drain_ms = options->drain_ms ? options->drain_ms : DRAIN_MS;
		atomic_init(&t->unsigning, options->signer.socket < 0);
		t->source.ready = on_ready;
		t->signer_source.ready = on_signer;
		t->later.run = on_later;
		works_init(&t->queue);
		works_init(&t->ended);
		(void)pthread_mutex_init(&t->lock, NULL);
		(void)pthread_cond_init(&t->wake, NULL);
		t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		e = t->fd < 0 ? -errno : listen_all(t);
	}
	if (e == 0)
		return ledger_open(&t->ledger, options->ledger, NULL, true, error);
	(void)snprintf(error, LEDGER_ERROR_MAX, "%s", strerror(-e));
	return e;
}

void till_close(struct till *t)
{
	if (!t)
		return;
	till_drain(t);
	if (t->started) {
		(void)pthread_mutex_lock(&t->lock);
		t->stop = true;
		(void)pthread_cond_signal(&t->wake);
		(void)pthread_mutex_unlock(&t->lock);
		(void)pthread_join(t->thread, NULL);
		reap(t);
	}
	loop_later_cancel(t->loop, &t->later);
	if (t->watches)
		loop_remove(t->loop, t->signer.socket, &t->signer_source);
	if (t->fd >= 0)
		loop_remove(t->loop, t->fd, &t->source);
	fd_close(&t->fd);
	ledger_close(t->ledger);
	signer_close(&t->signer);
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}
