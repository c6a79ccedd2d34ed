/*
 * hub/queue/thread.h - the queue (queue.h) as the hub's loop has it: a thread of its own waits for the database, and for words
 * of other hubs. What the loop says is copied, and is said as soon as the database is there, in the order in which it came; what comes of
 * it is told on the loop's thread.
 *
 * The thread itself knows which tasks this hub has, from taking them until it was said what came of them, and makes their leases longer.
 * While the database is away it tries again each second; nothing that was to be said is lost but with the process.
 */
#ifndef HUB_QUEUE_THREAD_H
#define HUB_QUEUE_THREAD_H

#include "hub/queue/queue.h"

struct loop;
struct queue_thread;

/* All on the loop's thread. */
struct queue_events {
	/* This hub has a task now: until queue_say of QUEUE_TELL, QUEUE_FAIL or QUEUE_BACK. The callee frees it
	 * (queue_tasks_free). */
	void (*taken)(void *context, struct queue_task *task);
	/* It is somebody else's by now, and nothing more need be said of it. */
	void (*lost)(void *context, const char *job, uint32_t number, uint64_t ticket);
	/* A task of this hub's came to something: again and again until QUEUE_REMOVE. */
	void (*ended)(void *context, const struct queue_task *task);
	/* It was said, and maybe refused; its texts are gone. */
	void (*said)(void *context, const struct queue_item *item);
	/* NULL: the database is there now, and `hubs` were seen lately; else why it is away. `replaced`: for ever. */
	void (*state)(void *context, const char *error, uint64_t hubs, bool replaced);
};

/* Nothing is connected yet: that begins with queue_thread_start. -ENOMEM, -errno. `options` are copied. */
int queue_thread_open(struct queue_thread **thread, struct loop *loop,
	const struct queue_options *options, const struct queue_events *events, void *context);
/* Walls that stand now are the thread's too. -errno. */
int queue_thread_start(struct queue_thread *thread);
/* Ends the thread; what wasn't said isn't. It may wait for the database some seconds. NULL is fine. */
void queue_thread_close(struct queue_thread *thread);

/* Copied. False: no memory. */
bool queue_say(struct queue_thread *thread, const struct queue_item *item);
/* How many tasks it shall have at most, and of which kinds (blanks between). */
void queue_want(struct queue_thread *thread, const char *kinds, unsigned most);

#endif
