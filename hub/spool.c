/* hub/spool.c - see spool.h */
#include "hub/spool.h"

#include <errno.h>
#include <sodium/crypto_generichash_blake2b.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/service.h"
#include "hub/task.h"

int spool_begin(struct spool *spool, struct service *service)
{
	int number;

	*spool = (struct spool){.most = service->note.input_bytes};
	if (!service->areas || spool->most == 0)
		return -EFBIG;
	number = areas_take_early(service->areas);
	if (number < 0)
		return number;
	spool->areas = service->areas;
	spool->number = number;
	return 0;
}

int spool_hash(struct spool *spool)
{
	void *hash = NULL;

	if (posix_memalign(&hash, 64, sizeof(crypto_generichash_blake2b_state)) != 0)
		return -ENOMEM;
	spool->hash = hash;
	crypto_generichash_blake2b_init(spool->hash, NULL, 0, sizeof(spool->digest));
	return 0;
}

uint8_t *spool_room(const struct spool *spool, size_t *most)
{
	*most = spool->most - spool->bytes;
	return areas_input(spool->areas, spool->number) + spool->bytes;
}

void spool_took(struct spool *spool, size_t n)
{
	size_t room;

	if (spool->hash && n > 0)
		crypto_generichash_blake2b_update(spool->hash, spool_room(spool, &room), n);
	spool->bytes += n;
	areas_filled(spool->areas, spool->number, spool->bytes);
}

void spool_skip(struct spool *spool, size_t n, const void *instead, size_t instead_n)
{
	if (spool->hash)
		crypto_generichash_blake2b_update(spool->hash, instead, instead_n);
	spool->bytes += n;
	areas_filled(spool->areas, spool->number, spool->bytes);
}

int spool_append(struct spool *spool, const void *bytes, size_t n)
{
	size_t room;
	uint8_t *to = spool_room(spool, &room);

	if (n > room)
		return -EFBIG;
	if (n > 0)
		memcpy(to, bytes, n);
	spool_took(spool, n);
	return 0;
}

int spool_append_file(struct spool *spool, int fd, uint64_t at, size_t n)
{
	size_t room;
	uint8_t *to = spool_room(spool, &room);
	ssize_t got;

	if (n > room)
		return -EFBIG;
	areas_filled(spool->areas, spool->number, spool->bytes + n);
	while (n > 0) {
		got = pread(fd, to, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		spool_took(spool, (size_t)got);
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

struct mf_str spool_digest(struct spool *spool)
{
	crypto_generichash_blake2b_final(spool->hash, spool->digest, sizeof(spool->digest));
	free(spool->hash);
	spool->hash = NULL;
	return mf_str_of(spool->digest, sizeof(spool->digest));
}

void spool_give(struct spool *spool, struct task *task)
{
	task->area = spool->number;
	task->head.input_bytes = spool->bytes;
	free(spool->hash);
	spool->hash = NULL;
	spool->areas = NULL;
}

void spool_end(struct spool *spool)
{
	if (!spool->areas)
		return;
	areas_drop(spool->areas, spool->number);
	free(spool->hash);
	spool->hash = NULL;
	spool->areas = NULL;
}

struct service *spool_service(const struct spool *spool)
{
	return areas_service(spool->areas);
}
