/* hub/web/lib.c - libcurl, loaded when it is needed. */
#include "hub/web/lib.h"

#include <errno.h>
#include <stdio.h>

#include "sys/library.h"

struct web_library web_library;

#define FUNCTION(name) {#name, offsetof(struct web_library, name)},
static const struct library_function functions[] = {WEB_CALLS(FUNCTION){0}};
static const struct library curl = {"libcurl", "libcurl.so.4", "libcurl4", functions};

/* Names must be looked up on threads, for that blocks; and a transfer that is given up must not wait
 * for such a thread (CURLOPT_QUICK_EXIT, from 7.87 on). */
static int check(char error[static WEB_ERROR_MAX])
{
	const curl_version_info_data *about = web_library.curl_version_info(CURLVERSION_NOW);

	if ((about->features & CURL_VERSION_ASYNCHDNS) && (about->features & CURL_VERSION_SSL) &&
		about->version_num >= 0x075700)
		return 0;
	snprintf(error, WEB_ERROR_MAX,
		"can't use libcurl %.40s: it takes 7.87 or newer, with TLS and a resolver that "
		"doesn't block",
		about->version);
	return -ENOSYS;
}

int web_load(char error[static WEB_ERROR_MAX])
{
	int err;

	if (web_library.library)
		return 0;
	err = library_load(&curl, &web_library, &web_library.library, error, WEB_ERROR_MAX);
	if (err < 0)
		return err;
	err = check(error);
	if (err == 0 && web_library.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(error, WEB_ERROR_MAX, "can't use %s: it doesn't start", curl.file);
		err = -EIO;
	}
	if (err < 0)
		library_drop(&web_library.library);
	return err;
}
