/* hub/kept.c - see kept.h */
#include "hub/kept.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/fd.h"

#define BLOCK 512u /* of st_blocks */

static bool sealed(int fd)
{
	return fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE;
}

/* Its size can't change; that it is written no more is the worker's to seal. */
static int make(uint64_t bytes)
{
	int fd = memfd_create("mayfly-kept", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 &&
		(ftruncate(fd, (off_t)bytes) < 0 ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0))
		fd_close(&fd);
	return fd;
}

void kept_drop(struct service *service)
{
	service->hub->kept_bytes -= service->snap.bytes;
	service->snap.bytes = 0;
	fd_close(&service->snap.fd);
}

int kept_descriptor(struct service *service)
{
	const struct mfi_image *note = &service->note;
	struct kept *k = &service->snap;
	uint64_t bytes = MF_PAGE + note->window_bytes + MFW_ROUND(note->init_bytes);

	if (!(note->flags & MFI_HAS_INIT) || bytes > KEPT_ONE)
		return -1;
	if (k->fd >= 0 && !sealed(k->fd))
		kept_drop(service);
	if (k->fd < 0)
		k->fd = make(bytes);
	return k->fd;
}

void kept_after(struct service *service)
{
	struct kept *k = &service->snap;
	struct hub *hub = service->hub;
	struct stat st;

	if (k->fd < 0)
		return;
	if (k->bytes == 0 && sealed(k->fd) && fstat(k->fd, &st) == 0) {
		k->bytes = (uint64_t)st.st_blocks * BLOCK;
		hub->kept_bytes += k->bytes;
	}
	k->until_ns = clock_mono_ns() + KEPT_NS;
	if (k->bytes == 0 || hub->kept_bytes > KEPT_ALL)
		kept_drop(service);
	else
		service_wake_by(service, k->until_ns);
}

void kept_tick(struct service *service)
{
	struct kept *k = &service->snap;

	if (k->fd < 0)
		return;
	if (k->until_ns <= loop_now(service->hub->loop))
		kept_drop(service);
	else
		service_wake_by(service, k->until_ns);
}
