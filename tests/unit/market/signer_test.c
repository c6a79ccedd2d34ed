/* market/signer: signs receipts, has no rights, and ends when it should */
#include "market/signer.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/secret.h"
#include "sys/sandbox.h"

struct fixture {
	char directory[64], path[96];
	struct sign_key key;
	struct signer signer;
};

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void make_key(struct fixture *f, const char *password)
{
	static const struct secret_cost cheap = {32768, 16777216};
	struct secret_key secret;
	char text[SECRET_TEXT_MAX];

	assert_int_equal(secret_make(&secret, &f->key), 0);
	assert_int_equal(secret_write(&secret, password, &cheap, text), 0);
	put(f->path, text, 0600);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/mayfly-signer-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/center.key", f->directory);
	make_key(f, NULL);
	f->signer.socket = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	signer_close(&f->signer);
	(void)unlink(f->path);
	(void)rmdir(f->directory);
	free(f);
	return 0;
}

static struct receipt sample(unsigned n)
{
	struct receipt r = {.service = "linalg", .unit = "flop", .currency = "EUR", .price = n};

	snprintf(r.event, sizeof(r.event), "event %u", n);
	return r;
}

static void start(struct fixture *f)
{
	char error[SIGNER_ERROR_MAX] = "";

	assert_int_equal(signer_open(&f->signer, f->path, error), 0);
	assert_string_equal(error, "");
	assert_memory_equal(f->signer.key, f->key.bytes, 32);
	assert_memory_equal(f->signer.key_id, f->key.id, 8);
}

static int wait_for(struct fixture *f, uint64_t *number, uint8_t signature[RECEIPT_SIGNATURE])
{
	struct pollfd p = {.fd = f->signer.socket, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 60000), 1);
	return signer_answer(&f->signer, number, signature);
}

/* Many are asked before the first answer is taken. */
static void test_signs(void **state)
{
	struct fixture *f = *state;
	unsigned asked = 0, answered = 0;

	start(f);
	while (answered < 300) {
		struct receipt r = sample(asked);
		uint64_t number;

		if (asked < 300 && signer_ask(&f->signer, asked, &r) == 0) {
			asked++;
			continue;
		}
		r = sample(answered);
		memcpy(r.key_id, f->key.id, 8);
		assert_int_equal(wait_for(f, &number, r.signature), 1);
		assert_int_equal(number, answered);
		assert_true(receipt_is_signed(&r, f->key.bytes));
		answered++;
	}
}

static void test_no_receipt(void **state)
{
	struct fixture *f = *state;
	struct receipt r = sample(1);
	uint8_t signature[RECEIPT_SIGNATURE];
	uint64_t number;

	start(f);
	r.price = -1;
	assert_int_equal(signer_ask(&f->signer, 1, &r), -EINVAL);
	r = sample(2);
	assert_int_equal(signer_answer(&f->signer, &number, signature), 0);
	assert_int_equal(signer_ask(&f->signer, 2, &r), 0);
	assert_int_equal(wait_for(f, &number, signature), 1);
	assert_int_equal(number, 2);
}

/* One line of /proc/PID/status. */
static void status_of(pid_t pid, const char *name, char *to, size_t size)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	to[0] = '\0';
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			snprintf(to, size, "%s", line + strlen(name));
	fclose(file);
}

static void test_has_no_rights(void **state)
{
	struct fixture *f = *state;
	char line[256], path[64];

	if (SANDBOX_SANITIZED)
		skip();
	start(f);
	status_of(f->signer.pid, "Seccomp:", line, sizeof(line));
	assert_string_equal(line, "\t2\n");
	status_of(f->signer.pid, "NoNewPrivs:", line, sizeof(line));
	assert_string_equal(line, "\t1\n");
	snprintf(path, sizeof(path), "/proc/%d/fd/4", (int)f->signer.pid);
	assert_int_equal(readlink(path, line, sizeof(line)), -1);
	snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)f->signer.pid);
	assert_int_equal(readlink(path, line, sizeof(line)), -1);
}

static void test_gone(void **state)
{
	struct fixture *f = *state;
	struct receipt r = sample(1);
	uint8_t signature[RECEIPT_SIGNATURE];
	uint64_t number;

	start(f);
	assert_int_equal(kill(f->signer.pid, SIGKILL), 0);
	assert_int_equal(wait_for(f, &number, signature), -EPIPE);
	assert_int_equal(signer_ask(&f->signer, 1, &r), -EPIPE);
	signer_close(&f->signer);
	assert_int_equal(signer_ask(&f->signer, 1, &r), -EPIPE);
	assert_int_equal(signer_answer(&f->signer, &number, signature), -EPIPE);
}

static void test_ends_with_its_socket(void **state)
{
	struct fixture *f = *state;
	int status;

	start(f);
	close(f->signer.socket);
	f->signer.socket = -1;
	assert_int_equal(waitpid(f->signer.pid, &status, 0), f->signer.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	f->signer.pid = -1;
}

static void test_no_key(void **state)
{
	struct fixture *f = *state;
	char error[SIGNER_ERROR_MAX];

	assert_int_equal(chmod(f->path, 0644), 0);
	assert_int_equal(signer_open(&f->signer, f->path, error), -EACCES);
	assert_non_null(strstr(error, f->path));
	put(f->path, "no key\n", 0600);
	assert_int_equal(signer_open(&f->signer, f->path, error), -EINVAL);
	make_key(f, "password");
	assert_int_equal(signer_open(&f->signer, f->path, error), -ENOKEY);
	assert_non_null(strstr(error, "keygen -W"));
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(signer_open(&f->signer, f->path, error), -ENOENT);
	assert_int_equal(f->signer.socket, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signs),
		TEST(test_no_receipt),
		TEST(test_has_no_rights),
		TEST(test_gone),
		TEST(test_ends_with_its_socket),
		TEST(test_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
