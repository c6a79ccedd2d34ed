/* hub/clocks.c - see clocks.h */
#include "hub/clocks.h"

#include <errno.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hub/hub.h"
#include "hub/in_timer.h"
#include "hub/failed.h"
#include "hub/schedule.h"
#include "store/store.h"
#include "sys/fd.h"
#include "sys/log.h"

/* "3 d 4 h", roughly: for people. */
static const char *roughly(int64_t ns, char to[static 48])
{
	int64_t s = (ns < 0 ? -ns : ns) / (int64_t)CLOCK_S;

	if (s >= 2 * 365 * 86400)
		snprintf(to, 48, "%lld years", (long long)(s / (365 * 86400)));
	else if (s >= 2 * 86400)
		snprintf(to, 48, "%lld days", (long long)(s / 86400));
	else if (s >= 2 * 3600)
		snprintf(to, 48, "%lld hours", (long long)(s / 3600));
	else if (s >= 2 * 60)
		snprintf(to, 48, "%lld minutes", (long long)(s / 60));
	else
		snprintf(to, 48, "%lld s", (long long)s);
	return to;
}

static void tell(const struct timekept *t, enum time_news news)
{
	char machine[TIME_TEXT], ours[TIME_TEXT], by[48];

	time_text(t->last.wall_ns, machine);
	time_text(time_wall(t), ours);
	roughly(t->step_ns, by);
	switch (news) {
	case TIME_AS_EVER: break;
	case TIME_WRONG:
		log_warn("the clock says %s, which is past: going on from %s, until it is set",
			machine, ours);
		break;
	case TIME_RIGHT:
		log_info("the clock is set: it is %s, %s %s what was reckoned", ours, by,
			t->step_ns < 0 ? "before" : "after");
		break;
	case TIME_FORWARD: log_warn("the clock was put forward by %s: it is %s", by, ours); break;
	case TIME_BACK: log_warn("the clock was put back by %s: it is %s", by, ours); break;
	}
}

void clocks_init(struct clocks *clocks)
{
	*clocks = (struct clocks){.fd = -1};
	(void)time_begin(&clocks->kept, time_now(false), 0, 0);
}

void clocks_look(struct hub *hub)
{
	struct timekept *t = &hub->clocks.kept;
	uint64_t stepped = t->stepped;

	tell(t, time_read(t, time_now(t->wrong)));
	if (hub->store)
		store_clock(hub->store, (int64_t)time_elapsed(t), time_wall(t));
	if (t->stepped != stepped)
		timers_look(hub);
}

static void on_set(struct loop_source *source, uint32_t events)
{
	struct clocks *clocks = LOOP_OWNER(source, struct clocks, set);
	struct hub *hub = LOOP_OWNER(clocks, struct hub, clocks);
	uint64_t count;

	(void)events;
	if (read(clocks->fd, &count, sizeof(count)) < 0 && errno != ECANCELED)
		return;
	clocks_look(hub);
	timers_look(hub); /* it may have slept, without a step */
	schedule_look(hub);
	failed_look(hub);
}

/* A timer that never goes off, and is cancelled when the clock is set (timerfd_create(2)): so nothing
 * needs to look from time to time. */
static int watch(struct clocks *clocks)
{
	const struct itimerspec never = {.it_value.tv_sec = INT64_MAX / 1000000000};

	clocks->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (clocks->fd < 0)
		return -errno;
	if (timerfd_settime(clocks->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) <
		0)
		return -errno;
	return 0;
}

int clocks_open(struct hub *hub)
{
	struct clocks *clocks = &hub->clocks;
	int err = watch(clocks);

	tzset(); /* its file is read now, before the walls stand round the hub */
	(void)time_begin(&clocks->kept, time_now(true), 0, 0);
	clocks->set.ready = on_set;
	return err == 0 ? loop_add(hub->loop, clocks->fd, EPOLLIN, &clocks->set) : err;
}

void clocks_go_on(struct hub *hub)
{
	struct timekept *t = &hub->clocks.kept;
	int64_t last_elapsed, last_wall;

	store_clock_read(hub->store, &last_elapsed, &last_wall);
	tell(t, time_begin(t, time_now(true), last_elapsed, last_wall));
}

static void kept(struct store_tx *tx, int error)
{
	(void)tx;
	(void)error; /* then the last commit knows */
}

void clocks_keep(struct hub *hub)
{
	struct store_tx *tx = NULL;

	if (!hub->store)
		return;
	clocks_look(hub);
	tx = store_begin(hub->store, STORE_SYNC, kept, NULL);
	if (!tx)
		return;
	store_tick(tx, 0, MF_STR("end"), (int64_t)time_elapsed(&hub->clocks.kept));
	store_submit(tx);
}

void clocks_close(struct hub *hub)
{
	if (hub->clocks.fd >= 0)
		loop_remove(hub->loop, hub->clocks.fd, &hub->clocks.set);
	fd_close(&hub->clocks.fd);
}
