/*
 * hub/web/upstream.h - the upstream where it is a page: batches of CloudEvents (cloudevents.h) are posted there, one
 * after the other. See hub/upstream.h.
 *
 * A batch has arrived with 2xx, all of it. One that is refused for what is in it (400, 413, 422) is sent again
 * in halves; a single message that is refused so is given up, if the page has ever taken one. All else passes: it is
 * sent again, after what Retry-After says, or 1 s, 2 s ... a minute.
 */
#ifndef HUB_WEB_UPSTREAM_H
#define HUB_WEB_UPSTREAM_H

#include "hub/upstream.h"

extern const struct upstream_kind web_upstream;

#endif
