/* image/variant.c: which of the files beside an image are variants of it, and which one is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/variant.h"
#include "sys/fd.h"
#include "tests/unit/image/sample.h"

#define SSE3 (1ull << MFI_CPU_SSE3)
#define AVX2 (1ull << MFI_CPU_AVX2)
#define FMA  (1ull << MFI_CPU_FMA)

static char directory[] = "/tmp/mayfly-variant-XXXXXX";

static const char *in(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *to = path[turn++ % 4];

	snprintf(to, PATH_MAX, "%s/%s", directory, name);
	return to;
}

static void write_image(
	const char *name, const char *variant, uint64_t processor, const char *manifest)
{
	struct image d = sample_description();
	FILE *file = fopen(in(name), "wb");
	uint8_t *bytes;
	size_t size;

	snprintf(d.note.variant, sizeof(d.note.variant), "%s", variant);
	d.note.processor = processor;
	d.manifest = mf_str_of(manifest, strlen(manifest));
	bytes = sample_bytes(&d, &size);
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	free(bytes);
}

/* The variant's name that is taken of in("x.mfy"), "" itself; its digest into *digest, unless NULL. */
static void assert_taken(
	uint64_t processor, const uint8_t *wanted, const char *name, uint8_t *digest)
{
	char error[IMAGE_ERROR_MAX];
	struct variant variant;
	struct image image;
	int fd = fd_open_file(in("x.mfy")), other;

	assert_true(fd >= 0);
	assert_int_equal(image_open(&image, fd, error), 0);
	close(fd);
	other = variant_choose(in("x.mfy"), processor, wanted, &image, &variant);
	assert_string_equal(image.note.variant, name);
	assert_int_equal(other >= 0, name[0] != '\0');
	if (other >= 0)
		close(other);
	assert_string_equal(variant.path + strlen(directory) + 1,
		name[0] ? strrchr(variant.path, '/') + 1 : "x.mfy");
	if (digest)
		memcpy(digest, image.digest, sizeof(image.digest));
	image_close(&image);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"x.mfy", "x+b.mfy", "x+a.mfy", "x+.mfy", "x+c.txt",
		"y+a.mfy", "xy.mfy", "x+old.mfy"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in(names[i]));
	return rmdir(directory);
}

static void test_paths(void **state)
{
	char to[PATH_MAX], longest[PATH_MAX];

	(void)state;
	assert_true(variant_path("a/b.mfy", "c", to));
	assert_string_equal(to, "a/b+c.mfy");
	assert_false(variant_path("a/b", "c", to));
	assert_false(variant_path(".mfy", "c", to));
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + sizeof(longest) - 5, ".mfy");
	assert_false(variant_path(longest, "c", to));
	variant_each(longest, NULL, NULL); /* there is no such directory */
	variant_each("none", NULL, NULL);
}

static void test_choosing(void **state)
{
	uint8_t itself[32], best[32], other[32] = {1};

	(void)state;
	write_image("x.mfy", "", 0, SAMPLE_MANIFEST);
	assert_taken(~0ull, NULL, "", itself);
	/* names that are no variant's */
	write_image("x+.mfy", "a", SSE3, SAMPLE_MANIFEST);
	write_image("x+c.txt", "a", SSE3, SAMPLE_MANIFEST);
	write_image("y+a.mfy", "a", SSE3, SAMPLE_MANIFEST);
	write_image("xy.mfy", "a", SSE3, SAMPLE_MANIFEST);
	assert_taken(~0ull, NULL, "", NULL);
	write_image("x+a.mfy", "a", SSE3 | AVX2, SAMPLE_MANIFEST);
	write_image("x+b.mfy", "b", SSE3 | AVX2 | FMA, SAMPLE_MANIFEST);
	assert_taken(SSE3, NULL, "", NULL);
	assert_taken(SSE3 | AVX2, NULL, "a", NULL);
	assert_taken(SSE3 | AVX2 | FMA, NULL, "b", best);
	/* one that is looked for, whatever it needs; else as ever */
	assert_taken(~0ull, itself, "", NULL);
	assert_taken(SSE3, best, "b", NULL);
	assert_taken(SSE3 | AVX2, other, "a", NULL);
	/* two that need the same: always one of them */
	write_image("x+a.mfy", "a", SSE3 | AVX2 | FMA, SAMPLE_MANIFEST);
	assert_taken(~0ull, NULL, "b", NULL);
}

static void test_left_out(void **state)
{
	char error[IMAGE_ERROR_MAX];
	struct variant variant;
	struct image image;
	int fd;

	(void)state;
	write_image("x.mfy", "", 0, SAMPLE_MANIFEST);
	unlink(in("x+a.mfy"));
	unlink(in("x+b.mfy"));
	write_image("x+old.mfy", "old", SSE3, SAMPLE_MANIFEST "counter: 3\n");
	fd = fd_open_file(in("x.mfy"));
	assert_int_equal(image_open(&image, fd, error), 0);
	assert_int_equal(variant_choose(in("x.mfy"), ~0ull, NULL, &image, &variant), -1);
	assert_non_null(strstr(variant.left, "x+old.mfy\": has another manifest"));
	close(fd);
	image_close(&image);
	assert_taken(~0ull, NULL, "", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_choosing),
		cmocka_unit_test(test_left_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
