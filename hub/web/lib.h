/*
 * hub/web/lib.h - the functions of libcurl that the hub calls, found when the first service may
 * send over HTTP: a hub without one has neither it nor what it brings along in memory
 * (docs/decisions/046). Private to hub/web/.
 */
#ifndef HUB_WEB_LIB_H
#define HUB_WEB_LIB_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "hub/web/client.h"

/* All that is called, by name, with the types of its headers. */
#define WEB_CALLS(X)                                                                               \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_init)                                                                          \
	X(curl_easy_setopt)                                                                        \
	X(curl_easy_strerror)                                                                      \
	X(curl_global_init)                                                                        \
	X(curl_multi_add_handle)                                                                   \
	X(curl_multi_assign)                                                                       \
	X(curl_multi_cleanup)                                                                      \
	X(curl_multi_info_read)                                                                    \
	X(curl_multi_init)                                                                         \
	X(curl_multi_remove_handle)                                                                \
	X(curl_multi_setopt)                                                                       \
	X(curl_multi_socket_action)                                                                \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)                                                                     \
	X(curl_version_info)

#define WEB_MEMBER(name) __typeof__(name) *name;
struct web_library {
	void *library;
	WEB_CALLS(WEB_MEMBER)
};
extern struct web_library web_library;

#endif
