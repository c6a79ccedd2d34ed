/*
 * cli/build/undefined.c - the linker's complaints in our words: which file calls
 * what, and what a service uses instead.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/build/archive.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/nearest.h"

#define SAID_MAX 20

/* Names of the C library that people reach for, and what there is instead. A '*' at the end
 * stands for any letters. */
static const struct {
	const char *name, *use;
} hints[] = {
	{"printf", "use mf_log, or mf_format and mf_reply_text"},
	{"fprintf", "use mf_log_at"},
	{"vprintf", "use mf_log"},
	{"puts", "use mf_log"},
	{"putchar", "use mf_log"},
	{"fputs", "use mf_log"},
	{"perror", "use mf_log_at"},
	{"sprintf", "use mf_format"},
	{"snprintf", "use mf_format"},
	{"vsnprintf", "use mf_format"},
	{"malloc", "use mf_alloc: memory is freed by death"},
	{"calloc", "use mf_alloc and memset"},
	{"realloc", "use mf_alloc and memcpy"},
	{"free", "leave it out: memory is freed by death"},
	{"exit", "return from mf_main, or use mf_fail"},
	{"_exit", "return from mf_main, or use mf_fail"},
	{"abort", "use mf_fail"},
	{"__assert_fail", "use mf_fail, or compile with -DNDEBUG"},
	{"time", "use mf_time_ns"},
	{"clock", "use mf_elapsed_ns"},
	{"gettimeofday", "use mf_time_ns"},
	{"clock_gettime", "use mf_time_ns or mf_elapsed_ns"},
	{"sleep", "a life doesn't wait: use mf_schedule"},
	{"usleep", "a life doesn't wait: use mf_schedule"},
	{"nanosleep", "a life doesn't wait: use mf_schedule"},
	{"rand", "use mf_random_u64 or mf_random_below"},
	{"srand", "leave it out: every life has a fresh seed"},
	{"random", "use mf_random_u64 or mf_random_below"},
	{"getrandom", "use mf_random"},
	{"fopen", "a service has no files: `data:` in mayfly.yaml and mf_data attach them"},
	{"fread", "a service has no files: `data:` in mayfly.yaml and mf_data attach them"},
	{"fclose", "a service has no files: `data:` in mayfly.yaml and mf_data attach them"},
	{"open", "a service has no files: `data:` in mayfly.yaml and mf_data attach them"},
	{"read", "the event is there already: use mf_payload"},
	{"write", "use mf_reply_bytes, or mf_log"},
	{"close", "a service has no files"},
	{"socket", "the hub does the network: use mf_reply, mf_emit or mf_call"},
	{"connect", "the hub does the network: use mf_call"},
	{"send", "the hub does the network: use mf_reply, mf_emit or mf_call"},
	{"recv", "the event is there already: use mf_payload"},
	{"getenv", "use mf_config"},
	{"pthread_*", "a life has one thread"},
	{"fork", "a life has one thread"},
	{"strcmp", "use mf_str_eq or mf_str_is of base/str.h"},
	{"strncmp", "use memcmp, or mf_str_eq of base/str.h"},
	{"strcpy", "use memcpy, or mf_format"},
	{"strncpy", "use memcpy, or mf_format"},
	{"strcat", "use mf_format"},
	{"strdup", "use mf_alloc and memcpy"},
	{"strchr", "write the loop: texts are struct mf_str, with a length"},
	{"strstr", "write the loop: texts are struct mf_str, with a length"},
	{"memchr", "write the loop"},
	{"atoi", "write the loop, or use mf_state_u64"},
	{"strtol", "write the loop, or use mf_state_u64"},
	{"strtoul", "write the loop, or use mf_state_u64"},
	{"qsort", "write the sort that fits your data"},
	{"__stack_chk_*", "compile with -fno-stack-protector, as the flags in cflags do"},
	{"_GLOBAL_OFFSET_TABLE_", "compile with -fno-pic, as the flags in cflags do"},
	{"__tls_get_addr", "a life has one thread, so use plain static variables"},
	{"__*ti3", "128-bit division needs code that a guest hasn't: use 64 bits"},
};

bool build_matches(const char *pattern, const char *name)
{
	size_t n = strcspn(pattern, "*");

	if (strncmp(pattern, name, n) != 0)
		return false;
	if (pattern[n] == '\0')
		return name[n] == '\0';
	return strlen(name) >= n + strlen(pattern + n + 1) &&
		strcmp(name + strlen(name) - strlen(pattern + n + 1), pattern + n + 1) == 0;
}

/* ---------------------------------------------------------- what there is */

static int offer(void *arg, const char *name)
{
	if (strncmp(name, "mf_", 3) == 0)
		nearest_offer(arg, name);
	return 0;
}

static int say_unknown(const struct build *b, const char *place, const char *name)
{
	struct nearest nearest = {.typed = name};
	struct archive archive;
	char hint[128] = "mayfly.h says what there is";

	if (archive_open(&archive, b->lib) == 0) {
		archive_symbols(&archive, offer, &nearest);
		if (nearest.best)
			snprintf(hint, sizeof(hint), "did you mean '%s'?", nearest.best);
		archive_close(&archive);
	}
	return out_say(
		"build", STATUS_USAGE, "%s calls '%s', which no module has: %s", place, name, hint);
}

static int say_undefined(const struct build *b, const char *place, const char *name)
{
	if (strcmp(name, "mf_main") == 0)
		return out_say("build", STATUS_USAGE,
			"\"%s\": no source defines mf_main, the function that a service is: void "
			"mf_main(const struct mf_event *ev)",
			b->dir);
	if (b->posix && build_posix_hint(name))
		return out_say("build", STATUS_USAGE,
			"%s calls '%s', which the module posix doesn't have: %s", place, name,
			build_posix_hint(name));
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (build_matches(hints[i].name, name))
			return out_say("build", STATUS_USAGE,
				"%s calls '%s', which no module has: %s", place, name,
				hints[i].use);
	return say_unknown(b, place, name);
}

/* ------------------------------------------------------- the linker's text */

/* "ld: /tmp/x/main.c.o: in function `f':" and "/tmp/x/main.c.o:(.text+0x5): undefined ..." both
 * name an object; "main.c:12: undefined ..." a line. To the name that the user knows. */
static void place_of(const struct build *b, const char *line, const char *end, char to[static 128])
{
	size_t n = strlen(b->temp);
	const char *object = strstr(line, b->temp);
	const char *archive = strstr(line, "libmayfly-os.a("), *c = strstr(line, "/libc.a(");
	const char *tool = strstr(line, "ld: ");

	if (tool && tool < end)
		line = tool + 4;
	while (strncmp(line, "./", 2) == 0)
		line += 2;
	if (archive && archive < end)
		snprintf(to, 128, "the library OS (%.*s)", (int)strcspn(archive + 15, ")"),
			archive + 15);
	else if (c && c < end)
		snprintf(to, 128, "musl's %.*s", (int)strcspn(c + 8, ".)"), c + 8);
	else if (object && object < end)
		snprintf(to, 128, "%.*s", (int)(strcspn(object + n + 1, ":") - 2), object + n + 1);
	else
		snprintf(to, 128, "%.*s", (int)(end - line), line);
}

/* The word between ` and ' at or behind p. */
static bool quoted(const char *p, char to[static 128])
{
	const char *start = strchr(p, '`');
	const char *end = start ? strchr(start, '\'') : NULL;

	if (!end || end - start > 127)
		return false;
	snprintf(to, 128, "%.*s", (int)(end - start - 1), start + 1);
	return true;
}

struct said {
	char name[SAID_MAX][128];
	size_t count;
	bool more;
};

static bool say_once(struct said *said, const char *name)
{
	for (size_t i = 0; i < said->count; i++)
		if (strcmp(said->name[i], name) == 0)
			return false;
	if (said->count == SAID_MAX) {
		said->more = true;
		return false;
	}
	snprintf(said->name[said->count++], sizeof(said->name[0]), "%s", name);
	return true;
}

/* Code names data with 32 bits: what lies farther away than that can't be linked. */
static bool too_far(const struct build *b, struct said *said, const char *line)
{
	if (!strstr(line, "relocation truncated to fit"))
		return false;
	if (say_once(said, "relocation truncated"))
		out_say("build", STATUS_USAGE,
			"\"%s\": .data and .bss reach beyond 2 GiB, where a guest's code can't "
			"name "
			"them: make them smaller; big things go into memory.init, input or output",
			b->dir);
	return true;
}

/* True: the line is explained, or belongs to one that is. */
static bool explain_line(const struct build *b, struct said *said, const char *line)
{
	const char *undefined = strstr(line, ": undefined reference to `");
	const char *twice = strstr(line, ": multiple definition of `");
	const char *first = strstr(line, "; ");
	char name[128], place[128], other[128];

	if (undefined && quoted(undefined, name)) {
		place_of(b, line, undefined, place);
		if (say_once(said, name))
			say_undefined(b, place, name);
		return true;
	}
	if (twice && first && quoted(twice, name)) {
		place_of(b, line, twice, place);
		place_of(b, first + 2, first + 2 + strcspn(first + 2, ":"), other);
		if (say_once(said, name))
			out_say("build", STATUS_USAGE, "'%s' is defined twice: in %s and in %s",
				name, other, place);
		return true;
	}
	return too_far(b, said, line) || strstr(line, ": in function `") ||
		strstr(line, "additional relocation overflows omitted");
}

int build_explain_link(const struct build *b, const char *output)
{
	struct said said = {.count = 0};
	size_t explained = 0;

	while (output && *output) {
		size_t n = strcspn(output, "\n");
		char *line = strndup(output, n);

		if (line && explain_line(b, &said, line))
			explained++;
		else if (line && n && (explained == 0 || !strstr(line, "ld returned")))
			out_say("build", 0, "the linker says: %s", line);
		free(line);
		output += n + (output[n] == '\n');
	}
	if (said.more)
		out_say("build", 0, "and more of the same");
	return STATUS_USAGE;
}
