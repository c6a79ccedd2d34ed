/* hub/areas.c - see areas.h */
#include "hub/areas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hub/hub.h"
#include "hub/service.h"
#include "hub/service_parts.h"
#include "sys/clock.h"
#include "sys/fd.h"

/* A life is at work on each thread; beside them one is received, and one is sent. */
#define AREAS_MORE 2u

/* An area that nobody has used for so long is wiped; one that is used again sooner its next life wipes, for then
 * processors have other things to do (docs/decisions/064). */
#define REST_NS (2 * CLOCK_MS)

struct areas_outputs {
	unsigned users; /* the areas that it belongs to, and who holds one of them */
	int fd;
	uint8_t *at;
	uint64_t bytes;
};

struct areas {
	struct service *service; /* NULL: it is gone, and somebody still sends */
	struct loop *loop;
	unsigned users; /* the service, and who holds any of them */
	unsigned count;
	uint64_t input_bytes, output_bytes; /* of each */
	int input_fd;                       /* -1: there are no inputs now */
	uint8_t *inputs;
	struct areas_outputs *outputs; /* NULL: there is no worker */
	unsigned holders[MFW_AREAS], in_use;
	bool posted[MFW_AREAS];
	uint64_t dirty[MFW_AREAS], written[MFW_AREAS];
	uint64_t lives[MFW_AREAS]; /* at this worker */
	bool lived[MFW_AREAS];     /* one did since the worker was told to wipe */
	struct loop_timer rest;
	struct areas_wait *first, *last; /* who waits, as they came */
	struct loop_later freed;
};

void areas_head(struct mfw_head *head, uint64_t input_bytes, uint64_t output_bytes)
{
	if (input_bytes == 0 && output_bytes == 0)
		return;
	head->areas = head->threads + AREAS_MORE;
	head->input_bytes = input_bytes;
	head->output_bytes = output_bytes;
}

/* ------------------------------------------------------------------- memory */

static int map(const char *name, uint64_t bytes, int *fd, uint8_t **at)
{
	void *p;

	*fd = fd_memory(name, bytes);
	if (*fd < 0)
		return *fd;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (p == MAP_FAILED) {
		fd_close(fd);
		return -ENOMEM;
	}
	(void)madvise(p, bytes, MADV_HUGEPAGE); /* where the machine gives shared memory any */
	*at = p;
	return 0;
}

static uint64_t inputs_size(const struct areas *a)
{
	return a->count * MFW_AREA(a->input_bytes);
}

static int open_inputs(struct areas *a)
{
	if (a->inputs || a->input_bytes == 0)
		return 0;
	return map("mayfly-input", inputs_size(a), &a->input_fd, &a->inputs);
}

/* Nobody uses them, and there is no worker that knows them. */
static void close_inputs(struct areas *a)
{
	if (a->inputs)
		munmap(a->inputs, inputs_size(a));
	a->inputs = NULL;
	fd_close(&a->input_fd);
	for (unsigned i = 0; i < a->count; i++)
		a->dirty[i] = 0;
}

static void drop_outputs(struct areas_outputs *o)
{
	if (!o || --o->users > 0)
		return;
	if (o->at)
		munmap(o->at, o->bytes);
	fd_close(&o->fd);
	free(o);
}

static int open_outputs(struct areas *a)
{
	struct areas_outputs *o = calloc(1, sizeof(*o));
	int rc = 0;

	if (!o)
		return -ENOMEM;
	*o = (struct areas_outputs){
		.users = 1, .fd = -1, .bytes = a->count * MFW_AREA(a->output_bytes)};
	if (o->bytes > 0)
		rc = map("mayfly-output", o->bytes, &o->fd, &o->at);
	if (rc < 0)
		drop_outputs(o);
	else
		a->outputs = o;
	return rc;
}

/* ------------------------------------------------------------------ who waits */

static struct areas_wait *first_waiter(struct areas *a)
{
	struct areas_wait *wait = a->first;

	if (wait)
		areas_wait_no_more(wait);
	return wait;
}

static void on_rest(struct loop_timer *timer)
{
	struct areas *a = LOOP_OWNER(timer, struct areas, rest);

	for (unsigned i = 0; i < a->count; i++) {
		if (!a->lived[i] || a->holders[i] > 0)
			continue;
		a->lived[i] = false;
		service_wipe(a->service, (int)i, a->lives[i]);
	}
}

/* Events that wait for their life come first. */
static void on_freed(struct loop_later *later)
{
	struct areas *a = LOOP_OWNER(later, struct areas, freed);
	struct areas_wait *wait;

	service_pump(a->service);
	for (unsigned n = a->in_use + 1; n < a->count && (wait = first_waiter(a)); n++)
		wait->ready(wait);
	hub_ended(a->service->hub);
}

void areas_wait(struct areas *a, struct areas_wait *wait)
{
	wait->areas = a;
	wait->next = NULL;
	wait->prev = a->last;
	*(wait->prev ? &wait->prev->next : &a->first) = wait;
	a->last = wait;
}

void areas_wait_no_more(struct areas_wait *wait)
{
	struct areas *a = wait->areas;

	if (!a)
		return;
	*(wait->prev ? &wait->prev->next : &a->first) = wait->next;
	*(wait->next ? &wait->next->prev : &a->last) = wait->prev;
	wait->areas = NULL;
}

/* ----------------------------------------------------------------------- use */

int areas_open(struct areas **out, struct service *service)
{
	struct areas *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	*a = (struct areas){.service = service,
		.loop = service->hub->loop,
		.users = 1,
		.count = service->head.areas,
		.input_bytes = service->head.input_bytes,
		.output_bytes = service->head.output_bytes,
		.input_fd = -1};
	a->freed.run = on_freed;
	a->rest.fire = on_rest;
	*out = a;
	return 0;
}

static void unuse(struct areas *a)
{
	if (--a->users > 0)
		return;
	close_inputs(a);
	free(a);
}

void areas_close(struct areas *a)
{
	struct areas_wait *wait;

	if (!a)
		return;
	areas_without_worker(a);
	a->service = NULL;
	while ((wait = first_waiter(a)))
		wait->ready(wait);
	loop_later_cancel(a->loop, &a->freed);
	loop_timer_clear(a->loop, &a->rest);
	unuse(a);
}

int areas_take(struct areas *a)
{
	int rc = open_inputs(a);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < a->count; i++)
		if (a->holders[i] == 0) {
			areas_keep(a, (int)i);
			return (int)i;
		}
	return -EAGAIN;
}

int areas_take_early(struct areas *a)
{
	return a->in_use + 1 < a->count ? areas_take(a) : -EAGAIN;
}

static void hold(struct areas *a, int number)
{
	a->in_use += a->holders[number]++ == 0;
}

static void let_go(struct areas *a, int number)
{
	if (--a->holders[number] > 0)
		return;
	a->in_use--;
	if (a->in_use == 0 && !a->outputs)
		close_inputs(a);
	if (!a->service)
		return;
	loop_later(a->loop, &a->freed);
	if (a->lived[number] && a->rest.place == 0)
		(void)loop_timer_set(a->loop, &a->rest, loop_now(a->loop) + REST_NS);
}

void areas_keep(struct areas *a, int number)
{
	hold(a, number);
	a->users++;
}

void areas_drop(struct areas *a, int number)
{
	let_go(a, number);
	unuse(a);
}

bool areas_used(const struct areas *a)
{
	return a && a->in_use > 0;
}

struct service *areas_service(const struct areas *a)
{
	return a->service;
}

uint8_t *areas_input(const struct areas *a, int number)
{
	return a->inputs ? a->inputs + (unsigned)number * MFW_AREA(a->input_bytes) : NULL;
}

void areas_filled(struct areas *a, int number, uint64_t bytes)
{
	if (bytes > a->dirty[number])
		a->dirty[number] = bytes;
}

uint64_t areas_dirty(const struct areas *a, int number)
{
	return a->dirty[number];
}

void areas_wiped(struct areas *a, int number, uint64_t bytes)
{
	a->dirty[number] = bytes;
}

/* -------------------------------------------------------------------- worker */

int areas_for_worker(struct areas *a, int *input_fd, int *output_fd)
{
	int rc = open_outputs(a); /* first: it says that there is somebody who knows the inputs */

	if (rc == 0)
		rc = open_inputs(a);
	if (rc < 0) {
		areas_without_worker(a);
		return rc;
	}
	*input_fd = a->input_fd;
	*output_fd = a->outputs->fd;
	return 0;
}

void areas_post(struct areas *a, int number)
{
	a->posted[number] = true;
	a->lives[number]++;
	a->lived[number] = true;
	hold(a, number);
}

void areas_over(struct areas *a, int number)
{
	if (!a->posted[number])
		return;
	a->posted[number] = false;
	let_go(a, number);
}

void areas_without_worker(struct areas *a)
{
	for (unsigned i = 0; i < a->count; i++)
		areas_over(a, (int)i);
	memset(a->lives, 0, sizeof(a->lives));
	memset(a->lived, 0, sizeof(a->lived));
	drop_outputs(a->outputs);
	a->outputs = NULL;
	memset(a->written, 0, sizeof(a->written)); /* the next worker has new ones */
	if (a->in_use == 0)
		close_inputs(a);
}

/* -------------------------------------------------------------------- sending */

void areas_hold(struct areas_hold *hold, struct areas *a, int number)
{
	areas_keep(a, number);
	a->outputs->users++;
	*hold = (struct areas_hold){.areas = a, .outputs = a->outputs, .number = number};
}

void areas_hold_more(struct areas_hold *hold, const struct areas_hold *other)
{
	areas_keep(other->areas, other->number);
	other->outputs->users++;
	*hold = *other;
}

void areas_release(struct areas_hold *hold)
{
	struct areas *a = hold->areas;

	if (!a)
		return;
	drop_outputs(hold->outputs);
	areas_drop(a, hold->number);
	*hold = (struct areas_hold){0};
}

struct mf_str areas_output(const struct areas_hold *hold, uint64_t bytes)
{
	const struct areas *a = hold->areas;

	if (bytes == 0)
		return mf_str_of(NULL, 0);
	return mf_str_of(
		hold->outputs->at + (unsigned)hold->number * MFW_AREA(a->output_bytes), bytes);
}

/* -------------------------------------------------------------- an accelerator */

bool areas_files(const struct areas_hold *hold, struct areas_files *files)
{
	const struct areas *a = hold->areas;
	const unsigned number = (unsigned)hold->number;

	*files = (struct areas_files){
		.input_fd = a->input_fd,
		.output_fd = hold->outputs->fd,
		.input_at = number * MFW_AREA(a->input_bytes),
		.input_bytes = a->input_bytes,
		.output_at = number * MFW_AREA(a->output_bytes),
		.output_bytes = a->output_bytes,
	};
	return files->input_fd >= 0 && files->output_fd >= 0;
}

void areas_written(const struct areas_hold *hold, uint64_t bytes)
{
	struct areas *a = hold->areas;

	if (hold->outputs == a->outputs && bytes > a->written[hold->number])
		a->written[hold->number] = bytes;
}

uint64_t areas_take_written(struct areas *a, int number)
{
	uint64_t bytes = a->written[number];

	a->written[number] = 0;
	return bytes;
}
