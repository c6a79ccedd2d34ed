/*
 * cli/hub/stats.c - mayfly stats: a hub's figures, or those of one of its services.
 */
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/table.h"
#include "cli/out.h"

static const char help[] =
	"usage: mayfly stats [SERVICE] [--hub PATH] [-o text|json]\n"
	"What a hub has done since it started: its own memory and time, its listeners, and for\n"
	"each service results, refusals, workers and times.\n" CLIENT_HELP
	"Exit status: 0 ok, 2 usage, 3 no such service, 4 denied, 6 no hub.\n";

static const struct option options[] = {CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"stats", help, "o:h", options};

/* ------------------------------------------------------------------- the hub */

static void show_hub(const json_t *hub)
{
	const char *config = client_text(hub, "config");
	char a[TABLE_CELL], b[TABLE_CELL];

	printf("hub %lld, mayfly %s, %s, up %s%s\n", (long long)client_integer(hub, "pid"),
		client_text(hub, "version"), config ? config : "mayfly up",
		table_seconds(a, json_number_value(json_object_get(hub, "uptime_s"))),
		json_is_true(json_object_get(hub, "stopping")) ? ", stopping" : "");
	printf("  memory       %s, of connections %s of at most %s\n",
		table_bytes(a, client_integer(hub, "resident_bytes")),
		table_bytes(b, client_integer(hub, "held_bytes")),
		table_bytes((char[TABLE_CELL]){0}, client_integer(hub, "held_limit_bytes")));
	printf("  processor    %.2f s, idle for %lld%% of the time of late\n",
		json_number_value(json_object_get(hub, "cpu_s")),
		(long long)client_integer(hub, "idle_percent"));
	printf("  connections  %lld of at most %lld; descriptors %lld of %lld\n",
		(long long)client_integer(hub, "connections"),
		(long long)client_integer(hub, "connections_limit"),
		(long long)client_integer(hub, "descriptors"),
		(long long)client_integer(hub, "descriptors_limit"));
	printf("  kept answers %lld, %s; replayed %lld, conflicts %lld\n",
		(long long)client_integer(hub, "kept_answers"),
		table_bytes(a, client_integer(hub, "kept_answers_bytes")),
		(long long)client_integer(hub, "kept_answers_replayed"),
		(long long)client_integer(hub, "kept_answers_conflicts"));
	printf("  reloads      %lld, failed %lld\n", (long long)client_integer(hub, "reloads"),
		(long long)client_integer(hub, "reloads_failed"));
}

/* ----------------------------------------------------------- store and outbox */

static void show_store(const json_t *s)
{
	char a[TABLE_CELL], b[TABLE_CELL], c[TABLE_CELL];

	if (!json_is_object(s))
		return;
	printf("  database     %s, log %s, history %s; %lld ids, %lld scheduled, %lld to be tried "
	       "again, %lld dead letters%s\n",
		table_bytes(a, client_integer(s, "file_bytes")),
		table_bytes(b, client_integer(s, "log_bytes")),
		table_bytes(c, client_integer(s, "history_bytes")),
		(long long)client_integer(s, "ids"), (long long)client_integer(s, "scheduled"),
		(long long)client_integer(s, "retries"),
		(long long)client_integer(s, "dead_letters"),
		json_is_true(json_object_get(s, "up")) ? "" : "; it can't be written");
	printf("  commits      %lld of %lld transactions, failed %lld; p50 %s, p99 %s\n",
		(long long)client_integer(s, "commits"),
		(long long)client_integer(s, "transactions"),
		(long long)client_integer(s, "failed_commits"),
		table_us(a, json_object_get(s, "commit_p50_us")),
		table_us(b, json_object_get(s, "commit_p99_us")));
}

static void show_blobs(const json_t *b)
{
	char a[TABLE_CELL], c[TABLE_CELL], d[TABLE_CELL];

	if (!json_is_object(b))
		return;
	printf("  disk cache   %lld blobs, %s of at most %s, in use or kept %s; hits %lld, misses "
	       "%lld, evictions %lld%s\n",
		(long long)client_integer(b, "blobs"), table_bytes(a, client_integer(b, "bytes")),
		table_bytes(c, client_integer(b, "limit_bytes")),
		table_bytes(d, client_integer(b, "held_bytes")),
		(long long)client_integer(b, "hits"), (long long)client_integer(b, "misses"),
		(long long)client_integer(b, "evictions"),
		client_integer(b, "damaged") > 0 ? "; some were damaged" : "");
}

static bool has_outbox(const json_t *o)
{
	return client_integer(o, "messages") > 0 || client_integer(o, "waiting") > 0;
}

/* Destinations for which there is, or was, something. */
static void show_outbox(json_t *outbox)
{
	static const char *const heads[] = {"OUTBOX", ">MESSAGES", ">ARRIVED", ">AGAIN", ">DROPPED",
		">WAITING", ">BYTES", ">OLDEST"};
	struct table table;
	const char *name;
	bool any = false;
	json_t *o;

	json_object_foreach(outbox, name, o) any |= has_outbox(o);
	if (!any)
		return;
	table_open(&table, heads, sizeof(heads) / sizeof(heads[0]));
	json_object_foreach(outbox, name, o)
	{
		char cell[7][TABLE_CELL];
		const char *const cells[] = {name,
			table_count(cell[0], client_integer(o, "messages")),
			table_count(cell[1], client_integer(o, "arrived")),
			table_count(cell[2], client_integer(o, "again")),
			table_count(cell[3],
				client_integer(o, "dropped_full") +
					client_integer(o, "dropped_old")),
			table_count(cell[4], client_integer(o, "waiting")),
			table_bytes(cell[5], client_integer(o, "waiting_bytes")),
			table_seconds(cell[6], json_number_value(json_object_get(o, "oldest_s")))};

		if (has_outbox(o))
			table_row(&table, cells);
	}
	putchar('\n');
	table_close(&table, stdout);
}

/* ----------------------------------------------------------------- listeners */

static void show_listeners(const json_t *list)
{
	static const char *const heads[] = {"LISTENER", "ADDRESS", "SERVICE", ">OPEN", ">ACCEPTED",
		">EVENTS", ">BAD", ">REPLIES", ">UNSENT", ">DROPPED", ">RECEIVED", ">SENT"};
	static const char *const members[] = {NULL, NULL, NULL, "open", "connections", "events",
		"bad", "replies", "unsent", "dropped", "received_bytes", "sent_bytes"};
	enum { COLUMNS = sizeof(heads) / sizeof(heads[0]) };
	struct table table;
	json_t *one;
	size_t i;

	table_open(&table, heads, COLUMNS);
	json_array_foreach(list, i, one)
	{
		char cell[COLUMNS][TABLE_CELL];
		const char *cells[COLUMNS] = {client_text(one, "transport"),
			client_text(one, "address"), client_text(one, "service")};

		for (unsigned c = 3; c < COLUMNS; c++) {
			json_int_t n = client_integer(one, members[c]);

			cells[c] = strstr(members[c], "_bytes") ? table_bytes(cell[c], n)
								: table_count(cell[c], n);
		}
		table_row(&table, cells);
	}
	putchar('\n');
	table_close(&table, stdout);
}

/* ------------------------------------------------------------------ services */

/* "ok 12, crashed 1", or nothing */
static void show_counts(const char *label, json_t *counts)
{
	const char *key, *before = "";
	json_t *n;

	if (json_object_size(counts) == 0)
		return;
	printf("  %-11s", label);
	json_object_foreach(counts, key, n)
	{
		printf("%s %s %lld", before, key, (long long)json_integer_value(n));
		before = ",";
	}
	putchar('\n');
}

static void show_times(json_t *times)
{
	static const char *const heads[] = {"  ", "", ">MEAN", ">P50", ">P90", ">P99"};
	static const char *const members[] = {"mean_us", "p50_us", "p90_us", "p99_us"};
	struct table table;
	const char *name;
	json_t *one;

	if (json_object_size(times) == 0)
		return;
	table_open(&table, heads, 6);
	json_object_foreach(times, name, one)
	{
		char cell[4][TABLE_CELL];
		const char *cells[6] = {"", name};

		for (unsigned i = 0; i < 4; i++)
			cells[i + 2] = table_us(cell[i], json_object_get(one, members[i]));
		table_row(&table, cells);
	}
	table_close(&table, stdout);
}

static void show_service(const json_t *s)
{
	const json_t *workers = json_object_get(s, "workers");
	const json_t *circuit = json_object_get(s, "circuit");
	char size[TABLE_CELL];

	printf("\nservice %s, %s, circuit %s, backend %s\n", client_text(s, "name"),
		client_text(s, "state"), client_text(circuit, "state"), client_text(s, "backend"));
	printf("  events      accepted %lld, replied %lld, silent %lld, refused %lld (%lld of them "
	       "not "
	       "accepted), cold %lld, rerun %lld\n",
		(long long)client_integer(s, "accepted"), (long long)client_integer(s, "replied"),
		(long long)client_integer(s, "silent"), (long long)client_integer(s, "refused"),
		(long long)client_integer(s, "turned_away"), (long long)client_integer(s, "cold"),
		(long long)client_integer(s, "reruns"));
	printf("  now         %lld of at most %lld wait, %lld run\n",
		(long long)client_integer(s, "queued"),
		(long long)client_integer(s, "queued_limit"),
		(long long)client_integer(s, "running"));
	printf("  workers     started %lld, of which not to the end %lld, lost %lld; memory %s\n",
		(long long)client_integer(workers, "started"),
		(long long)client_integer(workers, "unstarted"),
		(long long)client_integer(workers, "lost"),
		table_bytes(size, client_integer(workers, "resident_bytes")));
	show_counts("lives", json_object_get(s, "results"));
	show_counts("refusals", json_object_get(s, "refusals"));
	show_times(json_object_get(s, "times"));
}

static int show(json_t *answer, bool all)
{
	json_t *service, *hub = json_object_get(answer, "hub");
	size_t i;

	if (all) {
		show_hub(hub);
		show_store(json_object_get(hub, "store"));
		show_blobs(json_object_get(hub, "blobs"));
		show_outbox(json_object_get(hub, "outbox"));
	}
	if (all || json_array_size(json_object_get(answer, "listeners")) > 0)
		show_listeners(json_object_get(answer, "listeners"));
	json_array_foreach(json_object_get(answer, "services"), i, service) show_service(service);
	json_decref(answer);
	return out_end("stats", STATUS_OK);
}

int cmd_stats(int argc, char **argv)
{
	const char *name = NULL;
	struct client_options o = {0};
	char page[256] = "/v1/stats";
	json_t *answer;
	int status;

	if (client_option(&o, &usage, argc, argv, &status) == -2)
		return status;
	status = client_operands("stats", argc, argv, &name);
	if (status == STATUS_OK && name)
		status = client_service("stats", name);
	if (status != STATUS_OK)
		return status;
	if (name)
		client_parameter(page, sizeof(page), "service", name);
	status = client_ask_once("stats", &o, "GET", page, &answer);
	if (status != STATUS_OK)
		return status;
	return o.json ? out_json("stats", STATUS_OK, answer) : show(answer, !name);
}
