/* cli/hub/curl.c - see curl.h. */
#include "cli/hub/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

static bool find(void *library, const char *name, void *to)
{
	void *function = dlsym(library, name);

	memcpy(to, &function, sizeof(function)); /* C has no cast between the two kinds */
	return function != NULL;
}

const struct curl_functions *curl_load(const char **why)
{
	static struct curl_functions f;
	void *library;

	if (f.cleanup)
		return &f;
	library = dlopen("libcurl.so.4", RTLD_NOW);
	if (library && find(library, "curl_easy_init", &f.init) &&
		find(library, "curl_easy_setopt", &f.setopt) &&
		find(library, "curl_easy_perform", &f.perform) &&
		find(library, "curl_easy_getinfo", &f.getinfo) &&
		find(library, "curl_easy_strerror", &f.strerror) &&
		find(library, "curl_easy_cleanup", &f.cleanup))
		return &f;
	*why = dlerror();
	return NULL;
}
