/*
 * cli/hub/deploy.c - mayfly deploy and mayfly rollback: another version of a service on a hub that runs.
 */
#include "cli/hub/deploy.h"

#include <stdlib.h>
#include <string.h>

#include "cli/audit/audit.h"
#include "cli/commands.h"
#include "cli/hub/table.h"
#include "cli/out.h"
#include "image/units.h"

static const char deploy_help[] =
	"usage: mayfly deploy IMAGE [--service NAME] [--share 1,10,50,100] [--time 30s]\n"
	"                     [--least 50] [--errors 1] [--slower 2] [--now] [--rollback]\n"
	"                     [--grant-more] [--detach] [--hub PATH] [-o text|json]\n"
	"       mayfly deploy --status [--hub PATH] [-o text|json]\n"
	"Gives a hub another version of a service. Its worker is started, then it gets a share of\n"
	"the events, in steps; it goes back by itself if more of its lives fail, or they run for\n"
	"longer. What fails in it meanwhile runs in the old version: no request fails by it.\n"
	"\n"
	"  --service NAME  where it isn't called as its mayfly.yaml says\n"
	"  --share LIST    the steps, in percent\n"
	"  --time TIME     each step takes at least so long,\n"
	"  --least N       and so many lives of the new version (or ten times as long)\n"
	"  --errors P      so many percent more of its lives may fail\n"
	"  --slower F      its median may be F times the old one's; 0: any\n"
	"  --now           at once, and nobody watches\n"
	"  --rollback      though a newer release ran here (its counter is lower)\n"
	"  --grant-more    though it may more than the version that runs\n"
	"  --detach        doesn't wait for the end\n"
	"  --status        the newest deploy of each service\n" CLIENT_HELP
	"Exit status: 0 ok, 1 it went back, 2 usage, 3 not found, 4 denied, 6 no hub.\n";

static const char rollback_help[] =
	"usage: mayfly rollback SERVICE [--hub PATH] [-o text|json]\n"
	"Ends a deploy that is under way; else the version before takes its place again, as "
	"quickly\n"
	"as its worker starts.\n" CLIENT_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 6 no hub.\n";

enum { SERVICE = 1, SHARE, TIME, LEAST, ERRORS, SLOWER, NOW, ROLLBACK, MORE, DETACH, STATUS };
static const struct option deploy_options[] = {{"service", required_argument, NULL, SERVICE},
	{"share", required_argument, NULL, SHARE}, {"time", required_argument, NULL, TIME},
	{"least", required_argument, NULL, LEAST}, {"errors", required_argument, NULL, ERRORS},
	{"slower", required_argument, NULL, SLOWER}, {"now", no_argument, NULL, NOW},
	{"rollback", no_argument, NULL, ROLLBACK}, {"grant-more", no_argument, NULL, MORE},
	{"detach", no_argument, NULL, DETACH}, {"status", no_argument, NULL, STATUS},
	CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage deploy_usage = {"deploy", deploy_help, "o:h", deploy_options};

static const struct option rollback_options[] = {CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage rollback_usage = {
	"rollback", rollback_help, "o:h", rollback_options};

struct asked {
	const char *service;
	char page[CLIENT_PAGE]; /* what is asked, but for service and image */
	bool more, detach, status;
};

static int bad(const char *option, const char *text, const char *wanted)
{
	return out_say("deploy", STATUS_USAGE, "--%s: '%s' is not %s", option, text, wanted);
}

/* A number with up to two digits behind the point, times 100. */
static bool hundredths(const char *text, const char **end, unsigned long *to)
{
	char *stop;
	double value = strtod(text, &stop);

	if (stop == text || !(value >= 0) || value > 1000)
		return false;
	*to = (unsigned long)(value * 100 + 0.5);
	*end = stop;
	return true;
}

/* "1,10,50,100" percent become "100,1000,5000,10000". */
static int take_share(struct asked *a, const char *text)
{
	char list[160] = "";
	const char *at = text;
	unsigned long one = 0, before = 0;

	while (hundredths(at, &at, &one) && one > before && one <= 10000 &&
		strlen(list) + 8 < sizeof(list)) {
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%lu",
			list[0] ? "," : "", one);
		before = one;
		if (*at == '\0') {
			client_parameter(a->page, sizeof(a->page), "steps", list);
			return STATUS_OK;
		}
		if (*at++ != ',')
			break;
	}
	return bad("share", text, "a list of percents that rise, as in 1,10,50,100");
}

static int take_time(struct asked *a, const char *text)
{
	char ms[24];
	uint64_t ns;

	if (!units_time(text, &ns) || ns > 86400 * 1000000000ull)
		return bad("time", text, "a time of at most a day, as in 30s");
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long)(ns / 1000000));
	client_parameter(a->page, sizeof(a->page), "ms", ms);
	return STATUS_OK;
}

/* A plain number, or in hundredths. */
static int take_number(struct asked *a, const char *option, const char *text, bool parts)
{
	unsigned long value = 0;
	const char *stop = text;
	char number[24];
	bool good = parts ? hundredths(text, &stop, &value)
			  : strspn(text, "0123456789") == strlen(text) && strlen(text) < 7;

	if (good && !parts) {
		value = strtoul(text, NULL, 10);
		stop = "";
	}
	if (!good || *stop || !*text)
		return bad(option, text, "such a number");
	snprintf(number, sizeof(number), "%lu", value);
	client_parameter(a->page, sizeof(a->page), option, number);
	return STATUS_OK;
}

static int take(struct asked *a, int option)
{
	switch (option) {
	case SERVICE: a->service = optarg; return client_service("deploy", optarg);
	case SHARE: return take_share(a, optarg);
	case TIME: return take_time(a, optarg);
	case LEAST: return take_number(a, "least", optarg, false);
	case ERRORS: return take_number(a, "errors", optarg, true);
	case SLOWER: return take_number(a, "slower", optarg, true);
	case NOW: client_parameter(a->page, sizeof(a->page), "steps", ""); break;
	case ROLLBACK: client_parameter(a->page, sizeof(a->page), "rollback", "1"); break;
	case MORE: a->more = true; break;
	case DETACH: a->detach = true; break;
	default: a->status = true; break;
	}
	return STATUS_OK;
}

/* ---------------------------------------------------------------------- status */

static int show_status(const struct client_options *o)
{
	static const char *const heads[] = {"SERVICE", "FROM", "TO", "PHASE", ">SHARE", ">LIVES",
		">FAILED", ">RUN-P50", "OLD:", ">LIVES", ">FAILED", ">RUN-P50", "WHY"};
	json_t *answer, *d;
	struct table table;
	size_t i;
	int status = client_ask_once("deploy", o, "GET", "/v1/deploys", &answer);

	if (status != STATUS_OK)
		return status;
	if (o->json)
		return out_json("deploy", STATUS_OK, answer);
	table_open(&table, heads, sizeof(heads) / sizeof(heads[0]));
	json_array_foreach(json_object_get(answer, "deploys"), i, d)
	{
		const json_t *new = json_object_get(d, "new"), *old = json_object_get(d, "old");
		char cell[7][TABLE_CELL];
		const char *const cells[] = {
			client_text(d, "service"),
			client_text(old, "version"),
			client_text(new, "version"),
			client_text(d, "phase"),
			cell[0],
			table_count(cell[1], client_integer(new, "lives")),
			table_count(cell[2], client_integer(new, "failures")),
			table_us(cell[3], json_object_get(new, "run_p50_us")),
			"",
			table_count(cell[4], client_integer(old, "lives")),
			table_count(cell[5], client_integer(old, "failures")),
			table_us(cell[6], json_object_get(old, "run_p50_us")),
			client_text(d, "why"),
		};

		snprintf(cell[0], TABLE_CELL, "%g%%",
			json_number_value(json_object_get(d, "share")));
		table_row(&table, cells);
	}
	table_close(&table, stdout);
	json_decref(answer);
	return out_end("deploy", STATUS_OK);
}

/* ---------------------------------------------------------------------- deploy */

/* Whose version the image is, if nobody says so. */
static int name_of(const char *path, char name[static MFI_NAME_MAX + 1])
{
	struct audit audit;
	int status = audit_open(&audit, "deploy", path);

	if (status == STATUS_OK)
		snprintf(name, MFI_NAME_MAX + 1, "%s", audit.manifest.name);
	audit_close(&audit);
	return status;
}

static int finish(struct client *client, const struct asked *a, const char *service, json_t *answer)
{
	if (!a->detach)
		return deploy_follow(client, service, answer);
	if (client->options->json)
		return out_json("deploy", STATUS_OK, answer);
	printf("%s %s is being deployed\n", service,
		client_text(json_object_get(answer, "new"), "version"));
	json_decref(answer);
	return out_end("deploy", STATUS_OK);
}

static int deploy(struct client *client, struct asked *a, const char *path)
{
	char name[65], service[MFI_NAME_MAX + 1];
	json_t *answer;
	int status;

	if (a->service)
		snprintf(service, sizeof(service), "%s", a->service);
	status = a->service ? STATUS_OK : name_of(path, service);
	if (status == STATUS_OK)
		status = deploy_compare(client, service, path, a->more);
	if (status == STATUS_OK)
		status = deploy_send(client, path, name);
	if (status != STATUS_OK)
		return status;
	client_parameter(a->page, sizeof(a->page), "service", service);
	client_parameter(a->page, sizeof(a->page), "image", name);
	status = client_ask(client, "POST", a->page, &answer, NULL);
	return status == STATUS_OK ? finish(client, a, service, answer) : status;
}

int cmd_deploy(int argc, char **argv)
{
	struct asked a = {.page = "/v1/deploys"};
	struct client_options o = {0};
	const char *path = NULL;
	struct client client;
	int option, status;

	while ((option = client_option(&o, &deploy_usage, argc, argv, &status)) != -1) {
		if (option == -2)
			return status;
		status = take(&a, option);
		if (status != STATUS_OK)
			return status;
	}
	status = client_operands("deploy", argc, argv, &path);
	if (status != STATUS_OK)
		return status;
	if (a.status)
		return show_status(&o);
	if (!path)
		return out_say(
			"deploy", STATUS_USAGE, "give an image: mayfly deploy NAME@VERSION.mfy");
	status = client_open(&client, "deploy", &o);
	if (status == STATUS_OK)
		status = deploy(&client, &a, path);
	client_close(&client);
	return status;
}

int cmd_rollback(int argc, char **argv)
{
	char page[CLIENT_PAGE] = "/v1/deploys/rollback";
	struct client_options o = {0};
	const char *service = NULL;
	struct client client;
	json_t *answer;
	int status;

	if (client_option(&o, &rollback_usage, argc, argv, &status) == -2)
		return status;
	status = client_operands("rollback", argc, argv, &service);
	if (status != STATUS_OK)
		return status;
	if (!service)
		return out_say(
			"rollback", STATUS_USAGE, "say of which service: mayfly ps lists them");
	status = client_service("rollback", service);
	if (status != STATUS_OK)
		return status;
	client_parameter(page, sizeof(page), "service", service);
	status = client_open(&client, "rollback", &o);
	if (status == STATUS_OK)
		status = client_ask(&client, "POST", page, &answer, NULL);
	if (status == STATUS_OK)
		status = deploy_follow(&client, service, answer);
	client_close(&client);
	return status;
}
