/* hub/service_time.c - what time brings to a service: deadlines, workers that hang, workers that idle. */
#include "hub/hub.h"
#include "hub/service.h"
#include "hub/service_parts.h"
#include "hub/worker.h"
#include "sys/clock.h"

/* The worker enforces the deadline itself and says so; only if it doesn't, we do. */
#define GRACE_NS (50 * CLOCK_MS)

/* mf_init must end within its limit; loading, jailing and starting take some time too. */
#define START_NS (5 * CLOCK_S)

void service_wake_by(struct service *service, uint64_t at)
{
	struct loop_timer *timer = &service->timer;

	/* If there is no memory for a timer the next event sets it. */
	if (timer->place == 0 || at < timer->at)
		(void)loop_timer_set(service->hub->loop, timer, at);
}

static void expire_queue(struct service *s, uint64_t now)
{
	if (!turn_begin(&s->turn, s->hub->loop))
		return;
	while (s->queue.first && s->queue.first->deadline_ns <= now && turn_goes_on(&s->turn))
		service_refuse(s->queue.first, REFUSED_LATE);
	turn_end(&s->turn);
}

/* They are few, and don't wait for a turn: the worker's messages may take each. */
static void expire_running(struct service *s, uint64_t now)
{
	while (s->running.first && s->running.first->deadline_ns + GRACE_NS <= now)
		service_refuse(s->running.first, REFUSED_LATE);
}

/* Until when the worker may go on as it is; what is wrong with it after that, or NULL:
 * nothing, but it isn't needed any more. */
static uint64_t patience(const struct service *s, const char **wrong)
{
	*wrong = "did not start in time";
	if (s->worker == WORKER_STARTING)
		return s->started_ns + s->note.init_ns + START_NS;
	*wrong = "hangs";
	if (s->posted > 0)
		return s->heard_ns + s->deadline_ns + SERVICE_SILENCE_NS;
	if (lend_is_out(s))
		return lend_patience(s, wrong);
	*wrong = NULL;
	return s->active_ns + s->idle_ns;
}

/* What is still to be done at `now` is done in the next round: a timer that is set to the past goes off
 * in this one, again and again. */
void service_tick(struct loop_timer *timer)
{
	struct service *s = LOOP_OWNER(timer, struct service, timer);
	uint64_t now = loop_now(s->hub->loop);
	const char *wrong;

	expire_queue(s, now);
	expire_running(s, now);
	service_pump(s); /* an event that is gone may have held up others of its key */
	if (s->worker != WORKER_NONE && patience(s, &wrong) <= now) {
		if (wrong)
			worker_lost(s, wrong);
		else if (lend_is_out(s))
			lend_tick(s);
		else if (service_quiet(s))
			worker_retire(s, "no event came for a while");
		else
			s->active_ns = now;
	}
	if (s->worker != WORKER_NONE)
		service_wake_by(s, patience(s, &wrong));
	else
		kept_tick(s);
	if (s->queue.first && s->queue.first->deadline_ns > now)
		service_wake_by(s, s->queue.first->deadline_ns);
	else if (s->queue.first)
		service_wake_by(s, now + 1); /* the next round */
	if (s->running.first)
		service_wake_by(s, s->running.first->deadline_ns + GRACE_NS);
}
