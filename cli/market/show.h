/* cli/market/show.h - answers of a center's desk (market/desk.h), as text. */
#ifndef CLI_MARKET_SHOW_H
#define CLI_MARKET_SHOW_H

#include <jansson.h>

#include "cli/hub/table.h"

#define SHOW_NUMBER 24u

/* Never NULL: "none" where there is no limit. */
const char *show_text(const json_t *object, const char *member);
const char *show_number(const json_t *object, const char *member, char to[static SHOW_NUMBER]);
/* A line for each. */
void show_members(const json_t *object);
void show_entry(const json_t *answer); /* "entry 7" */

#endif
