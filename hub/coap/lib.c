/* hub/coap/lib.c - libcoap, loaded when it is needed. */
#include "hub/coap/lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

/* They come in one package, libcoap3; nothing else of the hub loads GnuTLS. */
static const char *const names[] = {"libcoap-3-notls.so.3", "libcoap-3-openssl.so.3"};
static struct coap_library libraries[2];

static int find(const struct coap_library *lib, void **function, const char *name,
	char error[static LIB_ERROR_MAX])
{
	*function = dlsym(lib->library, name);
	if (*function)
		return 0;
	snprintf(error, LIB_ERROR_MAX, "can't use %s: it has no %s", names[lib - libraries], name);
	return -ENOSYS;
}

/* What it has to say of others' packets is counted by those who call it. */
static void say_nothing(coap_log_t level, const char *message)
{
	(void)level;
	(void)message;
}

static int find_all(struct coap_library *lib, char error[static LIB_ERROR_MAX])
{
	int err = 0;

#define FIND(name)                                                                                 \
	if (err == 0)                                                                              \
		err = find(lib, (void **)(void *)&lib->name, #name, error);
	LIB_CALLS(FIND)
	return err;
}

const struct coap_library *lib_load(bool dtls, char error[static LIB_ERROR_MAX])
{
	struct coap_library *lib = &libraries[dtls];

	if (lib->library)
		return lib;
	lib->library = dlopen(names[dtls], RTLD_LAZY | RTLD_LOCAL);
	if (!lib->library) {
		snprintf(error, LIB_ERROR_MAX, "can't load libcoap: %s: install libcoap3",
			dlerror());
		return NULL;
	}
	if (find_all(lib, error) < 0) {
		dlclose(lib->library);
		lib->library = NULL;
		return NULL;
	}
	lib->coap_startup();
	lib->coap_set_log_handler(say_nothing);
	lib->coap_set_log_level(0);
	lib->coap_dtls_set_log_level(0);
	return lib;
}
