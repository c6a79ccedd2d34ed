/*
 * cli/audit/audit.h - what an image may do, as facts that text, JSON and the comparison of two
 * images share. Private to cli/audit/.
 *
 * A fact says one thing. Those of PART_MAY with an entry (a pattern of mayfly.yaml) are compared
 * by what they cover, those with an amount by their size, others by their words.
 */
#ifndef CLI_AUDIT_AUDIT_H
#define CLI_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "image/image.h"
#include "image/manifest.h"

enum audit_part {
	AUDIT_WHO,   /* name, release, signature */
	AUDIT_MAY,   /* what it may do and see */
	AUDIT_NOT,   /* what it may not */
	AUDIT_LIMIT, /* of one life, and of its queue */
	AUDIT_NEEDS, /* files and settings that must be attached */
	AUDIT_CODE,  /* what it is made of */
	AUDIT_PRICE,
	AUDIT_PARTS
};
extern const char *const audit_parts[AUDIT_PARTS]; /* as in JSON: "who", "may" ... */

#define AUDIT_TEXT  640
#define AUDIT_ENTRY 256

/* What of a fact makes the new one of two images one that may more. */
enum audit_more {
	MORE_IF_ADDED = 1,
	MORE_IF_RAISED = 2,
	MORE_IF_LOWERED = 4,
	MORE_IF_CHANGED = 8,
};

struct fact {
	enum audit_part part;
	unsigned more;           /* enum audit_more */
	const char *what;        /* "http", "emit", "limits.cpu" */
	char scope[AUDIT_ENTRY]; /* of a trigger: what else must be the same; "": anything */
	char entry[AUDIT_ENTRY]; /* of mayfly.yaml, or which; "": there is none */
	bool measured;
	uint64_t amount; /* if measured */
	char text[AUDIT_TEXT];
};

struct audit {
	const char *path;
	struct image image;
	struct manifest manifest;
	struct fact *fact; /* owned */
	unsigned facts;
};

/* --- audit.c: reads the image and gathers its facts. An exit status, having said what is wrong;
 * audit_close in any case. `command`: who says so. */
int audit_open(struct audit *audit, const char *command, const char *path);
void audit_close(struct audit *audit);

/* --- facts.c: what it may not is all that remains of what any image could. */
int audit_gather(struct audit *audit); /* -ENOMEM */
/* A new one, zeroed but for these; NULL: no memory. */
struct fact *audit_add(struct audit *audit, enum audit_part part, const char *what, unsigned more);

/* --- may.c: AUDIT_MAY and AUDIT_NOT. False: no memory. */
bool audit_may(struct audit *audit);
bool audit_may_not(struct audit *audit);

/* --- compare.c: one thing in which two images differ. */
enum audit_change { AUDIT_ADDED, AUDIT_REMOVED, AUDIT_RAISED, AUDIT_LOWERED, AUDIT_CHANGED };
struct change {
	enum audit_change how;
	bool more;                   /* the new one may, or takes, more than the old one */
	const struct fact *is, *was; /* NULL: there is none */
};
/* All of them, malloc'ed; how many, or -ENOMEM. */
int audit_compare(const struct audit *old, const struct audit *new, struct change **changes);

/* --- show.c: one image, or what changed. An exit status. */
int audit_show(const struct audit *audit, bool json);
int audit_show_changes(const struct audit *old, const struct audit *new, const struct change *c,
	unsigned n, bool json);

#endif
