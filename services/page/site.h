/*
 * site.h - the index of attached files. mf_init makes it in init memory; lives read it.
 */
#ifndef SERVICES_PAGE_SITE_H
#define SERVICES_PAGE_SITE_H

#include <mayfly.h>

#define SITE_ETAG_MAX 48u /* with its quotes and '\0' */

struct site_file {
	struct mf_str name, content;
	const char *type;             /* Content-Type */
	const struct site_file *gzip; /* the same compressed, where "NAME.gz" is attached */
	char etag[SITE_ETAG_MAX];     /* "\"...\"", from the content */
};

struct site {
	const struct site_file *files; /* sorted by name, byte by byte */
	size_t count;
	struct mf_str prefix; /* ends without a slash */
	char cache[40];       /* Cache-Control */
};

/* Indexes all attached files and reads the config. Only mf_init may; what is wrong ends it. */
void site_load(struct site *site);

/* The file of this name, or NULL. */
const struct site_file *site_find(const struct site *site, struct mf_str name);

#endif
