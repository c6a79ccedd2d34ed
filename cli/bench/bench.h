/*
 * cli/bench/bench.h - the parts of `mayfly bench`: samples, what a birth is compared
 * with, and the threads that measure.
 *
 * Threads that run vCPUs can't use the C library's clock (it reads the TSC, which
 * faults there): bench_now asks the kernel, which costs every measured life the
 * price of one such call (reported as clock_ns).
 */
#ifndef CLI_BENCH_BENCH_H
#define CLI_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli/life.h"

static inline uint64_t bench_now(void)
{
	struct timespec t = {0, 0};

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- samples.c: durations in ns. A zeroed struct is empty; free `ns`. */
struct samples {
	uint64_t *ns;
	size_t count, room;
};
void samples_add(struct samples *s, uint64_t ns); /* ends the program if memory is out */
void samples_join(struct samples *to, const struct samples *from);
/* Sorts in place. 0 if there are none. part: 0 ... 1. */
uint64_t samples_part(struct samples *s, double part);

/* --- peers.c: what a birth is compared with. Each makes one round and returns
 * its ns; 0: it didn't work. */

/* A process: posix_spawn of mayfly-spawnee, event in, reply out, gone. */
struct peer_spawn {
	char path[4096]; /* of mayfly-spawnee; empty: not found */
	struct mf_str event, reply;
};
void peer_spawn_find(struct peer_spawn *spawn);
uint64_t peer_spawn(const struct peer_spawn *spawn);

/* A byte to a process that does nothing and back, over two pipes. */
struct peer_pipe {
	int to, from, pid; /* pid 0: closed */
};
int peer_pipe_open(struct peer_pipe *pipe); /* 0 or -errno */
void peer_pipe_close(struct peer_pipe *pipe);
uint64_t peer_pipe(const struct peer_pipe *pipe);

/* The barest VM: memory, a vCPU that is told its CPUID, entered, left at its first
 * instruction, destroyed. */
uint64_t peer_raw_vm(int kvm_fd);

/* --- life.c: the lives */
enum bench_birth { BENCH_POOLED, BENCH_FRESH, BENCH_COLD };

struct bench_plan {
	struct life_options life;
	enum bench_birth birth;
	size_t births; /* over all threads */
	unsigned threads;
	bool pin;
};

struct bench_result {
	enum mfw_backend backend;
	size_t births, mismatches, window_bytes, reply_bytes;
	unsigned cores;       /* that this program may use */
	double seconds;       /* in which births were going on */
	struct samples rates; /* births a second, of each block */
	struct samples alone; /* the same of one thread while the others wait */
	uint64_t clock_ns;
	struct samples whole, birth, run, floor, raw, spawn;
};

/* Measures. An exit status; STATUS_FAILED also when a life failed, which it has said. */
int bench_measure(
	struct bench_result *result, const struct bench_plan *plan, const struct life_setup *setup);

#endif
