/*
 * image/attach.h - what --data and --config (or data: and config: of hub.yaml) say, packed
 * into the bundle that a guest finds at MF_ADDR_DATA, checked against what the manifest
 * asks for.
 */
#ifndef IMAGE_ATTACH_H
#define IMAGE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/manifest.h"

#define ATTACH_ERROR_MAX 512

struct attach_args {
	/* NAME=FILE, or FILE, whose name is its basename. NAME=DIRECTORY: every file below it that
	 * the manifest lists, as NAME/css/site.css; DIRECTORY, or .=DIRECTORY: without NAME. */
	const char *const *data;
	unsigned data_count;
	const char *const *config; /* KEY=VALUE */
	unsigned config_count;
	/* Regular files: nothing that could keep the caller waiting, nor stdin; of a directory what is
	 * in it, for a link could make it any file that the caller may read. */
	bool files_only;
	bool from_yaml; /* they stand in hub.yaml: errors say "data: ...", not "--data ..." */
};

/* Reads the files, adds the manifest's config defaults, packs. *out is malloc'ed, the
 * caller frees it; NULL and 0 when there is nothing to attach. A FILE whose basename
 * the manifest doesn't list gets the only name that the manifest does list.
 * 0, or -errno with one line in error: -ENOENT (a file or something that the manifest
 * asks for is missing), -EACCES, -EINVAL (a name that the manifest doesn't list). */
int attach_make(const struct manifest *manifest, const struct attach_args *args, uint8_t **out,
	size_t *out_size, char error[ATTACH_ERROR_MAX]);

/* The name under which one of args->data is attached, into to[], "." for a directory; returns its
 * file. */
const char *attach_name(const struct manifest *manifest, const char *arg, char to[static 256]);

/* Reads a file, or stdin if path is "-", of at most max bytes. *out is malloc'ed, never NULL
 * on success. 0 or -errno; -EFBIG: it is longer. */
int attach_read(const char *path, size_t max, uint8_t **out, size_t *out_size);

#endif
