/*
 * hub/web/url.h - addresses as services name them: http://HOST[:PORT]/PATH?QUERY. Judged strictly, for
 * what a service may reach is a pattern of such texts: whatever could be read in two ways is refused. Pure.
 */
#ifndef HUB_WEB_URL_H
#define HUB_WEB_URL_H

#include <stdbool.h>

#include "base/str.h"

#define URL_MOST 2048u

struct url {
	bool tls;
	struct mf_str origin; /* "https://HOST:PORT", as written */
	struct mf_str shown;  /* without the query: for lines that others read */
};

/* Does it begin with http:// or https://? */
bool url_is(struct mf_str text);
/* NULL, or what is wrong with it: the parts point into it. */
const char *url_parse(struct mf_str text, struct url *url);

#endif
