/* store/look.c - figures of the store, for whoever watches it. */
#include "store/inner.h"

/* Of a frame of the log (sqlite.org/fileformat2.html 4.1). */
#define FRAME_HEAD 24u

/* Pages of the file, as the last reader saw it; 0: it can't be said. */
static uint64_t pages(struct store *store)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_PAGES, &e);
	uint64_t n = 0;

	if (!s)
		return 0;
	if (read_step(store, s) == 1)
		n = (uint64_t)sqlite3_column_int64(s, 0);
	read_end(s);
	return n;
}

void store_look(struct store *store, struct store_counts *counts)
{
	struct shared *sh = &store->shared;

	(void)pthread_mutex_lock(&sh->lock);
	*counts = sh->counts;
	counts->history_bytes = sh->kept.history_bytes;
	counts->ids = sh->kept.ids;
	counts->later = sh->kept.later;
	counts->retries = sh->committed.totals.failed[STORE_RETRIES];
	counts->dead = sh->committed.totals.failed[STORE_DEAD];
	(void)pthread_mutex_unlock(&sh->lock);
	counts->file_bytes = pages(store) * store->page_bytes;
	counts->log_bytes =
		(uint64_t)atomic_load(&sh->log_frames) * (store->page_bytes + FRAME_HEAD);
	counts->waiting_bytes = store->waiting;
}
