/* hub/web/cloudevents.c - see cloudevents.h */
#include "hub/web/cloudevents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/outbox.h"
#include "hub/pages_json.h"
#include "hub/time.h"
#include "hub/web/guess.h"
#include "sys/log.h"

/* ----------------------------------------------------------------------- text */

static bool put(struct cloudevents *b, const void *bytes, size_t n)
{
	if (n > b->room - b->n) {
		size_t room = (b->n + n) * 2 < 4096 ? 4096 : (b->n + n) * 2;
		char *more = realloc(b->text, room);

		if (!more)
			return false;
		b->text = more;
		b->room = room;
	}
	memcpy(b->text + b->n, bytes, n);
	b->n += n;
	return true;
}

static int on_dump(const char *bytes, size_t n, void *context)
{
	return put(context, bytes, n) ? 0 : -1;
}

/* ------------------------------------------------------------------ attributes */

/* What is no UTF-8 is shown as it would be in a line. */
static void set_text(json_t *to, const char *key, struct mf_str text)
{
	json_t *value = json_stringn(text.n > 0 ? (const char *)text.p : "", text.n);
	char clean[512];

	if (!value)
		value = json_string(log_clean(clean, sizeof(clean), text.p, text.n));
	json_object_set_new(to, key, value);
}

static void set_format(json_t *to, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void set_format(json_t *to, const char *key, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	set_text(to, key, mf_str_of(text, strlen(text)));
}

static bool is_json_type(struct mf_str type)
{
	static const char json[] = "application/json";
	size_t n = 0;

	while (n < type.n && type.p[n] != ';' && type.p[n] != ' ')
		n++;
	type.n = n;
	return mf_str_is(type, json) || (n > 5 && memcmp(type.p + n - 5, "+json", 5) == 0);
}

/* Of a type that is said, or that is guessed. *raw: the body goes in as it is. */
static void set_data(json_t *to, const struct store_out *out, bool *raw)
{
	struct mf_str type = out->type.n > 0 ? out->type : guess_type(out->body);
	bool json = is_json_type(type);

	set_text(to, "datacontenttype", type);
	*raw = json && guess_is_json(out->body);
	if (*raw)
		return;
	if (!json && guess_is_text(out->body))
		set_text(to, "data", out->body);
	else
		json_object_set_new(to, "data_base64", pages_base64(out->body.p, out->body.n));
}

static json_t *attributes_of(const struct cloudevent *e, bool *raw)
{
	const struct store_out *out = e->out;
	char time[TIME_TEXT];
	json_t *o = json_object();

	set_format(o, "specversion", "1.0");
	set_format(o, "id", "%.*s/%" PRIu64, (int)out->id.n, (const char *)out->id.p, out->number);
	set_format(o, "source", "/mayfly/%s%s%.*s", e->hub, e->service.n > 0 ? "/" : "",
		(int)e->service.n, (const char *)e->service.p);
	set_format(o, "type", "mayfly.upstream");
	set_text(o, "subject", out->name);
	if (time_rfc3339(out->wall_ns, time))
		set_format(o, "time", "%s", time);
	if (out->flags & OUTBOX_UNSURE)
		set_format(o, "clock", "unsure");
	json_object_set_new(o, "priority", json_integer(out->priority));
	if (e->late_s >= 0)
		json_object_set_new(o, "late", json_integer(e->late_s));
	set_data(o, out, raw);
	return o;
}

/* ----------------------------------------------------------------------- batch */

bool cloudevents_add(struct cloudevents *b, const struct cloudevent *event)
{
	size_t before = b->n;
	bool raw = false, well;
	json_t *o = attributes_of(event, &raw);

	well = o && put(b, before == 0 ? "[" : ",", 1) &&
		json_dump_callback(o, on_dump, b, JSON_COMPACT) == 0;
	json_decref(o);
	if (well && raw) {
		b->n--; /* the brace */
		well = put(b, ",\"data\":", 8) && put(b, event->out->body.p, event->out->body.n) &&
			put(b, "}", 1);
	}
	if (well)
		b->count++;
	else
		b->n = before;
	return well;
}

struct mf_str cloudevents_end(struct cloudevents *b)
{
	return put(b, "]", 1) ? mf_str_of(b->text, b->n) : mf_str_of(NULL, 0);
}

void cloudevents_clear(struct cloudevents *b)
{
	free(b->text);
	*b = (struct cloudevents){0};
}
