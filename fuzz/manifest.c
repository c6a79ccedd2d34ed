/*
 * fuzz/manifest.c - a mayfly.yaml, as its author or an image brings it. What is accepted says the same
 * when it is read again, and an image that is made of it is accepted too.
 */
/* libfuzzer: -max_len=8192 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "image/grants.h"
#include "image/image.h"
#include "image/key.h"
#include "image/note.h"
#include "image/pattern.h"
#include "image/write.h"

static const uint8_t code[16] = {0x0f, 0x0b};

static void check_image(const struct manifest *m, struct mf_str text)
{
	static struct mfi_module module = {.name = "service", .text = 16, .why = "mf_main"};
	struct image image = {.entry = MF_ADDR_TEXT,
		.segments = 1,
		.manifest = text,
		.modules = &module,
		.module_count = 1};
	char error[IMAGE_ERROR_MAX], why[MANIFEST_ERROR_MAX];
	struct manifest again;
	struct image read;
	uint8_t *bytes;
	size_t n;

	note_from_manifest(&image.note, m);
	image.segment[0] = (struct image_segment){.address = MF_ADDR_TEXT,
		.memory = sizeof(code),
		.file_bytes = code,
		.file = sizeof(code),
		.execute = true};
	MUST(image_write(&image, &bytes, &n) == 0);
	if (image_parse(&read, bytes, n, error) == 0) {
		MUST(note_manifest(&again, &read, "again", why) == 0);
		MUST(strcmp(again.name, m->name) == 0);
		manifest_free(&again);
	} else {
		/* what the builder would say too */
		MUST(n > m->budget || memchr(text.p, 0, text.n));
	}
	free(bytes);
}

static void check_grants(const struct manifest *m, const struct mfi_image *note)
{
	static const char *const names[] = {"home/hall", "a", "", "#", "$SYS/x", "a/b/c"};
	char why[GRANTS_WHY_MAX];

	for (unsigned kind = 1; kind < MF_EFFECT_KINDS; kind++)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct mf_str name = mf_str_of(names[i], strlen(names[i]));
			bool may = grants_allow(note, m, kind, name, "do that", why);

			MUST(!may || kind == MF_EFFECT_LOG || (note->grants & MFI_GRANT(kind)));
			MUST(may || strlen(why) < sizeof(why));
		}
}

static void check_text(const struct manifest *m)
{
	struct key key;

	MUST(m->name[0] >= 'a' && m->name[0] <= 'z' && strlen(m->name) <= MFI_NAME_MAX);
	MUST(m->name[strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0');
	MUST(key_parse(&key, m->key) == NULL);
	for (unsigned i = 0; i < m->triggers_count; i++)
		MUST(!m->triggers[i].path || pattern_wrong(m->triggers[i].path) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	uint8_t *bytes = fuzz_copy(input, n);
	struct mf_str text = mf_str_of(bytes, n);
	char error[MANIFEST_ERROR_MAX] = "";
	struct manifest manifest;
	struct mfi_image note;

	if (manifest_parse(&manifest, text, "x/mayfly.yaml", error) == 0) {
		check_text(&manifest);
		note_from_manifest(&note, &manifest);
		check_grants(&manifest, &note);
		if (n <= MFI_MANIFEST_MAX)
			check_image(&manifest, text);
		manifest_free(&manifest);
	} else {
		MUST(strncmp(error, "x/mayfly.yaml", 13) == 0 && strlen(error) < sizeof(error));
	}
	free(bytes);
	return 0;
}
