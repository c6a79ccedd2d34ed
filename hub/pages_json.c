/* hub/pages_json.c - see pages_json.h */
#include "hub/pages_json.h"

#include <sodium.h>
#include <stdlib.h>

#include "sys/clock.h"

const char pages_as_json[] = "application/json";

void pages_put(FILE *to, json_t *object)
{
	if (json_dumpf(object, to, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0)
		fputs("null", to); /* no memory; the page is refused for what its body lacks */
	json_decref(object);
}

void pages_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

json_t *pages_count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

json_t *pages_us(uint64_t ns)
{
	return json_real((double)ns / (double)CLOCK_US);
}

json_t *pages_quantile(const struct histogram *h, unsigned permille)
{
	return h && histogram_count(h) > 0 ? pages_us(histogram_quantile(h, permille))
					   : json_null();
}

json_t *pages_text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

json_t *pages_base64(const void *bytes, size_t n)
{
	size_t room = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);
	json_t *j;

	if (!text)
		return json_null();
	sodium_bin2base64(text, room, bytes, n, sodium_base64_VARIANT_ORIGINAL);
	j = json_string(text);
	free(text);
	return j;
}

void pages_answer(struct page_reply *reply, json_t *object)
{
	reply->content_type = pages_as_json;
	pages_put(reply->body, object);
}

void pages_refuse(struct page_reply *reply, unsigned status, const char *title, json_t *detail)
{
	reply->status = status;
	reply->content_type = "application/problem+json";
	pages_put(reply->body,
		json_pack("{ss ss si so*}", "type", "about:blank", "title", title, "status",
			(int)status, "detail", detail));
}
