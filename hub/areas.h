/*
 * hub/areas.h - the input and output areas of one service: where the bodies of requests are received and where
 * replies are sent from, without a copy (abi/worker.h; docs/decisions/054).
 *
 * Area i is slot i of the service's worker. It is used from the moment in which somebody begins to fill its input
 * (spool.h), or an event without one is posted, until its event has ended, its life is over and its reply is sent:
 * each of these holds it. The inputs outlive a worker, so that an event runs again without another upload; the
 * outputs are new for each one.
 *
 * What a worker writes into an output is its own to change at any time: values from there are copied and
 * checked as ever, and bytes that are only passed on are passed on.
 *
 * One thread only.
 */
#ifndef HUB_AREAS_H
#define HUB_AREAS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/worker.h"
#include "base/str.h"
#include "sys/loop.h"

struct areas;
struct areas_outputs;
struct service;

/* Somebody who keeps an area from being used for another event, and reads its output. areas NULL: none. */
struct areas_hold {
	struct areas *areas;
	struct areas_outputs *outputs;
	int number;
};

/* Somebody who waits until an area is free. */
struct areas_wait {
	struct areas_wait *next, *prev;
	void (*ready)(struct areas_wait *wait); /* it doesn't wait any more; one may be free */
	struct areas *areas;                    /* NULL: it doesn't wait */
};

/* What a service with areas says of them in its worker's head; nothing for others. */
void areas_head(struct mfw_head *head, uint64_t input_bytes, uint64_t output_bytes);

/* -ENOMEM. Closing NULL is fine; what is still held goes with the last who holds it. */
int areas_open(struct areas **areas, struct service *service);
void areas_close(struct areas *areas);

/* One that nobody uses, the one with the lowest number, which is then held; -EAGAIN: there is none; -errno: there is no
 * memory for it. */
int areas_take(struct areas *areas);
/* The same for an input that will be filled for a while: one is left for events that have none to be filled. */
int areas_take_early(struct areas *areas);
void areas_keep(struct areas *areas, int number);
void areas_drop(struct areas *areas, int number);
bool areas_used(const struct areas *areas); /* any; of NULL none is */
/* NULL: it is gone. */
struct service *areas_service(const struct areas *areas);

/* The input; and that the first `bytes` of it may be other than zero from now on. */
uint8_t *areas_input(const struct areas *areas, int number);
void areas_filled(struct areas *areas, int number, uint64_t bytes);
/* How many may be; the worker has wiped what lies behind `bytes`. */
uint64_t areas_dirty(const struct areas *areas, int number);
void areas_wiped(struct areas *areas, int number, uint64_t bytes);

/* For a worker that starts: the descriptors, which stay these areas'; -1: there are none of the kind. -errno. */
int areas_for_worker(struct areas *areas, int *input_fd, int *output_fd);
/* An event is at the worker, with this area, until its life is over. */
void areas_post(struct areas *areas, int number);
void areas_over(struct areas *areas, int number);
/* The worker is gone. */
void areas_without_worker(struct areas *areas);

/* Keeps the output that this area has now; it may be held several times. */
void areas_hold(struct areas_hold *hold, struct areas *areas, int number);
void areas_hold_more(struct areas_hold *hold, const struct areas_hold *other);
void areas_release(struct areas_hold *hold); /* nothing if it holds none */
struct mf_str areas_output(const struct areas_hold *hold, uint64_t bytes);

/* Where a held area lies, for an accelerator: the files stay these areas'. False: there is no input or no output. */
struct areas_files {
	int input_fd, output_fd;
	uint64_t input_at, input_bytes, output_at, output_bytes;
};
bool areas_files(const struct areas_hold *hold, struct areas_files *files);
/* The first `bytes` of its output will be written, without the worker's knowledge. How many were since an event was
 * posted there: the worker has to be told with the next, once. */
void areas_written(const struct areas_hold *hold, uint64_t bytes);
uint64_t areas_take_written(struct areas *areas, int number);

void areas_wait(struct areas *areas, struct areas_wait *wait);
void areas_wait_no_more(struct areas_wait *wait);

#endif
