/*
 * cli/commands.h - the subcommands of `mayfly`, each in the file of its name.
 *
 * A command gets argv with its own name as argv[0] and returns the exit status of
 * the program. It says what is wrong in one line on stderr, with cli/out.h, and
 * answers --help with a page on stdout.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* Exit statuses of every command, as in mayfly(1). */
enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,    /* the service, or the thing asked for, failed */
	STATUS_USAGE = 2,     /* the command line or an input is wrong */
	STATUS_NOT_FOUND = 3, /* a file, a service */
	STATUS_DENIED = 4,    /* not allowed, or a bad signature */
	STATUS_BUDGET = 5,    /* over budget or quota */
	STATUS_UNREACHABLE = 6,
	STATUS_DEADLINE = 124,
	STATUS_MEMORY = 137,
};

int cmd_new(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_quote(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_rehearse(int argc, char **argv);
int cmd_state(int argc, char **argv);
int cmd_blob(int argc, char **argv);
int cmd_dlq(int argc, char **argv);
int cmd_job(int argc, char **argv);
int cmd_deploy(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_account(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_ledger(int argc, char **argv);
int cmd_receipt(int argc, char **argv);
int cmd_invoice(int argc, char **argv);
int cmd_recall(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
