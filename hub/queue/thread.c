/* hub/queue/thread.c - see thread.h */
#include "hub/queue/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/beside.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/loop.h"

#define STACK    (512u << 10) /* libpq, and the name look-ups below it */
#define AGAIN_MS 1000         /* until a database that was away is asked again */
#define LOOK_MS  2000         /* without a word: those may be lost */
#define TOGETHER 1024u        /* items of one transaction */

/* What is to be said, with copies of its texts behind it. */
struct said {
	struct queue_item item;
	char texts[];
};

/* What the loop is to be told. */
struct news {
	struct news *next;
	enum { NEWS_LOST, NEWS_STATE } kind;
	struct queue_task task;
	char error[QUEUE_ERROR_MAX];
	uint64_t hubs;
	bool replaced, well;
};

struct queue_thread {
	struct loop *loop;
	struct loop_source source;
	const struct queue_events *events;
	void *context;
	struct queue_options options;
	char *texts[3];
	pthread_t thread;
	bool started;
	int wake, tell; /* eventfds: of the thread, of the loop */
	/* the thread's own */
	struct queue *queue;
	struct queue_task *have; /* by `also`; owned */
	bool replaced, up, ever, heard;
	uint64_t hubs;
	/* under the lock */
	pthread_mutex_t lock;
	struct queue_item *items, **items_last; /* to be said */
	char *kinds;
	unsigned most;
	bool stop, wanted; /* wanted: it shall look at once */
	struct queue_item *said, **said_last;
	struct queue_task *taken, **taken_last, *ended;
	struct news *news, **news_last;
};

static void poke(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void calm(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

/* --------------------------------------------------------------- on the thread */

static void add_news(struct queue_thread *t, const struct news *news)
{
	struct news *copy = malloc(sizeof(*copy));

	if (!copy)
		return;
	*copy = *news;
	copy->next = NULL;
	(void)pthread_mutex_lock(&t->lock);
	*t->news_last = copy;
	t->news_last = &copy->next;
	(void)pthread_mutex_unlock(&t->lock);
	poke(t->tell);
}

static void tell_state(struct queue_thread *t, const char *error)
{
	struct news news = {.kind = NEWS_STATE,
		.hubs = t->hubs,
		.replaced = t->replaced,
		.well = error == NULL};

	(void)snprintf(news.error, sizeof(news.error), "%s", error ? error : "");
	add_news(t, &news);
}

static unsigned having(const struct queue_thread *t)
{
	unsigned n = 0;

	for (const struct queue_task *h = t->have; h; h = h->also)
		n++;
	return n;
}

static void let_go(struct queue_thread *t, uint64_t ticket)
{
	struct queue_task **at = &t->have, *h;

	while (*at && (*at)->ticket != ticket)
		at = &(*at)->also;
	h = *at;
	if (h)
		*at = h->also;
	free(h);
}

/* False: no memory: its lease ends, and somebody else has it. */
static bool keep(struct queue_thread *t, const struct queue_task *task)
{
	struct queue_task *h = calloc(1, sizeof(*h));

	if (!h)
		return false;
	memcpy(h->job, task->job, sizeof(h->job));
	h->number = task->number;
	h->ticket = task->ticket;
	h->also = t->have;
	t->have = h;
	return true;
}

static void look_for_lost(struct queue_thread *t)
{
	for (struct queue_task *h = t->have, *also; h; h = also) {
		also = h->also;
		if (h->lost_now) {
			struct news news = {.kind = NEWS_LOST, .task = *h};

			let_go(t, h->ticket);
			add_news(t, &news);
		}
	}
}

static struct queue_item **end_of(struct queue_item **list)
{
	while (*list)
		list = &(*list)->next;
	return list;
}

/* A part of what is to be said, and what is wanted. */
static void prepare(struct queue_thread *t, struct queue_turn *turn, char **kinds)
{
	struct queue_item **last = &t->items;
	unsigned n = 0, have = having(t);

	while (*last && n++ < TOGETHER)
		last = &(*last)->next;
	turn->items = t->items;
	t->items = *last;
	*last = NULL;
	t->items_last = end_of(&t->items);
	turn->have = t->have;
	*kinds = t->kinds ? strdup(t->kinds) : NULL;
	turn->kinds = *kinds;
	turn->heard = t->heard;
	turn->leaves = t->stop;
	t->heard = false;
	turn->take = t->most > have && !t->stop ? t->most - have : 0;
	t->wanted = t->items != NULL;
}

static void put_back(struct queue_thread *t, struct queue_item *items)
{
	*end_of(&items) = t->items;
	t->items = items;
	t->items_last = end_of(&t->items);
}

static void give_on(struct queue_thread *t, struct queue_turn *turn)
{
	for (struct queue_item *i = turn->items; i; i = i->next)
		if (i->ticket > 0)
			let_go(t, i->ticket);
	for (struct queue_task *task = turn->taken; task; task = task->next)
		(void)keep(t, task);
	*t->said_last = turn->items;
	t->said_last = end_of(t->said_last);
	*t->taken_last = turn->taken;
	while (*t->taken_last)
		t->taken_last = &(*t->taken_last)->next;
	queue_tasks_free(t->ended); /* the loop has not looked: it will see them again */
	t->ended = turn->ended;
	if (t->said || t->taken || t->ended)
		poke(t->tell);
	turn->items = NULL;
	turn->taken = turn->ended = NULL;
}

static int one_turn(struct queue_thread *t)
{
	struct queue_turn turn = {0};
	uint64_t hubs = t->hubs;
	char *kinds;
	int e;

	(void)pthread_mutex_lock(&t->lock);
	prepare(t, &turn, &kinds);
	(void)pthread_mutex_unlock(&t->lock);
	e = queue_turn(t->queue, &turn);
	(void)pthread_mutex_lock(&t->lock);
	if (e < 0)
		put_back(t, turn.items);
	else
		give_on(t, &turn);
	(void)pthread_mutex_unlock(&t->lock);
	free(kinds);
	if (e < 0)
		return e;
	look_for_lost(t);
	t->replaced = turn.replaced;
	if (turn.hubs > 0)
		t->hubs = turn.hubs;
	if (t->replaced)
		tell_state(t, "another hub has come by this hub's name");
	else if (!t->up || t->hubs != hubs)
		tell_state(t, NULL);
	t->up = true;
	return 0;
}

static void away(struct queue_thread *t, const char *error)
{
	if (t->up || !t->ever)
		tell_state(t, error);
	t->ever = true;
	t->up = false;
}

/* 0: it is there. */
static int connect_to(struct queue_thread *t)
{
	char error[QUEUE_ERROR_MAX] = "";
	int e = t->queue ? queue_reopen(t->queue, error)
			 : queue_open(&t->queue, &t->options, error);

	if (e < 0)
		away(t, error);
	return e;
}

/* Until there is something to do, or `ms` have passed. */
static void wait_for(struct queue_thread *t, int ms, bool words)
{
	struct pollfd fd[2] = {{t->wake, POLLIN, 0}, {words ? queue_fd(t->queue) : -1, POLLIN, 0}};
	uint64_t now = clock_mono_ns(), due = words ? queue_due(t->queue) : UINT64_MAX;
	int count;

	if (due < now + (unsigned)ms * CLOCK_MS)
		ms = due > now ? (int)((due - now) / CLOCK_MS) + 1 : 0;
	(void)poll(fd, 2, ms);
	if (fd[0].revents)
		calm(t->wake);
	if (!words || !fd[1].revents)
		return;
	count = queue_heard(t->queue);
	t->heard = t->heard || count > 0;
	if (count < 0)
		away(t, "the connection was lost");
}

static bool is_stopped(struct queue_thread *t)
{
	bool stop;

	(void)pthread_mutex_lock(&t->lock);
	stop = t->stop;
	(void)pthread_mutex_unlock(&t->lock);
	return stop;
}

static bool has_more(struct queue_thread *t)
{
	bool more;

	(void)pthread_mutex_lock(&t->lock);
	more = t->wanted;
	(void)pthread_mutex_unlock(&t->lock);
	return more;
}

static void *run(void *context)
{
	struct queue_thread *t = context;
	bool connected = false;

	while (!is_stopped(t) && !t->replaced) {
		int e = connected ? 0 : connect_to(t);

		connected = e == 0;
		if (connected) {
			e = one_turn(t);
			if (e < 0)
				away(t, e == -ENOMEM ? "no memory" : "the database failed");
			connected = e == 0;
		}
		if (!connected)
			wait_for(t, AGAIN_MS, false);
		else if (!has_more(t))
			wait_for(t, LOOK_MS, true);
		connected = connected && t->up;
	}
	if (connected && !t->replaced)
		(void)one_turn(t); /* what was said last */
	return NULL;
}

/* ----------------------------------------------------------------- on the loop's */

static void hear(struct queue_thread *t, struct news *news)
{
	const struct queue_events *e = t->events;

	for (struct news *next; news; news = next) {
		next = news->next;
		if (news->kind == NEWS_LOST)
			e->lost(t->context, news->task.job, news->task.number, news->task.ticket);
		else
			e->state(t->context, news->well ? NULL : news->error, news->hubs,
				news->replaced);
		free(news);
	}
}

static void on_told(struct loop_source *source, uint32_t events)
{
	struct queue_thread *t = LOOP_OWNER(source, struct queue_thread, source);
	struct queue_item *said;
	struct queue_task *taken, *ended;
	struct news *news;

	(void)events;
	calm(t->tell);
	(void)pthread_mutex_lock(&t->lock);
	said = t->said;
	taken = t->taken;
	ended = t->ended;
	news = t->news;
	t->said = NULL;
	t->said_last = &t->said;
	t->taken = NULL;
	t->taken_last = &t->taken;
	t->ended = NULL;
	t->news = NULL;
	t->news_last = &t->news;
	(void)pthread_mutex_unlock(&t->lock);
	for (struct queue_item *next; said; said = next) {
		next = said->next;
		t->events->said(t->context, said);
		free(said);
	}
	hear(t, news);
	for (const struct queue_task *task = ended; task; task = task->next)
		t->events->ended(t->context, task);
	queue_tasks_free(ended);
	for (struct queue_task *next; taken; taken = next) {
		next = taken->next;
		taken->next = NULL;
		t->events->taken(t->context, taken);
	}
}

static const char *put_text(char **at, const char *text)
{
	char *to = *at;
	size_t n = text ? strlen(text) + 1 : 0;

	if (n > 0)
		memcpy(to, text, n);
	*at += n;
	return text ? to : NULL;
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

bool queue_say(struct queue_thread *t, const struct queue_item *item)
{
	struct said *s = malloc(sizeof(*s) + text_size(item->kind) + text_size(item->about) +
		text_size(item->needs) + text_size(item->result));
	char *at;

	if (!s)
		return false;
	s->item = *item;
	at = s->texts;
	s->item.kind = put_text(&at, item->kind);
	s->item.about = put_text(&at, item->about);
	s->item.needs = put_text(&at, item->needs);
	s->item.result = put_text(&at, item->result);
	s->item.next = NULL;
	(void)pthread_mutex_lock(&t->lock);
	*t->items_last = &s->item;
	t->items_last = &s->item.next;
	t->wanted = true;
	(void)pthread_mutex_unlock(&t->lock);
	poke(t->wake);
	return true;
}

void queue_want(struct queue_thread *t, const char *kinds, unsigned most)
{
	bool more;

	(void)pthread_mutex_lock(&t->lock);
	more = most > t->most || !t->kinds || strcmp(t->kinds, kinds) != 0;
	if (!t->kinds || strcmp(t->kinds, kinds) != 0) {
		free(t->kinds);
		t->kinds = strdup(kinds);
	}
	t->most = most;
	(void)pthread_mutex_unlock(&t->lock);
	if (more)
		poke(t->wake);
}

/* ------------------------------------------------------------------ open, close */

int queue_thread_open(struct queue_thread **out, struct loop *loop,
	const struct queue_options *options, const struct queue_events *events, void *context)
{
	struct queue_thread *t = calloc(1, sizeof(*t));
	int e = -ENOMEM;

	if (!t)
		return e;
	*t = (struct queue_thread){.loop = loop,
		.source.ready = on_told,
		.events = events,
		.context = context,
		.options = *options,
		.texts = {strdup(options->database), strdup(options->name), strdup(options->url)},
		.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.tell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	t->options.database = t->texts[0];
	t->options.name = t->texts[1];
	t->options.url = t->texts[2];
	t->items_last = &t->items;
	t->said_last = &t->said;
	t->taken_last = &t->taken;
	t->news_last = &t->news;
	(void)pthread_mutex_init(&t->lock, NULL);
	if (t->texts[0] && t->texts[1] && t->texts[2])
		e = t->wake < 0 || t->tell < 0 ? -EMFILE
					       : loop_add(loop, t->tell, EPOLLIN, &t->source);
	if (e < 0) {
		t->loop = NULL;
		queue_thread_close(t);
		return e;
	}
	*out = t;
	return 0;
}

int queue_thread_start(struct queue_thread *t)
{
	int e;

	e = beside_start(&t->thread, STACK, run, t);
	t->started = e == 0;
	return e;
}

static void free_items(struct queue_item *items)
{
	for (struct queue_item *next; items; items = next) {
		next = items->next;
		free(items);
	}
}

void queue_thread_close(struct queue_thread *t)
{
	if (!t)
		return;
	if (t->started) {
		(void)pthread_mutex_lock(&t->lock);
		t->stop = true;
		(void)pthread_mutex_unlock(&t->lock);
		poke(t->wake);
		(void)pthread_join(t->thread, NULL);
	}
	if (t->loop)
		loop_remove(t->loop, t->tell, &t->source);
	fd_close(&t->wake);
	fd_close(&t->tell);
	queue_close(t->queue);
	free_items(t->items);
	free_items(t->said);
	queue_tasks_free(t->taken);
	queue_tasks_free(t->ended);
	while (t->have)
		let_go(t, t->have->ticket);
	for (struct news *next; t->news; t->news = next) {
		next = t->news->next;
		free(t->news);
	}
	for (unsigned i = 0; i < 3; i++)
		free(t->texts[i]);
	free(t->kinds);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}
