/* cli/again.c - see again.h */
#include "cli/again.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/errand.h"
#include "cli/out.h"
#include "cli/outcome.h"

const char *again_result(const struct capsule *capsule)
{
	struct outcome o;

	if (capsule->denied)
		return "denied";
	outcome_unborn(&o, capsule->result, NULL);
	return o.name;
}

/* Its input area's bytes, unless --event gave as many. */
static int take_input(const struct life_options *o, struct life_setup *s, const struct capsule *c,
	const char *name)
{
	const uint64_t n = s->event->input_bytes;
	uint8_t *bytes;

	if (n > s->image.note.input_bytes)
		return out_say(o->command, STATUS_USAGE,
			"\"%s\": its input has %llu bytes, and memory.input of %s is %llu", name,
			(unsigned long long)n, s->image.note.name,
			(unsigned long long)s->image.note.input_bytes);
	if (s->input.n == n)
		return 0;
	if (c->input.n != n)
		return out_say(o->command, STATUS_USAGE,
			"\"%s\": its input, %llu bytes, was too large to be kept: give it with "
			"--event",
			name, (unsigned long long)n);
	bytes = malloc(c->input.n + 1);
	if (bytes == NULL)
		return out_say(o->command, STATUS_FAILED, "no memory");
	memcpy(bytes, c->input.p, c->input.n);
	free((void *)(uintptr_t)s->input.p);
	s->input = mf_str_of(bytes, c->input.n);
	return 0;
}

/* The capsule's event takes the place of the one that life_load made. */
static int take_event(const struct life_options *o, struct life_setup *s, const struct capsule *c,
	const char *name)
{
	if (c->event.n > s->image.note.event_bytes)
		return out_say(o->command, STATUS_USAGE,
			"\"%s\": its event has %zu bytes, and memory.event of %s is %u", name,
			c->event.n, s->image.note.name, s->image.note.event_bytes);
	memcpy(s->event, c->event.p, c->event.n);
	s->event_size = c->event.n;
	s->payload = capsule_text(c, s->event->payload);
	return take_input(o, s, c, name);
}

int again_run(struct again *again, const struct life_options *options, struct life_setup *setup,
	const struct capsule *capsule, const char *name)
{
	struct compare_side then = {again_result(capsule), capsule->effects}, now;
	struct run_record *r = &again->record;
	int status = take_event(options, setup, capsule, name);

	/* one of `mayfly run` ended at its first call, for nobody was there to answer */
	if (status == 0)
		status = errand_run(
			&(struct errand){.options = options,
				.setup = setup,
				.then = capsule->result == MFW_ERR_CALL ? NULL : capsule},
			r);
	if (status != 0)
		return status;
	now = (struct compare_side){r->outcome.name, mf_str_of(r->effects, r->life.bytes)};
	again->same_image =
		memcmp(capsule->image, setup->image.digest, sizeof(capsule->image)) == 0;
	again->same_snapshot = memcmp(capsule->snapshot, r->snapshot, sizeof(r->snapshot)) == 0;
	if (compare_lives(&again->compare, then, now) < 0)
		return out_say(options->command, STATUS_FAILED, "no memory");
	return 0;
}

void again_free(struct again *again)
{
	compare_free(&again->compare);
	errand_free(&again->record);
	*again = (struct again){0};
}
