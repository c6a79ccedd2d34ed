/* hub/pages_events.c - see pages_events.h */
#include "hub/pages_events.h"

#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "hub/database.h"
#include "hub/hub.h"
#include "hub/pages_json.h"
#include "hub/pages_trigger.h"
#include "image/capsule.h"
#include "store/store.h"

/* Rows that one request looks at: reading them takes the loop's time. */
#define ROWS_MOST  512u
#define LIVES_MOST 16u
#define BYTES_MOST (1u << 20) /* of capsules in one answer, about */

static json_t *text(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : json_string("?"); /* bytes that are no UTF-8 */
}

static json_t *hex(const uint8_t bytes[static 32])
{
	char to[65];

	for (unsigned i = 0; i < 32; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return json_string(to);
}

static json_t *event_object(const struct recent_event *e)
{
	json_t *o = json_object();

	pages_set(o, "number", pages_count(e->number));
	pages_set(o, "id", e->id[0] ? json_string(e->id) : json_null());
	pages_set(o, "service", e->service[0] ? json_string(e->service) : json_null());
	pages_set(o, "source", pages_text_or_null(e->source));
	pages_set(o, "subject", text(e->subject));
	pages_set(o, "result", json_string(e->result));
	pages_set(o, "why", e->why[0] ? text(e->why) : json_null());
	pages_set(o, "refused", json_boolean(e->refused));
	pages_set(o, "time_ns", json_integer(e->wall_ns));
	pages_set(o, "birth_us", pages_us(e->birth_ns));
	pages_set(o, "run_us", pages_us(e->run_ns));
	pages_set(o, "commit_us", pages_us(e->commit_ns));
	pages_set(o, "total_us", pages_us(e->total_ns));
	pages_set(o, "times", pages_count(e->times));
	pages_set(o, "attempt", pages_count(e->attempt));
	pages_set(o, "races", pages_count(e->races));
	pages_set(o, "cold", json_boolean(e->cold));
	pages_set(o, "again", json_boolean(e->again));
	pages_set(o, "life", e->life ? pages_count(e->life) : json_null());
	pages_set(o, "image", hex(e->image));
	pages_set(o, "version", e->version[0] ? json_string(e->version) : json_null());
	return o;
}

/* ?NAME=NUMBER; absent: `otherwise`. False, having said so: it is no number. */
static bool number(const struct page_request *request, struct page_reply *reply, const char *name,
	uint64_t otherwise, uint64_t *value)
{
	struct mf_str given = page_parameter(request->query, name);
	char words[64];

	*value = otherwise;
	if (!given.p || num_parse(given, value))
		return true;
	snprintf(words, sizeof(words), "%s: it is no number", name);
	pages_refuse(reply, 400, "Bad Request", json_string(words));
	return false;
}

void pages_events(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str service = page_parameter(request->query, "service");
	const struct recent_event *e;
	const char *before = "";
	uint64_t after;

	if (!number(request, reply, "after", 0, &after))
		return;
	reply->content_type = pages_as_json;
	fprintf(reply->body, "{\"pid\":%d,\"next\":%llu,\"events\":[", getpid(),
		(unsigned long long)hub->recent.number);
	for (; (e = recent_next(&hub->recent, after)); after = e->number) {
		if (service.p && !mf_str_is(service, e->service))
			continue;
		fputs(before, reply->body);
		pages_put(reply->body, event_object(e));
		before = ",\n";
	}
	fputs("]}\n", reply->body);
}

/* ------------------------------------------------------------------- one event */

static const struct service *service_named(const struct hub *hub, struct mf_str name)
{
	for (const struct service *s = hub->services; s; s = s->next)
		if (mf_str_is(name, s->name))
			return s;
	return NULL;
}

static json_t *life_object(struct hub *hub, const struct store_life *life)
{
	struct mf_str name = store_service_name(hub->store, life->service);
	const struct service *s = service_named(hub, name);
	json_t *o = json_object();

	pages_set(o, "number", pages_count(life->number));
	pages_set(o, "id", json_stringn((const char *)life->id.p, life->id.n));
	pages_set(o, "service", json_stringn((const char *)name.p, name.n));
	pages_set(o, "image_path", s ? text(s->image_path) : json_null());
	pages_set(o, "capsule", pages_base64(life->capsule.p, life->capsule.n));
	return o;
}

/* The life with this id, among ROWS_MOST rows before *before, which becomes where to go on; 0: there are no
 * more. */
static bool find_life(struct hub *hub, struct mf_str id, uint64_t *before, struct store_life *life)
{
	const struct store_which which = {.id = id};
	uint64_t seen = 0;
	int rc = 0;

	if (hub->store && *before > 0 && id.n > 0)
		rc = store_life_before(hub->store, *before, &which, ROWS_MOST, &seen, life);
	*before = rc < 0 ? 0 : seen;
	return rc == 1;
}

static json_t *trigger_of_life(struct hub *hub, const struct store_life *life)
{
	const struct service *s = service_named(hub, store_service_name(hub->store, life->service));
	struct capsule c;
	struct mf_event e;

	if (!s || capsule_read(&c, life->capsule.p, life->capsule.n) != NULL ||
		memcmp(c.image, s->digest, sizeof(c.image)) != 0)
		return json_null();
	e = capsule_event(&c);
	return pages_trigger(hub, s, (enum mf_source)e.source, capsule_text(&c, e.subject));
}

static json_t *trigger_of_event(const struct hub *hub, const struct recent_event *e)
{
	const struct service *s =
		e ? service_named(hub, mf_str_of(e->service, strlen(e->service))) : NULL;

	if (!s || memcmp(e->image, s->digest, sizeof(e->image)) != 0)
		return json_null();
	return pages_trigger(hub, s, e->kind, mf_str_of(e->subject, strlen(e->subject)));
}

/* /v1/events/ID; an id may hold slashes. */
void pages_event(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	static const struct mf_str front = MF_STR("/v1/events/");
	struct mf_str id = mf_str_of(request->path.p + front.n, request->path.n - front.n);
	unsigned again;
	const struct recent_event *e = recent_find(&hub->recent, id, &again);
	struct store_life life;
	uint64_t before;
	bool found;
	json_t *o;

	if (!number(request, reply, "before", e && e->life ? e->life + 1 : UINT64_MAX, &before))
		return;
	found = (!e || e->life || e->again) && find_life(hub, id, &before, &life);
	o = json_object();
	pages_set(o, "pid", json_integer(getpid()));
	pages_set(o, "event", e ? event_object(e) : json_null());
	pages_set(o, "again", pages_count(again));
	pages_set(o, "life", found ? life_object(hub, &life) : json_null());
	pages_set(o, "trigger", found ? trigger_of_life(hub, &life) : trigger_of_event(hub, e));
	/* where to look on for it */
	pages_set(o, "before",
		found || (e && !e->again) || before == 0 ? json_null() : pages_count(before));
	reply->content_type = pages_as_json;
	pages_put(reply->body, o);
}

/* --------------------------------------------------------------------- lives */

static void put_lives(struct hub *hub, struct page_reply *reply, uint32_t service, uint64_t *before,
	uint64_t most)
{
	const struct store_which which = {.service = service};
	uint64_t seen, rows = ROWS_MOST, bytes = 0;
	struct store_life life;
	const char *comma = "";

	for (; most > 0 && rows > 0 && *before > 0 && bytes < BYTES_MOST; rows--) {
		int rc = store_life_before(hub->store, *before, &which, 1, &seen, &life);

		*before = seen;
		if (rc < 0 || seen == 0) {
			*before = 0;
			return;
		}
		if (rc == 0)
			continue;
		fputs(comma, reply->body);
		pages_put(reply->body, life_object(hub, &life));
		comma = ",\n";
		bytes += life.capsule.n;
		most--;
	}
}

/* "before": where to go on; null: there are no more. */
void pages_lives(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name = page_parameter(request->query, "service");
	uint64_t before, most;
	uint32_t service;

	if (!number(request, reply, "before", UINT64_MAX, &before) ||
		!number(request, reply, "most", LIVES_MOST, &most))
		return;
	if (!name.p || name.n == 0) {
		pages_refuse(reply, 400, "Bad Request", json_string("service: it is missing"));
		return;
	}
	reply->content_type = pages_as_json;
	fputs("{\"lives\":[", reply->body);
	service = hub->store ? store_service(hub->store, name) : 0;
	if (service > 0)
		put_lives(hub, reply, service, &before, most < LIVES_MOST ? most : LIVES_MOST);
	else
		before = 0;
	if (before > 0)
		fprintf(reply->body, "],\"before\":%llu}\n", (unsigned long long)before);
	else
		fputs("],\"before\":null}\n", reply->body);
}
