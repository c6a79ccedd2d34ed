/* type.h - content types by the ending of a name */
#ifndef SERVICES_PAGE_TYPE_H
#define SERVICES_PAGE_TYPE_H

#include "base/str.h"

/* "application/octet-stream" where the ending is unknown or there is none. */
const char *type_of(struct mf_str name);

#endif
