/*
 * sys/loop.h - one thread that waits: descriptors (epoll), timers, and work put off to the
 * end of the round. Everything here is called on that thread only. The structs are the
 * caller's and usually lie inside the thing that they wake (LOOP_OWNER gets back to it).
 */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

#define LOOP_OWNER(pointer, type, member)                                                          \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct loop_source {
	void (*ready)(struct loop_source *source, uint32_t events); /* EPOLLIN ... */
};

struct loop_timer {
	void (*fire)(struct loop_timer *timer);
	uint64_t at;  /* CLOCK_MONOTONIC, ns */
	size_t place; /* in the heap, from 1; 0: not set */
};

struct loop_later {
	void (*run)(struct loop_later *later);
	struct loop_later *next;
	bool queued;
	uint64_t round; /* when it ran last */
};

int loop_open(struct loop **loop);
void loop_close(struct loop *loop);

int loop_add(struct loop *loop, int fd, uint32_t events, struct loop_source *source);
int loop_change(struct loop *loop, int fd, uint32_t events, struct loop_source *source);
/* Before fd is closed. No event of this round reaches the source any more. */
void loop_remove(struct loop *loop, int fd, struct loop_source *source);

/* Sets or moves. To the past while timers go off: in the next round, so that this one ends. -ENOMEM. */
int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* Runs once, when the events at hand are dealt with; if it has run in this round, at the end of
 * the next, which doesn't wait. */
void loop_later(struct loop *loop, struct loop_later *later);
void loop_later_cancel(struct loop *loop, struct loop_later *later);

/* The time when this round began: good enough for deadlines, free of charge. */
uint64_t loop_now(const struct loop *loop);
/* The number of this round, from 1. */
uint64_t loop_round(const struct loop *loop);
/* How much of the time this thread has waited of late, in percent. */
unsigned loop_idle(const struct loop *loop);

/* Runs until loop_stop; 0 or -errno. */
int loop_run(struct loop *loop);
/* One round, waiting at most `most_ms` (-1: for ever). For tests. */
int loop_once(struct loop *loop, int most_ms);
void loop_stop(struct loop *loop);

#endif
