/* tests/unit/hub/states_test.c - the overlay: what was put is seen, a commit settles it, a failure forgets it. */
/* with: tests/unit/store/rig.c */
#include "hub/states.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/manifest.h"
#include "tests/unit/store/rig.h"

static struct rig rig;
static struct states *states;
static uint32_t service;

static void open_states(void)
{
	assert_int_equal(states_open(&states, rig.store), 0);
	service = store_service(rig.store, MF_STR("lamp"));
}

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	open_states();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	states_close(states);
	rig_close(&rig);
	return 0;
}

static struct mf_str str(const char *s)
{
	return mf_str_of(s, strlen(s));
}

/* The value of a key is this, NULL: there is none; its version. */
static uint64_t is(const char *key, const char *expected)
{
	struct store_value value;

	assert_int_equal(states_get(states, service, str(key), &value), 0);
	assert_int_equal(value.version != 0, expected != NULL);
	assert_int_equal(value.value.p != NULL, expected != NULL);
	if (expected && !mf_str_is(value.value, expected))
		fail_msg("%s: %.*s", key, (int)value.value.n, (const char *)value.value.p);
	return value.version;
}

static struct store_tx *begin(void)
{
	struct store_tx *tx = rig_begin(&rig, STORE_BATCH);

	assert_non_null(tx);
	return tx;
}

static uint64_t put(struct store_tx *tx, const char *key, const char *value)
{
	uint64_t version =
		states_put(states, tx, service, str(key), value ? str(value) : mf_str_of(NULL, 0));

	assert_true(version != 0);
	return version;
}

/* The store may have freed it by the time when it is reported: only its address is used. */
static void commit(struct store_tx *tx)
{
	rig_commit(&rig, tx);
	states_committed(states, tx);
}

static void seen_at_once_and_later(void **state)
{
	struct store_tx *tx = begin();
	uint64_t version;

	(void)state;
	is("on", NULL);
	version = put(tx, "on", "1");
	assert_int_equal(is("on", "1"), version);
	commit(tx);
	assert_int_equal(is("on", "1"), version);
	states_close(states);
	open_states(); /* from the database */
	assert_int_equal(is("on", "1"), version);
	tx = begin();
	put(tx, "on", NULL);
	is("on", NULL);
	commit(tx);
	is("on", NULL);
	tx = begin();
	assert_true(put(tx, "on", "") > version);
	is("on", "");
	commit(tx);
}

/* Of another service, or a part of the key: something else. */
static void whose(void **state)
{
	struct store_tx *tx = begin();
	struct store_value value;

	(void)state;
	put(tx, "on", "1");
	is("o", NULL);
	assert_int_equal(states_get(states, service + 1, str("on"), &value), 0);
	assert_int_equal(value.version, 0);
	commit(tx);
}

/* Several transactions with the same key are on their way. */
static void one_above_another(void **state)
{
	struct store_tx *a = begin(), *b;

	(void)state;
	put(a, "n", "1");
	put(a, "n", "2"); /* twice in one */
	store_submit(a);
	b = begin();
	put(b, "n", "3");
	put(b, "m", "3");
	store_submit(b);
	rig_wait(&rig, rig.begun);
	is("n", "3");
	states_committed(states, a);
	is("n", "3");
	states_committed(states, b);
	is("n", "3");
	is("m", "3");
	states_close(states);
	open_states();
	is("n", "3");
}

/* A transaction that is never submitted leaves what was below it. */
static void undone(void **state)
{
	struct store_tx *a = begin(), *b;

	(void)state;
	put(a, "clean", "1");
	commit(a);
	a = begin();
	put(a, "pending", "1");
	store_submit(a);
	b = store_begin(rig.store, STORE_BATCH, rig_done, &rig);
	put(b, "clean", "2");
	put(b, "pending", "2");
	put(b, "pending", NULL);
	put(b, "new", "2");
	states_undo(states, b);
	store_drop(b);
	is("clean", "1");
	is("pending", "1");
	is("new", NULL);
	rig_wait(&rig, rig.begun);
	states_committed(states, a);
	is("pending", "1");
}

/* After a failed commit what was put never was; what is in the database is. */
static void forgotten(void **state)
{
	struct store_tx *tx = begin();

	(void)state;
	put(tx, "kept", "1");
	commit(tx);
	tx = store_begin(rig.store, STORE_BATCH, rig_done, &rig);
	put(tx, "kept", "2");
	put(tx, "lost", "2");
	is("kept", "2");
	store_drop(tx); /* as good as failed */
	states_forget(states);
	is("kept", "1");
	is("lost", NULL);
	states_committed(states, tx); /* of which nothing is known */
	is("kept", "1");
}

/* Thousands of values of a KiB: those not pending stay within their bound, and all are right. */
static void bounded(void **state)
{
	char key[16], value[1025];
	struct store_tx *tx = begin();

	(void)state;
	memset(value, 'x', 1024);
	value[1024] = '\0';
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		put(tx, key, value);
	}
	assert_true(states_bytes(states) > 3000 * 1024); /* none may go before it is written */
	commit(tx);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		is(key, value);
		assert_true(states_bytes(states) < STATES_CACHE + 4096 * sizeof(void *) + 4096);
	}
}

/* ------------------------------------------------------------------- reads */

static char *patterns[STATES_READ_MAX];
static struct manifest manifest = {.reads = patterns};

static void reads(const char *const *list)
{
	manifest.reads_count = 0;
	for (; *list; list++)
		patterns[manifest.reads_count++] = (char *)(uintptr_t)*list;
}

static void keys_of_a_subject(void **state)
{
	static const char *const list[] = {"on", "lamp/{1}", "{2}/{1}", "lamp/hall", "x/{3}", NULL};
	static const struct {
		const char *subject, *keys;
	} table[] = {
		{"hall/up", "on lamp/hall up/hall "},
		{"/hall/up", "on lamp/hall up/hall "},
		{"/attic/up/y", "on lamp/attic up/attic lamp/hall x/y "},
		{"/attic", "on lamp/attic lamp/hall "},
		{"/attic//y", "on lamp/attic lamp/hall x/y "},
		{"/", "on lamp/hall "},
		{"", "on lamp/hall "},
	};
	static char room[STATES_KEYS_ROOM];
	struct mf_str keys[STATES_READ_MAX];

	(void)state;
	reads(list);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned n = states_keys(&manifest, str(table[i].subject), room, keys);
		char text[256] = "";

		for (unsigned k = 0; k < n; k++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s ",
				(int)keys[k].n, (const char *)keys[k].p);
		assert_string_equal(text, table[i].keys);
	}
}

/* A key has 255 bytes at most: a longer part is no part. */
static void long_parts(void **state)
{
	static const char *const list[] = {"{1}", "x/{1}", NULL};
	static char room[STATES_KEYS_ROOM], subject[300];
	struct mf_str keys[STATES_READ_MAX];

	(void)state;
	reads(list);
	memset(subject, 'a', sizeof(subject));
	assert_int_equal(states_keys(&manifest, mf_str_of(subject, 300), room, keys), 0);
	assert_int_equal(states_keys(&manifest, mf_str_of(subject, 255), room, keys), 1);
	assert_int_equal(states_keys(&manifest, mf_str_of(subject, 253), room, keys), 2);
	assert_int_equal(keys[1].n, 255);
}

static uint8_t buffer[4096];

static int attach(struct event_writer *w, size_t size, struct states_seen **seen, size_t *needed)
{
	assert_true(event_begin(w, buffer, size, MF_SOURCE_HTTP));
	assert_true(event_span(w, &w->event->subject, str("/hall")));
	return states_attach(states, service, &manifest, w, seen, needed);
}

static void attached(void **state)
{
	static const char *const list[] = {"on", "lamp/{1}", NULL};
	struct store_tx *tx = begin();
	struct event_writer w;
	struct states_seen *seen;
	struct mf_record record;
	struct mf_str key;
	size_t needed;
	uint64_t version;

	(void)state;
	reads(list);
	version = put(tx, "lamp/hall", "12345");
	assert_int_equal(attach(&w, sizeof(buffer), &seen, &needed), 0);
	assert_int_equal(w.event->state_count, 2);
	memcpy(&record, buffer + w.event->state.off, sizeof(record));
	assert_int_equal(record.version, 0);
	assert_int_equal(record.flags, 1);
	memcpy(&record, buffer + w.event->state.off + record.size, sizeof(record));
	assert_int_equal(record.version, version);
	assert_int_equal(record.value_len, 5);
	assert_true(needed >= w.event->bytes);
	assert_false(states_changed(states, service, seen, &key));
	assert_true(states_unsure(states, seen));
	commit(tx);
	assert_false(states_unsure(states, seen));
	assert_false(states_changed(states, service, seen, &key));
	tx = begin();
	put(tx, "other", "1");
	assert_false(states_changed(states, service, seen, &key));
	put(tx, "on", "1"); /* it wasn't there */
	assert_true(states_changed(states, service, seen, &key));
	assert_true(mf_str_is(key, "on"));
	commit(tx);
	free(seen);
	assert_int_equal(attach(&w, needed, &seen, &needed), 0);
	assert_false(states_unsure(states, seen));
	tx = begin();
	put(tx, "lamp/hall", NULL);
	assert_true(states_changed(states, service, seen, &key));
	commit(tx);
	free(seen);
}

static void too_big_to_attach(void **state)
{
	static const char *const list[] = {"a", "b", NULL};
	struct store_tx *tx = begin();
	struct states_seen *seen;
	struct event_writer w;
	char big[3000];
	size_t needed, more;

	(void)state;
	reads(list);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put(tx, "a", big);
	put(tx, "b", big);
	assert_int_equal(attach(&w, sizeof(buffer), &seen, &needed), -E2BIG);
	assert_true(needed > 6000 && needed < 6500);
	free(seen);
	put(tx, "b", "");
	assert_int_equal(attach(&w, sizeof(buffer), &seen, &more), 0);
	assert_true(more < needed);
	free(seen);
	commit(tx);
}

/* What was seen uncommitted and then forgotten never was. */
static void unsure_for_ever(void **state)
{
	static const char *const list[] = {"a", NULL};
	struct store_tx *tx = store_begin(rig.store, STORE_BATCH, rig_done, &rig);
	struct states_seen *seen;
	struct event_writer w;
	struct mf_str key;
	size_t needed;

	(void)state;
	reads(list);
	put(tx, "a", "1");
	assert_int_equal(attach(&w, sizeof(buffer), &seen, &needed), 0);
	assert_false(states_doubtful(states, seen));
	store_drop(tx);
	states_forget(states);
	assert_true(states_doubtful(states, seen));
	assert_true(states_unsure(states, seen));
	assert_true(states_changed(states, service, seen, &key));
	free(seen);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seen_at_once_and_later),
		TEST(whose),
		TEST(one_above_another),
		TEST(undone),
		TEST(forgotten),
		TEST(bounded),
		TEST(keys_of_a_subject),
		TEST(long_parts),
		TEST(attached),
		TEST(too_big_to_attach),
		TEST(unsure_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
