/* tests/unit/store/rig.c - see rig.h. */
#include "tests/unit/store/rig.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void rig_init(struct rig *rig)
{
	*rig = (struct rig){0};
	/* where flushes cost nothing, if there is such a place */
	strcpy(rig->directory, "/dev/shm/mayfly-store-XXXXXX");
	if (mkdtemp(rig->directory))
		return;
	strcpy(rig->directory, "/tmp/mayfly-store-XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
}

void rig_start(struct rig *rig)
{
	char error[STORE_ERROR_MAX];

	rig->options.directory = rig->directory;
	if (store_open(&rig->store, &rig->options, error) < 0)
		fail_msg("%s", error);
}

void rig_open(struct rig *rig)
{
	rig_init(rig);
	rig_start(rig);
}

void rig_again(struct rig *rig)
{
	store_close(rig->store);
	rig_start(rig);
}

void rig_remove(struct rig *rig)
{
	DIR *dir = opendir(rig->directory);
	struct dirent *entry;
	char path[400];

	while (dir && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/%s", rig->directory, entry->d_name);
		(void)unlink(path);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(rig->directory);
}

void rig_close(struct rig *rig)
{
	store_close(rig->store);
	rig->store = NULL;
	rig_remove(rig);
}

struct store_tx *rig_begin(struct rig *rig, enum store_durability durability)
{
	struct store_tx *tx = store_begin(rig->store, durability, rig_done, rig);

	assert_non_null(tx);
	rig->begun++;
	return tx;
}

void rig_done(struct store_tx *tx, int error)
{
	struct rig *rig = store_context(tx);

	rig->done++;
	rig->failed += error < 0;
	rig->error = error;
}

void rig_wait(struct rig *rig, unsigned done)
{
	struct pollfd p = {.fd = store_fd(rig->store), .events = POLLIN};

	while (rig->done < done) {
		assert_int_equal(poll(&p, 1, 60000), 1);
		store_reap(rig->store);
	}
}

void rig_commit(struct rig *rig, struct store_tx *tx)
{
	assert_true(store_sound(tx));
	store_submit(tx);
	rig_wait(rig, rig->begun);
	assert_int_equal(rig->error, 0);
}

struct mf_str rig_str(const char *s)
{
	return mf_str_of(s, strlen(s));
}

void rig_same(struct mf_str s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

void rig_put(struct rig *rig, uint32_t service, const char *key, const char *value)
{
	struct store_tx *tx = rig_begin(rig, STORE_BATCH);

	store_put(tx, service, rig_str(key), rig_str(value), store_version(rig->store));
	rig_commit(rig, tx);
}

void rig_state(struct rig *rig, uint32_t service, const char *key, const char *want)
{
	struct store_value v;

	assert_int_equal(store_state(rig->store, service, rig_str(key), &v), 0);
	if (!want) {
		assert_int_equal(v.version, 0);
		return;
	}
	assert_true(v.version > 0);
	rig_same(v.key, key);
	rig_same(v.value, want);
}
