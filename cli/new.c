/*
 * cli/new.c - `mayfly new`: a service that builds and runs as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/image.h"
#include "cli/commands.h"
#include "cli/out.h"

static const char usage[] =
	"usage: mayfly new [--http] NAME\n"
	"\n"
	"Writes the directory NAME with a whole service: mayfly.yaml, main.c, a test event, a\n"
	"README. NAME may be a path; its last part names the service: a small letter, then small\n"
	"letters, digits and '-'. With --http it answers requests, without it datagrams and\n"
	"messages.\n"
	"\n"
	"Exit status: 0 written, 1 it can't be written, 2 not a name, or it is there already.\n";

/* '@' stands for the service's name. */
static const char manifest[] =
	"# mayfly.yaml(5) explains every key.\n"
	"mayfly: 1\n"
	"name: @\n"
	"version: \"0.1\"\n"
	"counter: 1\n"
	"budget: 8KiB          # of the image; `mayfly build` fails when it gets bigger\n"
	"limits:\n"
	"  deadline: 1s\n"
	"triggers:\n"
	"  - type: udp\n"
	"    example: world    # what `mayfly up` tells you to try\n"
	"  - type: tcp\n"
	"    example: world\n";

static const char code[] =
	"/*\n"
	" * @ - greets whoever sent the event.\n"
	" *\n"
	" * A virtual machine is born for every event, calls mf_main once, and is gone.\n"
	" * mayfly.h says what there is besides mf_payload and mf_reply_bytes.\n"
	" */\n"
	"#include <mayfly.h>\n"
	"\n"
	"void mf_main(const struct mf_event *ev)\n"
	"{\n"
	"\tstruct mf_str name = mf_payload(ev);\n"
	"\tchar text[256];\n"
	"\tsize_t n;\n"
	"\n"
	"\twhile (name.n > 0 && name.p[name.n - 1] == '\\n')\n"
	"\t\tname.n--;\n"
	"\tif (name.n > 200)\n"
	"\t\tmf_fail(\"a name of %zu bytes\", name.n);\n"
	"\tn = mf_format(text, sizeof(text), \"hello, %.*s\\n\", (int)name.n, (const char "
	"*)name.p);\n"
	"\tmf_reply_bytes(text, n);\n"
	"}\n";

static const char http_manifest[] =
	"# mayfly.yaml(5) explains every key.\n"
	"mayfly: 1\n"
	"name: @\n"
	"version: \"0.1\"\n"
	"counter: 1\n"
	"budget: 8KiB          # of the image; `mayfly build` fails when it gets bigger\n"
	"limits:\n"
	"  deadline: 1s\n"
	"triggers:\n"
	"  - type: http        # GET answers HEAD too; other methods get 405 from the hub\n"
	"    method: GET\n"
	"    path: /@\n"
	"    example: ?name=world\n";

static const char http_code[] =
	"/*\n"
	" * @ - greets whoever asks: GET /@?name=world\n"
	" *\n"
	" * A virtual machine is born for every request, calls mf_main once, and is gone.\n"
	" * mayfly.h says what there is besides; wire/http_text.h reads what stands in headers.\n"
	" */\n"
	"#include <mayfly.h>\n"
	"\n"
	"#include \"wire/http_text.h\"\n"
	"\n"
	"void mf_main(const struct mf_event *ev)\n"
	"{\n"
	"\tstruct mf_str name = http_parameter(mf_query(ev), \"name\");\n"
	"\tuint8_t decoded[200];\n"
	"\tchar text[256];\n"
	"\tsize_t n;\n"
	"\n"
	"\tif (name.n == 0 || name.n > sizeof(decoded) || !http_decode(name, true, decoded, &n)) "
	"{\n"
	"\t\tmf_reply_problem(400, \"Bad Request\", \"name: expected one of up to 200 bytes\");\n"
	"\t\treturn;\n"
	"\t}\n"
	"\tn = mf_format(text, sizeof(text), \"hello, %.*s\\n\", (int)n, (char *)decoded);\n"
	"\tmf_reply(200, \"text/plain; charset=utf-8\", text, n);\n"
	"}\n";

static const char http_readme[] =
	"# @\n"
	"\n"
	"Greets whoever asks.\n"
	"\n"
	"    mayfly build .                          # makes @.mfy and @.debug\n"
	"    mayfly run @.mfy --http 'GET /@?name=world'   # one life: hello, world\n"
	"    mayfly inspect @.mfy                    # what is in it, and why\n"
	"    mayfly bench @.mfy --http 'GET /@?name=world' # how long a birth takes here\n"
	"    mayfly up @.mfy --http 127.0.0.1:8080   # a hub that listens; Ctrl-C ends it\n"
	"    curl 'http://127.0.0.1:8080/@?name=world'\n"
	"\n"
	"| file | what it is |\n"
	"| --- | --- |\n"
	"| `mayfly.yaml` | the manifest: limits, triggers, what the service may ask for |\n"
	"| `main.c` | the service; every other `*.c` and `*.S` here is built with it |\n";

static const char event[] = "world\n";

static const char readme[] =
	"# @\n"
	"\n"
	"Greets whoever sent the event.\n"
	"\n"
	"    mayfly build .                          # makes @.mfy and @.debug\n"
	"    mayfly run @.mfy --event event.bin      # one life: hello, world\n"
	"    mayfly inspect @.mfy                    # what is in it, and why\n"
	"    mayfly bench @.mfy --event event.bin    # how long a birth takes here\n"
	"    mayfly up @.mfy --udp 127.0.0.1:9000    # a hub that listens; Ctrl-C ends it\n"
	"\n"
	"| file | what it is |\n"
	"| --- | --- |\n"
	"| `mayfly.yaml` | the manifest: limits, triggers, what the service may ask for |\n"
	"| `main.c` | the service; every other `*.c` and `*.S` here is built with it |\n"
	"| `event.bin` | a sample event |\n";

static const char ignored[] = "*.mfy\n*.debug\n";

struct file {
	const char *name, *text;
};
static const struct file files[] = {
	{"mayfly.yaml", manifest},
	{"main.c", code},
	{"event.bin", event},
	{"README.md", readme},
	{".gitignore", ignored},
	{NULL, NULL},
};
static const struct file http_files[] = {
	{"mayfly.yaml", http_manifest},
	{"main.c", http_code},
	{"README.md", http_readme},
	{".gitignore", ignored},
	{NULL, NULL},
};

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n && n <= MFI_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int fill(FILE *to, const char *text, const char *name)
{
	for (; *text; text++)
		if (*text == '@')
			fputs(name, to);
		else
			putc(*text, to);
	return fflush(to) == 0 && !ferror(to) ? 0 : -EIO;
}

static int write_file(int dir, const char *file, const char *text, const char *name)
{
	int fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	int rc;

	if (!to) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = fill(to, text, name);
	return fclose(to) == 0 ? rc : -errno;
}

static int write_service(const char *path, const char *name, bool http)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = dir < 0 ? -errno : 0;

	for (const struct file *f = http ? http_files : files; rc == 0 && f->name; f++)
		rc = write_file(dir, f->name, f->text, name);
	if (dir >= 0)
		close(dir);
	if (rc)
		return out_say(
			"new", STATUS_FAILED, "can't write into \"%s\": %s", path, strerror(-rc));
	printf("%s is there. Next:\n"
	       "  mayfly build %s\n"
	       "  mayfly run %s/%s.mfy ",
		path, path, path, name);
	if (http)
		printf("--http 'GET /%s?name=world'\n", name);
	else
		printf("--event %s/event.bin\n", path);
	return out_end("new", STATUS_OK);
}

static int new_service(char *path, bool http)
{
	size_t n = strlen(path);
	const char *name;

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	if (!is_name(name))
		return out_say("new", STATUS_USAGE,
			"\"%s\": not a service's name; write a small letter, then up to %d small "
			"letters, digits and '-'",
			name, MFI_NAME_MAX - 1);
	if (mkdir(path, 0777) < 0)
		return out_say("new", errno == EEXIST ? STATUS_USAGE : STATUS_FAILED, "\"%s\": %s",
			path,
			errno == EEXIST ? "is there already; choose another name"
					: strerror(errno));
	return write_service(path, name, http);
}

int cmd_new(int argc, char **argv)
{
	static const struct option options[] = {{"http", no_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool http = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return out_end("new", STATUS_OK);
		}
		if (c == 't') {
			http = true;
			continue;
		}
		return out_say("new", STATUS_USAGE, "\"%s\": unknown: see mayfly new --help",
			argv[optind - 1]);
	}
	if (argc - optind != 1)
		return out_say("new", STATUS_USAGE, "give one name: mayfly new NAME");
	return new_service(argv[optind], http);
}
