/*
 * hub/coap/speech.h - what the hub says in CoAP for what services and the hub itself mean: methods, codes,
 * content formats. Tables; pure.
 */
#ifndef HUB_COAP_SPEECH_H
#define HUB_COAP_SPEECH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "wire/words.h"

/* "GET"; NULL: no method. */
const char *speech_method(uint8_t code);
/* The code of a method's name, 0: none. */
uint8_t speech_method_code(const char *name);

/* A reply's status, as in HTTP, to a request with this method (RFC 8075, 7, the other way round). */
uint8_t speech_code(unsigned status, uint8_t method);

/* A refusal: its code, whether another try makes sense later, and a diagnostic payload (RFC 7252, 5.5.2). */
struct speech_refusal {
	uint8_t code;
	bool again;
	const char *detail;
};
const struct speech_refusal *speech_refusal(enum refusal why);

/* The media type of a content format (iana.org/assignments/core-parameters). A format that isn't in the
 * table is "coap-format/N". Its length. */
#define SPEECH_MEDIA_MOST 64
size_t speech_media(uint32_t format, char to[static SPEECH_MEDIA_MOST]);
/* The other way round, parameters that don't matter left out; -1: there is none. */
int speech_format(struct mf_str media);

#endif
