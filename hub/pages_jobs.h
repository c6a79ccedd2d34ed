/*
 * hub/pages_jobs.h - the hub's jobs, as JSON: what `mayfly job` asks.
 */
#ifndef HUB_PAGES_JOBS_H
#define HUB_PAGES_JOBS_H

#include "hub/http/page.h"

/* All, the last first; one, ?id=ID; that one is cancelled, or, when it has ended, forgotten. */
page_answer pages_jobs, pages_jobs_get, pages_jobs_cancel;

#endif
