/*
 * cli/bench/life.c - the threads that measure; see bench.h.
 *
 * Work goes in blocks: every thread enters bare VMs (the floor), makes raw ones
 * where they are compared with, then lives; then, while all of them wait, the main
 * thread spawns processes. So whatever disturbs the machine meanwhile disturbs all
 * that is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/bench.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/fault.h"
#include "cli/outcome.h"
#include "monitor/maker.h"

/* Lives of one thread between two blocks of the floor, at most: some milliseconds of them, so
 * that a block is either disturbed or not. */
#define BLOCK_KVM     50u
#define BLOCK_PROCESS 500u
#define BLOCKS_MIN    10u  /* if there are that many lives */
#define WARM          20u  /* lives before the first that counts, where shells are kept */
#define SPAWNS        400u /* all together, at most */

struct shared {
	const struct bench_plan *plan;
	const struct life_setup *setup;
	cpu_set_t allowed;
	struct monitor *monitor; /* of the lives; NULL: cold */
	struct monitor *steady;  /* pooled, for the floor */
	size_t blocks, block;    /* of each thread */
	uint8_t *expected;       /* effects of the first life */
	uint32_t expected_bytes;
	pthread_barrier_t before, after; /* each block, with the main thread */
	pthread_barrier_t lives;         /* between the parts of a block, without it */
};

struct worker {
	struct shared *shared;
	unsigned index;
	pthread_t thread;
	struct shell *shell, *steady; /* the same, where births are pooled */
	struct peer_pipe pipe;
	uint64_t block_start, block_end; /* of the lives in this block */
	size_t mismatches;
	struct samples whole, birth, run, floor, raw, alone;
	bool failed;     /* it measures no more, and only keeps the others company */
	struct life bad; /* the life that failed, its effects not kept */
	struct outcome judged;
	char error[MONITOR_ERROR_MAX];
};

/* Keeps this thread on the n-th of the processors that the program may use. */
static void pin(const struct shared *s, unsigned n)
{
	cpu_set_t one;

	n %= (unsigned)CPU_COUNT(&s->allowed);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &s->allowed) || n-- != 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
		return;
	}
}

/* ------------------------------------------------------------------ one life */

static void life_failed(struct worker *w, const struct life *life)
{
	w->failed = true;
	w->bad = *life;
	outcome_judge(&w->judged, &w->shared->setup->image, &w->shared->setup->manifest, life);
	w->judged.reply = (struct effect){0};
	w->bad.effects = NULL;
}

/* Counts a life that ended otherwise than the first one did. false: it failed. */
static bool compare(struct worker *w, const struct life *life)
{
	const struct shared *s = w->shared;

	if (life->result != MFW_OK) {
		life_failed(w, life);
		return false;
	}
	if (s->expected != NULL &&
		(life->bytes != s->expected_bytes ||
			memcmp(life->effects, s->expected, life->bytes) != 0))
		w->mismatches++;
	return true;
}

static void kept_life(struct worker *w, struct life *life)
{
	const struct life_setup *setup = w->shared->setup;
	uint64_t start = bench_now(), end;

	shell_live(w->shell, setup->event, setup->event_size, life);
	end = bench_now();
	if (compare(w, life))
		samples_add(&w->whole, end - start);
}

static bool cold_within(struct worker *w, const struct image *image, struct life *life)
{
	const struct life_setup *setup = w->shared->setup;
	struct monitor_options options = life_monitor(setup, &w->shared->plan->life);
	struct monitor *monitor;
	struct shell *shell;
	bool good = false;

	if (monitor_open(&monitor, image, setup->data, setup->data_size, &options, w->error) != 0)
		return false;
	if (shell_open(&shell, monitor, w->error) == 0) {
		(void)shell_input(shell, setup->input.p, setup->input.n);
		shell_live(shell, setup->event, setup->event_size, life);
		good = compare(w, life);
		shell_close(shell);
	}
	monitor_close(monitor);
	return good;
}

/* From the image file to the reply to nothing left. */
static void cold_life(struct worker *w, struct life *life)
{
	char error[IMAGE_ERROR_MAX];
	struct image image;
	uint64_t start = bench_now();
	int fd = open(w->shared->plan->life.image_path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && image_open(&image, fd, error) == 0;

	if (fd >= 0)
		close(fd);
	if (!good) {
		w->failed = true;
		snprintf(w->error, sizeof w->error, "the image is gone or was changed");
		return;
	}
	good = cold_within(w, &image, life);
	image_close(&image);
	if (good)
		samples_add(&w->whole, bench_now() - start);
	else
		w->failed = true;
}

/* ------------------------------------------------------------------ a thread */

static bool kvm(const struct shared *s)
{
	return monitor_backend(s->steady) == MFW_BACKEND_KVM;
}

static void floor_block(struct worker *w)
{
	struct shared *s = w->shared;

	for (size_t i = 0; i < s->block && !w->failed; i++) {
		uint64_t ns = kvm(s) ? shell_floor(w->steady) : peer_pipe(&w->pipe);

		if (ns != 0)
			samples_add(&w->floor, ns);
	}
	for (size_t i = 0; i < s->block && !w->failed && kvm(s); i++) {
		uint64_t ns = s->plan->birth == BENCH_POOLED ? 0 : peer_raw_vm(s->setup->kvm_fd);

		if (ns == 0)
			break;
		samples_add(&w->raw, ns);
	}
}

static void one_life(struct worker *w, struct life *life)
{
	if (w->shared->plan->birth == BENCH_COLD)
		cold_life(w, life);
	else
		kept_life(w, life);
}

static void life_block(struct worker *w)
{
	struct shared *s = w->shared;
	struct life life = {0};

	w->block_start = bench_now();
	for (size_t i = 0; i < s->block && !w->failed; i++) {
		one_life(w, &life);
		samples_add(&w->birth, life.birth_ns);
		samples_add(&w->run, life.run_ns);
	}
	w->block_end = bench_now();
}

/* What one thread does while the others wait: what several together are compared with.
 * These lives count in nothing else. */
static void alone_block(struct worker *w)
{
	struct shared *s = w->shared;
	size_t counted = w->whole.count, lives = (s->block + 1) / 2;
	uint64_t start = bench_now();
	struct life life;

	for (size_t i = 0; i < lives && !w->failed; i++)
		one_life(w, &life);
	samples_add(&w->alone, lives * 1000000000ull / (bench_now() - start + 1));
	w->whole.count = counted;
}

static void worker_open(struct worker *w)
{
	struct shared *s = w->shared;

	w->failed = shell_open(&w->steady, s->steady, w->error) != 0;
	if (w->failed) {
		w->steady = NULL;
		return;
	}
	if (s->plan->birth == BENCH_POOLED)
		w->shell = w->steady;
	else if (s->plan->birth == BENCH_FRESH)
		w->failed = shell_open(&w->shell, s->monitor, w->error) != 0;
	if (w->failed)
		w->shell = NULL;
	else if (w->shell != NULL)
		(void)shell_input(w->shell, s->setup->input.p, s->setup->input.n);
	if (!kvm(s) && peer_pipe_open(&w->pipe) < 0)
		w->pipe.pid = 0;
}

static void worker_close(struct worker *w)
{
	peer_pipe_close(&w->pipe);
	if (w->shell != NULL && w->shell != w->steady)
		shell_close(w->shell);
	if (w->steady != NULL)
		shell_close(w->steady);
}

/* Lives that don't count: caches and page tables get warm, the clock's price is known. */
static void warm(struct worker *w)
{
	struct life life;

	for (unsigned i = 0; i < WARM && w->shell != NULL && !w->failed; i++)
		kept_life(w, &life);
	w->whole.count = 0;
	w->mismatches = 0;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct shared *s = w->shared;

	if (s->plan->pin)
		pin(s, w->index);
	worker_open(w);
	warm(w);
	for (size_t i = 0; i < s->blocks; i++) {
		pthread_barrier_wait(&s->before);
		floor_block(w);
		pthread_barrier_wait(&s->lives);
		if (s->plan->threads > 1 && i % s->plan->threads == w->index)
			alone_block(w);
		pthread_barrier_wait(&s->lives);
		life_block(w);
		pthread_barrier_wait(&s->after);
	}
	worker_close(w);
	return NULL;
}

/* ------------------------------------------------------------- the first life */

struct opening {
	struct shared *shared;
	struct bench_result *result;
	char error[MONITOR_ERROR_MAX];
	struct life life;
	struct outcome judged; /* of the first life, or of the one that couldn't be */
};

static void first_life(struct opening *o)
{
	struct shared *s = o->shared;
	struct shell *shell;
	int rc = shell_open(&shell, s->steady, o->error);

	if (rc != 0) {
		outcome_unborn(&o->judged, (enum mfw_result)rc, o->error);
		return;
	}
	(void)shell_input(shell, s->setup->input.p, s->setup->input.n);
	shell_live(shell, s->setup->event, s->setup->event_size, &o->life);
	s->expected = malloc(o->life.bytes + 1u);
	if (s->expected != NULL && o->life.bytes > 0)
		memcpy(s->expected, o->life.effects, o->life.bytes);
	s->expected_bytes = o->life.bytes;
	o->life.effects = s->expected;
	outcome_judge(&o->judged, &s->setup->image, &s->setup->manifest, &o->life);
	shell_close(shell);
}

/* On a thread of its own, because the monitor may run mf_init on it. */
static void *open_all(void *argument)
{
	struct opening *o = argument;
	struct shared *s = o->shared;
	struct monitor_options options = life_monitor(s->setup, &s->plan->life);
	const struct life_setup *t = s->setup;
	int rc;

	if (s->plan->pin)
		pin(s, 0);
	options.birth = MFW_POOLED;
	rc = monitor_open(&s->steady, &t->image, t->data, t->data_size, &options, o->error);
	if (rc == 0 && s->plan->birth == BENCH_FRESH) {
		options.birth = MFW_FRESH;
		rc = monitor_open(
			&s->monitor, &t->image, t->data, t->data_size, &options, o->error);
	} else if (rc == 0 && s->plan->birth == BENCH_POOLED) {
		s->monitor = s->steady;
	}
	if (rc != 0)
		outcome_unborn(&o->judged, (enum mfw_result)rc, o->error);
	else
		first_life(o);
	return NULL;
}

/* ------------------------------------------------------------ the main thread */

static int say_bad(const struct bench_plan *plan, const struct life_setup *setup,
	const struct outcome *judged, const struct life *life)
{
	out_say("bench", 0, "%s: a life failed: %s: %s", setup->image.note.name, judged->name,
		judged->message);
	if (judged->result == MFW_ERR_CRASHED) {
		struct fault fault;

		fault_take(&fault, &setup->image, plan->life.image_path, NULL, life);
		fault_print(stderr, &setup->image, &fault, life);
	}
	return STATUS_FAILED;
}

static void measure_clock(struct bench_result *r)
{
	struct samples s = {0};

	for (int i = 0; i < 1000; i++) {
		uint64_t start = bench_now();

		samples_add(&s, bench_now() - start);
	}
	r->clock_ns = samples_part(&s, 0.5);
	free(s.ns);
}

/* Divides the lives over threads and blocks; the count is rounded up to whole blocks. */
static void divide(struct shared *s, const struct bench_plan *plan)
{
	size_t each = (plan->births + plan->threads - 1) / plan->threads;
	size_t most = kvm(s) ? BLOCK_KVM : BLOCK_PROCESS;

	s->blocks = (each + most - 1) / most;
	if (s->blocks < BLOCKS_MIN)
		s->blocks = each < BLOCKS_MIN ? each : BLOCKS_MIN;
	s->block = (each + s->blocks - 1) / s->blocks;
}

/* The process that answers as the first life did. */
static struct peer_spawn find_spawn(const struct shared *s)
{
	struct peer_spawn spawn = {.event = s->setup->payload};
	struct effects_reader reader;
	struct effect e;
	uint32_t record;

	peer_spawn_find(&spawn);
	if (effects_open(&reader, s->expected, s->expected_bytes, ~0u, &record) == NULL)
		while (effects_next(&reader, &e))
			if (e.kind == MF_EFFECT_REPLY)
				spawn.reply = e.field[MF_FIELD_BODY];
	return spawn;
}

/* SPAWNS of them over all blocks, but never more than lives. */
static void spawn_block(struct bench_result *r, const struct shared *s,
	const struct peer_spawn *spawn, size_t block)
{
	size_t due = (block + 1) * SPAWNS / s->blocks - block * SPAWNS / s->blocks;

	if (spawn->path[0] == '\0')
		return;
	for (size_t i = 0; i < due && i < s->block; i++) {
		uint64_t ns = peer_spawn(spawn);

		if (ns != 0)
			samples_add(&r->spawn, ns);
	}
}

static void run_blocks(struct bench_result *r, struct shared *s, struct worker *workers)
{
	struct peer_spawn spawn = find_spawn(s);

	r->reply_bytes = spawn.reply.n;
	for (size_t b = 0; b < s->blocks; b++) {
		uint64_t start = UINT64_MAX, end = 0;

		pthread_barrier_wait(&s->before);
		pthread_barrier_wait(&s->after);
		for (unsigned i = 0; i < s->plan->threads; i++) {
			start = workers[i].block_start < start ? workers[i].block_start : start;
			end = workers[i].block_end > end ? workers[i].block_end : end;
		}
		r->seconds += (double)(end - start) / 1e9;
		samples_add(
			&r->rates, s->block * s->plan->threads * 1000000000ull / (end - start + 1));
		spawn_block(r, s, &spawn, b);
	}
}

static int gather(struct bench_result *r, struct shared *s, struct worker *w)
{
	int status = 0;

	pthread_join(w->thread, NULL);
	samples_join(&r->whole, &w->whole);
	samples_join(&r->birth, &w->birth);
	samples_join(&r->run, &w->run);
	samples_join(&r->floor, &w->floor);
	samples_join(&r->raw, &w->raw);
	samples_join(&r->alone, &w->alone);
	r->births += w->whole.count;
	r->mismatches += w->mismatches;
	if (w->failed && w->error[0] != '\0')
		status = out_say("bench", STATUS_FAILED, "%s", w->error);
	else if (w->failed)
		status = say_bad(s->plan, s->setup, &w->judged, &w->bad);
	free(w->whole.ns);
	free(w->birth.ns);
	free(w->run.ns);
	free(w->floor.ns);
	free(w->raw.ns);
	free(w->alone.ns);
	return status;
}

static int measure(struct bench_result *r, struct shared *s)
{
	const struct bench_plan *plan = s->plan;
	struct worker *workers = calloc(plan->threads, sizeof *workers);
	int status = 0;

	if (workers == NULL)
		return out_say("bench", STATUS_FAILED, "not enough memory");
	pthread_barrier_init(&s->before, NULL, plan->threads + 1);
	pthread_barrier_init(&s->after, NULL, plan->threads + 1);
	pthread_barrier_init(&s->lives, NULL, plan->threads);
	for (unsigned i = 0; i < plan->threads; i++) {
		int rc;

		workers[i].shared = s;
		workers[i].index = i;
		rc = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (rc != 0) { /* those that run wait for this one: nothing can be measured */
			out_say("bench", 0, "no thread: %s", strerror(rc));
			exit(STATUS_FAILED);
		}
	}
	run_blocks(r, s, workers);
	for (unsigned i = 0; i < plan->threads; i++) {
		int bad = gather(r, s, &workers[i]);

		status = status == 0 ? bad : status;
	}
	pthread_barrier_destroy(&s->before);
	pthread_barrier_destroy(&s->after);
	pthread_barrier_destroy(&s->lives);
	free(workers);
	return status;
}

int bench_measure(
	struct bench_result *result, const struct bench_plan *plan, const struct life_setup *setup)
{
	struct shared s = {.plan = plan, .setup = setup};
	struct opening opening = {.shared = &s, .result = result};
	pthread_t thread;
	int status = 0;

	*result = (struct bench_result){0};
	if (sched_getaffinity(0, sizeof s.allowed, &s.allowed) != 0)
		return out_say("bench", STATUS_FAILED, "no processors: %s", strerror(errno));
	result->cores = (unsigned)CPU_COUNT(&s.allowed);
	measure_clock(result);
	if (maker_start() < 0) /* here, where it outlives the threads that have shells */
		return out_say("bench", STATUS_FAILED, "no process");
	if (pthread_create(&thread, NULL, open_all, &opening) != 0)
		status = out_say("bench", STATUS_FAILED, "no thread");
	else
		pthread_join(thread, NULL);
	if (status == 0 && opening.judged.exit != STATUS_OK)
		status = say_bad(plan, setup, &opening.judged, &opening.life);
	if (status == 0) {
		if (plan->pin)
			pin(&s, 0);
		divide(&s, plan);
		result->backend = monitor_backend(s.steady);
		result->window_bytes = monitor_window_bytes(s.steady);
		status = measure(result, &s);
	}
	if (s.monitor != NULL && s.monitor != s.steady)
		monitor_close(s.monitor);
	if (s.steady != NULL)
		monitor_close(s.steady);
	maker_stop();
	free(s.expected);
	return status;
}
