/*
 * fuzz/worker.c - the hub's end of the ring, and a worker in an attacker's hands: it writes what it
 * likes into the shared memory, says what it likes, dies when it likes, while events come and time
 * goes on. Each event ends exactly once, the counts add up, and nothing is left at the end. Lives call too, their own
 * service and others, soundly and not: each that stands still is answered or dropped, and then goes on.
 */
/* with: fuzz/lib/hub.c fuzz/lib/worker.c fuzz/lib/clock.c */
/* link: -Wl,--wrap=clock_gettime */
/* libfuzzer: -max_len=2000 -len_control=20 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/lib/clock.h"
#include "fuzz/lib/effects.h"
#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/hub.h"
#include "fuzz/lib/worker.h"
#include "hub/worker.h"
#include "sys/clock.h"

#define EVENTS_MOST 64u
#define STEPS_MOST  200u
#define CALLS_MOST  8u

/* -------------------------------------------------------------------- events */

static struct asked {
	unsigned ends;
} asked[EVENTS_MOST];
static unsigned asked_count;

static void end(const struct task *task)
{
	struct asked *a = task->context;

	MUST(a >= asked && a < asked + asked_count && a->ends == 0);
	a->ends++;
}

static void on_reply(struct task *task, const struct reply *reply)
{
	const uint8_t *scratch = fuzz_hub.scratch;

	end(task);
	if (!reply)
		return;
	MUST(reply->status >= 200 && reply->status <= 599);
	/* a copy that the worker can't reach */
	MUST(reply->body.n == 0 ||
		(reply->body.p >= scratch &&
			reply->body.p + reply->body.n <= scratch + fuzz_hub.scratch_size));
}

static void on_refuse(struct task *task, enum refusal why)
{
	uint8_t payload[64];

	MUST(why < REFUSALS);
	task_payload(task, payload, sizeof(payload));
	end(task);
}

static const struct origin_ops origin = {.source = "test", .reply = on_reply, .refuse = on_refuse};

static void ask(struct feed *feed)
{
	static const struct mf_str subjects[] = {
		{(const uint8_t *)"/a", 2}, {(const uint8_t *)"/b/c", 4}, {(const uint8_t *)"", 0}};
	struct mf_str payload, subject = subjects[feed_below(feed, 3)];
	bool cancelled = feed_below(feed, 8) == 7;
	enum refusal why = REFUSALS;
	struct task *task;

	payload = feed_some(feed, 300);
	if (asked_count == EVENTS_MOST)
		return;
	task = service_begin(fuzz_service, MF_SOURCE_HTTP, MF_STR("http.request"), subject, &why);
	if (!task) {
		MUST(why < REFUSALS);
		service_refused(fuzz_service, why);
		return;
	}
	MUST(event_span(&task->writer, &task->head.payload, payload));
	event_span(&task->writer, &task->head.peer, MF_STR("192.0.2.1:9"));
	if (cancelled) {
		service_cancel(task);
		return;
	}
	asked[asked_count].ends = 0;
	task->origin = &origin;
	task->context = &asked[asked_count++];
	service_submit(task);
}

/* ---------------------------------------------------------------- the worker */

/* A life that it hasn't ended: its birth, what it called until now. */
struct life {
	struct mfw_message birth;
	unsigned calls;
	uint8_t questions[CALLS_MOST];
	bool still; /* it waits for an answer */
};
static struct life taken[MFW_SLOTS];
static unsigned taken_count;

static const char *const callees[] = {"fuzzed", "nobody", "fuzzed", "denied"};

static struct effect call_of(uint8_t question)
{
	struct effect e = {.kind = MF_EFFECT_CALL, .value = question & 4 ? 50 * CLOCK_MS : 0};
	const char *name = callees[question & 3];

	e.field[MF_FIELD_NAME] = mf_str_of(name, strlen(name));
	e.field[MF_FIELD_META] = question & 8 ? MF_STR("/b/c") : MF_STR("/a");
	e.field[MF_FIELD_BODY] = question & 16 ? MF_STR("what") : MF_STR("");
	return e;
}

/* What it called, in order; a worker that lies forgets some of it. */
static void add_calls(struct effects_build *build, const struct life *life)
{
	struct effect e;

	for (unsigned i = 0; i < life->calls; i++) {
		e = call_of(life->questions[i]);
		effects_add(build, &e);
	}
}

static void leave_effects(struct feed *feed, const struct life *life, struct mfw_message *death)
{
	uint8_t *to = worker_effects(life->birth.slot);
	struct effects_build build;
	struct mf_str raw;
	struct effect e;

	if (!to)
		return;
	if (feed_below(feed, 4) == 3) {
		raw = feed_some(feed, FUZZ_EFFECTS);
		if (raw.n > 0)
			memcpy(to, raw.p, raw.n);
		death->bytes = (uint32_t)raw.n;
		return;
	}
	effects_begin(&build, to, FUZZ_EFFECTS,
		life->calls > 0 && feed_below(feed, 4) > 0 ? MF_OUTCOME_OK : feed_below(feed, 6));
	if (feed_below(feed, 16) != 15)
		add_calls(&build, life);
	for (unsigned n = feed_below(feed, 4); n > 0; n--) {
		e = (struct effect){.kind = (enum mf_effect_kind)feed_below(feed, MF_EFFECT_KINDS)};
		e.status = e.kind == MF_EFFECT_REPLY ? 200u + feed_below(feed, 256) * 2
						     : feed_below(feed, 5);
		e.flags = feed_below(feed, 16) == 1;
		for (unsigned f = 0; f < MF_FIELDS; f++)
			if (feed_below(feed, 4) == 1)
				e.field[f] = feed_some(feed, 200);
		effects_add(&build, &e);
	}
	death->bytes = (uint32_t)build.used;
}

static struct life *some_life(struct feed *feed, bool still)
{
	unsigned i = taken_count > 0 ? feed_below(feed, taken_count) : 0;

	for (unsigned n = taken_count; n > 0; n--, i = (i + 1) % taken_count)
		if (taken[i].still == still)
			return &taken[i];
	return NULL;
}

/* An answer to something that it was given, right or nearly so. */
static void answer(struct feed *feed)
{
	struct life *life = some_life(feed, false);
	struct mfw_message death = {.kind = MFW_DEATH};

	if (!life)
		return;
	death.slot = life->birth.slot;
	death.result = (uint16_t)(feed_below(feed, 2) ? feed_below(feed, MFW_RESULTS) : MFW_OK);
	death.run_ns = feed_below(feed, 2) ? 1000 : feed_64(feed);
	leave_effects(feed, life, &death);
	*life = taken[--taken_count];
	worker_put(&death);
}

/* A life calls, and stands still. */
static void call(struct feed *feed)
{
	struct life *life = some_life(feed, false);
	struct mfw_message m = {.kind = MFW_SUSPENDED};
	struct effects_build build;
	struct effect reply = {.kind = MF_EFFECT_REPLY, .status = 200};
	uint8_t *to = life ? worker_effects(life->birth.slot) : NULL;

	if (!to || life->calls == CALLS_MOST ||
		!(fuzz_service->note.grants & MFI_GRANT(MF_EFFECT_CALL)))
		return;
	life->questions[life->calls++] = feed_8(feed);
	life->still = true;
	effects_begin(&build, to, FUZZ_EFFECTS, MF_OUTCOME_NONE);
	if (feed_below(feed, 8) == 7) /* which may stand there */
		effects_add(&build, &reply);
	add_calls(&build, life);
	m.slot = life->birth.slot;
	m.bytes = (uint32_t)build.used;
	worker_put(&m);
}

/* The answer lies behind the event, which is as it was. */
static void check_answer(const struct mfw_message *m)
{
	const struct mf_event *event = (const void *)worker_event(m->slot);

	MUST(event != NULL);
	if (worker_end.scribbled)
		return;
	MUST(event->bytes == m->bytes && m->bytes <= FUZZ_EVENT);
	MUST(event->answer.len == 0 ||
		(event->answer.off >= sizeof(*event) &&
			(uint64_t)event->answer.off + event->answer.len <= event->bytes));
	MUST(event->answer_status >= 200 && event->answer_status <= 599);
}

/* One that stands still is told to go on, or that it is over. */
static void go_on(const struct mfw_message *m)
{
	const struct mfw_message death = {
		.kind = MFW_DEATH, .slot = m->slot, .result = MFW_ERR_CALL};
	unsigned i = 0;

	while (i < taken_count && (!taken[i].still || taken[i].birth.slot != m->slot))
		i++;
	MUST(i < taken_count || worker_end.scribbled);
	if (i == taken_count)
		return;
	taken[i].still = false;
	if (m->kind == MFW_ANSWER) {
		check_answer(m);
		return;
	}
	taken[i] = taken[--taken_count];
	worker_put(&death);
}

static void forge_message(struct feed *feed)
{
	struct mfw_message m = {
		.slot = feed_below(feed, 2) ? feed_32(feed) : feed_below(feed, 20),
		.kind = (uint16_t)(feed_below(feed, 8) ? feed_below(feed, 12) : feed_16(feed)),
		.result = (uint16_t)feed_below(feed, MFW_RESULTS + 2),
		.bytes = feed_below(feed, 2) ? feed_32(feed) : feed_below(feed, 64),
		.vector = feed_32(feed),
		.address = feed_64(feed),
		.touched = feed_32(feed),
		.birth_ns = feed_32(feed),
		.run_ns = feed_32(feed),
	};

	worker_end.scribbled = true; /* it may have given back a slot whose event it hasn't seen */
	worker_put(&m);
}

static void scribble(struct feed *feed)
{
	struct mfw_ring *rings[2] = {worker_end.in, worker_end.out};
	struct mfw_ring *ring = rings[feed_below(feed, 2)];
	uint32_t value = feed_32(feed);
	struct mf_str bytes;
	size_t at;

	if (!worker_end.lives)
		return;
	worker_end.scribbled = true;
	switch (feed_below(feed, 5)) {
	case 0: ring->head = value; break;
	case 1: ring->tail = value; break;
	case 2: ring->sleeping = value; break;
	case 3:
		ring->tail += value % 4;
		worker_end.put += ring == worker_end.out ? value % 4 : 0;
		break;
	default:
		bytes = feed_some(feed, 4096);
		at = value % worker_end.bytes;
		if (bytes.n > 0 && bytes.n <= worker_end.bytes - at)
			memcpy(worker_end.memory + at, bytes.p, bytes.n);
	}
	worker_wake_hub();
}

static void claim_state(struct feed *feed)
{
	uint8_t snapshot[32];

	memcpy(snapshot, fuzz_service->snapshot, sizeof(snapshot));
	snapshot[0] ^= feed_below(feed, 8) == 7;
	worker_state(feed_below(feed, 4), snapshot);
}

static void take_all(void)
{
	struct mfw_message m;

	while (taken_count < MFW_SLOTS && worker_take(&m))
		if (m.kind == MFW_BIRTH)
			taken[taken_count++] = (struct life){.birth = m};
		else if (m.kind == MFW_ANSWER || m.kind == MFW_DROP)
			go_on(&m);
}

static void die(struct feed *feed)
{
	worker_die((int)feed_below(feed, 12) - 3);
	taken_count = 0;
}

/* -------------------------------------------------------------- its own socket */

static int client = -1;

static void open_socket(void)
{
	struct net_address address;
	struct input *input;

	MUST(net_parse(&address, "127.0.0.1:0") == 0);
	MUST(in_udp_open(&input, fuzz_service, &address, WORDS_DNS) == 0);
	fuzz_hub.inputs = input;
	fuzz_service->lend = calloc(1, sizeof(*fuzz_service->lend));
	MUST(fuzz_service->lend != NULL);
	fuzz_service->lend->input = input;
	fuzz_service->head.flags |= MFW_OWN_SOCKET;
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	MUST(client >= 0);
}

static void send_datagram(struct feed *feed)
{
	struct mf_str bytes = feed_some(feed, 600);
	uint8_t drained[1024];

	if (client < 0)
		return;
	(void)!sendto(client, bytes.p, bytes.n, 0, &fuzz_hub.inputs->address.any,
		fuzz_hub.inputs->address.size);
	while (recv(client, drained, sizeof(drained), 0) > 0)
		;
}

/* ------------------------------------------------------------------------ all */

static void pass_time(struct feed *feed)
{
	static const uint64_t steps[] = {CLOCK_MS, 60 * CLOCK_MS, 500 * CLOCK_MS, CLOCK_S,
		3 * CLOCK_S, 11 * CLOCK_S, 60 * CLOCK_S, 700 * CLOCK_S};

	clock_advance(steps[feed_below(feed, 8)]);
	fuzz_hub_rounds(2);
}

static void step(struct feed *feed)
{
	unsigned started = worker_end.started;

	switch (feed_below(feed, 17)) {
	case 0:
	case 1: ask(feed); break;
	case 2: take_all(); break;
	case 3:
	case 4: answer(feed); break;
	case 5: forge_message(feed); break;
	case 6: scribble(feed); break;
	case 7: claim_state(feed); break;
	case 8: worker_say(feed_some(feed, 100)); break;
	case 9: die(feed); break;
	case 10: pass_time(feed); break;
	case 11: fuzz_hub_serve(); break;
	case 12: send_datagram(feed); break;
	case 13: call(feed); break;
	case 14: take_all(); break;
	case 15: answer(feed); break;
	default: worker_wake_hub(); break;
	}
	fuzz_hub_rounds(1);
	if (worker_end.started != started || !worker_end.lives)
		taken_count = 0;
}

static char *granted[] = {(char[]){"fuzzed"}, (char[]){"nobody"}};
static struct manifest_trigger born = {.type = TRIGGER_CALL};

static void configure(struct feed *feed)
{
	uint8_t how = feed_8(feed);

	fuzz_service->head.threads = how & 1 ? 4 : 1;
	fuzz_service->note.grants = how & 2 ? ~1u : MFI_GRANT(MF_EFFECT_REPLY);
	fuzz_service->keyed = fuzz_service->ordered = (how & 5) == 5;
	(void)key_parse(&fuzz_service->key, "path");
	fuzz_service->key.given = true;
	if (how & 8)
		fuzz_service->note.flags |= MFI_HAS_INIT;
	fuzz_service->note.window_bytes = 65536;
	if (how & 16)
		open_socket();
	if (how & 32)
		fuzz_service->note.grants |= MFI_GRANT(MF_EFFECT_CALL);
	fuzz_service->manifest.calls = granted;
	fuzz_service->manifest.calls_count = 2;
	fuzz_service->manifest.triggers = &born;
	fuzz_service->manifest.triggers_count = 1;
}

static void deconfigure(void)
{
	fuzz_service->manifest.calls = NULL; /* they are none of its own */
	fuzz_service->manifest.triggers = NULL;
	fuzz_service->manifest.calls_count = fuzz_service->manifest.triggers_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};

	asked_count = taken_count = 0;
	client = -1;
	fuzz_hub_open();
	configure(&feed);
	for (unsigned i = 0; i < STEPS_MOST && feed.n > 0; i++)
		step(&feed);
	if (client >= 0)
		close(client);
	deconfigure();
	fuzz_hub_close();
	for (unsigned i = 0; i < asked_count; i++)
		MUST(asked[i].ends == 1);
	return 0;
}
