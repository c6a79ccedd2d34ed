/* hub/config_accelerator.c - what hub.yaml says about special hardware. */
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"

#define NUMBER(key, kind, otherwise, least, most)                                                  \
	{                                                                                          \
		"accelerator." #key, kind, offsetof(struct raw_config, accelerator.key),           \
			offsetof(struct config, accelerator.key),                                  \
			sizeof(((struct config *)0)->accelerator.key), otherwise, least, most, 1   \
	}

static const struct reading_number numbers[] = {
	NUMBER(memory, READING_SIZE, 0, 1 << 20, 1ull << 50),
	NUMBER(least, READING_NUMBER, 2000000000, 1, 1000000000000000),
};

int config_accelerator(
	const struct building *b, const struct raw_config *raw, struct config *config)
{
	static const char *const backends[] = {"opencl", "cuda", NULL};
	const struct raw_accelerator *from = &raw->accelerator;
	struct config_accelerator *to = &config->accelerator;
	int rc = reading_numbers(
		b->r, "", numbers, sizeof(numbers) / sizeof(numbers[0]), raw, config);

	if (rc < 0 || !from->backend)
		return rc;
	config_place(b, "accelerator", to->place);
	rc = reading_choice(b->r, "accelerator.backend", from->backend, backends);
	if (rc >= 0)
		rc = config_text(b, from->backend, &to->backend);
	if (rc == 0)
		rc = config_text(b, from->device, &to->device);
	if (rc == 0 && from->cache)
		rc = config_path(b, from->cache, &to->cache);
	if (rc == 0 && !from->cache && strcmp(from->backend, "opencl") == 0)
		rc = reading_bad(b->r, "accelerator",
			"accelerator: OpenCL compiles kernels and keeps them: add 'cache: "
			"DIRECTORY'");
	return rc;
}

void config_accelerator_free(struct config_accelerator *a)
{
	free(a->backend);
	free(a->device);
	free(a->cache);
	memset(a, 0, sizeof(*a));
}
