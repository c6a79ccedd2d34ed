/*
 * cli/hub/job.c - mayfly job: the jobs of a hub: how far they are, what they came to; and that one ends.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/table.h"
#include "cli/hub/tell.h"
#include "cli/out.h"

#define WATCH_NS 500000000

static const char help[] =
	"usage: mayfly job ls\n"
	"       mayfly job show ID\n"
	"       mayfly job watch ID\n"
	"       mayfly job cancel ID\n"
	"The jobs of a hub, docs/jobs.md: work of a service that is larger than one life, or that\n"
	"nobody waited for. How far they are and when they may be done; one until it has ended; "
	"that\n"
	"one ends, or, if it has ended, is forgotten with its result.\n" CLIENT_HELP
	"Exit status: 0 ok, 1 watch: the job failed or was cancelled, 2 usage, 3 no such job,\n"
	"4 denied, 6 no hub.\n";

static const struct option options[] = {CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"job", help, "o:h", options};

struct asking {
	struct client client;
	const char *id;
	bool json;
};

static int ask(struct asking *a, const char *method, const char *path, json_t **answer)
{
	char page[128];

	snprintf(page, sizeof(page), "%s", path);
	if (a->id)
		client_parameter(page, sizeof(page), "id", a->id);
	return client_ask(&a->client, method, page, answer, NULL);
}

/* --------------------------------------------------------------------- in words */

static double real(const json_t *job, const char *key)
{
	return json_number_value(json_object_get(job, key));
}

static const char *percent(char to[static TABLE_CELL], const json_t *job)
{
	(void)snprintf(to, TABLE_CELL, "%.0f%%", 100 * real(job, "progress"));
	return to;
}

static const char *tasks(char to[static TABLE_CELL], const json_t *job)
{
	(void)snprintf(to, TABLE_CELL, "%lld/%lld", (long long)client_integer(job, "done"),
		(long long)client_integer(job, "tasks"));
	return to;
}

/* NULL: nobody knows. */
static const char *left(char to[static TABLE_CELL], const json_t *job)
{
	if (!json_is_number(json_object_get(job, "estimate_s")) ||
		!json_is_null(json_object_get(job, "ended_ns")))
		return NULL;
	return table_seconds(to, real(job, "estimate_s"));
}

static int list(struct asking *a)
{
	static const char *const heads[] = {
		"ID", "SERVICE", "PATH", "STATE", ">TASKS", ">DONE", ">LEFT", "BEGAN"};
	char done[TABLE_CELL], of[TABLE_CELL], time_left[TABLE_CELL], when[32];
	json_t *answer = NULL, *job;
	struct table table;
	size_t i;
	int status = ask(a, "GET", "/v1/jobs", &answer);

	if (status != STATUS_OK)
		return status;
	if (a->json)
		return out_json("job", STATUS_OK, answer);
	table_open(&table, heads, sizeof(heads) / sizeof(heads[0]));
	json_array_foreach(json_object_get(answer, "jobs"), i, job)
	{
		const char *const cells[] = {client_text(job, "id"), client_text(job, "service"),
			client_text(job, "path"), client_text(job, "state"), tasks(of, job),
			percent(done, job), left(time_left, job),
			tell_when(when, client_integer(job, "began_ns"))};

		table_row(&table, cells);
	}
	table_close(&table, stdout);
	json_decref(answer);
	return out_end("job", STATUS_OK);
}

static void line(const char *head, const char *text)
{
	if (text)
		tell_line(head, mf_str_of(text, strlen(text)));
}

static void tell_result(const json_t *result)
{
	const json_t *problem = json_object_get(result, "problem");
	char bytes[TABLE_CELL];

	if (!json_is_object(result))
		return;
	printf("%-9s%lld\n", "status", (long long)client_integer(result, "status"));
	if (problem)
		line("why", client_text(problem, "detail"));
	else
		line("result", table_bytes(bytes, client_integer(result, "bytes")));
	line("blob", client_text(result, "blob"));
}

/* Who did its tasks, where several hubs share a queue. */
static void tell_hubs(const json_t *hubs)
{
	const char *name, *between = "hubs     ";
	const json_t *tasks;

	json_object_foreach((json_t *)hubs, name, tasks)
	{
		printf("%s%s %lld", between, name, (long long)json_integer_value(tasks));
		between = ", ";
	}
	if (json_object_size(hubs) > 0)
		putchar('\n');
}

static void tell(const json_t *job)
{
	char cell[TABLE_CELL], when[32];

	line("id", client_text(job, "id"));
	line("service", client_text(job, "service"));
	line("path", client_text(job, "path"));
	line("query", client_text(job, "query"));
	line("state", client_text(job, "state"));
	line("tasks", tasks(cell, job));
	line("done", percent(cell, job));
	line("left", left(cell, job));
	tell_hubs(json_object_get(job, "hubs"));
	line("began", tell_when(when, client_integer(job, "began_ns")));
	if (client_integer(job, "ended_ns") > 0)
		line("ended", tell_when(when, client_integer(job, "ended_ns")));
	tell_result(json_object_get(job, "result"));
}

static int show(struct asking *a)
{
	json_t *job = NULL;
	int status = ask(a, "GET", "/v1/jobs/get", &job);

	if (status != STATUS_OK)
		return status;
	if (a->json)
		return out_json("job", STATUS_OK, job);
	tell(job);
	json_decref(job);
	return out_end("job", STATUS_OK);
}

/* ------------------------------------------------------------------------ watch */

static void tell_progress(const struct asking *a, const json_t *job)
{
	char done[TABLE_CELL], of[TABLE_CELL], time_left[TABLE_CELL];
	const char *more = left(time_left, job);

	if (a->json) {
		json_dumpf(job, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		printf("%-9s %5s  %s tasks%s%s\n", client_text(job, "state"), percent(done, job),
			tasks(of, job), more ? ", left " : "", more ? more : "");
	}
	(void)fflush(stdout);
}

/* Is it other than what was said last? */
static bool is_news(const json_t *job, const json_t *before)
{
	return !before || client_integer(job, "done") != client_integer(before, "done") ||
		strcmp(client_text(job, "state"), client_text(before, "state")) != 0;
}

static int watch(struct asking *a)
{
	const struct timespec pause = {.tv_nsec = WATCH_NS};
	json_t *before = NULL;
	bool over = false;
	int status = STATUS_OK;

	while (status == STATUS_OK && !over) {
		json_t *job = NULL;

		status = ask(a, "GET", "/v1/jobs/get", &job);
		if (status != STATUS_OK)
			break;
		if (is_news(job, before))
			tell_progress(a, job);
		json_decref(before);
		before = job;
		over = !json_is_null(json_object_get(job, "ended_ns"));
		if (!over)
			(void)nanosleep(&pause, NULL);
	}
	if (over && strcmp(client_text(before, "state"), "done") != 0)
		status = STATUS_FAILED;
	json_decref(before);
	return status == STATUS_OK || over ? out_end("job", status) : status;
}

static int cancel(struct asking *a)
{
	json_t *answer = NULL;
	int status = ask(a, "POST", "/v1/jobs/cancel", &answer);

	if (status != STATUS_OK)
		return status;
	if (a->json)
		return out_json("job", STATUS_OK, answer);
	printf("%s\n", json_is_true(json_object_get(answer, "ended")) ? "forgotten" : "cancelled");
	json_decref(answer);
	return out_end("job", STATUS_OK);
}

/* ------------------------------------------------------------------------- main */

static const struct {
	const char *name;
	bool one; /* wants an id */
	int (*work)(struct asking *a);
} words[] = {
	{"ls", false, list},
	{"show", true, show},
	{"watch", true, watch},
	{"cancel", true, cancel},
};

int cmd_job(int argc, char **argv)
{
	struct client_options o = {0};
	struct asking a = {0};
	const char *word;
	size_t w = 0, count = sizeof(words) / sizeof(words[0]);
	int status;

	if (client_option(&o, &usage, argc, argv, &status) == -2)
		return status;
	word = optind < argc ? argv[optind++] : "";
	while (w < count && strcmp(words[w].name, word) != 0)
		w++;
	if (w == count)
		return out_say("job", STATUS_USAGE, "%s%swhat? mayfly job ls|show|watch|cancel",
			word, *word ? ": " : "");
	if (words[w].one && optind < argc)
		a.id = argv[optind++];
	if (optind < argc || (words[w].one && !a.id))
		return out_say("job", STATUS_USAGE,
			words[w].one ? "%s: write one job's id" : "%s: it takes nothing more",
			word);
	a.json = o.json;
	status = client_open(&a.client, "job", &o);
	if (status == STATUS_OK)
		status = words[w].work(&a);
	client_close(&a.client);
	return status;
}
