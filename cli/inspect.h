/*
 * cli/inspect.h - an image as rows that text and JSON both print, so that they
 * can't disagree. Private to cli/inspect*.c.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "image/manifest.h"
#include "image/signature.h"

#define REGIONS_MAX (MFI_SEGMENTS + 20)

struct region {
	const char *name;
	uint64_t address, bytes; /* 0 bytes: as many as are attached */
	const char *rights;      /* of the guest: "r-x", "---" */
	const char *content;     /* who fills it */
};

struct inspection {
	const char *path;
	struct image image;
	struct manifest manifest;
	bool has_manifest; /* it could be read, and says what the note says */
	char manifest_error[MANIFEST_ERROR_MAX];
	struct signature signature; /* if the image has one that can be read */
	uint64_t counter;           /* that counts: the signature's, or the image's own */
	char signature_error[SIGNATURE_ERROR_MAX]; /* "": it can be read; nobody checked it */
	char beside[256];                 /* variants that lie beside it: "+haswell, +skylakex" */
	char chosen[MFI_VARIANT_MAX + 1]; /* which of them runs here; "": itself */
	struct region region[REGIONS_MAX];
	unsigned regions;
};

/* What a grant lets a life ask for, in words: "publish on home/#". */
const char *inspect_grant(const struct inspection *i, enum mf_effect_kind kind, char *to, size_t n);
/* "http GET /lights on example.org" */
const char *inspect_trigger(const struct manifest_trigger *trigger, char *to, size_t n);

int inspect_text(const struct inspection *i);
int inspect_json(const struct inspection *i);

#endif
