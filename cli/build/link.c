/*
 * cli/build/link.c - objects and the library OS become one linked ELF file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"

#define LINKED_MAX (512u << 20)

uint64_t build_data_address(const struct build *b)
{
	return MF_ADDR_WINDOW + b->manifest.memory.event + b->manifest.memory.effects;
}

/* The strings that are made for the command line; NULL-terminated. */
struct strings {
	char **item;
	size_t count, room;
	bool failed;
};

static char *keep(struct strings *s, char *text)
{
	if (!text || s->count + 1 >= s->room) {
		free(text);
		s->failed = true;
		return NULL;
	}
	s->item[s->count++] = text;
	return text;
}

static char *format(struct strings *s, const char *pattern, const char *a, const char *c)
{
	char *text;

	return keep(s, asprintf(&text, pattern, a, c) < 0 ? NULL : text);
}

/* The modules that are archives of their own, musl and what the compiler adds to arithmetic. The
 * service's mf_init and mf_main are run by libos/posix/start.c. */
static size_t posix_arguments(const struct build *b, struct strings *s, char **argv)
{
	static char wrap_init[] = "--wrap=mf_init", wrap_main[] = "--wrap=mf_main";
	static char open[] = "--start-group", close[] = "--end-group";
	size_t n = 0;

	argv[n++] = wrap_init;
	argv[n++] = wrap_main;
	argv[n++] = open;
	argv[n++] = format(s, "%s/%s", b->lib, "libmayfly-os.a");
	for (unsigned i = 0; i < b->manifest.modules_count; i++)
		if (build_is_archive(b, b->manifest.modules[i]))
			argv[n++] = keep(s, build_archive(b, b->manifest.modules[i]));
	argv[n++] = format(s, "%s/%s", b->lib, "posix/libc.a");
	argv[n++] = keep(s, build_compiler_file("-print-libgcc-file-name"));
	argv[n++] = close;
	return n;
}

static size_t linker_arguments(const struct build *b, struct strings *s, char **argv)
{
	static char *const fixed[] = {"-static", "-nostdlib", "--gc-sections",
		"--orphan-handling=error", "--build-id=none", "--no-warn-rwx-segments", "-z",
		"noexecstack", "-u", "mf_boot", "-e", "mf_boot"};
	char address[32];
	size_t n = 0;

	for (; n < sizeof(fixed) / sizeof(fixed[0]); n++)
		argv[n] = fixed[n];
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)build_data_address(b));
	argv[n++] = format(s, "--defsym=MF_WINDOW_DATA=%s%s", address, "");
	argv[n++] = format(s, "--script=%s/%s", b->lib, "service.ld");
	argv[n++] = format(s, "-Map=%s/%s", b->temp, "map");
	argv[n++] = format(s, "--output=%s/%s", b->temp, "linked");
	for (size_t i = 0; i < b->sources; i++)
		argv[n++] = keep(s, build_object(b, i));
	if (b->posix)
		n += posix_arguments(b, s, argv + n);
	else
		argv[n++] = format(s, "%s/%s", b->lib, "libmayfly-os.a");
	argv[n] = NULL;
	return n;
}

static int run_linker(const struct build *b, struct tool_output *output)
{
	size_t room = b->sources + b->manifest.modules_count + 56;
	char **argv = calloc(room, sizeof(*argv));
	struct strings s = {.item = calloc(room, sizeof(char *)), .room = room};
	char *words = NULL;
	int rc = -ENOMEM;

	if (argv && s.item) {
		size_t n = tool_words("LD", "ld", argv, 8, &words);

		linker_arguments(b, &s, argv + n);
		rc = s.failed ? -ENOMEM : tool_run(argv, output);
	}
	for (size_t i = 0; s.item && i < s.count; i++)
		free(s.item[i]);
	free(s.item);
	free(words);
	free(argv);
	return rc;
}

static int read_linked(struct build *b)
{
	char *path;
	int rc = -ENOMEM;

	if (asprintf(&path, "%s/linked", b->temp) >= 0) {
		rc = out_read_file(path, LINKED_MAX, &b->linked, &b->linked_size);
		free(path);
	}
	if (rc == 0)
		rc = elf_open(&b->elf, b->linked, b->linked_size);
	if (rc)
		return out_say("build", STATUS_FAILED, "the linker's output can't be read: %s",
			strerror(-rc));
	return STATUS_OK;
}

int build_link(struct build *b)
{
	struct tool_output output = {0};
	int rc = run_linker(b, &output);
	int status = STATUS_OK;

	if (rc < 0)
		status =
			out_say("build", STATUS_FAILED, "the linker didn't run: %s", strerror(-rc));
	else if (rc > 0)
		status = build_explain_link(b, output.text);
	else if (output.size)
		fputs(output.text, stderr);
	free(output.text);
	return status ? status : read_linked(b);
}
