/*
 * cli/hub/ps.c - mayfly ps: a line for each service of a hub.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/table.h"
#include "cli/out.h"

static const char help[] =
	"usage: mayfly ps [--hub PATH] [-o text|json]\n"
	"The services of a hub: state (idle: no worker; open: its lives or workers fail, events\n"
	"are refused for a while), the worker's process, lives, refusals, events that wait, time "
	"in\n"
	"the guest, events that had to wait for a worker's start, where it listens.\n" CLIENT_HELP
	"Exit status: 0 ok, 2 usage, 4 denied, 6 no hub.\n";

static const struct option options[] = {CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"ps", help, "o:h", options};

static const char *const heads[] = {"SERVICE", "VERSION", "STATE", ">WORKER", "BACKEND", ">LIVES",
	">REFUSED", ">QUEUE", ">RUN-P50", ">RUN-P99", ">COLD", "LISTENS"};
#define COLUMNS (sizeof(heads) / sizeof(heads[0]))

/* An open circuit matters more than whether there is a worker. */
static const char *state(char to[static TABLE_CELL], const json_t *service)
{
	const json_t *circuit = json_object_get(service, "circuit");
	const char *is = client_text(circuit, "state");

	if (!is || strcmp(is, "closed") == 0)
		return client_text(service, "state");
	snprintf(to, TABLE_CELL, "%s %.0fs", is,
		json_number_value(json_object_get(circuit, "wait_s")));
	return strcmp(is, "open") == 0 ? to : is;
}

/* "udp 127.0.0.1:53, tcp 127.0.0.1:53"; the caller frees it. */
static char *listens(const json_t *list)
{
	char *all = NULL;
	size_t n = 0, i;
	FILE *to = open_memstream(&all, &n);
	json_t *one;

	if (!to)
		return NULL;
	json_array_foreach(list, i, one)
		fprintf(to, "%s%s", i > 0 ? ", " : "", json_string_value(one));
	fclose(to);
	if (n > 0)
		return all;
	free(all);
	return NULL;
}

static void add(struct table *table, const json_t *s)
{
	char cell[COLUMNS][TABLE_CELL];
	const json_t *worker = json_object_get(s, "worker");
	char *where = listens(json_object_get(s, "listeners"));
	const char *const cells[COLUMNS] = {
		client_text(s, "name"),
		client_text(s, "version"),
		state(cell[2], s),
		json_is_object(worker) ? table_count(cell[3], client_integer(worker, "pid")) : NULL,
		client_text(s, "backend"),
		table_count(cell[5], client_integer(s, "lives")),
		table_count(cell[6], client_integer(s, "refused")),
		table_count(cell[7], client_integer(s, "queued")),
		table_us(cell[8], json_object_get(s, "run_p50_us")),
		table_us(cell[9], json_object_get(s, "run_p99_us")),
		table_count(cell[10], client_integer(s, "cold")),
		where,
	};

	table_row(table, cells);
	free(where);
}

static int show(json_t *answer)
{
	struct table table;
	json_t *service;
	size_t i;

	table_open(&table, heads, COLUMNS);
	json_array_foreach(json_object_get(answer, "services"), i, service) add(&table, service);
	table_close(&table, stdout);
	json_decref(answer);
	return out_end("ps", STATUS_OK);
}

int cmd_ps(int argc, char **argv)
{
	struct client_options o = {0};
	json_t *answer;
	int status;

	if (client_option(&o, &usage, argc, argv, &status) == -2)
		return status;
	status = client_operands("ps", argc, argv, NULL);
	if (status != STATUS_OK)
		return status;
	status = client_ask_once("ps", &o, "GET", "/v1/services", &answer);
	if (status != STATUS_OK)
		return status;
	return o.json ? out_json("ps", STATUS_OK, answer) : show(answer);
}
