/* hub/pages_blobs.h - the disk cache, as JSON: `mayfly blob`, and what it says of itself among the figures. */
#ifndef HUB_PAGES_BLOBS_H
#define HUB_PAGES_BLOBS_H

#include <jansson.h>

#include "hub/http/page.h"

page_answer pages_blobs_list, pages_blobs_remove;

json_t *pages_blobs(const struct hub *hub);

#endif
