/* hub/circuit.c - count what fails in a row; open, try, close. */
#include "hub/circuit.h"

#include "sys/clock.h"

/* The first pause: a worker that can't start may have been short of memory for a moment. */
#define PAUSE_LIVES_NS   CLOCK_S
#define PAUSE_WORKERS_NS (100 * CLOCK_MS)
#define PAUSE_MOST_NS    (60 * CLOCK_S)

bool circuit_lets_in(const struct circuit *circuit, uint64_t now)
{
	return circuit->state == CIRCUIT_CLOSED ||
		(circuit->state == CIRCUIT_OPEN && circuit->until_ns <= now);
}

bool circuit_enter(struct circuit *circuit)
{
	if (circuit->state == CIRCUIT_CLOSED)
		return false;
	circuit->state = CIRCUIT_TRYING;
	return true;
}

void circuit_untried(struct circuit *circuit)
{
	if (circuit->state == CIRCUIT_TRYING)
		circuit->state = CIRCUIT_OPEN;
}

/* From closed it is news; after a trial the pause doubles; what was under way when it opened,
 * and fails too, changes nothing. */
static enum circuit_news open_it(struct circuit *c, bool by_workers, uint64_t now)
{
	uint64_t first = by_workers ? PAUSE_WORKERS_NS : PAUSE_LIVES_NS;
	bool news = c->state == CIRCUIT_CLOSED;

	if (c->state == CIRCUIT_OPEN)
		return CIRCUIT_NO_NEWS;
	c->pause_ns = news ? first : 2 * c->pause_ns;
	if (c->pause_ns > PAUSE_MOST_NS)
		c->pause_ns = PAUSE_MOST_NS;
	c->state = CIRCUIT_OPEN;
	c->by_workers = by_workers;
	c->until_ns = now + c->pause_ns;
	return news ? CIRCUIT_OPENED : CIRCUIT_NO_NEWS;
}

enum circuit_news circuit_life(struct circuit *circuit, bool well, bool trial, uint64_t now)
{
	bool was_closed = circuit->state == CIRCUIT_CLOSED;

	if (well) {
		circuit->lives = 0;
		circuit->pause_ns = 0;
		circuit->state = CIRCUIT_CLOSED;
		return was_closed ? CIRCUIT_NO_NEWS : CIRCUIT_CLOSED_AGAIN;
	}
	circuit->lives++;
	if (was_closed && (circuit->most == 0 || circuit->lives < circuit->most))
		return CIRCUIT_NO_NEWS;
	if (!was_closed && !trial)
		return CIRCUIT_NO_NEWS;
	return open_it(circuit, false, now);
}

enum circuit_news circuit_worker_failed(struct circuit *circuit, bool never_ran, uint64_t now)
{
	circuit->workers++;
	if (!never_ran && circuit->workers < CIRCUIT_WORKERS)
		return CIRCUIT_NO_NEWS;
	return open_it(circuit, true, now);
}

void circuit_worker_useful(struct circuit *circuit)
{
	circuit->workers = 0;
}

uint64_t circuit_wait(const struct circuit *circuit, uint64_t now)
{
	if (circuit->state == CIRCUIT_CLOSED)
		return 0;
	if (circuit->state == CIRCUIT_TRYING) /* will be known soon, one way or the other */
		return circuit->pause_ns < CLOCK_S ? circuit->pause_ns : CLOCK_S;
	return circuit->until_ns > now ? circuit->until_ns - now : 0;
}
