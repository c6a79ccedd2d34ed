/* cli/errand.c - see errand.h */
#include "cli/errand.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/core.h"
#include "cli/fault.h"
#include "cli/out.h"
#include "cli/outcome.h"
#include "image/grants.h"
#include "wire/effects.h"
#include "wire/event.h"

/* What the thread gets. */
struct going {
	const struct errand *errand;
	struct monitor_options options;
	struct run_record *record;
};

static uint8_t *copy(const uint8_t *from, uint64_t n)
{
	uint8_t *to = from == NULL || n == 0 ? NULL : malloc(n);

	if (to != NULL)
		memcpy(to, from, n);
	return to;
}

static void stop_debugging(struct run_record *r, enum gdb_end end)
{
	static const char *const why[] = {
		[GDB_KILLED] = "gdb ended it",
		[GDB_LOST] = "gdb's connection was lost, so it was ended",
		[GDB_BROKEN] = "the machine failed while gdb held it",
	};

	r->unborn = MFW_ERR_BACKEND;
	snprintf(r->error, sizeof(r->error), "%s", why[end]);
}

/* The same as shell_live, but gdb says when it goes on. */
static void live_held(
	struct shell *shell, const struct life_setup *s, struct gdb_link *gdb, struct run_record *r)
{
	enum gdb_end end = GDB_LOST;
	struct debug *debug;

	if (debug_open(&debug, shell, s->event, s->event_size, r->error) < 0) {
		r->unborn = MFW_ERR_BACKEND;
		return;
	}
	if (gdb_accept(gdb) == 0)
		end = gdb_session(gdb, debug, &s->image);
	r->life = *debug_life(debug);
	if (end != GDB_ENDED)
		stop_debugging(r, end);
	debug_close(debug);
}

/* The next answer of then, behind the event; false: it isn't what was asked then, or it may not ask. */
static bool answer_again(const struct errand *e, const struct life *life, size_t *at)
{
	const struct life_setup *s = e->setup;
	struct event_writer w = {s->event, (uint8_t *)s->event, s->image.note.event_bytes};
	struct effects_reader reader;
	struct capsule_call then;
	struct effect call;
	char why[GRANTS_WHY_MAX];
	uint8_t asked[32];
	uint32_t record;

	if (effects_open_call(&reader, life->effects, life->bytes, &record, &call) != NULL ||
		!grants_allow(&s->image.note, &s->manifest, call.kind, call.field[MF_FIELD_NAME],
			effect_names[call.kind], why) ||
		!capsule_next_call(e->then, at, &then))
		return false;
	capsule_asked(&call, asked);
	if (memcmp(asked, then.asked, sizeof(asked)) != 0)
		return false;
	s->event->answer_status = then.status;
	if (event_span(&w, &s->event->answer, then.body))
		return true;
	s->event->answer_status = 507; /* as in hub/call.c */
	s->event->answer = (struct mf_span){0, 0};
	return true;
}

static void live_again(struct shell *shell, const struct errand *e, struct life *life)
{
	const struct life_setup *s = e->setup;
	size_t at = 0;

	shell_begin(shell, s->event, s->event_size, life);
	while (life->suspended && answer_again(e, life, &at))
		shell_answer(shell, s->event, s->event->bytes, life);
	if (life->suspended)
		shell_drop(shell);
}

/* While its memory is as the life left it. */
static void look_at_remains(const struct errand *e, const struct shell *shell, struct run_record *r)
{
	const struct life *life = &r->life;
	int rc;

	if (r->unborn != MFW_OK || (life->result != MFW_ERR_CRASHED && !life->stopped))
		return;
	fault_take(&r->fault, &e->setup->image, e->options->image_path, shell, life);
	if (e->core == NULL)
		return;
	rc = life->stopped ? core_write(e->core, shell, life, e->setup) : -ENODATA;
	if (rc < 0)
		snprintf(r->core, sizeof(r->core), "%s",
			rc == -ENODATA          ? "nobody knows its registers"
				: rc == -EEXIST ? "there is something that isn't a file"
						: strerror(-rc));
}

static void live(const struct errand *e, struct monitor *m, struct run_record *r)
{
	const struct life_setup *s = e->setup;
	struct shell *shell;
	const uint8_t *init = monitor_init_effects(m, &r->init_bytes);

	r->backend = monitor_backend(m);
	r->init_ns = monitor_init_ns(m);
	memcpy(r->snapshot, monitor_snapshot_digest(m), sizeof r->snapshot);
	r->init_effects = copy(init, r->init_bytes);
	if (r->init_effects == NULL)
		r->init_bytes = 0;
	r->unborn = (enum mfw_result)shell_open(&shell, m, r->error);
	if (r->unborn != MFW_OK)
		return;
	if (shell_input(shell, s->input.p, s->input.n) < 0)
		r->life.result = MFW_ERR_EVENT;
	else if (e->then != NULL)
		live_again(shell, e, &r->life);
	else if (e->gdb == NULL)
		shell_live(shell, s->event, s->event_size, &r->life);
	else
		live_held(shell, s, e->gdb, r);
	look_at_remains(e, shell, r);
	r->effects = copy(r->life.effects, r->life.bytes);
	r->life.effects = r->effects;
	if (r->effects == NULL)
		r->life.bytes = 0;
	r->output = copy(shell_output(shell), outcome_blob(&s->image, &r->life));
	shell_close(shell);
}

static void *go(void *argument)
{
	struct going *g = argument;
	const struct life_setup *s = g->errand->setup;
	struct run_record *r = g->record;
	struct monitor *m;

	r->unborn = (enum mfw_result)monitor_open(
		&m, &s->image, s->data, s->data_size, &g->options, r->error);
	if (r->unborn == MFW_OK) {
		live(g->errand, m, r);
		monitor_close(m);
	}
	return NULL;
}

int errand_run(const struct errand *e, struct run_record *r)
{
	struct going going = {e, life_monitor(e->setup, e->options), r};
	pthread_t thread;
	int rc;

	going.options.held = e->gdb != NULL;
	rc = pthread_create(&thread, NULL, go, &going);
	if (rc != 0)
		return out_say(e->options->command, STATUS_FAILED, "no thread: %s", strerror(rc));
	pthread_join(thread, NULL);
	r->birth = going.options.birth;
	if (r->unborn != MFW_OK)
		outcome_unborn(&r->outcome, r->unborn, r->error);
	else
		outcome_judge(&r->outcome, &e->setup->image, &e->setup->manifest, &r->life);
	if (r->output != NULL)
		r->outcome.reply.field[MF_FIELD_BODY] =
			mf_str_of(r->output, (size_t)r->outcome.reply.value);
	return 0;
}

void errand_free(struct run_record *record)
{
	free(record->effects);
	free(record->output);
	free(record->init_effects);
}
