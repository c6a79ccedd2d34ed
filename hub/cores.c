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

/* Ours, by their names; what else somebody put there stays. */
#define ID_MOST   (1 + TASK_ID + (sizeof(SUFFIX) - 1)) /* behind the service's name */
#define NAME_MOST (MFI_NAME_MAX + ID_MOST)

/* More than there may be, for there may have been more. */
#define FILES_MOST (2 * CORES_MOST)

struct core_file {
	char name[NAME_MOST + 1];
	size_t owner; /* bytes of the name that say whose */
	struct timespec since;
};

struct content {
	unsigned files;
	uint64_t bytes;
	struct core_file file[FILES_MOST];
};

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static void look_at(struct content *c, int dir, const char *name)
{
	size_t n = strlen(name), suffix = strlen(SUFFIX);
	struct core_file *file = &c->file[c->files];
	const char *dash = strrchr(name, '-');
	struct stat st;

	if (c->files == FILES_MOST || n <= suffix || n > NAME_MOST || !dash ||
		strcmp(name + n - suffix, SUFFIX) != 0 ||
		fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	c->files++;
	c->bytes += (uint64_t)st.st_size;
	file->owner = (size_t)(dash - name);
	file->since = st.st_mtim;
	memcpy(file->name, name, n + 1);
}

static int list(int dir, struct content *c)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	c->files = 0;
	c->bytes = 0;
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

static unsigned count_of(const struct content *c, const char *owner, size_t n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < c->files; i++)
		count += c->file[i].owner == n && memcmp(c->file[i].name, owner, n) == 0;
	return count;
}

/* The oldest of the service that has most, the one of `service` that is to come among them: one that
 * crashes all the time leaves the others theirs. */
static const struct core_file *spare(const struct content *c, const char *service)
{
	const struct core_file *found = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < c->files; i++) {
		const struct core_file *k = &c->file[i];
		unsigned count = count_of(c, k->name, k->owner);

		count += strlen(service) == k->owner && memcmp(service, k->name, k->owner) == 0;
		if (!found || count > most ||
			(count == most && is_before(&k->since, &found->since))) {
			found = k;
			most = count;
		}
	}
	return found;
}

/* Not too many at once, where there were many more: the hub waits meanwhile. */
int cores_make_room(int dir, const char *service, unsigned most, uint64_t bytes)
{
	static struct content c; /* large */
	int err = 0;

	for (unsigned i = 0; i < 8 && err == 0; i++) {
		err = list(dir, &c);
		if (err < 0 || c.files == 0 || (c.files < most && c.bytes + bytes <= CORES_BYTES))
			break;
		err = unlinkat(dir, spare(&c, service)->name, 0) < 0 ? -errno : 0;
	}
	return err;
}

bool cores_turn(uint64_t now, uint64_t *hub_ns, uint64_t *service_ns)
{
	if ((*hub_ns != 0 && now - *hub_ns < CORES_EVERY_NS) ||
		(*service_ns != 0 && now - *service_ns < CORES_SERVICE_NS))
		return false;
	*hub_ns = *service_ns = now;
	return true;
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
	err = dir < 0 ? dir : cores_make_room(dir, s->name, s->hub->cores, size + bytes);
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
	char name[NAME];
	int err;

	if (hub->cores == 0 || hub->state == NULL || hub->state_fd < 0 ||
		m->bytes < MF_PAGE + core_high_bytes(&image) ||
		!cores_turn(loop_now(hub->loop), &hub->core_ns, &s->core_ns))
		return;
	err = keep(s, task, m, name);
	if (err < 0)
		log_about(LOG_WARN, s->name, task->id, "its core can't be kept in %s/cores: %s",
			hub->state, strerror(-err));
	else
		log_about(LOG_INFO, s->name, task->id, "its core is %s/cores/%s", hub->state, name);
}
