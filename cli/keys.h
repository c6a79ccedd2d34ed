/*
 * cli/keys.h - key files for the commands that sign and verify, and the images that they look at.
 *
 * Functions that return int return an exit status (cli/commands.h), having said on stderr what is
 * wrong.
 */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "image/image.h"
#include "image/secret.h"
#include "image/sign.h"

/* No core file and no debugger of another process sees what this one holds. */
void keys_guard(void);

/* A file, or the key itself in base64. */
int keys_public(const char *command, const char *key, struct sign_key *to);
/* `password_file` NULL: asks, if the key is encrypted. The caller wipes it: secret_wipe. */
int keys_secret(
	const char *command, const char *path, const char *password_file, struct secret_key *to);

/* Reads and checks an image; `wrong` is the status of one that isn't right. image_close if 0. */
int keys_image(const char *command, const char *path, int wrong, struct image *image);

#endif
