/* hub/http/tls_lib.c - OpenSSL, loaded when it is needed. */
#include "hub/http/tls_lib.h"

#include <errno.h>
#include <stdio.h>

#include "sys/library.h"

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)

struct tls_library tls_library;

#define FUNCTION(name) {#name, offsetof(struct tls_library, name)},
static const struct library_function functions[] = {TLS_CALLS(FUNCTION){0}};
static const struct library openssl = {"OpenSSL", "libssl.so." STRING(OPENSSL_SHLIB_VERSION),
	"libssl" STRING(OPENSSL_SHLIB_VERSION), functions};

int tls_load(char error[static TLS_ERROR_MAX])
{
	return tls_library.library
		? 0
		: library_load(&openssl, &tls_library, &tls_library.library, error, TLS_ERROR_MAX);
}

int tls_bad_file(
	const char *what, const char *path, const char *why, char error[static TLS_ERROR_MAX])
{
	const char *reason = tls_library.ERR_reason_error_string(tls_library.ERR_peek_error());

	snprintf(error, TLS_ERROR_MAX, "%s \"%s\": %s%s%s%s", what, path, why, reason ? " (" : "",
		reason ? reason : "", reason ? ")" : "");
	return -EINVAL;
}
