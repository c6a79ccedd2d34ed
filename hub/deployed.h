/*
 * hub/deployed.h - versions that came by `mayfly deploy`: their images, and which of them runs, in the directory `deployed` of
 * the hub's state (docs/decisions/068-deploy.md).
 *
 *	<SHA-256>.mfy, <SHA-256>+VARIANT.mfy	images
 *	list	one line a service:
 *		NAME BASE NOW BEFORE|- TRIAL|- COUNTER|- IMAGE
 *	incoming	an image that is not whole
 *
 * BASE is the SHA-256 of the file that hub.yaml named, IMAGE its path there, or "-" where hub.yaml gives the service its
 * name. As long as that is what it names, NOW runs in its place; else the line says nothing any more. The list is replaced whole, and is on the disk when
 * a function returns. All is the hub's thread's.
 *
 * Errors: -errno.
 */
#ifndef HUB_DEPLOYED_H
#define HUB_DEPLOYED_H

#include <limits.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/str.h"

#define DEPLOYED_ERROR_MAX 512
#define DEPLOYED_DIGEST    32u
#define DEPLOYED_FILES     16u /* images that are kept, without variants */
#define DEPLOYED_VARIANTS  64u /* of all of them */
/* <SHA-256>, or <SHA-256>+VARIANT; with the zero byte. */
#define DEPLOYED_NAME (2 * DEPLOYED_DIGEST + 1 + MFI_VARIANT_MAX + 1)

struct deployed {
	struct deployed *next;
	char name[MFI_NAME_MAX + 1];
	uint8_t base[DEPLOYED_DIGEST], now[DEPLOYED_DIGEST];
	bool has_before, has_trial;
	uint8_t before[DEPLOYED_DIGEST], trial[DEPLOYED_DIGEST];
	bool allowed; /* an older release than ran here, by an operator's word */
	uint64_t counter;
	bool stale;           /* hub.yaml names something else now: of the plan at hand */
	char image[PATH_MAX]; /* as hub.yaml names it; "-": it gives the service a name */
};

struct deployments {
	struct deployed *list;
	int dir; /* -1: nothing was ever deployed here, or there is no state */
	char path[PATH_MAX];
	/* the image that is coming: */
	char incoming[DEPLOYED_NAME];
	uint64_t at;
	crypto_hash_sha256_state hash;
};

/* `state` NULL: there is no directory. One line in error. */
int deployed_open(struct deployments *d, const char *state, char error[static DEPLOYED_ERROR_MAX]);
void deployed_close(struct deployments *d);

/* NULL: there is none. */
struct deployed *deployed_find(const struct deployments *d, const char *name);
/* Adds it or replaces the one of its name. After an error nothing has changed. */
int deployed_put(struct deployments *d, const struct deployed *deployed);
/* Forgets those that are stale, each of which is told to `say`. */
int deployed_forget_stale(struct deployments *d, void (*say)(const struct deployed *deployed));
/* Removes images that no line names, but `but` (NULL: none), and, if `young`, those that came some minutes ago: somebody may be about
 * to deploy them. */
void deployed_tidy(struct deployments *d, const uint8_t *but, bool young);

/* Where an image lies. False: the path is too long. */
bool deployed_path(const struct deployments *d, const uint8_t digest[static DEPLOYED_DIGEST],
	char to[static PATH_MAX]);

/* A piece of an image of `size` bytes, from `at` on: the first, or the one behind the piece that came last. 0: more is to come; 1: it is whole,
 * on the disk, and what it is called. -EINVAL: that isn't a name; -ESPIPE: it is not the next piece; -EFBIG; -EBADMSG: the
 * bytes haven't this SHA-256, all are dropped. A variant's bytes are judged when it is to run. */
int deployed_piece(
	struct deployments *d, struct mf_str name, uint64_t at, uint64_t size, struct mf_str bytes);

/* "0a1b..." both ways; false: it is no such text. */
void deployed_digest_text(const uint8_t digest[static DEPLOYED_DIGEST], char to[static 65]);
bool deployed_digest_read(struct mf_str text, uint8_t to[static DEPLOYED_DIGEST]);
/* Of a file's bytes. */
int deployed_digest_of(const char *path, uint8_t to[static DEPLOYED_DIGEST]);

#endif
