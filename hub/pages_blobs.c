/* hub/pages_blobs.c - see pages_blobs.h */
#include "hub/pages_blobs.h"

#include "hub/hub.h"
#include "hub/pages_json.h"
#include "store/blobs.h"

#define BLOBS_MOST 1000u /* of a page */

json_t *pages_blobs(const struct hub *hub)
{
	struct blobs_counts c;
	json_t *o;

	if (!hub->blobs)
		return json_null();
	blobs_count(hub->blobs, &c);
	o = json_object();
	pages_set(o, "limit_bytes", pages_count(c.most));
	pages_set(o, "bytes", pages_count(c.bytes));
	pages_set(o, "blobs", pages_count(c.blobs));
	pages_set(o, "held_bytes", pages_count(c.held_bytes));
	pages_set(o, "kept", pages_count(c.kept));
	pages_set(o, "uploads", pages_count(c.parts));
	pages_set(o, "hits", pages_count(c.hits));
	pages_set(o, "misses", pages_count(c.misses));
	pages_set(o, "doubles", pages_count(c.doubles));
	pages_set(o, "written_bytes", pages_count(c.written));
	pages_set(o, "read_bytes", pages_count(c.read));
	pages_set(o, "evictions", pages_count(c.evictions));
	pages_set(o, "evicted_bytes", pages_count(c.evicted_bytes));
	pages_set(o, "damaged", pages_count(c.damaged));
	pages_set(o, "wrong", pages_count(c.wrong));
	pages_set(o, "full", pages_count(c.full));
	pages_set(o, "expired", pages_count(c.expired));
	return o;
}

static bool is_open(const struct hub *hub, struct page_reply *reply)
{
	if (hub->blobs)
		return true;
	pages_refuse(reply, 404, "Not Found",
		json_string(
			"this hub has no disk cache: none of its services takes blobs, or it has "
			"no state"));
	return false;
}

static json_t *seconds(int64_t ns)
{
	return ns > 0 ? json_real((double)ns / 1e9) : json_null();
}

static void add(struct blob *blob, void *context)
{
	json_t *list = context, *o;
	char name[BLOB_NAME + 1];

	if (json_array_size(list) == BLOBS_MOST)
		return;
	o = json_object();
	blob_name(blob_hash(blob), name);
	pages_set(o, "blob", json_string(name));
	pages_set(o, "bytes", pages_count(blob_size(blob)));
	pages_set(o, "used", seconds(blob_used(blob)));
	pages_set(o, "kept_until", seconds(blob_kept_until(blob)));
	pages_set(o, "in_use", json_boolean(blob_pinned(blob)));
	json_array_append_new(list, o);
}

/* The blob that is asked for; NULL: it isn't here, or is no name; *hash is set if it is one. */
static struct blob *named(struct hub *hub, const struct page_request *request, bool *is_name,
	uint8_t hash[static BLOB_HASH])
{
	struct mf_str name = page_parameter(request->query, "name");

	*is_name = name.n == BLOB_NAME && blob_name_read(name.p, hash);
	return *is_name ? blobs_find(hub->blobs, hash) : NULL;
}

/* All, or, with ?name=HEX, one, and what there is of it if it isn't whole. */
void pages_blobs_list(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	uint8_t hash[BLOB_HASH];
	uint64_t offset = 0;
	json_t *list, *o;
	struct blob *one;
	bool is_name, active;

	if (!is_open(hub, reply))
		return;
	list = json_array();
	o = json_object();
	one = named(hub, request, &is_name, hash);
	if (one)
		add(one, list);
	else if (!page_parameter(request->query, "name").p)
		blobs_each(hub->blobs, add, list);
	else if (is_name && blobs_part(hub->blobs, hash, &offset, &active))
		pages_set(o, "upload_offset", pages_count(offset));
	pages_set(o, "blobs", list);
	pages_answer(reply, o);
}

void pages_blobs_remove(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	uint8_t hash[BLOB_HASH];
	struct blob *blob;
	bool is_name;

	if (!is_open(hub, reply))
		return;
	blob = named(hub, request, &is_name, hash);
	if (!blob)
		pages_refuse(reply, 404, "Not Found", json_string("this blob isn't here"));
	else if (blob_remove(blob) < 0)
		pages_refuse(reply, 409, "Conflict", json_string("this blob is in use"));
	else
		pages_answer(reply, json_object());
}
