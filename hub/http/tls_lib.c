/* hub/http/tls_lib.c - OpenSSL, loaded when it is needed. */
#include "hub/http/tls_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)
#define LIBRARY      "libssl.so." STRING(OPENSSL_SHLIB_VERSION)

struct tls_library tls_library;

static int find(void **function, const char *name, char error[static TLS_ERROR_MAX])
{
	*function = dlsym(tls_library.library, name);
	if (*function)
		return 0;
	snprintf(error, TLS_ERROR_MAX, "can't use %s: it has no %s", LIBRARY, name);
	return -ENOSYS;
}

int tls_load(char error[static TLS_ERROR_MAX])
{
	int err = 0;

	if (tls_library.library)
		return 0;
	tls_library.library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!tls_library.library) {
		snprintf(error, TLS_ERROR_MAX, "can't load OpenSSL: %s", dlerror());
		return -ENOENT;
	}
#define FIND(name)                                                                                 \
	if (err == 0)                                                                              \
		err = find((void **)(void *)&tls_library.name, #name, error);
	TLS_CALLS(FIND)
	if (err < 0) {
		dlclose(tls_library.library);
		tls_library.library = NULL;
	}
	return err;
}

int tls_bad_file(
	const char *what, const char *path, const char *why, char error[static TLS_ERROR_MAX])
{
	const char *reason = tls_library.ERR_reason_error_string(tls_library.ERR_peek_error());

	snprintf(error, TLS_ERROR_MAX, "%s \"%s\": %s%s%s%s", what, path, why, reason ? " (" : "",
		reason ? reason : "", reason ? ")" : "");
	return -EINVAL;
}
