/*
 * cli/main.c - `mayfly`: which subcommand, and the page that lists them.
 */
#include <stdio.h>
#include <string.h>

#include "abi/guest.h"
#include "abi/image.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/nearest.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *help;
};

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
	{"new", cmd_new, "NAME", "write a service that builds and runs at once"},
	{"build", cmd_build, "DIR [-o FILE]", "make the image NAME.mfy of a service"},
	{"inspect", cmd_inspect, "IMAGE", "what is in an image, and why"},
	{"audit", cmd_audit, "IMAGE [NEW]", "what an image may do; what a new one may more"},
	{"keygen", cmd_keygen, "NAME", "a pair of keys to sign images with"},
	{"sign", cmd_sign, "--key FILE IMAGE...", "sign images, for hubs that trust the key"},
	{"verify", cmd_verify, "IMAGE --key FILE", "did this key sign it?"},
	{"quote", cmd_quote, "URL|IMAGE [SHAPE...]", "what a request would cost"},
	{"run", cmd_run, "IMAGE [--event FILE]", "one life, here and now; its reply on stdout"},
	{"replay", cmd_replay, "CAPSULE --image IMAGE",
		"a life once more: does it ask for the same?"},
	{"bench", cmd_bench, "IMAGE --event FILE", "how long births take on this machine"},
	{"up", cmd_up, "IMAGE|DIR...", "a hub on loopback with these services"},
	{"ps", cmd_ps, "", "the services of a hub that runs"},
	{"stats", cmd_stats, "[SERVICE]", "its figures"},
	{"logs", cmd_logs, "[-f]", "what it said"},
	{"events", cmd_events, "[-f]", "its newest events, and what became of them"},
	{"trace", cmd_trace, "ID", "one event: what its life saw and did, or why nothing ran"},
	{"rehearse", cmd_rehearse, "IMAGE --last N",
		"real events on a candidate image: what would differ"},
	{"state", cmd_state, "ls|get|put|rm SERVICE", "what its services remember"},
	{"blob", cmd_blob, "ls|put|get|rm", "its disk cache"},
	{"dlq", cmd_dlq, "ls|show|retry|rm", "events that failed, dead letters"},
	{"job", cmd_job, "ls|show|watch|cancel", "work larger than one life"},
	{"deploy", cmd_deploy, "IMAGE", "another version of a service, by and by"},
	{"rollback", cmd_rollback, "SERVICE", "and the one before again"},
	{"reload", cmd_reload, "", "it reads its hub.yaml again"},
	{"stop", cmd_stop, "[--now]", "it finishes what it accepted, and ends"},
	{"config", cmd_config, "check FILE", "can a hub use this hub.yaml?"},
	{"token", cmd_token, "new NAME", "a token for somebody who may ask a hub"},
	{"plan", cmd_plan, "put|ls|rm NAME", "what accounts of a center have in common"},
	{"account", cmd_account, "add|ls|pay NAME", "who pays it"},
	{"key", cmd_key, "add|ls|rotate|revoke", "with which they ask"},
	{"ledger", cmd_ledger, "verify|export|usage", "its book: is it what it was?"},
	{"receipt", cmd_receipt, "verify FILE|ls ACCOUNT", "what it signed, and the sum"},
	{"invoice", cmd_invoice, "ACCOUNT MONTH", "what it used, to be paid; or verify"},
	{"recall", cmd_recall, "SERVICE VERSION", "what a bad version was paid for, and back"},
	{"doctor", cmd_doctor, "", "what this machine has, and what it lacks"},
	{"version", cmd_version, "", "versions of the program, the guest ABI and the image format"},
	{"help", cmd_help, "[COMMAND]", "this page, or a command's"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fputs("usage: mayfly COMMAND [ARGUMENTS]\n"
	      "\n"
	      "A virtual machine is born for every event, answers it, and is gone.\n"
	      "\n",
		to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %-22s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\n"
	      "Start with:  mayfly new hello && mayfly build hello && mayfly run hello/hello.mfy\n"
	      "A command's own page:  mayfly COMMAND --help, and mayfly(1)\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 over budget,\n"
	      "6 unreachable, 124 deadline, 137 memory.\n",
		to);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	struct nearest nearest = {.typed = name};

	for (size_t i = 0; i < COMMANDS; i++)
		nearest_offer(&nearest, commands[i].name);
	if (nearest.best)
		return out_say("unknown command", STATUS_USAGE, "\"%s\": did you mean \"%s\"?",
			name, nearest.best);
	return out_say("unknown command", STATUS_USAGE,
		"\"%s\": see mayfly --help for those there are", name);
}

static int cmd_version(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return out_say("version", STATUS_USAGE, "takes no arguments");
	printf("mayfly %s (guest ABI %u, image format %u)\n", MAYFLY_VERSION, MF_ABI_VERSION,
		MFI_VERSION);
	return out_end("version", STATUS_OK);
}

static int cmd_help(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;
	static char help[] = "--help";

	if (argc > 1 && !command)
		return unknown(argv[1]);
	if (command && command->run != cmd_help && command->run != cmd_version) {
		char *page[] = {argv[1], help, NULL};

		return command->run(2, page);
	}
	print_help(stdout);
	return out_end("help", STATUS_OK);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *option, *command;
	} options[] = {{"--help", "help"}, {"-h", "help"}, {"--version", "version"}};
	const struct command *command;
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(name, options[i].option) == 0)
			name = options[i].command;
	command = find(name);
	if (!command)
		return unknown(name);
	if (argc > 2 && strcmp(argv[2], "--help") == 0 &&
		(command->run == cmd_version || command->run == cmd_help)) {
		print_help(stdout);
		return out_end(name, STATUS_OK);
	}
	return command->run(argc - 1, argv + 1);
}
