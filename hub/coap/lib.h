/*
 * hub/coap/lib.h - the functions of libcoap (libcoap.net) that the hub calls, found when they are
 * needed. Two builds of it may be loaded: the one without DTLS is much smaller. Private to
 * hub/coap/engine.c and lib.c: its header has names that the hub uses otherwise.
 */
#ifndef HUB_COAP_LIB_H
#define HUB_COAP_LIB_H

#include <coap3/coap.h>
#include <stdbool.h>

#define LIB_ERROR_MAX 256

/* All that is called, by name, with the types of its headers. */
#define LIB_CALLS(X)                                                                               \
	X(coap_add_data)                                                                           \
	X(coap_add_option)                                                                         \
	X(coap_add_resource)                                                                       \
	X(coap_add_token)                                                                          \
	X(coap_context_get_coap_fd)                                                                \
	X(coap_context_set_max_handshake_sessions)                                                 \
	X(coap_context_set_max_idle_sessions)                                                      \
	X(coap_context_set_psk2)                                                                   \
	X(coap_context_set_session_timeout)                                                        \
	X(coap_decode_var_bytes)                                                                   \
	X(coap_delete_pdu)                                                                         \
	X(coap_delete_string)                                                                      \
	X(coap_dtls_set_log_level)                                                                 \
	X(coap_encode_var_safe)                                                                    \
	X(coap_free_context)                                                                       \
	X(coap_get_app_data)                                                                       \
	X(coap_get_data)                                                                           \
	X(coap_get_uri_path)                                                                       \
	X(coap_io_do_epoll)                                                                        \
	X(coap_new_client_session)                                                                 \
	X(coap_new_client_session_psk2)                                                            \
	X(coap_new_context)                                                                        \
	X(coap_new_endpoint)                                                                       \
	X(coap_new_message_id)                                                                     \
	X(coap_opt_length)                                                                         \
	X(coap_opt_value)                                                                          \
	X(coap_option_iterator_init)                                                               \
	X(coap_option_next)                                                                        \
	X(coap_pdu_get_code)                                                                       \
	X(coap_pdu_get_mid)                                                                        \
	X(coap_pdu_get_token)                                                                      \
	X(coap_pdu_get_type)                                                                       \
	X(coap_pdu_init)                                                                           \
	X(coap_pdu_set_type)                                                                       \
	X(coap_register_event_handler)                                                             \
	X(coap_register_nack_handler)                                                              \
	X(coap_register_request_handler)                                                           \
	X(coap_register_response_handler)                                                          \
	X(coap_resource_init)                                                                      \
	X(coap_resource_unknown_init2)                                                             \
	X(coap_send)                                                                               \
	X(coap_session_get_addr_remote)                                                            \
	X(coap_session_get_app_data)                                                               \
	X(coap_session_get_context)                                                                \
	X(coap_session_get_psk_identity)                                                           \
	X(coap_session_get_psk_key)                                                                \
	X(coap_session_max_pdu_size)                                                               \
	X(coap_session_reference)                                                                  \
	X(coap_session_release)                                                                    \
	X(coap_session_set_app_data)                                                               \
	X(coap_set_app_data)                                                                       \
	X(coap_set_log_handler)                                                                    \
	X(coap_set_log_level)                                                                      \
	X(coap_startup)

#define LIB_MEMBER(name) __typeof__(name) *name;
struct coap_library {
	void *library;
	LIB_CALLS(LIB_MEMBER)
};

/* NULL: it can't be had, with one line in error. A second time is free. */
const struct coap_library *lib_load(bool dtls, char error[static LIB_ERROR_MAX]);

#endif
