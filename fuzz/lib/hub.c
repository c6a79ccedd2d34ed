/* fuzz/lib/hub.c - see hub.h */
#include "fuzz/lib/hub.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/lib/clock.h"
#include "fuzz/lib/effects.h"
#include "fuzz/lib/fuzz.h"
#include "fuzz/lib/worker.h"

struct hub fuzz_hub;
struct service *fuzz_service;

static int lowest_fd; /* that is free */

static void swallow(void *context, const struct log_record *record)
{
	(void)context;
	MUST(strlen(record->text) < LOG_LINE);
}

static int free_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	close(fd);
	return fd;
}

static struct service *make_service(void)
{
	struct service *s = malloc(sizeof(*s));

	MUST(s != NULL);
	service_init(s, &fuzz_hub);
	s->name = strdup("fuzzed");
	s->image_path = strdup("none.mfy");
	s->note.event_bytes = FUZZ_EVENT;
	s->note.effects_bytes = FUZZ_EFFECTS;
	s->note.init_ns = CLOCK_S;
	s->note.grants = MFI_GRANT(MF_EFFECT_REPLY);
	s->head = (struct mfw_head){.event_area = FUZZ_EVENT,
		.effects_area = FUZZ_EFFECTS,
		.threads = 1,
		.backend = MFW_BACKEND_PROCESS};
	s->queue_most = 8;
	s->deadline_ns = CLOCK_S;
	s->idle_ns = 10 * CLOCK_S;
	return s;
}

void fuzz_hub_open(void)
{
	lowest_fd = free_fd();
	clock_reset();
	worker_end.started = 0;
	log_to(swallow, NULL);
	hub_init(&fuzz_hub);
	MUST(loop_open(&fuzz_hub.loop) == 0);
	MUST(report_open(&fuzz_hub.report, fuzz_hub.loop, false, false) == 0);
	fuzz_hub.options.worker_program = "/none";
	fuzz_hub.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	fuzz_hub.scratch_size = FUZZ_EFFECTS;
	fuzz_hub.scratch = malloc(FUZZ_EFFECTS);
	fuzz_service = fuzz_hub.services = make_service();
}

void fuzz_hub_check(void)
{
	const struct service *s = fuzz_service;
	const struct service_counts *c = &s->counts;
	uint64_t refused = 0;
	unsigned posted = 0;

	for (unsigned i = 0; i < REFUSALS; i++)
		refused += c->refused[i];
	if (!s->lend) /* whose worker counts for itself, and may lie */
		MUST(c->accepted ==
			c->replied + c->silent + refused - c->turned_away + s->queue.count +
				s->running.count);
	for (unsigned i = 0; i < MFW_SLOTS; i++)
		posted += s->at[i] != NULL;
	MUST(posted == s->running.count && posted <= s->posted && s->posted <= MFW_SLOTS);
	MUST(s->queue.count <= s->queue_most + MFW_SLOTS); /* and what a lost worker gave back */
	MUST((s->link != NULL) == (s->worker != WORKER_NONE));
}

void fuzz_hub_rounds(unsigned n)
{
	while (n-- > 0) {
		MUST(loop_once(fuzz_hub.loop, 0) == 0);
		if (fuzz_hub.services)
			fuzz_hub_check();
	}
}

void fuzz_hub_close(void)
{
	struct service *s = fuzz_service;

	while (s->running.first)
		service_refuse(s->running.first, REFUSED_STOPPING);
	service_refuse_all(s, REFUSED_STOPPING);
	fuzz_hub_check();
	for (const struct input *i = fuzz_hub.inputs; i; i = i->next)
		MUST(i->tasks == 0);
	hub_close(&fuzz_hub);
	MUST(!worker_end.lives && worker_end.memory == NULL);
	MUST(fuzz_hub.connections == 0 && fuzz_hub.held.held == 0);
	MUST(free_fd() == lowest_fd);
}

/* -------------------------------------------------------------- a sound worker */

static bool inside(const struct mf_event *event, struct mf_span span)
{
	return span.len == 0 ||
		(span.off >= sizeof(*event) && (uint64_t)span.off + span.len <= event->bytes);
}

/* Does an event hold what a guest relies on? Its library looks no further. */
static bool is_whole(const struct mf_event *event, uint32_t bytes)
{
	const struct mf_span spans[] = {event->id, event->type, event->subject, event->method,
		event->query, event->peer, event->content_type, event->attributes, event->state,
		event->payload, event->answer};
	const uint8_t *at = (const uint8_t *)event + event->attributes.off;
	size_t left = event->attributes.len;
	struct mf_record record;

	if (event->bytes != bytes || bytes > FUZZ_EVENT)
		return false;
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		if (!inside(event, spans[i]))
			return false;
	for (unsigned i = 0; i < event->attributes_count; i++) {
		if (left < sizeof(record))
			return false;
		memcpy(&record, at, sizeof(record));
		if (record.size > left || record.size % 8 != 0 ||
			sizeof(record) + (uint64_t)record.name_len + record.value_len > record.size)
			return false;
		at += record.size;
		left -= record.size;
	}
	return left == 0;
}

void (*fuzz_hub_served)(const struct mf_event *event);

static void reply_to(const struct mfw_message *birth)
{
	const struct mf_event *event = (const void *)worker_event(birth->slot);
	struct mfw_message death = {
		.slot = birth->slot, .kind = MFW_DEATH, .birth_ns = 1000, .run_ns = 2000};
	struct effect reply = {.kind = MF_EFFECT_REPLY, .status = 200};
	struct effects_build build;

	bool whole = is_whole(event, birth->bytes);

	MUST(whole || worker_end.scribbled);
	if (!whole)
		return;
	if (fuzz_hub_served)
		fuzz_hub_served(event);
	reply.field[MF_FIELD_BODY] =
		mf_str_of((const uint8_t *)event + event->payload.off, event->payload.len);
	if (event->source == MF_SOURCE_HTTP)
		reply.field[MF_FIELD_TYPE] = MF_STR("text/plain");
	effects_begin(&build, worker_effects(birth->slot), FUZZ_EFFECTS, MF_OUTCOME_OK);
	MUST(effects_add(&build, &reply));
	death.bytes = (uint32_t)build.used;
	worker_put(&death);
}

void fuzz_hub_serve(void)
{
	struct mfw_message message;

	if (fuzz_service->worker == WORKER_STARTING)
		worker_state(MFW_READY, fuzz_service->snapshot);
	while (worker_take(&message))
		if (message.kind == MFW_BIRTH)
			reply_to(&message);
}
