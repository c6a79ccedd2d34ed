/*
 * hook.h - what is checked about a delivery, and with what. mf_init makes a struct hook;
 * every life starts with it.
 */
#ifndef SERVICES_HOOK_HOOK_H
#define SERVICES_HOOK_HOOK_H

#include <mayfly.h>

#include "wire/sha256.h"

#define HOOK_KEYS_MAX 8u

enum verdict {
	VERDICT_SIGNED,
	VERDICT_MISSING,   /* no signature: 401 */
	VERDICT_MALFORMED, /* a signature that can't be read: 400 */
	VERDICT_FORGED,    /* none of our keys made it: 401 */
	VERDICT_STALE,     /* signed, but too long ago, or in the future: 401 */
};

struct hook {
	const struct hook_style *style;
	uint64_t tolerance_s;
	size_t keys;
	struct hmac_key key[HOOK_KEYS_MAX];
};

/* A way to sign, by its name in the config. */
struct hook_style {
	const char *name;
	/* Which request header names the delivery, and which its kind; NULL: none does. */
	const char *id_header, *kind_header;
	bool base64_keys; /* keys are base64 behind "whsec_", not the line as it stands */
	enum verdict (*check)(const struct hook *hook, const struct mf_event *ev);
};
/* Ends with one whose name is NULL. */
extern const struct hook_style hook_styles[];

/* Reads config and keys. Only mf_init may; what is wrong ends it, and no key is ever shown. */
void hook_load(struct hook *hook);

#endif
