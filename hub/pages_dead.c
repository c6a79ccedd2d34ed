/* hub/pages_dead.c - see pages_dead.h */
#include "hub/pages_dead.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "hub/failed.h"
#include "hub/hub.h"
#include "hub/pages_json.h"
#include "image/capsule.h"
#include "store/store.h"

#define LIST_MOST 100u

static json_t *bytes_text(struct mf_str s)
{
	json_t *j = json_stringn((const char *)s.p, s.n);

	return j ? j : json_string("?"); /* no UTF-8 */
}

static json_t *letter(struct hub *hub, const struct store_failed *row)
{
	json_t *o = json_object();
	struct capsule c;
	bool whole = capsule_read(&c, row->capsule.p, row->capsule.n) == NULL;
	struct mf_event e = {0};

	if (whole)
		e = capsule_event(&c);
	pages_set(o, "number", pages_count(row->number));
	pages_set(o, "id", bytes_text(row->id));
	pages_set(o, "service", bytes_text(store_service_name(hub->store, row->service)));
	pages_set(o, "subject", whole ? bytes_text(capsule_text(&c, e.subject)) : json_null());
	pages_set(o, "why", bytes_text(row->why));
	pages_set(o, "lives", pages_count(row->attempt));
	pages_set(o, "time_ns", json_integer(row->wall_ns));
	return o;
}

struct listing {
	struct hub *hub;
	json_t *list;
	uint64_t last;
};

static bool add(const struct store_failed *row, void *context)
{
	struct listing *l = context;

	json_array_append_new(l->list, letter(l->hub, row));
	l->last = row->number;
	return true;
}

void pages_dead(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str after = page_parameter(request->query, "after");
	struct listing l = {.hub = hub, .list = json_array()};
	uint64_t behind = 0;
	int rc = 0;

	if (after.p && !num_parse(after, &behind)) {
		json_decref(l.list);
		pages_refuse(reply, 400, "Bad Request", json_string("after: it is no number"));
		return;
	}
	if (hub->store)
		rc = store_failed_each(hub->store, STORE_DEAD, behind, LIST_MOST, add, &l);
	pages_answer(reply,
		json_pack("{so sb sI sI}", "letters", l.list, "more", rc == (int)LIST_MOST, "last",
			(json_int_t)l.last, "count",
			(json_int_t)(hub->store ? store_failed_count(hub->store, STORE_DEAD) : 0)));
}

/* ?number=N; false, having said so: it is none. */
static bool number_of(
	const struct page_request *request, struct page_reply *reply, uint64_t *number)
{
	struct mf_str text = page_parameter(request->query, "number");

	if (text.p && num_parse(text, number))
		return true;
	pages_refuse(reply, 400, "Bad Request", json_string("number: write that of a dead letter"));
	return false;
}

static void not_found(struct page_reply *reply)
{
	pages_refuse(reply, 404, "Not Found", json_string("there is no such dead letter"));
}

void pages_dead_get(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct store_failed row;
	uint64_t number;
	json_t *o;

	if (!number_of(request, reply, &number))
		return;
	if (!hub->store || store_failed_read(hub->store, STORE_DEAD, number, &row) != 1) {
		not_found(reply);
		return;
	}
	o = letter(hub, &row);
	pages_set(o, "capsule", pages_base64(row.capsule.p, row.capsule.n));
	pages_answer(reply, o);
}

static void change(struct hub *hub, const struct page_request *request, struct page_reply *reply,
	int (*work)(struct hub *hub, uint64_t number))
{
	uint64_t number;
	int rc;

	if (!number_of(request, reply, &number))
		return;
	rc = work(hub, number);
	if (rc == -ENOENT)
		not_found(reply);
	else if (rc < 0)
		pages_refuse(reply, 503, "Service Unavailable",
			json_string("nothing can be written at the moment, or too many wait to be "
				    "tried again"));
	else
		pages_answer(reply, json_pack("{sI}", "number", (json_int_t)number));
}

void pages_dead_retry(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	change(hub, request, reply, failed_again);
}

void pages_dead_remove(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	change(hub, request, reply, failed_remove);
}
