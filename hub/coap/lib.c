/* hub/coap/lib.c - libcoap, loaded when it is needed. */
#include "hub/coap/lib.h"

#include "sys/library.h"

#define FUNCTION(name) {#name, offsetof(struct coap_library, name)},
static const struct library_function functions[] = {LIB_CALLS(FUNCTION){0}};
/* They come in one package; nothing else of the hub loads GnuTLS. */
static const struct library builds[] = {
	{"libcoap", "libcoap-3-notls.so.3", "libcoap3", functions},
	{"libcoap", "libcoap-3-openssl.so.3", "libcoap3", functions},
};
static struct coap_library libraries[2];

/* What it has to say of others' packets is counted by those who call it. */
static void say_nothing(coap_log_t level, const char *message)
{
	(void)level;
	(void)message;
}

const struct coap_library *lib_load(bool dtls, char error[static LIB_ERROR_MAX])
{
	struct coap_library *lib = &libraries[dtls];

	if (lib->library)
		return lib;
	if (library_load(&builds[dtls], lib, &lib->library, error, LIB_ERROR_MAX) < 0)
		return NULL;
	lib->coap_startup();
	lib->coap_set_log_handler(say_nothing);
	lib->coap_set_log_level(0);
	lib->coap_dtls_set_log_level(0);
	return lib;
}
