/*
 * image/note.c - see image/note.h.
 */
#include "image/note.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

uint32_t note_allowed(const struct manifest *m)
{
	const struct {
		enum mf_effect_kind kind;
		unsigned allowed;
	} kinds[] = {
		{MF_EFFECT_REPLY, 1},
		{MF_EFFECT_LOG, 1},
		{MF_EFFECT_METER, 1},
		{MF_EFFECT_SCHEDULE, 1},
		{MF_EFFECT_EMIT, m->emits_count},
		{MF_EFFECT_PUT, m->writes_count},
		{MF_EFFECT_DELETE, m->writes_count},
		{MF_EFFECT_UPSTREAM, m->upstream_count},
		{MF_EFFECT_CALL, m->calls_count},
	};
	uint32_t grants = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].allowed)
			grants |= MFI_GRANT(kinds[i].kind);
	return grants;
}

void note_from_manifest(struct mfi_image *note, const struct manifest *m)
{
	*note = (struct mfi_image){
		.version = MFI_VERSION,
		.abi = MF_ABI_VERSION,
		.machine = EM_X86_64,
		.grants = note_allowed(m),
		.event_bytes = (uint32_t)m->memory.event,
		.effects_bytes = (uint32_t)m->memory.effects,
		.stack_bytes = (uint32_t)m->memory.stack,
		.window_bytes = m->memory.window,
		.init_bytes = m->memory.init,
		.input_bytes = m->memory.input,
		.output_bytes = m->memory.output,
		.cpu_ns = m->limits.cpu_ns,
		.deadline_ns = m->limits.deadline_ns,
		.init_ns = m->limits.init_ns,
		.counter = m->counter,
		.budget = m->budget,
	};
	snprintf(note->name, sizeof(note->name), "%s", m->name);
	snprintf(note->release, sizeof(note->release), "%s", m->version);
}

#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct mfi_image, name), sizeof(((struct mfi_image *)0)->name)     \
	}

const char *note_differs(const struct image *image, const struct manifest *manifest)
{
	static const struct {
		const char *name;
		size_t at, size;
	} fields[] = {FIELD(name), FIELD(release), FIELD(counter), FIELD(budget),
		FIELD(window_bytes), FIELD(event_bytes), FIELD(effects_bytes), FIELD(stack_bytes),
		FIELD(init_bytes), FIELD(input_bytes), FIELD(output_bytes), FIELD(cpu_ns),
		FIELD(deadline_ns), FIELD(init_ns)};
	struct mfi_image says;

	note_from_manifest(&says, manifest);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (memcmp((const char *)&says + fields[i].at,
			    (const char *)&image->note + fields[i].at, fields[i].size) != 0)
			return fields[i].name;
	if (image->note.grants & ~says.grants)
		return "grants";
	return NULL;
}

int note_manifest(struct manifest *manifest, const struct image *image, const char *where,
	char error[MANIFEST_ERROR_MAX])
{
	int rc = manifest_parse(manifest, image->manifest, where, error);
	const char *field = rc ? NULL : note_differs(image, manifest);

	if (!field)
		return rc;
	snprintf(error, MANIFEST_ERROR_MAX,
		"%s: the manifest says another %s than the image note: don't run it", where, field);
	manifest_free(manifest);
	return -EINVAL;
}
