/* hub/cores.c - see cores.h */
#include "hub/cores.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/hub.h"
#include "image/core.h"
#include "sys/fd.h"

#define SUFFIX ".core"
#define NEW    "new"
#define NAME   (MFI_NAME_MAX + STORE_ID_MAX + sizeof("-" SUFFIX))

uint32_t cores_area(const struct mfi_image *note)
{
	uint64_t all = MF_PAGE + note->window_bytes;

	if (all > CORES_AREA_MOST)
		all = CORES_AREA_MOST;
	return (uint32_t)(all > note->effects_bytes ? all : note->effects_bytes);
}

/* --------------------------------------------------------------- the directory */

static int open_directory(const struct hub *hub)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/cores", hub->state) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

struct content {
	unsigned files;
	uint64_t bytes;
	char oldest[256];
	struct timespec since;
};

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Ours, by their names; what else somebody put there stays. */
static void look_at(struct content *c, int dir, const char *name)
{
	size_t n = strlen(name);
	struct stat st;

	if (n <= strlen(SUFFIX) || strcmp(name + n - strlen(SUFFIX), SUFFIX) != 0 ||
		fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (c->files++ == 0 || is_before(&st.st_mtim, &c->since)) {
		snprintf(c->oldest, sizeof(c->oldest), "%s", name);
		c->since = st.st_mtim;
	}
	c->bytes += (uint64_t)st.st_size;
}

static int list(int dir, struct content *c)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	*c = (struct content){0};
	if (d == NULL) {
		int err = -errno;

		fd_close(&copy);
		return err;
	}
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		look_at(c, dir, e->d_name);
	closedir(d);
	return 0;
}

/* The oldest go until there is room for one more; not too many at once, where there were many
 * more: the hub waits meanwhile. */
static int make_room(int dir, unsigned most, uint64_t bytes)
{
	struct content c;
	int err = 0;

	for (unsigned i = 0; i < 8 && err == 0; i++) {
		err = list(dir, &c);
		if (err < 0 || c.files == 0 || (c.files < most && c.bytes + bytes <= CORES_BYTES))
			break;
		err = unlinkat(dir, c.oldest, 0) < 0 ? -errno : 0;
	}
	return err;
}

/* -------------------------------------------------------------------- a core */

/* The event as the worker was given it; its head from where no worker can write. */
static uint8_t *copy_event(struct service *s, const struct task *task, int slot)
{
	size_t n = task->head.bytes;
	uint8_t *event = n < sizeof(task->head) || n > link_event_area(s->link) ? NULL : malloc(n);

	if (event != NULL) {
		memcpy(event, link_event(s->link, slot), n);
		memcpy(event, &task->head, sizeof(task->head));
	}
	return event;
}

static void describe(struct core *core, const struct service *s, const struct mfw_message *m,
	const struct mfw_crash *crash)
{
	const struct image image = {.note = s->note};
	uint64_t low = core_low_bytes(&image, m->bytes), high = core_high_bytes(&image);

	*core = (struct core){.name = s->note.name,
		.registers = crash->registers,
		.result = MFW_ERR_CRASHED,
		.vector = m->vector,
		.touched = m->touched,
		.pieces = 2};
	memcpy(core->image, s->digest, sizeof(core->image));
	core->piece[0] = (struct core_piece){
		image_guard_at(&image) + MF_PAGE, high, .write = true, .kept = true};
	core->piece[1] = (struct core_piece){MF_ADDR_WINDOW, low, .write = true, .kept = true};
}

static int write_file(int dir, const char *name, const uint8_t *head, size_t head_bytes,
	const uint8_t *memory, size_t bytes)
{
	int fd = openat(dir, NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = fd < 0 ? -errno : fd_write_all(fd, head, head_bytes);

	if (fd >= 0 && err == 0)
		err = fd_write_all(fd, memory, bytes);
	fd_close(&fd);
	if (err == 0 && renameat(dir, NEW, dir, name) < 0)
		err = -errno;
	if (err < 0)
		unlinkat(dir, NEW, 0);
	return err;
}

/* An id may have slashes. */
static void name_core(const struct service *s, const struct task *task, char name[static NAME])
{
	snprintf(name, NAME, "%s-%s" SUFFIX, s->name, task->id);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '-';
}

static int keep(struct service *s, const struct task *task, const struct mfw_message *m,
	char name[static NAME])
{
	const uint8_t *memory = link_effects(s->link, (int)m->slot);
	uint8_t *event, *head = NULL;
	struct mfw_crash crash;
	struct core core;
	size_t size, bytes;
	int dir, err;

	memcpy(&crash, memory, sizeof(crash));
	describe(&core, s, m, &crash);
	bytes = (size_t)(core.piece[0].bytes + core.piece[1].bytes);
	event = copy_event(s, task, (int)m->slot);
	core.event = mf_str_of(event, event ? task->head.bytes : 0);
	err = core_head(&core, &head, &size);
	dir = err < 0 ? err : open_directory(s->hub);
	err = dir < 0 ? dir : make_room(dir, s->hub->cores, size + bytes);
	name_core(s, task, name);
	if (err == 0)
		err = write_file(dir, name, head, size, memory + MF_PAGE, bytes);
	fd_close(&dir);
	free(event);
	free(head);
	return err;
}

void cores_keep(struct service *s, const struct task *task, const struct mfw_message *m)
{
	const struct image image = {.note = s->note};
	struct hub *hub = s->hub;
	uint64_t now = loop_now(hub->loop);
	char name[NAME];
	int err;

	if (hub->cores == 0 || hub->state == NULL || hub->state_fd < 0 ||
		(hub->core_ns != 0 && now - hub->core_ns < CORES_EVERY_NS) ||
		m->bytes < MF_PAGE + core_high_bytes(&image))
		return;
	hub->core_ns = now;
	err = keep(s, task, m, name);
	if (err < 0)
		log_about(LOG_WARN, s->name, task->id, "its core can't be kept in %s/cores: %s",
			hub->state, strerror(-err));
	else
		log_about(LOG_INFO, s->name, task->id, "its core is %s/cores/%s", hub->state, name);
}
