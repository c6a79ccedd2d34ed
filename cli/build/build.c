/*
 * cli/build/build.c - `mayfly build`: the order of the steps.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/write.h"

static const char usage[] =
	"usage: mayfly build DIR [--variant NAME] [-o FILE]\n"
	"\n"
	"Makes an image of the service in DIR: mayfly.yaml and all *.c and *.S beside it.\n"
	"\n"
	"  -o, --output FILE   the image (default: DIR/NAME.mfy, NAME from mayfly.yaml);\n"
	"                      its symbols go beside it, as FILE with .debug for .mfy\n"
	"  --variant NAME      for processors that can more: one of those that `variants` of\n"
	"                      mayfly.yaml names; the image is DIR/NAME+VARIANT.mfy\n"
	"\n"
	"CC, LD and OBJDUMP in the environment name other tools; MAYFLY_LIB another library OS.\n"
	"Exit status: 0 built, 1 a tool failed or the code doesn't compile, 2 the service is\n"
	"wrong, 3 not found, 5 over its budget.\n";

static void remove_temp(char *temp)
{
	DIR *dir = temp ? opendir(temp) : NULL;

	if (dir) {
		for (struct dirent *e = readdir(dir); e; e = readdir(dir))
			if (e->d_name[0] != '.')
				unlinkat(dirfd(dir), e->d_name, 0);
		closedir(dir);
		rmdir(temp);
	}
	free(temp);
}

static void build_free(struct build *b)
{
	remove_temp(b->temp);
	for (size_t i = 0; i < b->sources; i++)
		free(b->source[i]);
	free(b->source);
	free(b->manifest_path);
	free(b->manifest_text);
	manifest_free(&b->manifest);
	free(b->linked);
	free(b->padded);
	free(b->lib);
	free(b->out);
}

static int prepare(struct build *b)
{
	const char *where = getenv("TMPDIR");

	b->lib = tool_lib();
	if (!b->lib)
		return out_say("build", STATUS_NOT_FOUND,
			"the library OS (libmayfly-os.a) is not beside this program: build it with "
			"make, or set MAYFLY_LIB to its directory");
	if (asprintf(&b->temp, "%s/mayfly-build-XXXXXX", where && where[0] ? where : "/tmp") < 0) {
		b->temp = NULL;
		return out_say("build", STATUS_MEMORY, "no memory");
	}
	if (!mkdtemp(b->temp)) {
		int status = out_say(
			"build", STATUS_FAILED, "can't make \"%s\": %s", b->temp, strerror(errno));

		free(b->temp);
		b->temp = NULL;
		return status;
	}
	return STATUS_OK;
}

static int choose_output(struct build *b)
{
	if (!b->out &&
		asprintf(&b->out, "%s/%s%s%s.mfy", b->dir, b->manifest.name, b->variant ? "+" : "",
			b->variant ? b->variant : "") < 0)
		return out_say("build", STATUS_MEMORY, "no memory");
	return STATUS_OK;
}

static int put(const char *path, const void *bytes, size_t size)
{
	int rc = out_write_file(path, bytes, size);

	return rc ? out_say("build", STATUS_FAILED, "can't write \"%s\": %s", path, strerror(-rc))
		  : STATUS_OK;
}

/* The symbols first: an image whose symbols lag behind it would name wrong functions. */
static int write_files(const struct build *b, const uint8_t *bytes, size_t size)
{
	size_t n = strlen(b->out);
	char *debug, *copyright;
	int status;

	if (n > 4 && strcmp(b->out + n - 4, ".mfy") == 0)
		n -= 4;
	if (asprintf(&debug, "%.*s.debug", (int)n, b->out) < 0)
		return out_say("build", STATUS_MEMORY, "no memory");
	status = put(debug, b->linked, b->linked_size);
	free(debug);
	if (status == STATUS_OK && asprintf(&copyright, "%.*s.copyright", (int)n, b->out) < 0)
		return out_say("build", STATUS_MEMORY, "no memory");
	if (status == STATUS_OK) {
		status = build_write_copyright(b, copyright);
		free(copyright);
	}
	return status ? status : put(b->out, bytes, size);
}

static int finish(struct build *b)
{
	char error[IMAGE_ERROR_MAX], digest[65];
	struct image check;
	uint8_t *bytes;
	size_t size;
	int status;

	if (image_write(&b->image, &bytes, &size))
		return out_say("build", STATUS_BUDGET, "%s: more than an image can hold, %u bytes",
			b->manifest.name, MFI_FILE_MAX);
	status = build_check_budget(b, size);
	if (status == STATUS_OK && image_parse(&check, bytes, size, error))
		status = out_say("build", STATUS_FAILED, "%s: the image isn't right: %s",
			b->manifest.name, error);
	if (status == STATUS_OK)
		status = write_files(b, bytes, size);
	if (status == STATUS_OK)
		printf("%s  %zu bytes, %llu left of %llu  sha256 %.12s  %s\n", b->manifest.name,
			size, (unsigned long long)(b->manifest.budget - size),
			(unsigned long long)b->manifest.budget, out_hex(check.digest, 32, digest),
			b->out);
	free(bytes);
	return status ? status : out_end("build", STATUS_OK);
}

static int build(struct build *b)
{
	static int (*const steps[])(struct build * b) = {build_read_manifest, choose_output,
		build_list_sources, prepare, build_check_modules, build_check_posix,
		build_check_variant, build_compile};
	int status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
		status = steps[i](b);
	if (status == STATUS_OK)
		status = build_check_objects(b);
	if (status == STATUS_OK)
		status = build_link(b);
	if (status == STATUS_OK)
		status = build_check_instructions(b);
	if (status == STATUS_OK)
		status = build_modules(b);
	if (status == STATUS_OK)
		status = build_describe(b);
	return status ? status : finish(b);
}

static char *without_slashes(const char *dir)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strndup(dir, n);
}

int cmd_build(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
		{"variant", required_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	struct build b = {.dir = NULL};
	char *dir;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			free(b.out);
			return out_end("build", STATUS_OK);
		}
		if (c == 'v') {
			b.variant = optarg;
			continue;
		}
		free(b.out);
		b.out = c == 'o' ? strdup(optarg) : NULL;
		if (!b.out)
			return out_say("build", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly build --help",
				argv[optind - 1]);
	}
	if (argc - optind != 1) {
		free(b.out);
		return out_say("build", STATUS_USAGE,
			"give one directory, that of mayfly.yaml: mayfly build DIR");
	}
	b.dir = dir = without_slashes(argv[optind]);
	signal(SIGINT, SIG_IGN); /* the tools end by it, and we clean up */
	status = dir ? build(&b) : STATUS_MEMORY;
	build_free(&b);
	free(dir);
	return status;
}
