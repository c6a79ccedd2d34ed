/*
 * cli/inspect.c - `mayfly inspect`: read an image, gather what there is to say.
 */
#include "cli/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "image/cpu.h"
#include "image/note.h"
#include "image/variant.h"

static const char usage[] =
	"usage: mayfly inspect IMAGE [-o text|json]\n"
	"\n"
	"Says what is in an image: its digest, its memory map with the rights of the guest,\n"
	"each module with its size and why it is in, what it may ask the hub for, its budget.\n"
	"\n"
	"Exit status: 0 it is an image, 2 it isn't, 3 not found, 4 it lies: its manifest says\n"
	"one thing, the numbers that the monitor goes by another.\n";

static void add(struct inspection *i, const char *name, uint64_t address, uint64_t bytes,
	const char *rights, const char *content)
{
	if (i->regions < REGIONS_MAX)
		i->region[i->regions++] = (struct region){name, address, bytes, rights, content};
}

/* An area that the manifest sizes: absent if it says nothing. */
static void add_sized(struct inspection *i, const char *name, uint64_t address, uint64_t bytes,
	const char *rights, const char *content)
{
	if (bytes)
		add(i, name, address, bytes, rights, content);
}

static void add_segments(struct inspection *i, bool write)
{
	for (unsigned s = 0; s < i->image.segments; s++) {
		const struct image_segment *g = &i->image.segment[s];

		if (g->write != write)
			continue;
		if (write)
			add(i, "data", g->address, g->memory, "rw-", "image, put back at birth");
		else if (g->execute)
			add(i, "code", g->address, g->memory, "r-x", "image");
		else
			add(i, "constants", g->address, g->memory, "r--", "image");
	}
}

static void gather_regions(struct inspection *i)
{
	const struct mfi_image *n = &i->image.note;
	uint64_t effects = image_effects_at(&i->image);
	uint64_t heap = image_heap_at(&i->image), guard = image_guard_at(&i->image);
	const char *init = n->flags & MFI_HAS_INIT ? "mf_init" : "nothing: there is no mf_init";

	add(i, "gate", MF_ADDR_GATE, MF_PAGE, "r-x", "monitor: the way out, and in");
	add(i, "system", MF_ADDR_SYSTEM, MF_ADDR_INFO - MF_ADDR_SYSTEM, "---",
		"monitor: tables of the processor");
	add(i, "info", MF_ADDR_INFO, MF_PAGE, "r--", "monitor: facts about this image");
	add_segments(i, false);
	add(i, "attached", MF_ADDR_DATA, 0, "r--", "hub: files and config");
	add_sized(i, "init", MF_ADDR_INIT, n->init_bytes, "r--", init);
	add(i, "event", MF_ADDR_WINDOW, n->event_bytes, "rw-", "the event");
	add(i, "effects", effects, n->effects_bytes, "rw-", "what the life asks for");
	add_segments(i, true);
	add(i, "heap", heap, guard - heap, "rw-", "put back at birth");
	add(i, "guard", guard, MF_PAGE, "---", "nothing: a fault");
	add(i, "stack", guard + MF_PAGE, n->stack_bytes, "rw-", "put back at birth");
	add_sized(i, "input", MF_ADDR_INPUT, n->input_bytes, "r--", "hub: a blob");
	add_sized(i, "output", MF_ADDR_OUTPUT, n->output_bytes, "rw-", "a blob for the hub");
}

static void name_variant(void *arg, const char *file)
{
	const char *plus = strrchr(file, '+');
	struct inspection *i = arg;
	size_t n = strlen(i->beside);

	snprintf(i->beside + n, sizeof(i->beside) - n, "%s%.*s", n ? ", " : "",
		(int)strcspn(plus, "."), plus);
}

/* What of it and its variants is run here, if it is told to be. */
static void gather_variants(struct inspection *i, int fd)
{
	char error[IMAGE_ERROR_MAX];
	struct variant variant;
	struct image best;
	int other;

	if (!i->image.note.variant[0])
		variant_each(i->path, name_variant, i);
	if (!i->beside[0] || lseek(fd, 0, SEEK_SET) < 0 || image_open(&best, fd, error) < 0)
		return;
	other = variant_choose(i->path, cpu_here(), NULL, &best, &variant);
	snprintf(i->chosen, sizeof(i->chosen), "%s", best.note.variant);
	if (other >= 0)
		close(other);
	image_close(&best);
}

static int load(struct inspection *i)
{
	int fd = open(i->path, O_RDONLY | O_CLOEXEC);
	char error[IMAGE_ERROR_MAX];
	int rc;

	if (fd < 0)
		return out_say("inspect", errno == EACCES ? STATUS_DENIED : STATUS_NOT_FOUND,
			"\"%s\": %s", i->path, strerror(errno));
	rc = image_open(&i->image, fd, error);
	if (rc == 0)
		gather_variants(i, fd);
	close(fd);
	if (rc)
		return out_say("inspect", STATUS_USAGE, "\"%s\": %s", i->path, error);
	gather_regions(i);
	if (signature_of_image(&i->image, &i->signature, &i->counter, i->signature_error) == 0)
		i->signature_error[0] = '\0';
	return STATUS_OK;
}

/* An image stays worth looking at when its manifest can't be read. */
static int load_manifest(struct inspection *i)
{
	const char *field;

	if (manifest_parse(&i->manifest, i->image.manifest, "its mayfly.yaml", i->manifest_error))
		return out_say("inspect", STATUS_DENIED, "\"%s\": %s", i->path, i->manifest_error);
	field = note_differs(&i->image, &i->manifest);
	if (field) {
		snprintf(i->manifest_error, sizeof(i->manifest_error),
			"its manifest says another %s than its image note", field);
		return out_say("inspect", STATUS_DENIED, "\"%s\": %s: don't run it", i->path,
			i->manifest_error);
	}
	i->has_manifest = true;
	return STATUS_OK;
}

static int inspect(struct inspection *i, bool json)
{
	int status = load(i), shown;

	if (status)
		return status;
	status = load_manifest(i);
	shown = json ? inspect_json(i) : inspect_text(i);
	return status ? status : shown;
}

int cmd_inspect(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct inspection i = {.path = NULL};
	bool json = false;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return out_end("inspect", STATUS_OK);
		}
		if (c != 'o')
			return out_say("inspect", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly inspect "
				"--help",
				argv[optind - 1]);
		if (!out_format("inspect", optarg, &json))
			return STATUS_USAGE;
	}
	if (argc - optind != 1)
		return out_say("inspect", STATUS_USAGE, "give one image: mayfly inspect NAME.mfy");
	i.path = argv[optind];
	status = inspect(&i, json);
	manifest_free(&i.manifest);
	image_close(&i.image);
	return status;
}
