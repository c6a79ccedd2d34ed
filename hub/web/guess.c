/* hub/web/guess.c - see guess.h */
#include "hub/web/guess.h"

#include <jansson.h>

bool guess_is_json(struct mf_str body)
{
	size_t i = 0;
	json_t *value;

	while (i < body.n &&
		(body.p[i] == ' ' || body.p[i] == '\t' || body.p[i] == '\n' || body.p[i] == '\r'))
		i++;
	if (i == body.n || (body.p[i] != '{' && body.p[i] != '['))
		return false;
	value = json_loadb((const char *)body.p, body.n, JSON_ALLOW_NUL, NULL);
	json_decref(value);
	return value != NULL;
}

bool guess_is_text(struct mf_str body)
{
	json_t *text;

	for (size_t i = 0; i < body.n; i++)
		if (body.p[i] == 0x7f ||
			(body.p[i] < ' ' && body.p[i] != '\t' && body.p[i] != '\n' &&
				body.p[i] != '\r'))
			return false;
	text = json_stringn(body.n > 0 ? (const char *)body.p : "", body.n); /* NULL: no UTF-8 */
	json_decref(text);
	return text != NULL;
}

struct mf_str guess_type(struct mf_str body)
{
	if (guess_is_json(body))
		return MF_STR("application/json");
	if (guess_is_text(body))
		return MF_STR("text/plain; charset=utf-8");
	return MF_STR("application/octet-stream");
}
