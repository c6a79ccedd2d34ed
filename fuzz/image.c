/*
 * fuzz/image.c - a NAME.mfy that somebody sends: the file, its note, its manifest and where the
 * monitor would lay it. What is accepted must keep to the map (abi/guest.h), and must be the same
 * image when it is written again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "image/image.h"
#include "image/note.h"
#include "image/signature.h"
#include "image/write.h"
#include "monitor/layout.h"

static bool inside(const void *p, size_t n, const uint8_t *bytes, size_t size)
{
	const uint8_t *at = p;

	return at >= bytes && n <= size && at + n <= bytes + size;
}

static void check_segments(const struct image *image, const uint8_t *bytes, size_t n)
{
	uint64_t before = 0;
	bool entered = false;

	MUST(image->segments >= 1 && image->segments <= MFI_SEGMENTS);
	for (unsigned i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];
		uint64_t end = s->address + s->memory;

		MUST(inside(s->file_bytes, s->file, bytes, n) && s->file <= s->memory);
		MUST(s->address % MF_PAGE == 0 && s->address >= before && end > s->address);
		MUST(!(s->write && s->execute));
		if (s->write)
			MUST(s->address >= image_effects_at(image) + image->note.effects_bytes &&
				end <= image_guard_at(image));
		else
			MUST(s->address >= MF_ADDR_TEXT && end <= MF_ADDR_TEXT_END);
		entered |= s->execute && image->entry >= s->address && image->entry < end;
		before = (end + MF_PAGE - 1) / MF_PAGE * MF_PAGE;
	}
	MUST(entered);
	MUST(image_heap_at(image) <= image_guard_at(image));
}

/* A region lies in the memory that it names. */
static bool lies_there(const struct layout *l, const struct layout_region *r)
{
	const struct {
		uint64_t gpa, bytes;
	} memory[LAYOUT_MEMORIES] = {
		[LAYOUT_FIXED] = {l->fixed_gpa, l->fixed_bytes},
		[LAYOUT_SHELL] = {l->shell_gpa, l->window_bytes},
		[LAYOUT_INPUT] = {MF_ADDR_INPUT, l->input_bytes},
		[LAYOUT_OUTPUT] = {MF_ADDR_OUTPUT, l->output_bytes},
	};

	return r->memory < LAYOUT_MEMORIES && r->gpa >= memory[r->memory].gpa &&
		r->gpa - memory[r->memory].gpa + r->bytes <= memory[r->memory].bytes;
}

/* Regions never share a guest address, and nothing is writable and executable. */
static void check_layout(const struct image *image)
{
	struct layout l;

	layout_make(&l, image, MF_PAGE);
	MUST(l.regions <= LAYOUT_REGIONS);
	for (unsigned i = 0; i < l.regions; i++) {
		const struct layout_region *r = &l.region[i];

		MUST(!(r->write && r->execute) && r->bytes % MF_PAGE == 0);
		MUST(lies_there(&l, r));
		MUST(!r->write || r->memory == LAYOUT_SHELL || r->memory == LAYOUT_OUTPUT);
		MUST(!r->execute || !layout_is_area(r));
		for (unsigned k = 0; k < i; k++)
			MUST(r->address + r->bytes <= l.region[k].address ||
				l.region[k].address + l.region[k].bytes <= r->address);
	}
}

static void check_manifest(const struct image *image)
{
	char error[MANIFEST_ERROR_MAX] = "";
	struct manifest manifest;

	if (note_manifest(&manifest, image, "x.mfy", error) < 0) {
		MUST(error[0] != '\0' && strlen(error) < sizeof(error));
		return;
	}
	MUST((image->note.grants & ~note_allowed(&manifest)) == 0);
	MUST(strcmp(manifest.name, image->note.name) == 0);
	manifest_free(&manifest);
}

/* Written again it is accepted again, and writing that gives the same bytes. */
static void check_again(const struct image *image)
{
	uint8_t *first = NULL, *second = NULL;
	size_t first_n = 0, second_n = 0;
	char error[IMAGE_ERROR_MAX];
	struct image again;

	if (image->module_count == 0) /* the builder always writes some */
		return;
	MUST(image_write(image, &first, &first_n) == 0);
	if (image_parse(&again, first, first_n, error) == 0) {
		MUST(memcmp(&again.note, &image->note, sizeof(again.note)) == 0);
		MUST(again.entry == image->entry && again.segments == image->segments);
		MUST(mf_str_eq(again.manifest, image->manifest));
		MUST(image_write(&again, &second, &second_n) == 0);
		MUST(first_n == second_n && memcmp(first, second, first_n) == 0);
		free(second);
	} else {
		/* notes that this mayfly ignores are gone, so it may have been smaller: never larger */
		MUST(first_n > image->note.budget);
	}
	free(first);
}

/* Signed or not: what it carries is what mayfly sign would write, for this image. */
static void check_signature(const struct image *image, const uint8_t *bytes, size_t n)
{
	char error[SIGNATURE_ERROR_MAX] = "";
	struct signature signature;
	uint64_t counter;
	int rc = signature_of_image(image, &signature, &counter, error);

	MUST(image->content <= n && (image->content < n) == (image->signature.n > 0));
	MUST((rc == -ENOENT) == (image->signature.n == 0));
	if (image->signature.n > 0)
		MUST(inside(image->signature.p, image->signature.n, bytes, n));
	if (rc == 0)
		MUST(counter >= image->note.counter &&
			(signature.service[0] == '\0' ||
				strcmp(signature.service, image->note.name) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	uint8_t *bytes = fuzz_copy(input, n);
	char error[IMAGE_ERROR_MAX] = "";
	struct image image;

	if (image_parse(&image, bytes, n, error) == 0) {
		MUST(inside(image.manifest.p, image.manifest.n, bytes, n));
		MUST(image.module_count == 0 ||
			inside(image.modules, image.module_count * sizeof(struct mfi_module), bytes,
				n));
		check_segments(&image, bytes, n);
		check_layout(&image);
		check_manifest(&image);
		check_signature(&image, bytes, n);
		check_again(&image);
	} else {
		MUST(error[0] != '\0' && strlen(error) < sizeof(error));
	}
	free(bytes);
	return 0;
}

/* ------------------------------------------------------------------- mutator */

static uint64_t odd_number(uint64_t is, unsigned *seed)
{
	static const uint64_t odd[] = {0, 1, 15, 16, MF_PAGE, MF_PAGE - 1, MF_WINDOW_DEFAULT,
		MF_ADDR_WINDOW, MF_ADDR_TEXT, MF_ADDR_TEXT_END, UINT32_MAX, INT64_MAX, UINT64_MAX};

	switch (fuzz_below(seed, 4)) {
	case 0: return is + MF_PAGE;
	case 1: return is - MF_PAGE;
	case 2: return is ^ (1ull << fuzz_below(seed, 64));
	default: return odd[fuzz_below(seed, sizeof(odd) / sizeof(odd[0]))];
	}
}

static void change_note(struct mfi_image *note, unsigned *seed)
{
	uint32_t *narrow[] = {&note->version, &note->abi, &note->machine, &note->flags,
		&note->grants, &note->event_bytes, &note->effects_bytes, &note->stack_bytes};
	uint64_t *wide[] = {&note->window_bytes, &note->init_bytes, &note->input_bytes,
		&note->output_bytes, &note->cpu_ns, &note->deadline_ns, &note->init_ns,
		&note->counter, &note->budget};
	unsigned i = fuzz_below(seed, 18);

	if (i < 8)
		*narrow[i] = (uint32_t)odd_number(*narrow[i], seed);
	else if (i < 17)
		*wide[i - 8] = odd_number(*wide[i - 8], seed);
	else
		LLVMFuzzerMutate((uint8_t *)note->name, sizeof(note->name), sizeof(note->name));
}

static void change_segment(struct image *image, unsigned *seed)
{
	unsigned i = fuzz_below(seed, image->segments);
	struct image_segment *s = &image->segment[i];

	switch (fuzz_below(seed, 6)) {
	case 0: s->address = odd_number(s->address, seed); break;
	case 1: s->memory = odd_number(s->memory, seed); break;
	case 2: s->file = fuzz_below(seed, (uint32_t)s->file + 1); break;
	case 3: s->write = !s->write; break;
	case 4: s->execute = !s->execute; break;
	default:
		if (image->segments < MFI_SEGMENTS)
			image->segment[image->segments++] = *s;
	}
}

static void change_manifest(struct image *image, unsigned *seed)
{
	static uint8_t text[MFI_MANIFEST_MAX];
	size_t n = image->manifest.n, most = n + 1 + fuzz_below(seed, 64);

	memcpy(text, image->manifest.p, n);
	n = LLVMFuzzerMutate(text, n, most < sizeof(text) ? most : sizeof(text));
	image->manifest = mf_str_of(text, n);
}

static void change(struct image *image, unsigned *seed)
{
	switch (fuzz_below(seed, 5)) {
	case 0: change_segment(image, seed); break;
	case 1: image->entry = odd_number(image->entry, seed); break;
	case 2: change_manifest(image, seed); break;
	case 3: image->module_count = fuzz_below(seed, image->module_count + 1); break;
	default: change_note(&image->note, seed); break;
	}
}

/* A whole image stays one in its outer shape. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
	char error[IMAGE_ERROR_MAX];
	uint8_t *copy, *out = NULL;
	struct image image;
	size_t size = 0;

	if (fuzz_below(&seed, 4) == 0)
		return LLVMFuzzerMutate(bytes, n, most);
	copy = fuzz_copy(bytes, n);
	if (image_parse(&image, copy, n, error) == 0) {
		change(&image, &seed);
		if (image_write(&image, &out, &size) < 0)
			out = NULL;
	}
	if (out != NULL && size <= most)
		memcpy(bytes, out, n = size);
	else
		n = LLVMFuzzerMutate(bytes, n, most);
	free(out);
	free(copy);
	return n;
}
