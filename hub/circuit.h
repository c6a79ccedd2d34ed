/*
 * hub/circuit.h - when trying does no good. Lives of a service that fail in a row, or workers
 * that can't start or die early, open its circuit: what comes is refused at once. After a
 * pause one event is let through to see. If its life goes well the circuit closes; if not,
 * the next pause is twice as long. Pure: the caller says what time it is.
 */
#ifndef HUB_CIRCUIT_H
#define HUB_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

/* Lives that fail in a row, unless hub.yaml's limits.failures says otherwise. */
#define CIRCUIT_FAILURES 10u
/* Workers that die early in a row. */
#define CIRCUIT_WORKERS 3u

enum circuit_state {
	CIRCUIT_CLOSED, /* events come in */
	CIRCUIT_OPEN,   /* until until_ns none does; the next one after that is the trial */
	CIRCUIT_TRYING, /* the trial is under way: no other comes in */
};

/* What the operator should hear of. */
enum circuit_news { CIRCUIT_NO_NEWS, CIRCUIT_OPENED, CIRCUIT_CLOSED_AGAIN };

struct circuit {
	unsigned most; /* lives that may fail in a row; 0: any number */
	enum circuit_state state;
	bool by_workers;         /* it is workers that fail, not lives */
	unsigned lives, workers; /* that failed, in a row */
	uint64_t pause_ns;       /* the last one; 0: none since it was closed */
	uint64_t until_ns;
};

/* May an event come in now? */
bool circuit_lets_in(const struct circuit *circuit, uint64_t now);
/* One did. True: it is the trial, and is told about by one of the functions below. */
bool circuit_enter(struct circuit *circuit);
/* The trial went away without a life; the next event is one. */
void circuit_untried(struct circuit *circuit);

/* A life ended. */
enum circuit_news circuit_life(struct circuit *circuit, bool well, bool trial, uint64_t now);
/* A worker could not start, or died before it was of use. */
enum circuit_news circuit_worker_failed(struct circuit *circuit, bool never_ran, uint64_t now);
/* A worker was of use, however it ended. */
void circuit_worker_useful(struct circuit *circuit);

/* How long until a try makes sense; 0: now. */
uint64_t circuit_wait(const struct circuit *circuit, uint64_t now);

#endif
