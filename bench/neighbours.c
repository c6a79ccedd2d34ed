/*
 * bench/neighbours.c - what else this machine could answer an event with, measured in
 * a process that holds no VM (a fork of one that does would pay for its mappings, and
 * disturb the births): a process with and without the C library, a fork, a thread.
 *
 * usage: neighbours SPAWNEE SPAWNEE-WITH-LIBC ROUNDS     one JSON object on stdout
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/bench/bench.h"

#define BLOCK 20 /* of each before the next one's turn */

static const uint8_t event[64] = "an event", reply[64] = "a reply";
static struct peer_spawn plain, with_libc;
static struct peer_pipe echo;

static uint64_t by_spawn(void)
{
	return peer_spawn(&plain);
}

static uint64_t by_spawn_libc(void)
{
	return peer_spawn(&with_libc);
}

/* The event is in the child's memory already; the reply comes back through a pipe. */
static uint64_t by_fork(void)
{
	uint64_t start = bench_now();
	uint8_t got[sizeof reply];
	int end[2], status = -1;
	bool good;
	pid_t pid;

	if (pipe(end) != 0)
		return 0;
	pid = fork();
	if (pid == 0)
		_exit(write(end[1], reply, sizeof reply) == (ssize_t)sizeof reply ? 0 : 1);
	close(end[1]);
	good = pid > 0 && read(end[0], got, sizeof got) == (ssize_t)sizeof got;
	close(end[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return good && status == 0 ? bench_now() - start : 0;
}

static void *answer(void *to)
{
	memcpy(to, reply, sizeof reply);
	return NULL;
}

static uint64_t by_thread(void)
{
	uint64_t start = bench_now();
	uint8_t got[sizeof reply];
	pthread_t thread;

	if (pthread_create(&thread, NULL, answer, got) != 0)
		return 0;
	pthread_join(thread, NULL);
	return bench_now() - start;
}

static uint64_t by_pipe(void)
{
	return peer_pipe(&echo);
}

static struct {
	const char *name;
	uint64_t (*once)(void);
	struct samples samples;
} ways[] = {
	{.name = "spawn", .once = by_spawn},
	{.name = "spawn_libc", .once = by_spawn_libc},
	{.name = "fork", .once = by_fork},
	{.name = "thread", .once = by_thread},
	{.name = "pipe", .once = by_pipe},
};
#define WAYS (sizeof ways / sizeof ways[0])

static struct peer_spawn spawn_of(const char *path)
{
	struct peer_spawn s = {.event = {event, sizeof event}, .reply = {reply, sizeof reply}};

	snprintf(s.path, sizeof s.path, "%s", path);
	return s;
}

static void measure(unsigned rounds)
{
	for (unsigned r = 0; r < rounds; r++)
		for (size_t w = 0; w < WAYS; w++)
			for (int i = 0; i < BLOCK; i++) {
				uint64_t ns = ways[w].once();

				if (ns != 0)
					samples_add(&ways[w].samples, ns);
			}
}

int main(int argc, char **argv)
{
	unsigned rounds = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	int status = EXIT_SUCCESS;

	if (rounds == 0) {
		fputs("usage: neighbours SPAWNEE SPAWNEE-WITH-LIBC ROUNDS\n", stderr);
		return 2;
	}
	plain = spawn_of(argv[1]);
	with_libc = spawn_of(argv[2]);
	if (peer_pipe_open(&echo) < 0)
		return EXIT_FAILURE;
	measure(rounds);
	peer_pipe_close(&echo);
	putchar('{');
	for (size_t w = 0; w < WAYS; w++) {
		struct samples *s = &ways[w].samples;

		if (s->count == 0)
			status = EXIT_FAILURE;
		printf("%s\"%s_p50_us\": %.3f, \"%s_p99_us\": %.3f", w == 0 ? "" : ", ",
			ways[w].name, (double)samples_part(s, 0.5) / 1000, ways[w].name,
			(double)samples_part(s, 0.99) / 1000);
		free(s->ns);
	}
	puts("}");
	return status;
}
