/*
 * cli/hub/curl.h - libcurl, loaded when a hub is asked and not before: with the thirty
 * libraries behind it, it would make every `mayfly run` start 6 ms later
 * (docs/decisions/014-asking-a-hub.md).
 */
#ifndef CLI_HUB_CURL_H
#define CLI_HUB_CURL_H

#include <curl/curl.h>

struct curl_functions {
	CURL *(*init)(void);
	CURLcode (*setopt)(CURL *, CURLoption, ...);
	CURLcode (*perform)(CURL *);
	CURLcode (*getinfo)(CURL *, CURLINFO, ...);
	const char *(*strerror)(CURLcode);
	void (*cleanup)(CURL *);
	struct curl_slist *(*append)(struct curl_slist *, const char *);
	void (*free_all)(struct curl_slist *);
};

/* NULL, with one line in *why: it can't be loaded. */
const struct curl_functions *curl_load(const char **why);

#endif
