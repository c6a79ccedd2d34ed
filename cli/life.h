/*
 * cli/life.h - what `mayfly run` and `mayfly bench` share: the options that
 * describe a life, and what those options name, loaded: the image and its
 * manifest, the attached data, the event.
 *
 * Functions that return int return an exit status (cli/commands.h), having said on
 * stderr what is wrong.
 */
#ifndef CLI_LIFE_H
#define CLI_LIFE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "cli/http_event.h"
#include "image/image.h"
#include "image/manifest.h"
#include "monitor/monitor.h"

#define LIFE_ATTACH_MAX 64

struct life_options {
	const char *command;    /* "run", "bench": in front of every message */
	const char *image_path; /* life_load puts the variant's in its place that it took */
	const uint8_t *digest;  /* of the variant that is looked for; NULL: the best here */
	bool exact;             /* image_path itself, and no variant of it */
	const char *event_path; /* NULL: an empty event; "-": stdin */
	const char *http_line;  /* NULL: not a request */
	struct http_event http;
	const char *data[LIFE_ATTACH_MAX];
	unsigned data_count;
	const char *config[LIFE_ATTACH_MAX];
	unsigned config_count;
	const char *state[LIFE_ATTACH_MAX]; /* KEY=VALUE */
	unsigned state_count;
	enum mfw_backend backend;
	enum mfw_birth_mode birth;
	bool birth_given;
	enum mf_source source;
	uint8_t seed[32];
	bool seed_given;
	int64_t time_ns;
	bool time_given;
	bool json;
};

/* getopt_long values of the options that life_option understands. */
enum life_option_code {
	LIFE_OPT_EVENT = 0x100,
	LIFE_OPT_DATA,
	LIFE_OPT_CONFIG,
	LIFE_OPT_STATE,
	LIFE_OPT_BACKEND,
	LIFE_OPT_BIRTH,
	LIFE_OPT_SOURCE,
	LIFE_OPT_SEED,
	LIFE_OPT_TIME,
	LIFE_OPT_HTTP,
	LIFE_OPT_EXACT,
	LIFE_OPT_OWN, /* a command's own options start here */
};
/* clang-format off */
#define LIFE_LONG_OPTIONS                                          \
	{"event", required_argument, NULL, LIFE_OPT_EVENT},        \
	{"data", required_argument, NULL, LIFE_OPT_DATA},          \
	{"config", required_argument, NULL, LIFE_OPT_CONFIG},      \
	{"state", required_argument, NULL, LIFE_OPT_STATE},        \
	{"backend", required_argument, NULL, LIFE_OPT_BACKEND},    \
	{"source", required_argument, NULL, LIFE_OPT_SOURCE},      \
	{"seed", required_argument, NULL, LIFE_OPT_SEED},          \
	{"time", required_argument, NULL, LIFE_OPT_TIME},          \
	{"http", required_argument, NULL, LIFE_OPT_HTTP},          \
	{"exact", no_argument, NULL, LIFE_OPT_EXACT},              \
	{"header", required_argument, NULL, 'H'},                  \
	{"output", required_argument, NULL, 'o'}
/* clang-format on */

/* Takes one option that getopt_long found: 0 or STATUS_USAGE. */
int life_option(struct life_options *options, int code, const char *value);
/* "pooled" or "fresh" into options->birth; false: it is another word. */
bool life_birth(struct life_options *options, const char *word);
/* What stands behind the options: the image. And whether the options go together. */
int life_operand(struct life_options *options, int argc, char **argv);

struct life_setup {
	struct image image;
	struct manifest manifest;
	uint8_t *data; /* a bundle; owned */
	size_t data_size;
	struct mf_event *event; /* owned */
	size_t event_size;
	struct mf_str payload; /* inside event, or input */
	struct mf_str input;   /* what the input area gets; bytes owned */
	int kvm_fd;            /* -1: none */
};

/* Loads all that the options name. life_unload also after a failure. */
int life_load(struct life_setup *setup, struct life_options *options);
void life_unload(struct life_setup *setup);

/* What to give monitor_open, by options and what life_load found. */
struct monitor_options life_monitor(
	const struct life_setup *setup, const struct life_options *options);

const char *life_backend_name(enum mfw_backend backend);
const char *life_birth_name(enum mfw_birth_mode birth);

#endif
