/* image/variant.c - see variant.h. */
#include "image/variant.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/fd.h"

#define SUFFIX ".mfy"

/* Bytes of the path before ".mfy"; 0: it doesn't end so. */
static size_t stem(const char *path)
{
	size_t n = strlen(path), end = sizeof(SUFFIX) - 1;

	return n > end && strcmp(path + n - end, SUFFIX) == 0 ? n - end : 0;
}

bool variant_path(const char *path, const char *variant, char to[static PATH_MAX])
{
	size_t n = stem(path);
	int length = snprintf(to, PATH_MAX, "%.*s+%s" SUFFIX, (int)n, path, variant);

	return n > 0 && length > 0 && length < PATH_MAX;
}

void variant_each(const char *path, void (*each)(void *arg, const char *file), void *arg)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = stem(path) ? stem(name) : 0;
	char file[PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	snprintf(file, sizeof(file), "%.*s", slash ? (int)(name - path) : 1, slash ? path : ".");
	directory = n ? opendir(file) : NULL;
	if (!directory)
		return;
	while ((entry = readdir(directory)) != NULL)
		if (strncmp(entry->d_name, name, n) == 0 && entry->d_name[n] == '+' &&
			stem(entry->d_name) > n + 1 &&
			snprintf(file, sizeof(file), "%.*s%s", (int)(name - path), path,
				entry->d_name) < (int)sizeof(file))
			each(arg, file);
	closedir(directory);
}

/* ------------------------------------------------------------------- choosing */

struct choice {
	const struct image *base;
	uint64_t processor;
	const uint8_t *digest; /* NULL: none is looked for */
	struct image best;
	int fd; /* of best; -1: none */
	struct variant *variant;
};

static const char *no_variant_of(const struct image *base, const struct image *image)
{
	if (image->note.variant[0] == '\0')
		return "says that it is no variant";
	if (image->manifest.n != base->manifest.n ||
		memcmp(image->manifest.p, base->manifest.p, base->manifest.n) != 0)
		return "has another manifest: build both anew";
	return NULL;
}

static void leave(struct choice *c, const char *file, const char *why)
{
	snprintf(c->variant->left, sizeof(c->variant->left), "\"%.100s\": %s", file, why);
}

static bool is_wanted(const struct image *image, const struct choice *c)
{
	return c->digest && memcmp(image->digest, c->digest, sizeof(image->digest)) == 0;
}

static bool is_better(const struct image *image, const struct choice *c)
{
	const struct image *best = c->fd >= 0 ? &c->best : c->base;
	bool wanted = is_wanted(image, c);
	int more = __builtin_popcountll(image->note.processor) -
		__builtin_popcountll(best->note.processor);

	if (wanted || is_wanted(best, c))
		return wanted;
	if (image->note.processor & ~c->processor)
		return false;
	/* of two that need as much always the same one, whatever order a directory has */
	return more > 0 || (more == 0 && strcmp(image->note.variant, best->note.variant) > 0);
}

static void consider(void *arg, const char *file)
{
	char error[IMAGE_ERROR_MAX] = "it can't be read";
	struct choice *c = arg;
	struct image image;
	int fd = fd_open_file(file);
	const char *why;

	if (fd < 0 || image_open(&image, fd, error) < 0) {
		leave(c, file, fd < 0 ? fd_open_error(fd) : error);
		if (fd >= 0)
			close(fd);
		return;
	}
	why = no_variant_of(c->base, &image);
	if (why)
		leave(c, file, why);
	if (why || !is_better(&image, c)) {
		image_close(&image);
		close(fd);
		return;
	}
	if (c->fd >= 0) {
		image_close(&c->best);
		close(c->fd);
	}
	c->best = image;
	c->fd = fd;
	snprintf(c->variant->path, sizeof(c->variant->path), "%s", file);
}

int variant_choose(const char *path, uint64_t processor, const uint8_t *digest, struct image *image,
	struct variant *variant)
{
	struct choice c = {.base = image,
		.processor = processor,
		.digest = digest,
		.fd = -1,
		.variant = variant};

	snprintf(variant->path, sizeof(variant->path), "%s", path);
	variant->left[0] = '\0';
	if (image->note.variant[0] != '\0' || is_wanted(image, &c)) /* that one was meant */
		return -1;
	variant_each(path, consider, &c);
	if (c.fd < 0)
		return -1;
	image_close(image);
	*image = c.best;
	return c.fd;
}
