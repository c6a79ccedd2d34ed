/*
 * image/note.h - the numbers of a manifest as the image note carries them, and
 * whether the two in one image say the same. The worker believes the note, the
 * hub the manifest: an image in which they differ lies to one of them.
 */
#ifndef IMAGE_NOTE_H
#define IMAGE_NOTE_H

#include "image/image.h"
#include "image/manifest.h"

/* All of *note that follows from the manifest; flags are 0, grants what it allows. */
void note_from_manifest(struct mfi_image *note, const struct manifest *manifest);

/* The effects that a manifest allows at all, as MFI_GRANT bits. */
uint32_t note_allowed(const struct manifest *manifest);

/* Does the image's note say what its manifest says? NULL, or the name of the first field that
 * differs ("window_bytes"). */
const char *note_differs(const struct image *image, const struct manifest *manifest);

/* Parses the manifest in an image and compares the two: what everyone does who is about to run it.
 * As manifest_parse; -EINVAL also when they differ. */
int note_manifest(struct manifest *manifest, const struct image *image, const char *where,
	char error[MANIFEST_ERROR_MAX]);

#endif
