/* hub/pages_state.c - see pages_state.h */
#include "hub/pages_state.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "hub/commit.h"
#include "hub/database.h"
#include "hub/hub.h"
#include "hub/pages_json.h"
#include "hub/states.h"

/* ---------------------------------------------------------------- parameters */

/* %XX become bytes (RFC 3986, 2.1). False: it is no such text, or a longer key than there can be. */
static bool decode(struct mf_str text, uint8_t to[static STATES_KEY_MAX], struct mf_str *key)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (n == STATES_KEY_MAX)
			return false;
		if (c == '%') {
			int byte = num_hex_byte(text.p + i + 1, text.n - i - 1);

			if (byte < 0)
				return false;
			c = (uint8_t)byte;
			i += 2;
		}
		to[n++] = c;
	}
	*key = mf_str_of(to, n);
	return true;
}

/* The service that is asked about. NULL: it was refused. */
static struct service *service_of(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name = page_parameter(request->query, "service");

	for (struct service *s = hub->services; s; s = s->next) {
		if (!mf_str_is(name, s->name))
			continue;
		if (hub->store)
			return s;
		pages_refuse(reply, 404, "Not Found",
			json_string("this hub has no database: none of its services needs one"));
		return NULL;
	}
	pages_refuse(reply, 404, "Not Found", json_string("there is no such service"));
	return NULL;
}

/* One of the keys in the query, into room of its own. False: refused. */
static bool key_of(const struct page_request *request, const char *name, struct page_reply *reply,
	uint8_t room[static STATES_KEY_MAX], struct mf_str *key)
{
	struct mf_str text = page_parameter(request->query, name);

	*key = mf_str_of(room, 0);
	if (decode(text, room, key))
		return true;
	pages_refuse(reply, 400, "Bad Request",
		json_sprintf("%s: it is no key of at most %u bytes", name, STATES_KEY_MAX));
	return false;
}

/* --------------------------------------------------------------------- values */

/* As text where it is UTF-8 without zeros, else in hexadecimal digits: NAME_hex. */
static void set_bytes(json_t *o, const char *name, struct mf_str bytes)
{
	static const char digits[] = "0123456789abcdef";
	json_t *text =
		memchr(bytes.p, 0, bytes.n) ? NULL : json_stringn((const char *)bytes.p, bytes.n);
	char other[32], *hex;

	if (text) {
		json_object_set_new(o, name, text);
		return;
	}
	hex = malloc(2 * bytes.n + 1);
	for (size_t i = 0; hex && i < bytes.n; i++) {
		hex[2 * i] = digits[bytes.p[i] >> 4];
		hex[2 * i + 1] = digits[bytes.p[i] & 15];
	}
	snprintf(other, sizeof(other), "%s_hex", name);
	if (hex)
		json_object_set_new(o, other, json_stringn(hex, 2 * bytes.n));
	free(hex);
}

static void refuse_error(struct page_reply *reply, int rc)
{
	pages_refuse(reply, 500, "Internal Server Error",
		json_sprintf("the database can't be read: %s", strerror(-rc)));
}

void pages_state_list(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	uint8_t room[2][STATES_KEY_MAX], last[STATES_KEY_MAX];
	struct service *s = service_of(hub, request, reply);
	struct mf_str prefix, after;
	struct store_value value;
	json_t *o, *list;
	int rc = 0;

	if (!s || !key_of(request, "prefix", reply, room[0], &prefix) ||
		!key_of(request, "after", reply, room[1], &after))
		return;
	o = json_object();
	list = json_array();
	while (json_array_size(list) < PAGES_STATE_KEYS &&
		(rc = store_state_next(hub->store, database_service(s), prefix, after, &value)) >
			0) {
		json_t *one = json_object();

		set_bytes(one, "key", value.key);
		json_object_set_new(one, "bytes", json_integer((json_int_t)value.value.n));
		json_object_set_new(one, "version", json_integer((json_int_t)value.version));
		json_array_append_new(list, one);
		memcpy(last, value.key.p, value.key.n);
		after = mf_str_of(last, value.key.n);
	}
	json_object_set_new(o, "service", json_string(s->name));
	json_object_set_new(o, "keys", list);
	json_object_set_new(o, "more", json_boolean(rc > 0));
	if (rc < 0)
		refuse_error(reply, rc);
	else
		pages_answer(reply, o);
	if (rc < 0)
		json_decref(o);
}

void pages_state_get(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct service *s = service_of(hub, request, reply);
	struct store_value value = {0};
	uint8_t room[STATES_KEY_MAX];
	struct mf_str key;
	json_t *o;
	int rc;

	if (!s || !key_of(request, "key", reply, room, &key))
		return;
	rc = store_state(hub->store, database_service(s), key, &value);
	if (rc < 0) {
		refuse_error(reply, rc);
		return;
	}
	o = json_object();
	set_bytes(o, "key", key);
	json_object_set_new(o, "version", json_integer((json_int_t)value.version));
	if (value.version != 0)
		set_bytes(o, "value", value.value);
	pages_answer(reply, o);
}

/* --------------------------------------------------------------------- change */

static void change(struct hub *hub, const struct page_request *request, struct page_reply *reply,
	struct mf_str value)
{
	struct service *s = service_of(hub, request, reply);
	struct mf_str condition = page_parameter(request->query, "if_version");
	struct commit_put put = {.value = value, .conditional = condition.p != NULL};
	uint8_t room[STATES_KEY_MAX];
	uint64_t version = 0;
	int rc;

	if (!s || !key_of(request, "key", reply, room, &put.key))
		return;
	if (put.key.n == 0 || (put.conditional && !num_parse(condition, &put.if_version))) {
		pages_refuse(reply, 400, "Bad Request",
			json_string(put.key.n == 0 ? "key: it is empty"
						   : "if_version: it is no version"));
		return;
	}
	rc = commit_put(s, &put, &version);
	if (rc == -ESTALE)
		pages_refuse(reply, 409, "Conflict",
			json_sprintf("it has version %llu", (unsigned long long)version));
	else if (rc < 0)
		pages_refuse(reply, 503, "Service Unavailable",
			json_string("the database can't be written at the moment"));
	else
		pages_answer(reply, json_pack("{sI}", "version", (json_int_t)version));
}

void pages_state_put(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str value = request->body;

	change(hub, request, reply, value.n > 0 ? value : MF_STR(""));
}

void pages_state_remove(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	change(hub, request, reply, mf_str_of(NULL, 0));
}
