/* cli/outcome.c - see outcome.h */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/outcome.h"
#include "image/fault.h"
#include "image/grants.h"
#include "sys/log.h"

/* What each result is called, and what it comes to here and in HTTP. */
struct verdict {
	const char *name, *message;
	int exit;
	unsigned status;
};
static const struct verdict verdicts[MFW_RESULTS] = {
	[MFW_OK] = {"ok", "", STATUS_OK, 204},
	[MFW_ERR_FAILED] = {"failed", "the service gave up (mf_fail)", STATUS_FAILED, 500},
	[MFW_ERR_CRASHED] = {"crashed", "it crashed", STATUS_FAILED, 502},
	[MFW_ERR_CPU] = {"deadline", "it ran longer than limits.cpu or limits.deadline allow",
		STATUS_DEADLINE, 504},
	[MFW_ERR_MEMORY] = {"memory", "its heap is full: raise memory.window in its mayfly.yaml",
		STATUS_MEMORY, 507},
	[MFW_ERR_EFFECTS] = {"effects", "its effects are malformed", STATUS_FAILED, 502},
	[MFW_ERR_EVENT] = {"event", "the event doesn't fit its event area", STATUS_USAGE, 413},
	[MFW_ERR_CALL] = {"call", "it called another service: only a hub can serve that",
		STATUS_FAILED, 502},
	[MFW_ERR_BACKEND] = {"backend", "the machine failed", STATUS_FAILED, 503},
	[MFW_ERR_IMAGE] = {"image", "the image can't be loaded", STATUS_USAGE, 502},
	[MFW_ERR_INIT] = {"init", "mf_init failed", STATUS_FAILED, 502},
	[MFW_ERR_FULL] = {"full", "its effects don't fit: raise memory.effects in its mayfly.yaml",
		STATUS_MEMORY, 507},
};

static void set_result(struct outcome *o, enum mfw_result result, const char *message)
{
	const struct verdict *v;

	if ((unsigned)result >= MFW_RESULTS)
		result = MFW_ERR_BACKEND;
	v = &verdicts[result];
	o->result = result;
	o->name = v->name;
	o->exit = v->exit;
	o->status = v->status;
	snprintf(o->message, sizeof o->message, "%s", message != NULL ? message : v->message);
}

void outcome_unborn(struct outcome *outcome, enum mfw_result result, const char *error)
{
	*outcome = (struct outcome){0};
	set_result(outcome, result, error);
}

/* Refuses what the manifest doesn't grant, and says which line would have. */
static bool granted(struct outcome *o, const struct image *image, const struct manifest *m,
	const struct effect *e)
{
	if (grants_allow(&image->note, m, e->kind, e->field[MF_FIELD_NAME], effect_names[e->kind],
		    o->message))
		return true;
	o->denied = true;
	o->name = "denied";
	o->exit = STATUS_DENIED;
	o->status = 403;
	return false;
}

/* A reply from the output area that isn't so large. */
static bool sound_blob(struct outcome *o, const struct image *image, const struct effect *e)
{
	if (!(e->flags & MF_EFFECT_BLOB) || e->value <= image->note.output_bytes)
		return true;
	set_result(o, MFW_ERR_EFFECTS,
		"its reply is larger than its output area: raise memory.output in its mayfly.yaml");
	return false;
}

static void judge_effects(struct outcome *o, const struct image *image, const struct manifest *m,
	const struct life *life)
{
	struct effects_reader r;
	struct effect e;
	uint32_t record = 0;
	const char *wrong = effects_open(&r, life->effects, life->bytes, ~0u, &record);

	if (wrong != NULL) {
		set_result(o, MFW_ERR_EFFECTS, NULL);
		snprintf(o->message, sizeof o->message, "its effects are malformed: record %u: %s",
			record, wrong);
		return;
	}
	o->readable = true;
	if (r.outcome == MF_OUTCOME_FULL)
		set_result(o, MFW_ERR_EFFECTS,
			"its effects area is full: raise memory.effects in its mayfly.yaml");
	while (o->result == MFW_OK && !o->denied && effects_next(&r, &e)) {
		if (!sound_blob(o, image, &e))
			return;
		if (e.kind == MF_EFFECT_REPLY) {
			o->replied = true;
			o->reply = e;
			o->status = e.status;
		}
		if (!granted(o, image, m, &e))
			o->replied = false;
	}
}

uint64_t outcome_blob(const struct image *image, const struct life *life)
{
	struct effects_reader r;
	uint32_t record;
	struct effect e;

	if (life->result != MFW_OK || life->bytes == 0 ||
		effects_open(&r, life->effects, life->bytes, ~0u, &record) != NULL)
		return 0;
	while (effects_next(&r, &e))
		if (e.kind == MF_EFFECT_REPLY && (e.flags & MF_EFFECT_BLOB))
			return e.value <= image->note.output_bytes ? e.value : 0;
	return 0;
}

/* It stands still for a call that nobody answers. */
static void judge_call(struct outcome *o, const struct image *image, const struct manifest *m,
	const struct life *life)
{
	struct effects_reader r;
	struct effect call;
	uint32_t record;
	char name[64], path[128];

	if (effects_open_call(&r, life->effects, life->bytes, &record, &call) != NULL) {
		set_result(o, MFW_ERR_EFFECTS, NULL);
		return;
	}
	o->readable = true;
	if (!granted(o, image, m, &call))
		return;
	set_result(o, MFW_ERR_CALL, NULL);
	snprintf(o->message, sizeof(o->message), "it asks %s%s%s, as it didn't then",
		log_clean(name, sizeof(name), call.field[MF_FIELD_NAME].p,
			call.field[MF_FIELD_NAME].n),
		call.field[MF_FIELD_META].n > 0 ? " " : "",
		log_clean(path, sizeof(path), call.field[MF_FIELD_META].p,
			call.field[MF_FIELD_META].n));
}

void outcome_judge(struct outcome *outcome, const struct image *image,
	const struct manifest *manifest, const struct life *life)
{
	*outcome = (struct outcome){0};
	set_result(outcome, life->result,
		life->result == MFW_ERR_CRASHED ? fault_long(life->vector) : NULL);
	if (life->suspended)
		judge_call(outcome, image, manifest, life);
	else if (life->bytes > 0)
		judge_effects(outcome, image, manifest, life);
}
