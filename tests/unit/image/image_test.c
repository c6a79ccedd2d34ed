/* tests/unit/image/image_test.c - what is read from an image, and that nothing else passes */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "image/write.h"
#include "tests/unit/image/sample.h"

struct fixture {
	struct image description;
	uint8_t *bytes;
	size_t size;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->description = sample_description();
	f->bytes = sample_bytes(&f->description, &f->size);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->bytes);
	free(f);
	return 0;
}

/* Parses a copy of just that size, so that the sanitizer sees a byte too many. */
static int parse(const uint8_t *bytes, size_t size, char error[IMAGE_ERROR_MAX])
{
	uint8_t *copy = malloc(size ? size : 1);
	struct image image;
	int rc;

	memcpy(copy, bytes, size);
	error[0] = '\0';
	rc = image_parse(&image, copy, size, error);
	assert_true(rc == 0 || (rc == -EINVAL && error[0] && !strchr(error, '\n')));
	free(copy);
	return rc;
}

static void refused(const uint8_t *bytes, size_t size, const char *words)
{
	char error[IMAGE_ERROR_MAX];

	if (parse(bytes, size, error) == 0)
		fail_msg("passed, though it should have said \"%s\"", words);
	if (!strstr(error, words))
		fail_msg("said \"%s\" and not \"%s\"", error, words);
}

/* ----------------------------------------------------------------- right */

static void test_reads_what_was_written(void **state)
{
	const struct fixture *f = *state;
	char error[IMAGE_ERROR_MAX];
	struct image image;

	assert_int_equal(image_parse(&image, f->bytes, f->size, error), 0);
	assert_int_equal(image.size, f->size);
	assert_memory_equal(&image.note, &f->description.note, sizeof(image.note));
	assert_int_equal(image.entry, f->description.entry);
	assert_int_equal(image.segments, 3);
	for (unsigned i = 0; i < image.segments; i++) {
		const struct image_segment *a = &image.segment[i], *b = &f->description.segment[i];

		assert_int_equal(a->address, b->address);
		assert_int_equal(a->memory, b->memory);
		assert_int_equal(a->write, b->write);
		assert_int_equal(a->execute, b->execute);
		assert_int_equal(a->file, b->file);
		assert_memory_equal(a->file_bytes, b->file_bytes, a->file);
	}
	assert_true(mf_str_is(image.manifest, SAMPLE_MANIFEST));
	assert_int_equal(image.module_count, 2);
	assert_memory_equal(image.modules, f->description.modules, 2 * sizeof(struct mfi_module));
	assert_int_equal(image.signature.n, 0);
	assert_int_equal(image.content, f->size);
	assert_null(image.bytes);
	assert_int_equal(image_heap_at(&image), image.segment[2].address + 112);
	assert_int_equal(image_guard_at(&image),
		MF_ADDR_WINDOW + MF_WINDOW_DEFAULT - MF_STACK_DEFAULT - MF_PAGE);
}

static void test_writes_the_same_twice(void **state)
{
	const struct fixture *f = *state;
	size_t size;
	uint8_t *again = sample_bytes(&f->description, &size);

	assert_int_equal(size, f->size);
	assert_memory_equal(again, f->bytes, size);
	free(again);
}

/* A trailer of `n` bytes of text, behind `size` bytes. */
static size_t add_trailer(uint8_t *bytes, size_t size, uint32_t n)
{
	struct mfi_footer footer = {.text_bytes = n};

	memcpy(footer.magic, MFI_FOOTER_MAGIC, sizeof(footer.magic));
	memset(bytes + size, 'x', n);
	memcpy(bytes + size + n, &footer, sizeof(footer));
	return size + n + sizeof(footer);
}

static void test_signature_is_not_in_the_digest(void **state)
{
	const struct fixture *f = *state;
	uint8_t *bytes = calloc(1, f->size + 2 * MFI_TRAILER_MAX);
	char error[IMAGE_ERROR_MAX];
	struct image plain, image;
	size_t size;

	memcpy(bytes, f->bytes, f->size);
	size = add_trailer(bytes, f->size, 100);
	assert_int_equal(image_parse(&plain, f->bytes, f->size, error), 0);
	assert_int_equal(image_parse(&image, bytes, size, error), 0);
	assert_int_equal(image.signature.n, 100);
	assert_ptr_equal(image.signature.p, bytes + f->size);
	assert_int_equal(image.content, f->size);
	assert_int_equal(image.size, size);
	assert_memory_equal(image.digest, plain.digest, 32);
	refused(bytes, size - 1, "belong to nothing");
	refused(bytes, size + 1, "belong to nothing");
	refused(bytes, add_trailer(bytes, size, 20), "it is signed twice");
	free(bytes);
}

static void test_damaged_trailers(void **state)
{
	static const uint32_t sizes[] = {0, MFI_SIGNATURE_MAX + 1, UINT32_MAX};
	const struct fixture *f = *state;
	uint8_t *bytes = calloc(1, f->size + 2 * MFI_TRAILER_MAX);
	size_t size;

	memcpy(bytes, f->bytes, f->size);
	size = add_trailer(bytes, f->size, 100);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memcpy(bytes + size - sizeof(struct mfi_footer), &sizes[i], sizeof(sizes[i]));
		refused(bytes, size, "its signature is damaged");
	}
	size = add_trailer(bytes, f->size, 100);
	bytes[size - sizeof(struct mfi_footer) + offsetof(struct mfi_footer, reserved)] = 1;
	refused(bytes, size, "its signature is damaged");
	size = add_trailer(bytes, f->size, 100);
	refused(bytes + f->size + 100, sizeof(struct mfi_footer), "its signature is damaged");
	free(bytes);
}

static void test_open_reads_a_descriptor(void **state)
{
	const struct fixture *f = *state;
	int fd = memfd_create("image", 0), ends[2];
	char error[IMAGE_ERROR_MAX];
	struct image image;

	assert_int_equal(write(fd, f->bytes, f->size), f->size);
	assert_int_equal(image_open(&image, fd, error), 0);
	assert_int_equal(image.size, f->size);
	image_close(&image);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(image_open(&image, fd, error), -EINVAL);
	assert_int_equal(ftruncate(fd, (off_t)MFI_FILE_MAX + MFI_TRAILER_MAX + 1), 0);
	assert_int_equal(image_open(&image, fd, error), -EINVAL);
	close(fd);
	assert_int_equal(image_open(&image, fd, error), -EBADF);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(image_open(&image, ends[0], error), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}

/* ------------------------------------------------------------ wrong files */

static void test_truncated_anywhere(void **state)
{
	const struct fixture *f = *state;
	char error[IMAGE_ERROR_MAX];

	for (size_t n = 0; n < f->size; n++)
		assert_int_equal(parse(f->bytes, n, error), -EINVAL);
	refused(f->bytes, 10, "truncated");
	refused(f->bytes, f->size - 16, "truncated");
}

static void test_longer_than_it_says(void **state)
{
	const struct fixture *f = *state;
	uint8_t *longer = calloc(1, f->size + 16);

	memcpy(longer, f->bytes, f->size);
	refused(longer, f->size + 16, "belong to nothing");
	free(longer);
}

static void test_other_files(void **state)
{
	struct fixture *f = *state;
	Elf64_Ehdr *h = (Elf64_Ehdr *)(void *)f->bytes;

	uint8_t script[100] = "#!/bin/sh\n";

	refused(script, sizeof(script), "no ELF file");
	h->e_machine = EM_AARCH64;
	refused(f->bytes, f->size, "for processor 183");
	h->e_machine = EM_X86_64;
	h->e_type = ET_DYN;
	refused(f->bytes, f->size, "not laid out as an image");
	h->e_type = ET_EXEC;
	h->e_ident[EI_CLASS] = ELFCLASS32;
	refused(f->bytes, f->size, "64-bit");
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_shoff = 64;
	refused(f->bytes, f->size, "section headers");
	h->e_shoff = 0;
	h->e_phnum = 40;
	refused(f->bytes, f->size, "40 program headers");
}

/* ------------------------------------------------------------ wrong notes */

/* Writes a description anew, and expects these words. */
static void description_refused(const struct image *description, const char *words)
{
	size_t size;
	uint8_t *bytes = sample_bytes(description, &size);

	refused(bytes, size, words);
	free(bytes);
}

static void test_other_versions(void **state)
{
	struct fixture *f = *state;
	struct mfi_image *n = &f->description.note;

	n->abi = 2;
	description_refused(&f->description, "built for guest ABI 2, this mayfly runs 1");
	n->abi = MF_ABI_VERSION;
	n->version = 7;
	description_refused(&f->description, "image format 7");
	n->version = MFI_VERSION;
	n->machine = EM_AARCH64;
	description_refused(&f->description, "for processor 183");
}

static void test_sizes_that_lie(void **state)
{
	const struct fixture *f = *state;
	const struct mfi_image right = f->description.note;
	struct image d = f->description;
	struct {
		const char *words;
		struct mfi_image note;
	} cases[] = {
		{"window_bytes is 4096", right},
		{"window_bytes is 65537", right},
		{"window_bytes is 18446744073709547520", right},
		{"event_bytes is 0", right},
		{"effects_bytes is 4096", right},
		{"stack_bytes is 100", right},
		{"init_bytes is 1099511627776", right},
		{"input_bytes is 1", right},
		{"output_bytes is 9223372036854775808", right},
		{"cpu_ns is 0", right},
		{"deadline_ns is 18446744073709551615", right},
		{"init_ns is 0", right},
		{"budget is 0", right},
		{"its budget says 100", right},
		{"the window has 65536", right},
		{"unknown flags 0x80", right},
		{"unknown effects 0x1", right},
		{"reserved fields", right},
		{"service's name", right},
		{"service's name", right},
		{"version is not printable", right},
		{"doesn't know: 0x8000000000000000", right},
		{"variant's name", right},
		{"variant's name", right},
	};

	cases[0].note.window_bytes = MF_PAGE;
	cases[1].note.window_bytes = 65537;
	cases[2].note.window_bytes = ~4095ull;
	cases[3].note.event_bytes = 0;
	cases[4].note.effects_bytes = 4096;
	cases[5].note.stack_bytes = 100;
	cases[6].note.init_bytes = 1ull << 40;
	cases[7].note.input_bytes = 1;
	cases[8].note.output_bytes = 1ull << 63;
	cases[9].note.cpu_ns = 0;
	cases[10].note.deadline_ns = UINT64_MAX;
	cases[11].note.init_ns = 0;
	cases[12].note.budget = 0;
	cases[13].note.budget = 100;
	cases[14].note.event_bytes = 40960;
	cases[15].note.flags = 0x80;
	cases[16].note.grants |= 1;
	cases[17].note.reserved[0] = 1;
	strcpy(cases[18].note.name, "Sample");
	memset(cases[19].note.name, 'a', sizeof(cases[19].note.name));
	strcpy(cases[20].note.release, "1.\033[31m");
	cases[21].note.processor = 1ull << 63 | 1;
	strcpy(cases[22].note.variant, "../x");
	memset(cases[23].note.variant, 'a', sizeof(cases[23].note.variant));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d.note = cases[i].note;
		description_refused(&d, cases[i].words);
	}
}

/* The first note's type and size lie at the front of the notes. */
static Elf64_Nhdr *first_note(struct fixture *f)
{
	return (Elf64_Nhdr *)(void *)(f->bytes + sample_header(f->bytes, 0).p_offset);
}

static void test_notes_that_lie(void **state)
{
	struct fixture *f = *state;
	Elf64_Nhdr *note = first_note(f), right = *note;
	uint8_t *owner = (uint8_t *)(note + 1);

	note->n_descsz = UINT32_MAX;
	refused(f->bytes, f->size, "says 4294967295 bytes");
	note->n_descsz = 4;
	refused(f->bytes, f->size, "image note has 4 bytes");
	note->n_descsz = right.n_descsz - 4;
	refused(f->bytes, f->size, "image note has 228 bytes");
	*note = right;
	note->n_type = 99;
	refused(f->bytes, f->size, "should be the image note");
	note->n_type = MFI_NOTE_MODULES;
	refused(f->bytes, f->size, "list of modules has 232 bytes");
	note->n_type = MFI_NOTE_CRITICAL | 77;
	refused(f->bytes, f->size, "must know and doesn't");
	*note = right;
	note->n_namesz = 0;
	refused(f->bytes, f->size, "not mayfly's");
	*note = right;
	owner[0] = 'M';
	refused(f->bytes, f->size, "not mayfly's");
}

static void test_notes_header_that_lies(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr right = sample_header(f->bytes, 0), h = right;

	h.p_filesz = h.p_memsz = 1ull << 62;
	sample_set_header(f->bytes, 0, h);
	refused(f->bytes, f->size, "truncated");
	h = right;
	h.p_filesz = h.p_memsz = 8;
	sample_set_header(f->bytes, 0, h);
	refused(f->bytes, f->size, "cut short");
	h = right;
	h.p_offset += 4;
	sample_set_header(f->bytes, 0, h);
	refused(f->bytes, f->size, "does not describe the notes");
}

static void test_texts_of_notes(void **state)
{
	struct fixture *f = *state;
	struct mfi_module modules[2];

	memcpy(modules, f->description.modules, sizeof(modules));
	f->description.modules = modules;
	modules[1].why[3] = '\n';
	description_refused(&f->description, "module 1");
	modules[1].why[3] = 'q';
	memset(modules[0].name, 'x', sizeof(modules[0].name));
	description_refused(&f->description, "module 0");
	memcpy(modules, sample_description().modules, sizeof(modules));
	f->description.manifest = mf_str_of("a\0b", 3);
	description_refused(&f->description, "zero byte");
	f->description.manifest = mf_str_of("", 0);
	description_refused(&f->description, "manifest has 0 bytes");
}

/* --------------------------------------------------------- wrong segments */

static void test_segments_in_wrong_places(void **state)
{
	const struct fixture *f = *state;
	struct image d;

	d = f->description;
	d.segment[1].address = d.segment[0].address;
	description_refused(&d, "segments 0 and 1 overlap");
	d = f->description;
	d.segment[0].address += 2 * MF_PAGE;
	d.entry += 2 * MF_PAGE;
	description_refused(&d, "lies below the one before it");
	d = f->description;
	d.segment[1].address += 16;
	description_refused(&d, "segment 1 lies at");
	d = f->description;
	d.segment[1].address = MF_ADDR_DATA;
	description_refused(&d, "code and constants go");
	d = f->description;
	d.segment[0].address = MF_ADDR_GATE;
	description_refused(&d, "segment 0 lies at 0x10000");
	d = f->description;
	d.segment[2].address += MF_PAGE;
	description_refused(&d, "writable memory goes");
	d = f->description;
	d.segment[2].address = MF_ADDR_WINDOW;
	description_refused(&d, "writable memory goes");
	d = f->description;
	d.segment[1].address = ~4095ull;
	description_refused(&d, "segment 1 lies at");
}

static void test_segments_of_wrong_kind(void **state)
{
	const struct fixture *f = *state;
	struct image d;

	d = f->description;
	d.segment[0].write = true;
	description_refused(&d, "segment 0 is writable and executable");
	d = f->description;
	d.entry = MF_ADDR_TEXT + MF_PAGE;
	description_refused(&d, "entry 0x15000 lies in no executable segment");
	d.entry = MF_ADDR_TEXT + 5;
	description_refused(&d, "lies in no executable segment");
	d.entry = 0;
	description_refused(&d, "lies in no executable segment");
}

static void test_segments_of_wrong_size(void **state)
{
	const struct fixture *f = *state;
	struct image d;

	d = f->description;
	d.segment[2].memory = MF_WINDOW_DEFAULT;
	description_refused(&d, "from 1 to 20480 fit there");
	d = f->description;
	d.segment[2].memory = UINT64_MAX;
	description_refused(&d, "segment 2 has 18446744073709551615 bytes of memory");
	d = f->description;
	d.segment[2].memory = 3;
	description_refused(&d, "7 bytes in the file for 3 of memory");
	d = f->description;
	d.segment[0].memory = 1u << 20; /* memory that the file doesn't pay for */
	description_refused(&d, "segment 0 has 5 bytes in the file");
	d = f->description;
	d.segment[1].memory = d.segment[1].file = 0;
	description_refused(&d, "segment 1 has 0 bytes");
}

static void test_segments_that_lie_about_the_file(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr right = sample_header(f->bytes, 2), h = right;

	h.p_filesz = h.p_memsz = MFI_FILE_MAX;
	sample_set_header(f->bytes, 2, h);
	refused(f->bytes, f->size, "truncated: segment 1");
	sample_set_header(f->bytes, 2, right);
	h = right = sample_header(f->bytes, 3);
	h.p_filesz = h.p_memsz = 2000;
	sample_set_header(f->bytes, 3, h);
	refused(f->bytes, f->size, "truncated: segment 2");
	h = right;
	h.p_offset = 64;
	sample_set_header(f->bytes, 3, h);
	refused(f->bytes, f->size, "begins at byte 64");
	h = right;
	h.p_type = PT_INTERP;
	sample_set_header(f->bytes, 3, h);
	refused(f->bytes, f->size, "does not describe a segment");
}

static void test_stray_bytes_in_padding(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr h = sample_header(f->bytes, 1);

	f->bytes[h.p_offset + h.p_filesz] = 1;
	refused(f->bytes, f->size, "belong to nothing");
}

/* ----------------------------------------------------------- any damage */

/* No byte can change without being noticed or being part of what the image says. */
static void test_every_byte_flipped(void **state)
{
	struct fixture *f = *state;
	char error[IMAGE_ERROR_MAX];
	struct image was, is;

	assert_int_equal(image_parse(&was, f->bytes, f->size, error), 0);
	for (size_t i = 0; i < f->size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			f->bytes[i] ^= (uint8_t)(1u << bit);
			parse(f->bytes, f->size, error);
			if (image_parse(&is, f->bytes, f->size, error) == 0)
				assert_memory_not_equal(is.digest, was.digest, 32);
			f->bytes[i] ^= (uint8_t)(1u << bit);
		}
}

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* Reads every byte that a parsed image points to; the sanitizer looks on. */
static uint32_t touch(const struct image *image)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < image->segments; i++)
		for (uint64_t k = 0; k < image->segment[i].file; k++)
			sum += image->segment[i].file_bytes[k];
	for (size_t k = 0; k < image->manifest.n; k++)
		sum += image->manifest.p[k];
	for (size_t k = 0; k < image->module_count * sizeof(struct mfi_module); k++)
		sum += ((const uint8_t *)image->modules)[k];
	return sum;
}

static void test_random_damage(void **state)
{
	const struct fixture *f = *state;
	static const uint8_t values[] = {0, 1, 2, 4, 7, 8, 16, 0x7f, 0x80, 0xff};
	uint32_t seed = 2463534242u, sum = 0;
	char error[IMAGE_ERROR_MAX];

	for (unsigned round = 0; round < 60000; round++) {
		size_t size = round % 4 ? f->size : next_random(&seed) % f->size;
		uint8_t *copy = malloc(size + 1);
		struct image image;

		memcpy(copy, f->bytes, size);
		for (unsigned k = next_random(&seed) % 6; k > 0 && size; k--)
			/* mostly among the headers and notes */
			copy[next_random(&seed) %
				(round % 3                   ? size
						: size < 320 ? size
							     : 320)] =
				values[next_random(&seed) % sizeof(values)];
		copy = realloc(copy, size ? size : 1);
		if (image_parse(&image, copy, size, error) == 0)
			sum += touch(&image);
		free(copy);
	}
	assert_int_not_equal(sum, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reads_what_was_written),
		TEST(test_writes_the_same_twice),
		TEST(test_signature_is_not_in_the_digest),
		TEST(test_damaged_trailers),
		TEST(test_open_reads_a_descriptor),
		TEST(test_truncated_anywhere),
		TEST(test_longer_than_it_says),
		TEST(test_other_files),
		TEST(test_other_versions),
		TEST(test_sizes_that_lie),
		TEST(test_notes_that_lie),
		TEST(test_notes_header_that_lies),
		TEST(test_texts_of_notes),
		TEST(test_segments_in_wrong_places),
		TEST(test_segments_of_wrong_kind),
		TEST(test_segments_of_wrong_size),
		TEST(test_segments_that_lie_about_the_file),
		TEST(test_stray_bytes_in_padding),
		TEST(test_every_byte_flipped),
		TEST(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
