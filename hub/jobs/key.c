/* hub/jobs/key.c - jobs whose request carried an Idempotency-Key: which one it was. */
#include <string.h>

#include "hub/jobs/job.h"

/* Its hash is as long as a blob's, and is written like one. */
_Static_assert(sizeof(((struct job_key *)NULL)->request) == BLOB_HASH, "a request's hash");

struct job *jobs_find_key(const struct hub *hub, const struct job_key *key, bool *other)
{
	struct job *job = jobs_first(hub);

	*other = false;
	while (job && (key->id[0] == '\0' || strcmp(job->key.id, key->id) != 0))
		job = job->next;
	if (job)
		*other = memcmp(job->key.request, key->request, sizeof(key->request)) != 0;
	return job;
}

json_t *job_key_json(const struct job_key *key)
{
	char request[BLOB_NAME + 1];

	if (key->id[0] == '\0')
		return json_null();
	blob_name(key->request, request);
	return json_pack("[ss]", key->id, request);
}

void job_key_load(struct job_key *key, const json_t *json)
{
	const json_t *id = json_array_get(json, 0), *request = json_array_get(json, 1);

	memset(key, 0, sizeof(*key));
	if (json_string_length(id) == TASK_ID && json_string_length(request) == BLOB_NAME &&
		blob_name_read(json_string_value(request), key->request))
		memcpy(key->id, json_string_value(id), TASK_ID + 1);
}
