/*
 * cli/up_image.h - the images that `mayfly up` was given, or directories that it builds first. All say themselves
 * what is wrong, and return an exit status.
 */
#ifndef CLI_UP_IMAGE_H
#define CLI_UP_IMAGE_H

#include <limits.h>
#include <stdbool.h>

#include "image/manifest.h"

/* Builds the service in a directory; `image` is where `mayfly build` puts it. */
int up_image_build(const char *dir, char image[PATH_MAX]);
/* The manifest inside an image, which is freed with manifest_free; *stores: its lives may ask for what is kept in a
 * database. */
int up_image_manifest(const char *path, struct manifest *manifest, bool *stores);

#endif
