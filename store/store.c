/* store/store.c - opens and closes; what the caller's thread knows of it. See store.h. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "store/inner.h"
#include "sys/clock.h"
#include "sys/fd.h"

/* Two threads don't need an arena of malloc's each; SQLite needn't count its memory, nor keep 48 KiB for a
 * connection's small pieces. Too late in a process that has used SQLite before: then it does. */
static void configure_libraries(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

static void set_options(struct store *store, const struct store_options *options)
{
	struct store_options *o = &store->options;

	*o = *options;
	o->sync_ns = o->sync_ns ? o->sync_ns : 50 * CLOCK_MS;
	o->most_bytes = o->most_bytes ? o->most_bytes : 16u << 20;
	o->history_bytes = o->history_bytes ? o->history_bytes : 64u << 20;
	o->ids_most = o->ids_most ? o->ids_most : 131072;
	o->ids_age_ns = o->ids_age_ns ? o->ids_age_ns : 24 * 3600 * CLOCK_S;
}

/* --- services */

static uint32_t add_service(struct store *store, uint32_t number, struct mf_str name)
{
	struct service_name *s = malloc(sizeof(*s) + name.n);

	if (!s)
		return 0;
	*s = (struct service_name){.number = number, .n = name.n};
	if (name.n > 0)
		memcpy(s->name, name.p, name.n);
	(void)pthread_mutex_lock(&store->shared.lock);
	if (store->shared.services_last)
		store->shared.services_last->next = s;
	else
		store->shared.services = s;
	store->shared.services_last = s;
	(void)pthread_mutex_unlock(&store->shared.lock);
	if (number > store->last_service)
		store->last_service = number;
	return number;
}

static int load_services(struct store *store)
{
	sqlite3_stmt *s = NULL;
	int rc,
		e = store_prepare(
			store->read, "SELECT number, name FROM service ORDER BY number", &s);

	while (e == 0 && (rc = sqlite3_step(s)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			e = store_errno(store->read, rc);
		else if (!add_service(store, (uint32_t)sqlite3_column_int64(s, 0), read_blob(s, 1)))
			e = -ENOMEM;
	}
	(void)sqlite3_finalize(s);
	store->shared.services_written = store->shared.services_last;
	return e;
}

/* Names are added on this thread only: it reads the list without the lock. */
uint32_t store_service(struct store *store, struct mf_str name)
{
	for (const struct service_name *s = store->shared.services; s; s = s->next)
		if (mf_str_eq(mf_str_of(s->name, s->n), name))
			return s->number;
	return add_service(store, store->last_service + 1, name);
}

struct mf_str store_service_name(struct store *store, uint32_t service)
{
	for (const struct service_name *s = store->shared.services; s; s = s->next)
		if (s->number == service)
			return mf_str_of(s->name, s->n);
	return (struct mf_str){0};
}

static void free_services(struct store *store)
{
	struct service_name *next = store->shared.services;

	while (next) {
		struct service_name *s = next;

		next = s->next;
		free(s);
	}
}

/* --- open and close */

static void free_store(struct store *store)
{
	write_close(store);
	schema_close(store);
	free_services(store);
	fd_close(&store->fd);
	(void)pthread_mutex_destroy(&store->shared.lock);
	(void)pthread_cond_destroy(&store->shared.wake);
	free(store->room);
	free(store);
}

int store_open(
	struct store **out, const struct store_options *options, char error[static STORE_ERROR_MAX])
{
	struct store *store = calloc(1, sizeof(*store));
	int e;

	*out = NULL;
	error[0] = '\0';
	if (!store)
		return -ENOMEM;
	configure_libraries();
	set_options(store, options);
	store->generation = 1;
	e = thread_init(store);
	if (e == 0)
		e = schema_open(store, error);
	if (e == 0)
		e = write_load(store);
	if (e == 0)
		e = load_services(store);
	if (e < 0) {
		if (!error[0])
			schema_fail(store, e, error);
		store->error = e;
		free_store(store);
		return e;
	}
	store->shared.now = store->shared.committed = store->now;
	store->shared.kept = store->kept;
	*out = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	thread_stop(store);
	store_reap(store);
	free_store(store);
}

int store_fd(const struct store *store)
{
	return store->fd;
}

size_t store_waiting(const struct store *store)
{
	return store->waiting;
}

int store_error(const struct store *store)
{
	if (atomic_load(&store->shared.damaged))
		return -EUCLEAN;
	return store->error ? store->error : store->sync_error;
}

uint64_t store_generation(const struct store *store)
{
	return store->generation;
}

uint64_t store_version(struct store *store)
{
	return ++store->now.version;
}

uint64_t store_number(struct store *store, enum store_table table)
{
	return ++store->now.number[table];
}

/* Neither goes back here: a wall clock that jumps is the caller's to judge, time kept never does. */
void store_clock(struct store *store, int64_t elapsed_ns, int64_t wall_ns)
{
	store->now.elapsed_ns = elapsed_ns;
	store->now.wall_ns = wall_ns;
}

void store_clock_read(const struct store *store, int64_t *elapsed_ns, int64_t *wall_ns)
{
	*elapsed_ns = store->now.elapsed_ns;
	*wall_ns = store->now.wall_ns;
}
