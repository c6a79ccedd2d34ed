/* hub/config_emit.c - what hub.yaml says about messages to addresses. */
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "sys/clock.h"

#define DAY (24 * 3600 * CLOCK_S)
#define MIB (1024 * 1024ull)

#define NUMBER(key, kind, member, otherwise, least, most)                                          \
	{                                                                                          \
		"emit." #key, kind, offsetof(struct raw_config, emit.key),                         \
			offsetof(struct config, emit.member),                                      \
			sizeof(((struct config *)0)->emit.member), otherwise, least, most, 1       \
	}

static const struct reading_number numbers[] = {
	NUMBER(bytes, READING_SIZE, bytes, 64 * MIB, 64 * 1024, 1024 * 1024 * MIB),
	NUMBER(age, READING_TIME, age_ns, DAY, CLOCK_S, 3650 * DAY),
};

int config_emit(const struct building *b, const struct raw_config *raw, struct config *config)
{
	struct config_emit *e = &config->emit;
	int rc = reading_numbers(
		b->r, "", numbers, sizeof(numbers) / sizeof(numbers[0]), raw, config);

	config_place(b, "emit", e->place);
	if (rc == 0 && raw->emit.authorities)
		rc = config_path(b, raw->emit.authorities, &e->authorities);
	if (rc == 0 && raw->emit.keys)
		rc = config_path(b, raw->emit.keys, &e->keys);
	if (rc == 0 && raw->emit.callbacks)
		rc = config_path(b, raw->emit.callbacks, &e->callbacks);
	return rc;
}

void config_emit_free(struct config_emit *e)
{
	free(e->authorities);
	free(e->keys);
	free(e->callbacks);
	memset(e, 0, sizeof(*e));
}
