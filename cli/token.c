/*
 * cli/token.c - `mayfly token`: tokens for those who ask a hub. The hub gets a line with the name
 * and the token's hash, the client the token.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "sys/secret.h"
#include "sys/token.h"

static const char usage[] =
	"usage: mayfly token new NAME [--tokens FILE] [-o text|json]\n"
	"       mayfly token hash NAME [--tokens FILE] [-o text|json] <TOKEN\n"
	"\n"
	"new makes a token of 256 random bits and shows it, this once, with the line that goes "
	"into\n"
	"the file which 'tokens' in hub.yaml names. hash makes the line of a token that is there\n"
	"already, read from standard input: at least 22 letters, which must be random.\n"
	"  --tokens FILE  the line is added to FILE, made for you alone if it isn't there, and\n"
	"                 standard output has nothing but the token\n"
	"  -o text|json\n"
	"NAME: letters, digits and '-_.@'. It may stand there twice, while a token is changed.\n"
	"\n"
	"Exit status: 0 ok, 1 FILE can't be written, 2 usage, 4 others may read or change FILE.\n";

struct args {
	bool json, hash;
	const char *name, *file;
};

/* ----------------------------------------------------------------- arguments */

static int take_words(struct args *a, int argc, char **argv)
{
	if (argc - optind != 2)
		return out_say("token", STATUS_USAGE,
			"say what to do and for whom: mayfly token new NAME");
	a->hash = strcmp(argv[optind], "hash") == 0;
	if (!a->hash && strcmp(argv[optind], "new") != 0)
		return out_say(
			"token", STATUS_USAGE, "\"%s\" is neither new nor hash", argv[optind]);
	a->name = argv[optind + 1];
	if (token_is_name(mf_str_of(a->name, strlen(a->name))))
		return STATUS_OK;
	return out_say("token", STATUS_USAGE,
		"\"%s\": a name has up to %u letters, digits and '-_.@'", a->name, TOKEN_NAME);
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"tokens", required_argument, NULL, 'f'},
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(out_end("token", STATUS_OK));
		}
		if (c == 'f')
			a->file = optarg;
		else if (c != 'o')
			return out_say("token", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly token --help",
				argv[optind - 1]);
		else if (!out_format("token", optarg, &a->json))
			return STATUS_USAGE;
	}
	return take_words(a, argc, argv);
}

/* ----------------------------------------------------------------- the token */

static int read_token(char to[static TOKEN_MOST + 2])
{
	ssize_t n = 0, more;

	while (n < (ssize_t)TOKEN_MOST + 2 &&
		(more = read(STDIN_FILENO, to + n, TOKEN_MOST + 2 - (size_t)n)) > 0)
		n += more;
	while (n > 0 && (to[n - 1] == '\n' || to[n - 1] == '\r'))
		n--;
	if (!token_is_one(mf_str_of(to, (size_t)n)))
		return out_say("token", STATUS_USAGE,
			"what came on standard input is no token: %u to %u letters, digits and "
			"'-._~+/'",
			TOKEN_LEAST, TOKEN_MOST);
	to[n] = '\0';
	return STATUS_OK;
}

/* ------------------------------------------------------------------ the file */

static int cant(const char *file, int err)
{
	return out_say("token", STATUS_FAILED, "can't write \"%s\": %s", file, strerror(err));
}

/* Added at its end, on a line of its own. */
static int add_line(const char *file, const char *line)
{
	int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600), looked, err;
	char why[SECRET_ERROR_MAX], last = '\n', text[TOKEN_LINE + 2];
	off_t end;
	size_t n;

	if (fd < 0)
		return cant(file, errno);
	looked = secret_open("tokens", file, why);
	if (looked < 0) {
		close(fd);
		return out_say("token", STATUS_DENIED, "%s", why);
	}
	close(looked);
	end = lseek(fd, 0, SEEK_END);
	if (end > 0)
		(void)!pread(fd, &last, 1, end - 1);
	n = (size_t)snprintf(text, sizeof(text), "%s%s\n", last == '\n' ? "" : "\n", line);
	err = write(fd, text, n) == (ssize_t)n ? 0 : errno ? errno : EIO;
	if (close(fd) < 0 && err == 0)
		err = errno;
	return err ? cant(file, err) : STATUS_OK;
}

static int show(const struct args *a, const char *token, const char *line)
{
	if (a->json)
		return out_json("token", STATUS_OK,
			json_pack("{ss ss* ss}", "name", a->name, "token", a->hash ? NULL : token,
				"line", line));
	if (a->file && !a->hash)
		printf("%s\n", token);
	else if (!a->file && a->hash)
		printf("%s\n", line);
	else if (!a->file)
		printf("token: %s\nline:  %s\n", token, line);
	return out_end("token", STATUS_OK);
}

int cmd_token(int argc, char **argv)
{
	struct args args = {0};
	char token[TOKEN_MOST + 2], line[TOKEN_LINE];
	uint8_t hash[TOKEN_HASH];
	int status = parse(&args, argc, argv);

	if (status != STATUS_OK)
		return status;
	if (args.hash)
		status = read_token(token);
	else
		token_new(token);
	if (status == STATUS_OK) {
		token_hash(mf_str_of(token, strlen(token)), hash);
		token_line(args.name, hash, line);
		if (args.file)
			status = add_line(args.file, line);
	}
	if (status == STATUS_OK)
		status = show(&args, token, line);
	explicit_bzero(token, sizeof(token));
	return status;
}
