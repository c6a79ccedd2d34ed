/*
 * cli/build/ban.c - refuse instructions by which two lives of one event could
 * differ: clocks, random numbers, the processor's name. Looked for in the linked
 * code, so that assembly and the library OS are covered too. The monitor makes
 * most of them fault as well; this tells the author before.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/banned.h"

struct scan {
	char function[160];
	unsigned found;
};

/* "0000000000020010 <mf_main>:" */
static bool is_function(struct scan *scan, const char *text)
{
	const char *open = strstr(text, " <");
	const char *close = open ? strstr(open, ">:") : NULL;

	if (!isxdigit((unsigned char)text[0]) || !close)
		return false;
	snprintf(scan->function, sizeof(scan->function), "%.*s", (int)(close - open - 2), open + 2);
	return true;
}

/* "   20014:\trep rdtsc" */
static int scan_line(void *arg, char *text)
{
	struct scan *scan = arg;
	char *tab = strchr(text, '\t'), *rest = NULL;
	unsigned long address;

	if (is_function(scan, text) || !tab)
		return 0;
	address = strtoul(text, NULL, 16);
	for (char *word = strtok_r(tab, " \t,", &rest); word; word = strtok_r(NULL, " \t,", &rest))
		for (size_t i = 0; i < BANNED; i++)
			if (strcmp(word, banned[i].name) == 0) {
				scan->found++;
				out_say("build", 0, "%s (0x%lx) holds the instruction '%s': %s",
					scan->function, address, word, banned[i].use);
			}
	return scan->found >= 20;
}

int build_check_instructions(const struct build *b)
{
	static char disassemble[] = "-d", plain[] = "--no-show-raw-insn";
	struct scan scan = {.function = "?"};
	char *argv[12], *words = NULL, *path;
	size_t n = tool_words("OBJDUMP", "objdump", argv, 8, &words);
	int rc = -1;

	if (n && asprintf(&path, "%s/linked", b->temp) >= 0) {
		char *rest[] = {disassemble, plain, path, NULL};

		memcpy(argv + n, rest, sizeof(rest));
		rc = tool_lines(argv, scan_line, &scan);
		free(path);
	}
	free(words);
	if (scan.found)
		return STATUS_USAGE;
	if (rc)
		return out_say("build", STATUS_FAILED, "objdump couldn't read the linked code");
	return STATUS_OK;
}
