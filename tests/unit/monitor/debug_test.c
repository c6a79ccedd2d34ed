/* A life that is held: steps, breakpoints, watchpoints, registers, memory, both backends. */
#include "monitor/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image/elf.h"
#include "monitor/core.h"
#include "tests/unit/monitor/service.h"
#include "wire/effects.h"
#include "wire/event.h"

/* ---------------------------------------------------------------- a held life */

struct held {
	struct service service;
	struct debug *debug;
	struct mfw_registers *r;
	struct debug_stop stop;
};

static enum mfw_backend backend;

static void hold(struct held *h, const char *payload)
{
	static uint64_t buffer[4096 / 8];
	struct event_writer w = {0};
	char error[MONITOR_ERROR_MAX] = "";

	need_backend(backend);
	*h = (struct held){0};
	service_open_held(&h->service, "tally", backend);
	assert_true(event_begin(&w, buffer, sizeof(buffer), MF_SOURCE_RUN));
	assert_true(event_span(&w, &w.event->payload, mf_str_of(payload, strlen(payload))));
	if (debug_open(&h->debug, h->service.shell, buffer, event_end(&w), error) != 0)
		fail_msg("%s", error);
	h->r = &debug_registers(h->debug)->main;
}

static void let_go(struct held *h)
{
	debug_close(h->debug);
	service_close(&h->service);
}

static enum debug_why go(struct held *h, bool step)
{
	assert_int_equal(debug_resume(h->debug, step, -1, &h->stop), 0);
	return h->stop.why;
}

static const struct life *end_of(struct held *h)
{
	assert_int_equal(h->stop.why, DEBUG_ENDED);
	return debug_life(h->debug);
}

/* ------------------------------------------------- where things are in tally */

struct wanted {
	const char *name;
	uint64_t at;
};

static int is_wanted(void *arg, const struct elf_symbol *symbol)
{
	struct wanted *w = arg;

	if (strcmp(symbol->name, w->name) == 0)
		w->at = symbol->value;
	return 0;
}

static uint64_t at(const char *name)
{
	const char *where = getenv("MAYFLY_GUESTS");
	struct wanted wanted = {.name = name};
	static uint8_t bytes[1 << 20];
	struct elf elf;
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/tally.debug", where ? where : "build/guest");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_int_equal(elf_open(&elf, bytes, (size_t)n), 0);
	assert_int_equal(elf_symbols(&elf, is_wanted, &wanted), 0);
	assert_int_not_equal(wanted.at, 0);
	return wanted.at;
}

/* ------------------------------------------------------------------- tests */

static void it_stands_at_the_entry_and_runs_to_its_end(void **state)
{
	struct held h;

	(void)state;
	hold(&h, "a\nbc\n");
	assert_int_equal(h.r->rip, h.service.image.entry);
	assert_int_equal(h.r->rsp, image_window_end(&h.service.image));
	assert_int_equal(h.r->rax | h.r->rdi | h.r->r15, 0);
	assert_int_equal(go(&h, false), DEBUG_ENDED);
	assert_int_equal(end_of(&h)->result, MFW_OK);
	assert_memory_equal(service_reply(end_of(&h)).p, "counted\n", 8);
	let_go(&h);
}

/* Every instruction of a life, one by one: the stack and the flags are as without. */
static void steps_lead_to_the_same_end(void **state)
{
	uint64_t text_end = MF_ADDR_TEXT, last = 0;
	unsigned steps = 0;
	struct held h;

	(void)state;
	hold(&h, "a\nbc\n");
	for (unsigned i = 0; i < h.service.image.segments; i++)
		if (h.service.image.segment[i].execute)
			text_end += h.service.image.segment[i].memory;
	while (go(&h, true) == DEBUG_STEPPED) {
		assert_int_not_equal(h.r->rip, last);
		assert_true(h.r->rip < text_end);
		assert_int_equal(h.r->rflags & 0x100, 0);
		last = h.r->rip;
		steps++;
	}
	assert_true(steps > 50);
	assert_int_equal(end_of(&h)->result, MFW_OK);
	assert_memory_equal(service_reply(end_of(&h)).p, "counted\n", 8);
	let_go(&h);
}

static void it_stops_at_a_breakpoint_each_time_it_comes_there(void **state)
{
	uint64_t count = at("count");
	struct held h;
	uint8_t byte = 0;

	(void)state;
	hold(&h, "x");
	assert_int_equal(debug_break(h.debug, count), 0);
	assert_int_equal(debug_break(h.debug, count), 0);
	assert_int_equal(debug_read(h.debug, count, &byte, 1), 1);
	assert_int_equal(byte, 0xcc);
	assert_int_equal(go(&h, false), DEBUG_BREAKPOINT);
	assert_int_equal(h.r->rip, count);
	assert_int_equal(h.r->rdi, at("tally"));
	/* it is still there, and so is the life */
	assert_int_equal(go(&h, true), DEBUG_BREAKPOINT);
	assert_int_equal(h.r->rip, count);
	assert_int_equal(debug_unbreak(h.debug, count), 0);
	assert_int_equal(debug_unbreak(h.debug, count), 0);
	assert_int_equal(go(&h, true), DEBUG_STEPPED);
	assert_int_equal(go(&h, false), DEBUG_ENDED);
	let_go(&h);
}

static void breakpoints_are_for_code(void **state)
{
	uint64_t text = MF_ADDR_TEXT;
	struct held h;

	(void)state;
	hold(&h, "x");
	assert_int_equal(debug_break(h.debug, MF_ADDR_WINDOW), -EFAULT);
	assert_int_equal(debug_break(h.debug, MF_ADDR_GATE), -EFAULT);
	assert_int_equal(debug_break(h.debug, MF_ADDR_SYSTEM), -EFAULT);
	assert_int_equal(debug_break(h.debug, 0), -EFAULT);
	assert_int_equal(debug_break(h.debug, UINT64_MAX), -EFAULT);
	for (unsigned i = 0; i < DEBUG_BREAKPOINTS; i++)
		assert_int_equal(debug_break(h.debug, text + i), 0);
	assert_int_equal(debug_break(h.debug, text + DEBUG_BREAKPOINTS), -ENOSPC);
	for (unsigned i = 0; i < DEBUG_BREAKPOINTS; i++)
		debug_unbreak(h.debug, text + i);
	assert_int_equal(go(&h, false), DEBUG_ENDED);
	assert_int_equal(end_of(&h)->result, MFW_OK);
	let_go(&h);
}

static void it_stops_behind_what_changes_watched_bytes(void **state)
{
	uint64_t tally = at("tally");
	uint32_t lines = 0;
	struct held h;

	(void)state;
	hold(&h, "a\nbc\n");
	assert_int_equal(debug_watch(h.debug, 0, 8), -EFAULT);
	assert_int_equal(debug_watch(h.debug, tally, 0), -ENOSPC);
	assert_int_equal(debug_watch(h.debug, tally, DEBUG_WATCH_BYTES + 1), -ENOSPC);
	assert_int_equal(debug_watch(h.debug, tally, 4), 0);
	assert_int_equal(debug_watch(h.debug, tally, 4), 0);
	for (uint32_t i = 1; i <= 2; i++) {
		assert_int_equal(go(&h, false), DEBUG_WATCHED);
		assert_int_equal(h.stop.watched, tally);
		assert_int_equal(debug_read(h.debug, tally, &lines, 4), 4);
		assert_int_equal(lines, i);
	}
	/* who changes it from outside is not told of it */
	lines = 77;
	debug_write(h.debug, tally, &lines, 4);
	assert_int_equal(debug_break(h.debug, at("mf_reply_text")), 0);
	assert_int_equal(go(&h, false), DEBUG_BREAKPOINT);
	debug_unbreak(h.debug, h.r->rip);
	assert_int_equal(debug_unwatch(h.debug, tally, 4), 0);
	assert_int_equal(go(&h, false), DEBUG_ENDED);
	let_go(&h);
}

static void memory_is_bounded(void **state)
{
	struct held h;
	uint64_t window, end;
	uint8_t bytes[64];

	(void)state;
	hold(&h, "x");
	window = MF_ADDR_WINDOW;
	end = image_window_end(&h.service.image);
	assert_int_equal(debug_read(h.debug, window, bytes, 64), 64);
	assert_int_equal(debug_read(h.debug, end - 8, bytes, 64), 8);
	assert_int_equal(debug_read(h.debug, image_guard_at(&h.service.image), bytes, 8), 0);
	assert_int_equal(debug_read(h.debug, image_guard_at(&h.service.image) - 8, bytes, 64), 8);
	assert_int_equal(debug_read(h.debug, MF_ADDR_INFO, bytes, 8), 8);
	assert_int_equal(debug_read(h.debug, MF_ADDR_SYSTEM, bytes, 8), 0);
	assert_int_equal(debug_read(h.debug, MF_ADDR_GATE, bytes, 8), 0);
	assert_int_equal(debug_read(h.debug, UINT64_MAX - 3, bytes, 64), 0);
	assert_int_equal(debug_write(h.debug, MF_ADDR_INFO, bytes, 8), 0);
	assert_int_equal(debug_write(h.debug, 0, bytes, 8), 0);
	assert_int_equal(debug_write(h.debug, end - 8, bytes, 64), 8);
	let_go(&h);
}

static void a_fault_stays_until_its_cause_is_gone(void **state)
{
	uint64_t tally = at("tally");
	uint32_t longest = 0;
	struct held h;

	(void)state;
	hold(&h, "!a\n\n");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(go(&h, i == 1), DEBUG_FAULT);
		assert_int_equal(h.stop.vector, 14);
		assert_int_equal(h.stop.touched, 32);
		assert_int_equal(h.r->rdi, 32);
	}
	h.r->rdi = tally + 4;
	h.r->rsi = 4711;
	debug_registers_changed(h.debug);
	assert_int_equal(debug_break(h.debug, at("mf_reply_text")), 0);
	assert_int_equal(go(&h, false), DEBUG_BREAKPOINT);
	debug_unbreak(h.debug, h.r->rip);
	assert_int_equal(debug_read(h.debug, tally + 4, &longest, 4), 4);
	assert_int_equal(longest, 4711);
	assert_int_equal(go(&h, false), DEBUG_ENDED);
	assert_int_equal(end_of(&h)->result, MFW_OK);
	let_go(&h);
}

static void a_fault_that_is_taken_is_a_crash(void **state)
{
	struct held h;

	(void)state;
	hold(&h, "!a\n");
	assert_int_equal(go(&h, false), DEBUG_FAULT);
	debug_crash(h.debug, &h.stop);
	assert_int_equal(debug_life(h.debug)->result, MFW_ERR_CRASHED);
	assert_int_equal(debug_life(h.debug)->vector, 14);
	assert_int_equal(debug_life(h.debug)->touched, 16);
	assert_int_equal(debug_life(h.debug)->address, at("poke"));
	let_go(&h);
}

static void vector_registers_can_be_set(void **state)
{
	struct held h;
	uint8_t *xmm5;

	(void)state;
	hold(&h, "x");
	xmm5 = debug_registers(h.debug)->fxsave + 160 + 5 * 16;
	assert_int_equal(xmm5[3], 0);
	xmm5[3] = 0x5a;
	debug_registers_changed(h.debug);
	assert_int_equal(go(&h, true), DEBUG_STEPPED);
	assert_int_equal(xmm5[3], 0x5a);
	let_go(&h);
}

/* ------------------------------------------------------------ from outside */

static void *write_a_byte(void *fd)
{
	const struct timespec a_while = {.tv_nsec = 20000000};

	nanosleep(&a_while, NULL);
	assert_int_equal(write(*(int *)fd, "\3", 1), 1);
	return NULL;
}

/* However long it runs: no limit is in force. */
static void a_byte_on_the_socket_stops_it(void **state)
{
	int ends[2], zero = 0;
	pthread_t thread;
	struct held h;
	char byte;

	(void)state;
	hold(&h, "@");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_a_byte, &ends[1]), 0);
	assert_int_equal(debug_resume(h.debug, false, ends[0], &h.stop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(h.stop.why, DEBUG_WOKEN);
	assert_true(h.r->rip >= at("spin") && h.r->rip < at("spin") + 64);
	/* it is still there: nothing runs */
	assert_int_equal(debug_resume(h.debug, false, ends[0], &h.stop), 0);
	assert_int_equal(h.stop.why, DEBUG_WOKEN);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	debug_write(h.debug, at("spinning"), &zero, 4);
	do
		assert_int_equal(debug_resume(h.debug, false, ends[0], &h.stop), 0);
	while (h.stop.why == DEBUG_WOKEN);
	assert_int_equal(end_of(&h)->result, MFW_OK);
	close(ends[0]);
	close(ends[1]);
	let_go(&h);
}

static void limits_are_in_force_again_when_it_is_left(void **state)
{
	struct held h;

	(void)state;
	hold(&h, "@");
	service_limit(&h.service, 50000000, 50000000);
	debug_break(h.debug, at("spin"));
	assert_int_equal(go(&h, false), DEBUG_BREAKPOINT);
	debug_leave(h.debug);
	assert_int_equal(debug_life(h.debug)->result, MFW_ERR_CPU);
	let_go(&h);
}

static void it_may_be_left_to_its_end(void **state)
{
	struct held h;

	(void)state;
	hold(&h, "x\n");
	debug_break(h.debug, at("count"));
	assert_int_equal(go(&h, false), DEBUG_BREAKPOINT);
	debug_leave(h.debug);
	assert_int_equal(debug_life(h.debug)->result, MFW_OK);
	assert_memory_equal(service_reply(debug_life(h.debug)).p, "counted\n", 8);
	let_go(&h);
	hold(&h, "!\n");
	debug_leave(h.debug);
	assert_int_equal(debug_life(h.debug)->result, MFW_ERR_CRASHED);
	assert_int_equal(debug_life(h.debug)->address, at("poke"));
	let_go(&h);
}

static int on_kvm(void **state)
{
	(void)state;
	backend = MFW_BACKEND_KVM;
	return 0;
}

static int on_process(void **state)
{
	(void)state;
	backend = MFW_BACKEND_PROCESS;
	return 0;
}

#define EACH(test)                                                                                 \
	{#test " (kvm)", test, on_kvm, NULL, NULL},                                                \
	{                                                                                          \
#test " (process)", test, on_process, NULL, NULL                                   \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(it_stands_at_the_entry_and_runs_to_its_end),
		EACH(steps_lead_to_the_same_end),
		EACH(it_stops_at_a_breakpoint_each_time_it_comes_there),
		EACH(breakpoints_are_for_code),
		EACH(it_stops_behind_what_changes_watched_bytes),
		EACH(memory_is_bounded),
		EACH(a_fault_stays_until_its_cause_is_gone),
		EACH(a_fault_that_is_taken_is_a_crash),
		EACH(vector_registers_can_be_set),
		EACH(a_byte_on_the_socket_stops_it),
		EACH(limits_are_in_force_again_when_it_is_left),
		EACH(it_may_be_left_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
