/* hub/web/lib.c - libcurl, loaded when it is needed. */
#include "hub/web/lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#define LIBRARY "libcurl.so.4"

struct web_library web_library;

static int find(void **function, const char *name, char error[static WEB_ERROR_MAX])
{
	*function = dlsym(web_library.library, name);
	if (*function)
		return 0;
	snprintf(error, WEB_ERROR_MAX, "can't use %s: it has no %s", LIBRARY, name);
	return -ENOSYS;
}

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
	int err = 0;

	if (web_library.library)
		return 0;
	web_library.library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!web_library.library) {
		snprintf(error, WEB_ERROR_MAX,
			"can't load libcurl: %s: type apt-get install libcurl4", dlerror());
		return -ENOENT;
	}
#define FIND(name)                                                                                 \
	if (err == 0)                                                                              \
		err = find((void **)(void *)&web_library.name, #name, error);
	WEB_CALLS(FIND)
	if (err == 0)
		err = check(error);
	if (err == 0 && web_library.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(error, WEB_ERROR_MAX, "can't use %s: it doesn't start", LIBRARY);
		err = -EIO;
	}
	if (err < 0) {
		dlclose(web_library.library);
		web_library.library = NULL;
	}
	return err;
}
