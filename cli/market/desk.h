/*
 * cli/market/desk.h - commands that are words of market/desk.h: account, plan, key, ledger void. What they take and do stands
 * there once, for the command line as for a hub's admin API; here a command line becomes a question, which is
 * done in the ledger where that lies, or asked of a hub (--hub).
 */
#ifndef CLI_MARKET_DESK_H
#define CLI_MARKET_DESK_H

#include <jansson.h>

struct desk_command {
	const char *noun; /* "account" */
	const char *help;
	const char *say; /* what there is to do: "mayfly account add NAME, set, ..." */
	/* An answer as text on stdout: of each word. */
	void (*tell)(const char *verb, const json_t *answer);
};
/* The whole command. */
int desk_main(const struct desk_command *command, int argc, char **argv);

#define DESK_HELP                                                                                  \
	"  --state DIR  the hub's state, where ledger.db lies; else $MAYFLY_STATE, else\n"         \
	"               /var/lib/mayfly; or postgresql://USER@HOST/DATABASE\n"                     \
	"  --hub PATH   a center is asked instead, on its admin socket or, with "                  \
	"https://HOST:PORT, "                                                                      \
	"over\n"                                                                                   \
	"               the network: --token-file, --cert, --key, --cacert, see mayfly-ps(1)\n"    \
	"  -o text|json\n"

#endif
