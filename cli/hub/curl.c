/* cli/hub/curl.c - see curl.h. */
#include "cli/hub/curl.h"

#include <stddef.h>

#include "sys/library.h"

#define FUNCTION(name)                                                                             \
	{                                                                                          \
		"curl_easy_" #name, offsetof(struct curl_functions, name)                          \
	}

const struct curl_functions *curl_load(const char **why)
{
	static const struct library_function functions[] = {FUNCTION(init), FUNCTION(setopt),
		FUNCTION(perform), FUNCTION(getinfo), FUNCTION(strerror), FUNCTION(cleanup),
		{"curl_slist_append", offsetof(struct curl_functions, append)},
		{"curl_slist_free_all", offsetof(struct curl_functions, free_all)}, {0}};
	static const struct library curl = {"libcurl", "libcurl.so.4", "libcurl4", functions};
	static struct curl_functions f;
	static void *library;
	static char error[256];

	if (library || library_load(&curl, &f, &library, error, sizeof(error)) == 0)
		return &f;
	*why = error;
	return NULL;
}
