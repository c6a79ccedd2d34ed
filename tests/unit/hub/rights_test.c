/* hub/rights: what an entry and its listener say comes to who may ask */
#include "hub/rights.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/http/access.h"
#include "hub/setup.h"
#include "sys/token.h"

static char directory[] = "/tmp/mayfly-rights-XXXXXX";
static char hall[64], kitchen[64]; /* files */
static char error[HUB_ERROR_MAX];

#define HALL    "mft_hall-hall-hall-hall-hall-hall"
#define KITCHEN "mft_kitchen-kitchen-kitchen-kitchen"

static int write_tokens(char path[static 64], const char *name, const char *token)
{
	char line[TOKEN_LINE];
	uint8_t hash[TOKEN_HASH];
	int fd;

	snprintf(path, 64, "%s/%s", directory, name);
	token_hash(mf_str_of(token, strlen(token)), hash);
	token_line(name, hash, line);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		return -1;
	return close(fd);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory) || write_tokens(hall, "hall", HALL) < 0)
		return -1;
	return write_tokens(kitchen, "kitchen", KITCHEN);
}

static int teardown(void **state)
{
	(void)state;
	unlink(hall);
	unlink(kitchen);
	return rmdir(directory);
}

/* Who gets in: 'h'all's token, 'k'itchen's, 'c' a certificate, '-' nobody in particular. */
static void lets_in(const struct config_listener *listener, const struct config_access *entry,
	const char *those)
{
	static const char fields[2][64] = {"Bearer " HALL, "Bearer " KITCHEN};
	char name[] = "cn:hall";
	const struct access_certificate shown = {.count = 1, .names = {name}};
	struct rights rights = {0};
	struct access *access;
	char got[8] = "";

	assert_int_equal(rights_make(&rights, listener, entry, "here", &access, error), 0);
	rights_close(&rights);
	for (unsigned i = 0; i < 4; i++) {
		struct access_client client = {.believed = true};
		struct mf_str who;

		if (i < 2)
			client.credentials = mf_str_of(fields[i], strlen(fields[i]));
		if (i == 2)
			client.certificate = &shown;
		if (access_check(access, &client, &who) == ACCESS_GRANTED)
			strncat(got, &"hkc-"[i], 1);
	}
	access_drop(access);
	assert_string_equal(got, those);
}

static void test_what_takes_whose_place(void **state)
{
	char *halls[] = {(char *)(uintptr_t) "hall"}, *others[] = {(char *)(uintptr_t) "other"};
	const struct config_access none = {0}, open = {.open = true};
	const struct config_access file = {.tokens = kitchen};
	const struct config_access named = {.clients = halls, .clients_count = 1};
	const struct config_access by_certificate = {
		.open = true, .clients = halls, .clients_count = 1};
	struct config_listener l = {0};

	(void)state;
	lets_in(&l, NULL, "hkc-");
	lets_in(&l, &none, "hkc-");
	lets_in(&l, &file, "k");
	l.access.tokens = hall;
	lets_in(&l, NULL, "h");
	lets_in(&l, &none, "h");
	lets_in(&l, &file, "k");
	lets_in(&l, &open, "hkc-");
	lets_in(&l, &named, "h");
	l.access.clients = others;
	l.access.clients_count = 1;
	lets_in(&l, NULL, "");
	lets_in(&l, &named, "h");
	lets_in(&l, &open, "hkc-");
	l.authorities = hall;
	lets_in(&l, &by_certificate, "c");
	l.require = true;
	lets_in(&l, &open, "c");
	lets_in(&l, &named, ""); /* a token and a certificate */
}

static void test_what_cannot_be(void **state)
{
	char *halls[] = {(char *)(uintptr_t) "hall"}, nonesuch[] = "/nonesuch/tokens";
	const struct config_access named = {.clients = halls, .clients_count = 1};
	const struct config_access missing = {.tokens = nonesuch};
	const struct config_access shown = {.tokens = kitchen};
	struct config_listener l = {0};
	struct rights rights = {0};
	struct access *access;

	(void)state;
	assert_int_equal(net_parse(&l.address, "127.0.0.1:80"), 0);
	assert_int_equal(rights_make(&rights, &l, &named, "here", &access, error), SETUP_USAGE);
	assert_non_null(
		strstr(error, "here: clients: nobody can be known by name on 127.0.0.1:80"));
	assert_int_equal(
		rights_make(&rights, &l, &missing, "here", &access, error), SETUP_NOT_FOUND);
	assert_int_equal(chmod(kitchen, 0644), 0);
	assert_int_equal(rights_make(&rights, &l, &shown, "here", &access, error), SETUP_DENIED);
	assert_non_null(strstr(error, "here: tokens \"/tmp/"));
	assert_int_equal(chmod(kitchen, 0600), 0);
	assert_null(access);
	rights_close(&rights);
}

/* Read once a configuration: all routes of one see the same file. */
static void test_a_file_is_read_once(void **state)
{
	const struct config_access file = {.tokens = kitchen};
	struct config_listener l = {0};
	struct rights rights = {0};
	struct access *one, *other;

	(void)state;
	assert_int_equal(rights_make(&rights, &l, &file, "here", &one, error), 0);
	assert_int_equal(chmod(kitchen, 0644), 0);
	assert_int_equal(rights_make(&rights, &l, &file, "here", &other, error), 0);
	assert_int_equal(chmod(kitchen, 0600), 0);
	access_drop(one);
	access_drop(other);
	rights_close(&rights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_takes_whose_place),
		cmocka_unit_test(test_what_cannot_be),
		cmocka_unit_test(test_a_file_is_read_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
