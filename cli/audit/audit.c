/* cli/audit/audit.c - `mayfly audit`: what an image may do, and what a new one may more. */
#include "cli/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "image/note.h"

static const char usage[] =
	"usage: mayfly audit IMAGE [-o text|json]\n"
	"       mayfly audit OLD NEW [-o text|json]\n"
	"\n"
	"Says in words all that an image may do and may not, its limits, what it needs and\n"
	"what it is made of; of two images, what changed, and whether the new one may more.\n"
	"\n"
	"Exit status: 0 it is an image, and NEW may nothing that OLD may not; 1 it may;\n"
	"2 it isn't an image; 3 not found; 4 it lies: its manifest can't be read, or says one\n"
	"thing, and the numbers that the monitor goes by another.\n";

int audit_open(struct audit *audit, const char *command, const char *path)
{
	char error[MANIFEST_ERROR_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	*audit = (struct audit){.path = path};
	if (fd < 0)
		return out_say(command, errno == EACCES ? STATUS_DENIED : STATUS_NOT_FOUND,
			"\"%s\": %s", path, strerror(errno));
	rc = image_open(&audit->image, fd, error);
	close(fd);
	if (rc)
		return out_say(command, STATUS_USAGE, "\"%s\": %s", path, error);
	if (note_manifest(&audit->manifest, &audit->image, "its mayfly.yaml", error))
		return out_say(command, STATUS_DENIED, "\"%s\": %s", path, error);
	if (audit_gather(audit))
		return out_say(command, STATUS_MEMORY, "no memory");
	return STATUS_OK;
}

void audit_close(struct audit *audit)
{
	free(audit->fact);
	manifest_free(&audit->manifest);
	image_close(&audit->image);
}

static int audit_one(const char *path, bool json)
{
	struct audit audit;
	int status = audit_open(&audit, "audit", path);

	if (status == STATUS_OK)
		status = audit_show(&audit, json);
	audit_close(&audit);
	return status;
}

static int audit_two(const char *old_path, const char *new_path, bool json)
{
	struct audit old, new = {.path = NULL};
	struct change *changes = NULL;
	int status = audit_open(&old, "audit", old_path), n;

	if (status == STATUS_OK)
		status = audit_open(&new, "audit", new_path);
	if (status == STATUS_OK) {
		n = audit_compare(&old, &new, &changes);
		status = n < 0 ? out_say("audit", STATUS_MEMORY, "no memory")
			       : audit_show_changes(&old, &new, changes, (unsigned)n, json);
	}
	free(changes);
	audit_close(&new);
	audit_close(&old);
	return status;
}

int cmd_audit(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return out_end("audit", STATUS_OK);
		}
		if (c != 'o')
			return out_say("audit", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly audit --help",
				argv[optind - 1]);
		if (!out_format("audit", optarg, &json))
			return STATUS_USAGE;
	}
	if (argc - optind == 1)
		return audit_one(argv[optind], json);
	if (argc - optind == 2)
		return audit_two(argv[optind], argv[optind + 1], json);
	return out_say("audit", STATUS_USAGE,
		"give one image, or an old and a new one: mayfly audit NAME.mfy");
}
