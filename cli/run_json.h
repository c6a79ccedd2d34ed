/*
 * cli/run_json.h - a life and its effects, written for scripts (-o json) and for
 * people.
 */
#ifndef CLI_RUN_JSON_H
#define CLI_RUN_JSON_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/fault.h"
#include "cli/life.h"
#include "cli/outcome.h"
#include "monitor/monitor.h"
#include "wire/effects.h"

/* All that is known about one life after it. Effects are owned by cli/run.c. */
struct run_record {
	enum mfw_result unborn; /* not MFW_OK: there was no life; error says why */
	char error[MONITOR_ERROR_MAX];
	enum mfw_backend backend;
	enum mfw_birth_mode birth;
	uint64_t init_ns;
	uint8_t snapshot[32];
	uint8_t *init_effects;
	uint32_t init_bytes;
	struct life life; /* life.effects is `effects` */
	uint8_t *effects;
	uint8_t *output; /* what its reply has of the output area; NULL: nothing */
	struct outcome outcome;
	struct fault fault; /* crashed, or stopped late */
	char core[96];      /* why no core was written; else empty */
};

/* One JSON object on stdout. Returns the exit status of the command. */
int run_print_json(const struct life_setup *setup, const struct run_record *record);

/* As text where it is UTF-8, else as KEY_base64. */
void run_set_text(json_t *to, const char *key, struct mf_str text);
/* One effect, as an object and as a line: "put on = 1 (version 3)". */
json_t *run_effect_json(const struct effect *effect);
void run_print_effect(FILE *to, const struct effect *effect);

/* Every effect but the reply, a line each: "dns: info: 12 names". Malformed ones: nothing. */
void run_print_effects(FILE *to, const char *service, const uint8_t *effects, uint32_t bytes);

#endif
