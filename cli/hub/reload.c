/*
 * cli/hub/reload.c - mayfly reload: a hub reads its hub.yaml again.
 */
#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/out.h"

static const char help[] =
	"usage: mayfly reload [--hub PATH] [-o text|json]\n"
	"Asks a hub to read its hub.yaml again, and says what is wrong with it. Services that "
	"didn't\n"
	"change go on, nothing that was accepted is lost, and a file that is wrong changes "
	"nothing.\n" CLIENT_HELP
	"Exit status: 0 ok, 1 the file is wrong, 2 usage, 4 denied, 6 no hub.\n";

static const struct option options[] = {CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"reload", help, "o:h", options};

int cmd_reload(int argc, char **argv)
{
	struct client_options o = {0};
	json_t *answer;
	int status;

	if (client_option(&o, &usage, argc, argv, &status) == -2)
		return status;
	status = client_operands("reload", argc, argv, NULL);
	if (status != STATUS_OK)
		return status;
	status = client_ask_once("reload", &o, "POST", "/v1/reload", &answer);
	if (status != STATUS_OK)
		return status;
	if (o.json)
		return out_json("reload", STATUS_OK, answer);
	printf("hub %lld has read its configuration again\n",
		(long long)client_integer(answer, "pid"));
	json_decref(answer);
	return out_end("reload", STATUS_OK);
}
