/* hub/fingerprint.c - see fingerprint.h */
#include "hub/fingerprint.h"

#include <sodium/crypto_hash_sha256.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/config.h"
#include "image/variant.h"
#include "sys/clock.h"

/* Clocks of file systems are coarse; 2 s is the coarsest in use (FAT). */
#define SETTLED_NS (2 * CLOCK_S)

static void add(crypto_hash_sha256_state *h, const void *bytes, size_t n)
{
	(void)crypto_hash_sha256_update(h, bytes, n);
}

/* With its zero byte, so that two texts in a row can't be another two; NULL is no text. */
static void add_text(crypto_hash_sha256_state *h, const char *text)
{
	uint8_t there = text != NULL;

	add(h, &there, 1);
	if (text)
		add(h, text, strlen(text) + 1);
}

static uint64_t time_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * CLOCK_S + (uint64_t)t->tv_nsec;
}

static bool add_file(crypto_hash_sha256_state *h, const char *path)
{
	uint64_t now = (uint64_t)clock_wall_ns(), marks[5];
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	marks[0] = st.st_dev;
	marks[1] = st.st_ino;
	marks[2] = (uint64_t)st.st_size;
	marks[3] = time_of(&st.st_mtim);
	marks[4] = time_of(&st.st_ctim);
	add(h, marks, sizeof(marks));
	return marks[4] + SETTLED_NS < now && marks[3] + SETTLED_NS < now;
}

struct variants {
	bool settled;
	uint8_t sum[crypto_hash_sha256_BYTES]; /* of each one's: a directory has no order */
};

static void add_variant(void *arg, const char *file)
{
	uint8_t one[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state h;
	struct variants *v = arg;

	(void)crypto_hash_sha256_init(&h);
	add_text(&h, file);
	v->settled = add_file(&h, file) && v->settled;
	(void)crypto_hash_sha256_final(&h, one);
	for (size_t i = 0; i < sizeof(one); i++)
		v->sum[i] ^= one[i];
}

/* The image, and what lies beside it and may run in its place (image/variant.h). */
static bool add_image(crypto_hash_sha256_state *h, const char *path)
{
	struct variants v = {.settled = add_file(h, path)};

	variant_each(path, add_variant, &v);
	add(h, v.sum, sizeof(v.sum));
	return v.settled;
}

static bool add_data(crypto_hash_sha256_state *h, const struct config_service *c)
{
	for (unsigned i = 0; i < c->data_count; i++) {
		const char *file = strchr(c->data[i], '=');

		add_text(h, c->data[i]);
		if (!file || !add_file(h, file + 1))
			return false;
	}
	add_text(h, NULL);
	return true;
}

/* All but listeners and routes: they are compared for themselves. */
static void add_numbers(crypto_hash_sha256_state *h, const struct config_service *c)
{
	const uint64_t numbers[] = {c->socket, c->backend, c->birth, c->birth_given,
		c->durability_given, c->durability, (uint64_t)c->core, c->queue, c->threads,
		c->deadline_ns, c->cpu_ns, c->idle_ns, c->failures, c->from_yaml, c->cores,
		c->allow_rollback_given, c->allow_rollback};

	add(h, numbers, sizeof(numbers));
}

bool fingerprint(const struct config_service *c, const uint8_t trust[static FINGERPRINT],
	uint8_t print[static FINGERPRINT])
{
	crypto_hash_sha256_state h;
	bool settled;

	(void)crypto_hash_sha256_init(&h);
	add(&h, trust, FINGERPRINT);
	add_text(&h, c->name);
	add_text(&h, c->image);
	add_numbers(&h, c);
	for (unsigned i = 0; i < c->config_count; i++)
		add_text(&h, c->config[i]);
	add_text(&h, NULL);
	settled = add_image(&h, c->image) && add_data(&h, c);
	(void)crypto_hash_sha256_final(&h, print);
	if (!settled)
		memset(print, 0, FINGERPRINT);
	return settled;
}
