/*
 * hub/queue/tables.c - see tables.h. What is said of many tasks is one statement with a list of them as JSON; rows are
 * locked in no order of ours, so two hubs may deadlock over a job that is cancelled: the database ends one of the two, who
 * says it again.
 *
 * A task's state: 0 ready, 1 taken, 2 done, 3 failed. One that has lost its lease is ready again but keeps hub and ticket: if
 * nobody has taken it since, what its hub says of it is still accepted.
 */
#include "hub/queue/tables.h"

#include "hub/queue/queue.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#define MS(n)    n " * INTERVAL '1 millisecond'"
/* Parameter n, which is a list of tasks, as a table. */
#define LIST(n)                                                                                    \
	"jsonb_to_recordset(" n "::jsonb) AS l(job TEXT, number BIGINT, ticket BIGINT,"            \
	" state BIGINT, units BIGINT, result TEXT, kind TEXT, needs TEXT, about TEXT, owner TEXT)"
#define ITS " WHERE t.job = l.job AND t.number = l.number"
#define HIS ITS " AND t.ticket = l.ticket AND t.hub = "
#define LOST                                                                                       \
	"lost = lost + 1, state = CASE WHEN lost >= " TEXT(QUEUE_LOST_MOST) " THEN 3 ELSE 0 END"
#define STATE  "t.state + 0"
#define GIVES  " RETURNING t.job, t.number, t.ticket"
#define GIVES0 " RETURNING t.job, t.number, 0::BIGINT"

/* Plans are made once, when tables may be empty and nobody has counted their rows. So that one is a look at the primary key for each
 * task of a list whatever the planner believes: what else could be looked at is off, or is hidden from it (STATE). */
#define OFF(what) "set_config('enable_" what "', 'off', true)"

static const char *const statements[QUEUE_STATEMENTS] = {
	[BY_INDEX] = "SELECT " OFF("seqscan") ", " OFF("hashjoin") ", " OFF("mergejoin"),
	[SAY_READY] = "SELECT pg_notify('mayfly_ready', '')",
	[SAY_OWNERS] = "SELECT pg_notify('mayfly_' || l.owner, '') FROM " LIST("$1"),
	[HUB_COMES] = "INSERT INTO hub(name, url, run, seen) VALUES($1, $2, $3, now())"
		      " ON CONFLICT(name) DO UPDATE SET url = excluded.url, run = excluded.run,"
		      " seen = excluded.seen",
	[HUB_TAKEN_BEFORE] = "UPDATE task SET ticket = 0, " LOST " WHERE hub = $1 AND state = 1",
	[HUB_OFFERED_BEFORE] = "DELETE FROM task WHERE owner = $1 AND state = 0",
	[HUB_SEEN] = "INSERT INTO hub(name, url, run, seen) VALUES($1, $2, $3, now())"
		     " ON CONFLICT(name) DO UPDATE SET seen = excluded.seen"
		     " WHERE hub.run = excluded.run",
	[HUB_LEAVES] = "UPDATE hub SET seen = now() - " MS("$1") " WHERE name = $2 AND run = $3",
	[HUBS] = "SELECT COUNT(*) FROM hub WHERE seen > now() - " MS("$1"),
	[HUBS_OLD] = "DELETE FROM hub WHERE seen < now() - " MS("$1"),
	[JOBS_OLD] = "DELETE FROM task WHERE NOT EXISTS(SELECT 1 FROM hub WHERE name = task.owner)",
	[OFFER_JOBS] = "INSERT INTO job(id, owner, about) SELECT l.job, $1, l.about FROM " LIST(
		"$2") " WHERE l.about IS NOT NULL ON CONFLICT DO NOTHING",
	[OFFER] = "INSERT INTO task(job, number, owner, kind, needs)"
		  " SELECT l.job, l.number, $1, l.kind, l.needs FROM " LIST(
			  "$2") " ON CONFLICT DO NOTHING",
	[RECALL] = "DELETE FROM task t USING " LIST("$1") ITS " AND t.owner = $2 AND " STATE
							      " = 0" GIVES0,
	[REMOVE] = "DELETE FROM task t USING " LIST("$1") ITS " AND t.owner = $2 AND " STATE
							      " >= 2" GIVES0,
	[CANCEL] = "DELETE FROM task t USING " LIST("$1") " WHERE t.job = l.job AND t.owner = $2",
	[TELL] = "UPDATE task t SET state = l.state, result = l.result, units = l.units"
		 " FROM " LIST("$1") HIS "$2 AND (" STATE " <= 1 OR " STATE " = l.state)" GIVES
					 ", t.owner",
	[BACK] = "UPDATE task t SET state = 0, ticket = 0 FROM " LIST("$1") HIS "$2 AND " STATE
										" = 1" GIVES,
	[RENEW] = "UPDATE task t SET state = 1, lease = now() + " MS("$1") " FROM " LIST("$2") HIS
	"$3 AND " STATE " <= 1" GIVES,
	[OVERDUE] = "UPDATE task t SET " LOST
		    " FROM (SELECT job, number FROM task WHERE state = 1 AND lease < now()"
		    " LIMIT 256 FOR UPDATE SKIP LOCKED) l" ITS " RETURNING t.state",
	[TAKE] = "WITH l AS MATERIALIZED (SELECT job, number FROM task WHERE state = 0"
		 " AND kind = ANY(string_to_array($1, ' ')) AND owner <> $2 AND owner = ANY(ARRAY("
		 "SELECT name FROM hub WHERE seen > now() - " MS(
			 "$3") "))"
			       " ORDER BY turn LIMIT $4 FOR UPDATE SKIP LOCKED)"
			       " UPDATE task t SET state = 1, hub = $5, ticket = nextval('ticket'),"
			       " lease = now() + " MS(
				       "$6") " FROM l" ITS " RETURNING t.job, t.number, t.lost, "
					     "t.ticket, t.owner, t.kind, t.needs,"
					     " (SELECT url FROM hub WHERE name = t.owner),"
					     " (SELECT about FROM job WHERE id = t.job)",
	[ENDED] = "SELECT job, number, lost, COALESCE(ticket, 0), COALESCE(hub, ''), result, units,"
		  " state FROM task WHERE owner = $1 AND state >= 2 LIMIT 4096",
	[JOBS_EMPTY] = "DELETE FROM job WHERE owner = $1"
		       " AND NOT EXISTS(SELECT 1 FROM task WHERE task.job = job.id)",
	[COUNT] = "SELECT COUNT(*) FILTER (WHERE state = 0), COUNT(*) FILTER (WHERE state = 1),"
		  " COUNT(*) FILTER (WHERE state >= 2),"
		  " (SELECT COUNT(*) FROM hub WHERE seen > now() - " MS("$1") ") FROM task",
};

const struct sql_schema queue_schema = {
	.application = 0x6d667175, /* "mfqu" */
	.version = 1,
	.postgres =
		"CREATE SEQUENCE ticket;"
		"CREATE TABLE hub(name TEXT PRIMARY KEY, url TEXT NOT NULL, run BYTEA NOT NULL,"
		" seen TIMESTAMPTZ NOT NULL);"
		"CREATE TABLE job(id TEXT PRIMARY KEY, owner TEXT NOT NULL, about TEXT);"
		"CREATE TABLE task(job TEXT NOT NULL, number BIGINT NOT NULL,"
		" turn BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY, owner TEXT NOT NULL,"
		" kind TEXT NOT NULL, needs TEXT, state BIGINT NOT NULL DEFAULT 0, hub TEXT,"
		" ticket BIGINT, lease TIMESTAMPTZ, lost BIGINT NOT NULL DEFAULT 0, result TEXT,"
		" units BIGINT NOT NULL DEFAULT 0, PRIMARY KEY(job, number));"
		"CREATE INDEX task_ready ON task(turn) WHERE state = 0;"
		"CREATE INDEX task_taken ON task(lease) WHERE state = 1;"
		"CREATE INDEX task_ended ON task(owner) WHERE state >= 2;",
	.space = "mayfly_queue",
	.statements = statements,
	.count = QUEUE_STATEMENTS,
};
