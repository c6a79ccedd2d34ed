/* sys/loop.c - epoll, a binary heap of timers, a list of what was put off. */
#include "sys/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/clock.h"

#define BATCH 512

struct loop {
	int fd;
	bool stopped;
	uint64_t now;
	uint64_t idle_ns, whole_ns; /* of the recent rounds, older ones counting less */
	struct epoll_event batch[BATCH];
	int batch_at, batch_count; /* what is still to be dealt with in this round */
	struct loop_timer **heap;  /* heap[1] is the earliest */
	size_t timers, room;
	bool firing; /* timers go off */
	uint64_t round;
	struct loop_later *later, **later_end; /* in this round */
	struct loop_later *next, **next_end;   /* in the next */
};

int loop_open(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->fd < 0) {
		int err = -errno;

		free(loop);
		return err;
	}
	loop->now = clock_mono_ns();
	loop->round = 1;
	loop->later_end = &loop->later;
	loop->next_end = &loop->next;
	*out = loop;
	return 0;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->fd);
	free(loop->heap);
	free(loop);
}

/* ------------------------------------------------------------ descriptors */

static int control(struct loop *loop, int how, int fd, uint32_t events, struct loop_source *source)
{
	struct epoll_event e = {.events = events, .data.ptr = source};

	return epoll_ctl(loop->fd, how, fd, &e) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, struct loop_source *source)
{
	return control(loop, EPOLL_CTL_ADD, fd, events, source);
}

int loop_change(struct loop *loop, int fd, uint32_t events, struct loop_source *source)
{
	return control(loop, EPOLL_CTL_MOD, fd, events, source);
}

void loop_remove(struct loop *loop, int fd, struct loop_source *source)
{
	(void)control(loop, EPOLL_CTL_DEL, fd, 0, source);
	for (int i = loop->batch_at; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
}

/* ----------------------------------------------------------------- timers */

static void place(struct loop *loop, struct loop_timer *timer, size_t at)
{
	loop->heap[at] = timer;
	timer->place = at;
}

static void sift_up(struct loop *loop, struct loop_timer *timer, size_t at)
{
	while (at > 1 && loop->heap[at / 2]->at > timer->at) {
		place(loop, loop->heap[at / 2], at);
		at /= 2;
	}
	place(loop, timer, at);
}

static void sift_down(struct loop *loop, struct loop_timer *timer, size_t at)
{
	for (;;) {
		size_t child = at * 2;

		if (child > loop->timers)
			break;
		if (child < loop->timers && loop->heap[child + 1]->at < loop->heap[child]->at)
			child++;
		if (loop->heap[child]->at >= timer->at)
			break;
		place(loop, loop->heap[child], at);
		at = child;
	}
	place(loop, timer, at);
}

static int make_room(struct loop *loop)
{
	size_t room = loop->room ? loop->room * 2 : 64;
	struct loop_timer **grown;

	if (loop->timers + 1 < loop->room)
		return 0;
	grown = realloc(loop->heap, room * sizeof(struct loop_timer *));
	if (!grown)
		return -ENOMEM;
	loop->heap = grown;
	loop->room = room;
	return 0;
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at)
{
	uint64_t before = timer->at;

	if (loop->firing && at <= loop->now)
		at = loop->now + 1;
	if (timer->place == 0) {
		int err = make_room(loop);

		if (err < 0)
			return err;
		timer->at = at;
		sift_up(loop, timer, ++loop->timers);
		return 0;
	}
	timer->at = at;
	if (at < before)
		sift_up(loop, timer, timer->place);
	else
		sift_down(loop, timer, timer->place);
	return 0;
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	size_t at = timer->place;
	struct loop_timer *last;

	if (at == 0)
		return;
	timer->place = 0;
	last = loop->heap[loop->timers--];
	if (last == timer)
		return;
	if (at > 1 && loop->heap[at / 2]->at > last->at)
		sift_up(loop, last, at);
	else
		sift_down(loop, last, at);
}

static void run_timers(struct loop *loop)
{
	loop->firing = true;
	while (loop->timers > 0 && loop->heap[1]->at <= loop->now) {
		struct loop_timer *timer = loop->heap[1];

		loop_timer_clear(loop, timer);
		timer->fire(timer);
	}
	loop->firing = false;
}

/* ---------------------------------------------------------------- put off */

void loop_later(struct loop *loop, struct loop_later *later)
{
	if (later->queued)
		return;
	later->queued = true;
	later->next = NULL;
	if (later->round == loop->round) {
		*loop->next_end = later;
		loop->next_end = &later->next;
	} else {
		*loop->later_end = later;
		loop->later_end = &later->next;
	}
}

/* False: it isn't in that list. */
static bool unlink_later(
	struct loop_later **first, struct loop_later ***end, const struct loop_later *later)
{
	struct loop_later **at = first;

	while (*at && *at != later)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = later->next;
	if (!*at)
		*end = at;
	return true;
}

void loop_later_cancel(struct loop *loop, struct loop_later *later)
{
	if (!later->queued)
		return;
	if (!unlink_later(&loop->later, &loop->later_end, later))
		unlink_later(&loop->next, &loop->next_end, later);
	later->queued = false;
}

/* Another round begins. */
static void next_round(struct loop *loop)
{
	loop->round++;
	if (!loop->next)
		return;
	*loop->later_end = loop->next;
	loop->later_end = loop->next_end;
	loop->next = NULL;
	loop->next_end = &loop->next;
}

static void run_later(struct loop *loop)
{
	while (loop->later) {
		struct loop_later *later = loop->later;

		loop_later_cancel(loop, later);
		later->round = loop->round;
		later->run(later);
	}
}

/* ------------------------------------------------------------------- wait */

static int wait_ms(struct loop *loop, uint64_t now, int most_ms)
{
	uint64_t ns, ms;

	if (loop->later || loop->next)
		return 0;
	if (loop->timers == 0)
		return most_ms;
	if (loop->heap[1]->at <= now)
		return 0;
	ns = loop->heap[1]->at - now;
	ms = ns / CLOCK_MS + 1; /* rather late than in vain */
	if (ms > 3600000)
		ms = 3600000;
	return most_ms >= 0 && (uint64_t)most_ms < ms ? most_ms : (int)ms;
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

/* One round's time at work and asleep. After about MEMORY_NS the past counts half. */
#define MEMORY_NS (10 * CLOCK_MS)
static void learn(struct loop *loop, uint64_t work, uint64_t sleep)
{
	loop->idle_ns += sleep;
	loop->whole_ns += sleep + work;
	if (loop->whole_ns >= 2 * MEMORY_NS) {
		uint64_t share = loop->whole_ns / MEMORY_NS;

		loop->idle_ns /= share;
		loop->whole_ns /= share;
	}
}

uint64_t loop_round(const struct loop *loop)
{
	return loop->round;
}

unsigned loop_idle(const struct loop *loop)
{
	return loop->whole_ns > 0 ? (unsigned)(loop->idle_ns * 100 / loop->whole_ns) : 100;
}

int loop_once(struct loop *loop, int most_ms)
{
	uint64_t began = loop->now, before = clock_mono_ns();
	int n = epoll_wait(loop->fd, loop->batch, BATCH, wait_ms(loop, before, most_ms));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop->now = clock_mono_ns();
	next_round(loop);
	learn(loop, before - began, loop->now - before);
	loop->batch_count = n < 0 ? 0 : n;
	for (loop->batch_at = 0; loop->batch_at < loop->batch_count;) {
		struct epoll_event *e = &loop->batch[loop->batch_at++];
		struct loop_source *source = e->data.ptr;

		if (source)
			source->ready(source, e->events);
	}
	run_timers(loop);
	run_later(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	loop->stopped = false;
	while (!loop->stopped && err == 0)
		err = loop_once(loop, -1);
	return err;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
