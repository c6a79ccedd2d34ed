/* tests/taken/orders.c - what an order means. */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor/maker.h"
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

/* Processes, as many as it gets: it can't fork, but its maker makes gated ones for it, which wait for
 * ever for a life to begin. */
static void breed(char *rest, struct life *life)
{
	const struct maker_plan plan = {.fd = {-1, -1, -1, -1}};
	long wanted = argument(&rest), got = 0;
	struct maker_made made;
	char text[64];
	int rc = 0;

	(void)life;
	if (taken.ring->status->backend == MFW_BACKEND_PROCESS)
		for (; got < wanted && rc == 0; got += rc == 0) {
			rc = maker_make(&plan, &made);
			if (rc == 0) { /* else there would be no more than descriptors */
				close(made.pidfd);
				close(made.unread);
			}
		}
	snprintf(text, sizeof(text), "%ld: %d", got, rc);
	reply(text);
}

/* Requests to the maker that are nonsense, but for their size. */
static void plan_nonsense(char *rest, struct life *life)
{
	struct maker_plan plan;
	struct maker_made made;
	uint8_t *bytes = (uint8_t *)&plan;
	siginfo_t info;

	(void)life;
	srandom((unsigned)argument(&rest));
	for (int i = 0; i < 200; i++) {
		for (size_t at = 0; at < sizeof(plan); at++)
			bytes[at] = (uint8_t)(random() % 3 ? 0 : random());
		plan.regions = (uint32_t)random() % (LAYOUT_REGIONS + 2);
		for (size_t r = 0; r < LAYOUT_REGIONS; r++)
			plan.region[r].rights &= 15;
		if (maker_make(&plan, &made) < 0)
			continue;
		close(made.to);
		close(made.from);
		close(made.unread);
		syscall(SYS_pidfd_send_signal, made.pidfd, SIGKILL, NULL, 0);
		waitid(P_PID, (id_t)made.pid, &info, WEXITED);
		close(made.pidfd);
	}
	reply(maker_gone() ? "its maker is gone" : "its maker is there");
}

/* And something that is no request at all, to whoever reads there. */
static void garbage(char *rest, struct life *life)
{
	struct pollfd p = {.events = POLLOUT};

	(void)rest;
	(void)life;
	for (p.fd = MFW_FD_END; p.fd < 64; p.fd++)
		if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
			(void)!write(p.fd, "garbage", 7);
	reply("thrown");
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

/* A life that crashed, whose remains (abi/worker.h, struct mfw_crash) are so many bytes of nonsense; -1:
 * all that there are. */
static void crash(char *rest, struct life *life)
{
	uint32_t area = taken.ring->head.effects_area;
	long bytes = argument(&rest);

	memset(ring_effects(taken.ring, taken.slot), 0xff, area);
	taken.remains = bytes < 0 || bytes > area ? area : (uint32_t)bytes;
	life->result = MFW_ERR_CRASHED;
	life->vector = 14;
	life->address = life->touched = ~0ull;
	life->stopped = false; /* the worker adds nothing */
}

/* So many MiB at most, touched: its end takes long. */
static void hog(char *rest, struct life *life)
{
	const size_t piece = 8 << 20;
	long most = argument(&rest) / 8, got = 0;
	char text[32];

	(void)life;
	for (; got < most; got++) {
		uint8_t *p = mmap(
			NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			break;
		for (size_t at = 0; at < piece; at += 4096)
			p[at] = 1;
	}
	snprintf(text, sizeof(text), "%ld", got * 8);
	reply(text);
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
		{"breed", breed}, {"crash", crash}, {"hog", hog}, {"plan", plan_nonsense},
		{"garbage", garbage}, {"forge", forge}, {"lie", lie}, {"scribble", scribble},
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
