#include "tests/unit/image/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest.h"
#include "image/note.h"
#include "image/write.h"

static const uint8_t code[] = {0x0f, 0x0b, 0xc3, 0x90, 0x90}; /* never run */
static const uint8_t constants[] = "constants";
static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};
static struct mfi_module modules[2] = {
	{.name = "service", .text = 5, .data = 7, .why = "mf_main"},
	{.name = "wire/dns", .text = 10, .why = "dns_query_read (main.c)"},
};

struct image sample_description(void)
{
	char error[MANIFEST_ERROR_MAX];
	struct image image = {.entry = MF_ADDR_TEXT + 2, .segments = 3};
	struct manifest manifest;

	image.manifest = MF_STR(SAMPLE_MANIFEST);
	if (manifest_parse(&manifest, image.manifest, "sample", error)) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	note_from_manifest(&image.note, &manifest);
	manifest_free(&manifest);
	image.modules = modules;
	image.module_count = 2;
	image.segment[0] = (struct image_segment){.address = MF_ADDR_TEXT,
		.memory = sizeof(code),
		.file_bytes = code,
		.file = sizeof(code),
		.execute = true};
	image.segment[1] = (struct image_segment){.address = MF_ADDR_TEXT + MF_PAGE,
		.memory = sizeof(constants),
		.file_bytes = constants,
		.file = sizeof(constants)};
	image.segment[2] = (struct image_segment){
		.address = MF_ADDR_WINDOW + MF_EVENT_DEFAULT + MF_EFFECTS_DEFAULT,
		.memory = 100,
		.file_bytes = data,
		.file = sizeof(data),
		.write = true};
	return image;
}

uint8_t *sample_bytes(const struct image *description, size_t *size)
{
	uint8_t *bytes = NULL;

	if (image_write(description, &bytes, size))
		abort();
	return bytes;
}

Elf64_Phdr sample_header(const uint8_t *bytes, unsigned i)
{
	Elf64_Phdr h;

	memcpy(&h, bytes + sizeof(Elf64_Ehdr) + i * sizeof(h), sizeof(h));
	return h;
}

void sample_set_header(uint8_t *bytes, unsigned i, Elf64_Phdr header)
{
	memcpy(bytes + sizeof(Elf64_Ehdr) + i * sizeof(header), &header, sizeof(header));
}
