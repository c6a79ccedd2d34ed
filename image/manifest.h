/*
 * image/manifest.h - mayfly.yaml, read into a struct by its schema (libcyaml).
 * Shared by builder and hub. Every key is documented in man/mayfly.yaml.5; the
 * schema table in manifest.c is the only other place that lists them.
 *
 * An unknown key, a wrong type or a value out of bounds is an error that quotes
 * it, with line and column, and suggests the nearest known key.
 */
#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "image/money.h"
#include "image/price.h"

#define MANIFEST_ERROR_MAX 512

enum manifest_trigger_type {
	TRIGGER_UDP,
	TRIGGER_TCP,
	TRIGGER_HTTP,
	TRIGGER_MQTT,
	TRIGGER_COAP,
	TRIGGER_TIMER,
	TRIGGER_PACKETS,
	TRIGGER_CALL,
	TRIGGER_JOB,
};
enum manifest_durability { DURABILITY_NONE, DURABILITY_BATCH, DURABILITY_SYNC };
enum manifest_birth { BIRTH_POOLED, BIRTH_FRESH };

/* One trigger; what a type doesn't use is NULL or 0. Strings as the author wrote them. */
struct manifest_trigger {
	enum manifest_trigger_type type;
	const char *method, *path, *host; /* http, coap; path is a pattern, as in pattern.h */
	char *const *headers;             /* http: names of request headers that the event has */
	unsigned headers_count;
	const char *topic;        /* mqtt */
	unsigned qos;             /* mqtt: 0, 1 */
	const char *every, *cron; /* timer */
	const char *missed;       /* timer: skip, once, all */
	const char *framing;      /* tcp: length16 (the default), length32 */
	const char *name;         /* timer */
	const char *protocol; /* udp, tcp: what is spoken, so that refusals are in its words: dns */
	/* What to try. udp, tcp, mqtt: a payload, with dns a name to ask for; http: a path or a query,
	 * which begin with '/' and '?', or a body. */
	const char *example;
};

/* How much is charged for requests of a path. */
struct manifest_quantity {
	const char *path; /* a pattern, as in pattern.h; NULL: any */
	struct price_formula *formula;
};

struct manifest_pair {
	char *name;
	char *value;
};

struct manifest {
	unsigned schema;  /* mayfly: 1 */
	char *name;       /* [a-z][a-z0-9-]{0,62} */
	char *version;    /* shown, never compared */
	uint64_t counter; /* of releases */
	char **modules;   /* what it needs beyond what it links by itself, e.g. posix */
	unsigned modules_count;
	char **variants; /* it is built for these processors too: image/variant.h */
	unsigned variants_count;
	struct {
		uint64_t window, event, effects, stack; /* bytes, defaults filled in */
		uint64_t init, input, output;           /* bytes, default 0 */
	} memory;
	struct {
		uint64_t cpu_ns, deadline_ns, init_ns; /* default 100 ms, 1 s, 10 s */
		unsigned queue;                        /* events waiting, default 1024 */
		unsigned parallel; /* lives at once, default 0: the hub decides */
	} limits;
	struct {
		unsigned times; /* an event that failed runs again, default 3 */
		uint64_t
			wait_ns; /* before the first of them, then twice as long each; default 1 s */
	} retry;
	uint64_t budget; /* bytes of the image file, default 65536 */
	struct manifest_trigger *triggers;
	unsigned triggers_count;
	char *key; /* checked words, as in key.h; NULL: not said */
	enum manifest_durability durability;
	char **reads;
	unsigned reads_count;
	char **emits;
	unsigned emits_count;
	char **calls;
	unsigned calls_count;
	char **upstream;
	unsigned upstream_count; /* subjects it may send upstream */
	char **writes;
	unsigned writes_count; /* state keys it may put or delete, default what it reads */
	uint64_t idle_ns;      /* life: "once" is 0; "idle 5s" */
	enum manifest_birth birth;
	struct {
		char *unit;
		char *per_unit,
			*minimum; /* as the author wrote them; per_unit NULL: nothing is charged */
		struct money_rate rate;
		int64_t least;                        /* the minimum, in millionths */
		struct manifest_quantity *quantities; /* the first that fits counts */
		unsigned quantities_count;            /* 1 at least where something is charged */
	} price;                                      /* unit NULL: free */
	char **data;
	unsigned data_count; /* names, or patterns, of files that must be attached */
	struct manifest_pair *config;
	unsigned config_count; /* keys and defaults */
	void *owned;           /* for manifest_free */
};

/* Reads `text`; `where` names it in errors ("dns/mayfly.yaml"). 0 or -EINVAL with one
 * line in error: "dns/mayfly.yaml:7:3: unknown key 'limit'; did you mean 'limits'?" */
int manifest_parse(struct manifest *manifest, struct mf_str text, const char *where,
	char error[MANIFEST_ERROR_MAX]);
void manifest_free(struct manifest *manifest);

/* What counts for requests of this path; NULL: nothing does. */
const struct price_formula *manifest_formula(const struct manifest *manifest, struct mf_str path);

/* May a file be attached under this name? Parts between slashes, none empty or beginning with a dot;
 * any printable characters but '=' and '\\'. */
bool manifest_data_name(const char *name);
/* Does a file of this name fit this entry of `data`: the same name, or a pattern ("*.zone"), whose
 * '*' stands for slashes too? */
bool manifest_data_fits(const char *entry, const char *name);

#endif
