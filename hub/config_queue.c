/* hub/config_queue.c - what hub.yaml says about the queue that many hubs share. */
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "hub/queue/queue.h"
#include "hub/web/url.h"

static int check_name(const struct building *b, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (name[0] != '\0' && name[strspn(name, letters)] == '\0' && strlen(name) <= QUEUE_NAME)
		return 0;
	return reading_bad(b->r, "queue.name",
		"queue.name: '%.60s' is not 1 to %u small letters, digits and '-'", name,
		QUEUE_NAME);
}

/* What stands behind it is ours to say. */
static int check_url(const struct building *b, const char *text)
{
	struct url url;
	const struct mf_str all = mf_str_of(text, strlen(text));
	const char *wrong = url_parse(all, &url);

	if (!wrong && url.origin.n != all.n)
		wrong = "there is more behind the port";
	if (!wrong)
		return 0;
	return reading_bad(b->r, "queue.url",
		"queue.url: '%.200s': %s: where other hubs reach this one's http listener, as "
		"http://10.0.0.3:8080",
		text, wrong);
}

static int check_database(const struct building *b, const char *text)
{
	if (strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0)
		return 0;
	return reading_bad(b->r, "queue.database",
		"queue.database: it must begin with postgresql://, as postgresql://mayfly@10.0.0.1/"
		"mayfly");
}

int config_queue(const struct building *b, const struct raw_config *raw, struct config *config)
{
	const struct raw_queue *from = &raw->queue;
	struct config_queue *to = &config->queue;
	int rc;

	if (!from->database)
		return 0;
	config_place(b, "queue", to->place);
	rc = check_database(b, from->database);
	if (rc == 0)
		rc = check_name(b, from->name);
	if (rc == 0)
		rc = check_url(b, from->url);
	if (rc == 0 && !raw->state)
		rc = reading_bad(b->r, "queue",
			"queue: jobs need a disk cache and a database: add 'state: DIRECTORY'");
	if (rc == 0)
		rc = config_text(b, from->database, &to->database);
	if (rc == 0)
		rc = config_text(b, from->name, &to->name);
	if (rc == 0)
		rc = config_text(b, from->url, &to->url);
	if (rc == 0 && from->token)
		rc = config_path(b, from->token, &to->token);
	if (rc == 0 && from->authorities)
		rc = config_path(b, from->authorities, &to->authorities);
	return rc;
}

void config_queue_free(struct config_queue *q)
{
	free(q->database);
	free(q->name);
	free(q->url);
	free(q->token);
	free(q->authorities);
	memset(q, 0, sizeof(*q));
}
