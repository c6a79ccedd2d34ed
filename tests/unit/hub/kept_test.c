/* hub/kept: what is kept of a service between two workers, how much, and for how long. */
#include "hub/kept.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"

static struct hub hub;

static void make_service(struct service *s, uint64_t init_bytes)
{
	service_init(s, &hub);
	s->note.flags = MFI_HAS_INIT;
	s->note.window_bytes = 65536;
	s->note.init_bytes = init_bytes;
}

/* As a worker does: some bytes, sealed or not. */
static void write_some(struct service *s, size_t n, bool seal)
{
	int fd = kept_descriptor(s);
	char *bytes = calloc(1, n);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), n);
	if (seal)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
	free(bytes);
	kept_after(s);
}

static void test_kept(void **state)
{
	struct service s;
	int fd;

	(void)state;
	make_service(&s, 65536);
	write_some(&s, 8192, false); /* its worker died early: nothing to keep */
	assert_int_equal(s.snap.fd, -1);
	assert_int_equal(hub.kept_bytes, 0);
	write_some(&s, 8192, true);
	assert_true(s.snap.fd >= 0);
	assert_int_equal(hub.kept_bytes, 8192);
	fd = kept_descriptor(&s); /* for the next worker, who ends too */
	assert_int_equal(fd, s.snap.fd);
	kept_after(&s);
	assert_int_equal(hub.kept_bytes, 8192);
	assert_int_equal(ftruncate(fd, 1 << 30), -1); /* a worker can't make it grow */
	kept_tick(&s);
	assert_true(s.snap.fd >= 0);
	s.snap.until_ns = 0;
	kept_tick(&s);
	assert_int_equal(s.snap.fd, -1);
	assert_int_equal(hub.kept_bytes, 0);
	loop_timer_clear(hub.loop, &s.timer);
}

static void test_bounds(void **state)
{
	static struct service s[8];

	(void)state;
	make_service(&s[0], 65536);
	s[0].note.flags = 0; /* no mf_init: nothing that a start could save */
	assert_int_equal(kept_descriptor(&s[0]), -1);
	make_service(&s[0], 64 << 20); /* too big */
	assert_int_equal(kept_descriptor(&s[0]), -1);
	for (int i = 0; i < 8; i++) {
		make_service(&s[i], 7 << 20);
		write_some(&s[i], 6 << 20, true);
		assert_int_equal(s[i].snap.fd >= 0, i < 5); /* 5 x 6 MiB of 32 */
	}
	for (int i = 0; i < 8; i++) {
		kept_drop(&s[i]);
		loop_timer_clear(hub.loop, &s[i].timer);
	}
	assert_int_equal(hub.kept_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_bounds),
	};
	int rc;

	hub_init(&hub);
	if (loop_open(&hub.loop) < 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	loop_close(hub.loop);
	return rc;
}
