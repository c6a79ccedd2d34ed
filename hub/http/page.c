/* hub/http/page.c - what pages need. */
#include "hub/http/page.h"

#include "wire/http_text.h"

struct mf_str page_parameter(struct mf_str query, const char *name)
{
	return http_parameter(query, name);
}
