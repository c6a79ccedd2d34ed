/* hub/coap/speech.c - see speech.h */
#include "hub/coap/speech.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "hub/coap/message.h"

/* -------------------------------------------------------------------- methods */

static const char *const methods[METHODS_END] = {
	[METHOD_GET] = "GET",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_DELETE] = "DELETE",
	[METHOD_FETCH] = "FETCH",
	[METHOD_PATCH] = "PATCH",
	[METHOD_IPATCH] = "IPATCH",
};

const char *speech_method(uint8_t code)
{
	return code < METHODS_END ? methods[code] : NULL;
}

uint8_t speech_method_code(const char *name)
{
	for (unsigned i = METHOD_GET; i < METHODS_END; i++)
		if (strcmp(methods[i], name) == 0)
			return (uint8_t)i;
	return 0;
}

/* ---------------------------------------------------------------------- codes */

static const struct {
	unsigned status;
	uint8_t code;
} codes[] = {
	{201, MESSAGE_CODE(2, 1)},
	{304, MESSAGE_CODE(2, 3)},
	{400, MESSAGE_CODE(4, 0)},
	{401, MESSAGE_CODE(4, 1)},
	{402, MESSAGE_CODE(4, 2)},
	{403, MESSAGE_CODE(4, 3)},
	{404, MESSAGE_CODE(4, 4)},
	{405, MESSAGE_CODE(4, 5)},
	{406, MESSAGE_CODE(4, 6)},
	{408, MESSAGE_CODE(4, 8)},
	{409, MESSAGE_CODE(4, 9)},
	{412, MESSAGE_CODE(4, 12)},
	{413, MESSAGE_CODE(4, 13)},
	{415, MESSAGE_CODE(4, 15)},
	{422, MESSAGE_CODE(4, 22)},
	{429, MESSAGE_CODE(4, 29)}, /* RFC 8516 */
	{501, MESSAGE_CODE(5, 1)},
	{502, MESSAGE_CODE(5, 2)},
	{503, MESSAGE_CODE(5, 3)},
	{504, MESSAGE_CODE(5, 4)},
};

/* RFC 7252, 5.9.1: 2.05 answers what asked for something, 2.04 what changed it. */
static uint8_t done(uint8_t method)
{
	if (method == METHOD_GET || method == METHOD_FETCH)
		return MESSAGE_CODE(2, 5);
	return method == METHOD_DELETE ? MESSAGE_CODE(2, 2) : MESSAGE_CODE(2, 4);
}

uint8_t speech_code(unsigned status, uint8_t method)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].status == status)
			return codes[i].code;
	if (status >= 200 && status < 300)
		return done(method);
	return status >= 400 && status < 500 ? MESSAGE_CODE(4, 0) : MESSAGE_CODE(5, 0);
}

static const struct speech_refusal refusals[REFUSALS] = {
	[REFUSED_BUSY] = {MESSAGE_CODE(5, 3), true, "the service has more to do than it may queue"},
	[REFUSED_DOWN] = {MESSAGE_CODE(5, 3), true, "the service can't be started at the moment"},
	[REFUSED_STOPPING] = {MESSAGE_CODE(5, 3), true, "the hub is stopping"},
	[REFUSED_TOO_BIG] = {MESSAGE_CODE(4, 13), false,
		"the request is larger than the service takes"},
	[REFUSED_LATE] = {MESSAGE_CODE(5, 4), false, "the service didn't answer in time"},
	[REFUSED_FAILED] = {MESSAGE_CODE(5, 0), false, "the service failed at this request"},
	[REFUSED_MEMORY] = {MESSAGE_CODE(5, 0), false,
		"the service needed more memory than it may have"},
	[REFUSED_DENIED] = {MESSAGE_CODE(4, 3), false,
		"the service asked for what it may not have"},
	[REFUSED_OPEN] = {MESSAGE_CODE(5, 3), true,
		"the service fails again and again, and isn't tried for a while"},
	[REFUSED_STORE] = {MESSAGE_CODE(5, 3), true,
		"what the service asks for can't be kept at the moment"},
	[REFUSED_FULL] = {MESSAGE_CODE(5, 3), true,
		"the hub has more to do than it has memory for"},
	[REFUSED_UNPAID] = {MESSAGE_CODE(4, 3), false, "it isn't paid for"},
};

const struct speech_refusal *speech_refusal(enum refusal why)
{
	return &refusals[why];
}

/* ------------------------------------------------------------- content formats */

#define OWN "coap-format/"

static const struct {
	uint16_t format;
	const char *media;
} formats[] = {
	{0, "text/plain; charset=utf-8"},
	{16, "application/cose; cose-type=\"cose-encrypt0\""},
	{17, "application/cose; cose-type=\"cose-mac0\""},
	{18, "application/cose; cose-type=\"cose-sign1\""},
	{19, "application/ace+cbor"},
	{21, "image/gif"},
	{22, "image/jpeg"},
	{23, "image/png"},
	{40, "application/link-format"},
	{41, "application/xml"},
	{42, "application/octet-stream"},
	{47, "application/exi"},
	{50, "application/json"},
	{51, "application/json-patch+json"},
	{52, "application/merge-patch+json"},
	{60, "application/cbor"},
	{61, "application/cwt"},
	{62, "application/multipart-core"},
	{63, "application/cbor-seq"},
	{64, "application/link-format+cbor"},
	{96, "application/cose; cose-type=\"cose-encrypt\""},
	{97, "application/cose; cose-type=\"cose-mac\""},
	{98, "application/cose; cose-type=\"cose-sign\""},
	{101, "application/cose-key"},
	{102, "application/cose-key-set"},
	{110, "application/senml+json"},
	{111, "application/sensml+json"},
	{112, "application/senml+cbor"},
	{113, "application/sensml+cbor"},
	{114, "application/senml-exi"},
	{115, "application/sensml-exi"},
	{140, "application/yang-data+cbor; id=sid"},
	{256, "application/coap-group+json"},
	{257, "application/concise-problem-details+cbor"},
	{258, "application/swid+cbor"},
	{271, "application/dots+cbor"},
	{272, "application/missing-blocks+cbor-seq"},
	{310, "application/senml+xml"},
	{311, "application/sensml+xml"},
	{320, "application/senml-etch+json"},
	{322, "application/senml-etch+cbor"},
	{340, "application/yang-data+cbor"},
	{432, "application/td+json"},
	{10000, "application/vnd.ocf+cbor"},
	{10001, "application/oscore"},
	{11542, "application/vnd.oma.lwm2m+tlv"},
	{11543, "application/vnd.oma.lwm2m+json"},
	{11544, "application/vnd.oma.lwm2m+cbor"},
	{20000, "text/css"},
	{30000, "image/svg+xml"},
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

size_t speech_media(uint32_t format, char to[static SPEECH_MEDIA_MOST])
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i].format == format)
			return (size_t)snprintf(to, SPEECH_MEDIA_MOST, "%s", formats[i].media);
	return (size_t)snprintf(to, SPEECH_MEDIA_MOST, OWN "%u", (unsigned)format);
}

/* Types are compared in any case, without the space round them. */
static bool same(struct mf_str a, const char *b)
{
	size_t n = strlen(b);

	if (a.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (mf_lower(a.p[i]) != mf_lower((uint8_t)b[i]))
			return false;
	return true;
}

static struct mf_str without_parameters(struct mf_str media)
{
	size_t n = 0;

	while (n < media.n && media.p[n] != ';')
		n++;
	while (n > 0 && media.p[n - 1] == ' ')
		n--;
	return mf_str_of(media.p, n);
}

static int own_format(struct mf_str media)
{
	const size_t n = sizeof(OWN) - 1;
	uint64_t number;

	if (media.n <= n || memcmp(media.p, OWN, n) != 0 ||
		!num_parse(mf_str_of(media.p + n, media.n - n), &number) || number > UINT16_MAX)
		return -1;
	return (int)number;
}

int speech_format(struct mf_str media)
{
	struct mf_str plain = without_parameters(media);

	for (size_t i = 0; i < FORMATS; i++)
		if (same(media, formats[i].media))
			return formats[i].format;
	if (same(plain, "text/plain")) /* of other characters it would say so: they are few */
		return 0;
	for (size_t i = 0; i < FORMATS; i++)
		if (same(plain, formats[i].media))
			return formats[i].format;
	return own_format(plain);
}
