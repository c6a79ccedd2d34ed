/* tests/taken/orders.c - what an order means. */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/taken/taken.h"

#define WORDS 3500u

static void reply(const char *text)
{
	taken_effect(MF_EFFECT_REPLY, 200, "", text, (uint32_t)strlen(text));
}

static long argument(char **rest)
{
	return *rest ? strtol(*rest, rest, 0) : 0;
}

/* ------------------------------------------------------------------ walls */

static void sweep(char *rest, struct life *life)
{
	static char words[WORDS];
	long from = argument(&rest), to = argument(&rest);

	(void)life;
	words[0] = '\0';
	taken_sweep(from, to, words, sizeof(words));
	reply(words);
}

static void attack(char *rest, struct life *life)
{
	static char words[WORDS];

	(void)life;
	words[0] = '\0';
	taken_attack(argument(&rest), words, sizeof(words));
	reply(words);
}

/* The kernel's other door, for 32 bits: other numbers for the same things. */
static void int80(char *rest, struct life *life)
{
	long rc = 20; /* getpid there */

	(void)rest;
	(void)life;
	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
	reply("it came back");
}

/* Processes, as many as it gets; they do nothing, and outlive their parent if they may. */
static void breed(char *rest, struct life *life)
{
	static const long fork_call[6] = {SIGCHLD | 0x1000 /* CLONE_PIDFD */};
	long wanted = argument(&rest), got = 0, rc = 0;
	char text[64];
	static int pidfd;

	(void)life;
	for (; got < wanted; got++) {
		const long a[6] = {fork_call[0], 0, (long)&pidfd};

		rc = taken_call(SYS_clone, a);
		if (rc == 0)
			for (;;)
				poll(NULL, 0, -1);
		if (rc < 0)
			break;
		close(pidfd); /* else there would be no more than descriptors */
	}
	snprintf(text, sizeof(text), "%ld: %ld", got, got < wanted ? rc : 0);
	reply(text);
}

/* ----------------------------------------------------------------- the hub */

static void forge(char *rest, struct life *life)
{
	unsigned kind = (unsigned)argument(&rest);
	uint32_t status = kind == MF_EFFECT_REPLY ? 200 : 0;

	(void)life;
	if (kind != MF_EFFECT_REPLY)
		reply("done");
	while (rest && *rest == ' ')
		rest++;
	taken_effect(kind, status, rest ? rest : "", "x",
		kind != MF_EFFECT_DELETE && kind != MF_EFFECT_METER);
}

static void lie(char *rest, struct life *life)
{
	while (*rest == ' ')
		rest++;
	reply("lied");
	taken_lie(rest, life);
}

static void scribble(char *rest, struct life *life)
{
	(void)life;
	taken.scribble = (unsigned)argument(&rest);
	reply("scribbling");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* For so many milliseconds: words, wakings or messages that say nothing, as fast as it can. */
static void flood(char *rest, struct life *life)
{
	static const char line[] = "\033[31mfire fire fire\033[0m\n\xff\xfe\n";
	uint64_t until = now_ns() + (uint64_t)argument(&rest) * 1000000u;
	bool words = strstr(rest, "words") != NULL;

	(void)life;
	while (now_ns() < until) {
		if (words) {
			/* would it block, the hub would hear nothing else of it */
			struct pollfd p = {.fd = 2, .events = POLLOUT};

			if (poll(&p, 1, 1) == 1)
				(void)!write(2, line, sizeof(line) - 1);
		} else {
			ring_tell(taken.ring);
		}
	}
	reply("flooded");
}

/* Its ends of the channel. */
static void close_all(char *rest, struct life *life)
{
	(void)rest;
	(void)life;
	for (int fd = 0; fd < MFW_FD_END; fd++)
		close(fd);
	reply("closed");
}

static void say_pong(char *rest, struct life *life)
{
	(void)rest;
	(void)life;
	reply("pong");
}

void taken_obey(char *order, struct life *life)
{
	static const struct {
		const char *word;
		void (*run)(char *rest, struct life *life);
	} orders[] = {{"ping", say_pong}, {"sweep", sweep}, {"attack", attack}, {"int80", int80},
		{"breed", breed}, {"forge", forge}, {"lie", lie}, {"scribble", scribble},
		{"flood", flood}, {"close", close_all}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		size_t n = strlen(orders[i].word);

		if (strncmp(order, orders[i].word, n) == 0) {
			orders[i].run(order + n, life);
			return;
		}
	}
	reply("unknown");
}
