/* hub/deployed: the list is kept, read strictly; images come in pieces, whole or not at all. */
#include "hub/deployed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char state[] = "/tmp/mayfly-deployed-XXXXXX";
static char directory[64], list[80];
static char error[DEPLOYED_ERROR_MAX];

static void empty(void)
{
	DIR *all = opendir(directory);
	struct dirent *e;
	char path[400];

	while (all && (e = readdir(all))) {
		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		(void)unlink(path);
	}
	if (all)
		closedir(all);
	(void)rmdir(directory);
}

static int setup(void **unused)
{
	(void)unused;
	if (!mkdtemp(state))
		return -1;
	snprintf(directory, sizeof(directory), "%s/deployed", state);
	snprintf(list, sizeof(list), "%s/list", directory);
	return 0;
}

static int fresh(void **unused)
{
	(void)unused;
	empty();
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	empty();
	return rmdir(state);
}

static struct deployed one(const char *name, uint8_t base, uint8_t now)
{
	struct deployed d = {.has_before = true, .allowed = true, .counter = 7};

	snprintf(d.name, sizeof(d.name), "%s", name);
	snprintf(d.image, sizeof(d.image), "images/a name.mfy");
	memset(d.base, base, sizeof(d.base));
	memset(d.now, now, sizeof(d.now));
	memset(d.before, base, sizeof(d.before));
	return d;
}

static void test_kept(void **unused)
{
	struct deployed a = one("dns", 1, 2), b = one("linalg", 3, 4);
	struct deployments d;
	const struct deployed *got;

	(void)unused;
	assert_int_equal(deployed_open(&d, state, error), 0);
	assert_int_equal(access(directory, F_OK), -1); /* nothing was ever deployed */
	assert_int_equal(deployed_put(&d, &a), 0);
	assert_int_equal(deployed_put(&d, &b), 0);
	a.has_trial = true;
	a.allowed = false;
	assert_int_equal(deployed_put(&d, &a), 0);
	deployed_close(&d);
	assert_int_equal(deployed_open(&d, state, error), 0);
	got = deployed_find(&d, "dns");
	assert_non_null(got);
	assert_memory_equal(got->now, a.now, sizeof(a.now));
	assert_true(got->has_before && got->has_trial && !got->allowed);
	assert_string_equal(got->image, "images/a name.mfy");
	got = deployed_find(&d, "linalg");
	assert_non_null(got);
	assert_true(got->allowed && got->counter == 7 && !got->has_trial);
	assert_null(deployed_find(&d, "echo"));
	deployed_close(&d);
}

static unsigned said;

static void say(const struct deployed *deployed)
{
	assert_string_equal(deployed->name, "dns");
	said++;
}

static void test_what_is_stale_goes(void **unused)
{
	struct deployed a = one("dns", 1, 2), b = one("linalg", 3, 4);
	struct deployments d;

	(void)unused;
	assert_int_equal(deployed_open(&d, state, error), 0);
	assert_int_equal(deployed_put(&d, &a), 0);
	assert_int_equal(deployed_put(&d, &b), 0);
	deployed_find(&d, "dns")->stale = true;
	assert_int_equal(deployed_forget_stale(&d, say), 0);
	assert_int_equal(said, 1);
	deployed_close(&d);
	assert_int_equal(deployed_open(&d, state, error), 0);
	assert_null(deployed_find(&d, "dns"));
	assert_non_null(deployed_find(&d, "linalg"));
	deployed_close(&d);
}

static void write_list(const char *text)
{
	int fd;

	(void)mkdir(directory, 0700);
	fd = open(list, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

#define HEX "0000000000000000000000000000000000000000000000000000000000000000"

static void test_damaged(void **unused)
{
	static const char *const bad[] = {
		"",
		"mayfly deployed 2\n",
		"mayfly deployed 1\ndns\n",
		"mayfly deployed 1\ndns " HEX " " HEX " - - -\n",
		"mayfly deployed 1\ndns " HEX " " HEX " - - - ",
		"mayfly deployed 1\nDNS " HEX " " HEX " - - - a.mfy\n",
		"mayfly deployed 1\n../x " HEX " " HEX " - - - a.mfy\n",
		"mayfly deployed 1\ndns " HEX "0 " HEX " - - - a.mfy\n",
		"mayfly deployed 1\ndns " HEX " G" HEX " - - - a.mfy\n",
		"mayfly deployed 1\ndns " HEX " " HEX " - - x a.mfy\n",
		"mayfly deployed 1\ndns " HEX " " HEX " - - 1 a.mfy",
	};
	struct deployments d;

	(void)unused;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_list(bad[i]);
		assert_int_equal(deployed_open(&d, state, error), -EINVAL);
		assert_non_null(strstr(error, "is damaged"));
		deployed_close(&d);
	}
	write_list("mayfly deployed 1\ndns " HEX " " HEX " - - - a.mfy\n");
	assert_int_equal(deployed_open(&d, state, error), 0);
	deployed_close(&d);
}

static void name_of(const void *bytes, size_t n, char name[static 65])
{
	uint8_t digest[32];

	crypto_hash_sha256(digest, bytes, n);
	deployed_digest_text(digest, name);
}

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static void test_pieces(void **unused)
{
	const char *text = "an image in pieces";
	uint8_t digest[DEPLOYED_DIGEST], again[DEPLOYED_DIGEST];
	char name[65], variant[80], path[PATH_MAX];
	struct deployments d;

	(void)unused;
	name_of(text, 18, name);
	assert_int_equal(deployed_open(&d, state, error), 0);
	assert_int_equal(deployed_piece(&d, str(name), 0, 18, mf_str_of(text, 8)), 0);
	assert_int_equal(deployed_piece(&d, str(name), 8, 18, mf_str_of(text + 8, 10)), 1);
	assert_true(deployed_digest_read(str(name), digest));
	assert_true(deployed_path(&d, digest, path));
	assert_int_equal(deployed_digest_of(path, again), 0);
	assert_memory_equal(digest, again, sizeof(digest));
	snprintf(variant, sizeof(variant), "%s+haswell", name);
	assert_int_equal(deployed_piece(&d, str(variant), 0, 3, MF_STR("abc")), 1);
	deployed_tidy(&d, digest, false);
	assert_int_equal(access(path, F_OK), 0);
	deployed_tidy(&d, NULL, true); /* no line names it, but it has just come */
	assert_int_equal(access(path, F_OK), 0);
	deployed_tidy(&d, NULL, false);
	assert_int_equal(access(path, F_OK), -1);
	deployed_close(&d);
}

static void test_pieces_that_are_refused(void **unused)
{
	struct deployments d;
	char name[65];

	(void)unused;
	name_of("abcdef", 6, name);
	assert_int_equal(deployed_open(&d, state, error), 0);
	assert_int_equal(deployed_piece(&d, MF_STR("list"), 0, 6, MF_STR("abcdef")), -EINVAL);
	assert_int_equal(deployed_piece(&d, MF_STR("../" HEX), 0, 6, MF_STR("abcdef")), -EINVAL);
	assert_int_equal(deployed_piece(&d, MF_STR(HEX "+../x"), 0, 6, MF_STR("abcdef")), -EINVAL);
	assert_int_equal(deployed_piece(&d, MF_STR(HEX "+"), 0, 6, MF_STR("abcdef")), -EINVAL);
	assert_int_equal(deployed_piece(&d, str(name), 0, MFI_FILE_MAX + 1, MF_STR("a")), -EFBIG);
	assert_int_equal(deployed_piece(&d, str(name), 0, 6, MF_STR("")), -ESPIPE);
	assert_int_equal(deployed_piece(&d, str(name), 0, 6, MF_STR("abcdefg")), -ESPIPE);
	assert_int_equal(deployed_piece(&d, str(name), 3, 6, MF_STR("def")), -ESPIPE);
	assert_int_equal(deployed_piece(&d, str(name), 0, 6, MF_STR("abc")), 0);
	assert_int_equal(deployed_piece(&d, str(name), 4, 6, MF_STR("ef")), -ESPIPE);
	/* a piece that doesn't belong there spoils nothing */
	assert_int_equal(deployed_piece(&d, str(name), 3, 6, MF_STR("def")), 1);
	assert_int_equal(deployed_piece(&d, str(name), 0, 6, MF_STR("abcdeX")), -EBADMSG);
	deployed_close(&d);
	assert_int_equal(deployed_open(&d, NULL, error), 0);
	assert_int_equal(deployed_piece(&d, str(name), 0, 6, MF_STR("abcdef")), -ENOENT);
	deployed_close(&d);
}

static void test_no_more_than_so_many(void **unused)
{
	struct deployments d;
	struct deployed a = one("dns", 1, 2);
	char name[65], text[8];

	(void)unused;
	assert_int_equal(deployed_open(&d, state, error), 0);
	for (unsigned i = 0; i < DEPLOYED_FILES; i++) {
		snprintf(text, sizeof(text), "%u", i);
		name_of(text, strlen(text), name);
		assert_int_equal(deployed_piece(&d, str(name), 0, strlen(text), str(text)), 1);
		snprintf(a.name, sizeof(a.name), "s%u", i);
		assert_true(deployed_digest_read(str(name), a.now));
		assert_int_equal(deployed_put(&d, &a), 0);
	}
	name_of("more", 4, name);
	assert_int_equal(deployed_piece(&d, str(name), 0, 4, MF_STR("more")), -ENOSPC);
	d.list->now[0] ^= 1; /* one that nobody needs any more makes room */
	assert_int_equal(deployed_piece(&d, str(name), 0, 4, MF_STR("more")), 1);
	deployed_close(&d);
}

static void test_no_more_variants_than_so_many(void **unused)
{
	struct deployments d;
	char name[65], other[65], variant[80];

	(void)unused;
	name_of("image", 5, name);
	name_of("other", 5, other);
	assert_int_equal(deployed_open(&d, state, error), 0);
	for (unsigned i = 0; i < DEPLOYED_VARIANTS; i++) {
		snprintf(variant, sizeof(variant), "%s+v%u", name, i);
		assert_int_equal(deployed_piece(&d, str(variant), 0, 1, MF_STR("v")), 1);
	}
	assert_int_equal(deployed_piece(&d, str(variant), 0, 1, MF_STR("w")), 1); /* it is there */
	assert_int_equal(deployed_piece(&d, str(name), 0, 5, MF_STR("image")), 1);
	snprintf(variant, sizeof(variant), "%s+more", name);
	assert_int_equal(deployed_piece(&d, str(variant), 0, 1, MF_STR("v")), -ENOSPC);
	snprintf(variant, sizeof(variant), "%s+more", other); /* those that no line names go */
	assert_int_equal(deployed_piece(&d, str(variant), 0, 1, MF_STR("v")), 1);
	deployed_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kept, fresh),
		cmocka_unit_test_setup(test_what_is_stale_goes, fresh),
		cmocka_unit_test_setup(test_damaged, fresh),
		cmocka_unit_test_setup(test_pieces, fresh),
		cmocka_unit_test_setup(test_pieces_that_are_refused, fresh),
		cmocka_unit_test_setup(test_no_more_than_so_many, fresh),
		cmocka_unit_test_setup(test_no_more_variants_than_so_many, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
