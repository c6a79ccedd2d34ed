/* cli/core.c - see core.h */
#include "cli/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "image/core.h"
#include "sys/fd.h"

#define CORE_FILE_MAX ((size_t)1 << 32)

static int write_pieces(int fd, const struct shell *shell, const struct core *core)
{
	struct shell_piece p;
	uint8_t *head;
	size_t size;
	int rc = core_head(core, &head, &size);

	if (rc < 0)
		return rc;
	rc = fd_write_all(fd, head, size);
	free(head);
	for (unsigned i = 0; rc == 0 && i < core->pieces && shell_piece(shell, i, &p); i++)
		rc = fd_write_all(fd, p.from, (size_t)p.bytes);
	return rc;
}

int core_write(const char *file, const struct shell *shell, const struct life *life,
	const struct life_setup *setup)
{
	struct core core = {.name = setup->image.note.name,
		.registers = life->registers,
		.result = life->result,
		.vector = life->vector,
		.touched = life->touched,
		.event = mf_str_of(setup->event, setup->event_size)};
	struct shell_piece p;
	struct stat there;
	int fd, rc;

	memcpy(core.image, setup->image.digest, sizeof(core.image));
	while (core.pieces < CORE_PIECES && shell_piece(shell, core.pieces, &p))
		core.piece[core.pieces++] =
			(struct core_piece){p.address, p.bytes, p.write, p.execute, true};
	/* not through a name that somebody else prepared; and never readable for others in between */
	if (lstat(file, &there) == 0 && !S_ISREG(there.st_mode))
		return -EEXIST;
	if (unlink(file) < 0 && errno != ENOENT)
		return -errno;
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	rc = write_pieces(fd, shell, &core);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc < 0)
		unlink(file);
	return rc;
}

/* Its payload was in the input area, and isn't what --event says. */
static bool core_needs_input(const struct life_setup *s, struct mf_str event)
{
	struct mf_event head;

	memcpy(&head, event.p, sizeof(head));
	return head.input_bytes != s->input.n;
}

int core_take_event(struct life_setup *s, const struct life_options *o, const char *file)
{
	uint8_t *bytes = NULL, image[32];
	struct mf_str event;
	struct mf_event head;
	size_t size = 0;
	int rc = out_read_file(file, CORE_FILE_MAX, &bytes, &size), status = 0;

	if (rc < 0)
		return out_say(o->command, rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_USAGE,
			"--event-of \"%s\": %s", file, strerror(-rc));
	event = core_event(bytes, size, image);
	if (event.n < sizeof(head))
		status = out_say(o->command, STATUS_USAGE,
			"--event-of \"%s\": it isn't a core of a life", file);
	else if (memcmp(image, s->image.digest, sizeof(image)) != 0)
		status = out_say(o->command, STATUS_USAGE,
			"--event-of \"%s\": it is of another image than \"%s\"", file,
			o->image_path);
	else if (event.n > s->image.note.event_bytes)
		status = out_say(
			o->command, STATUS_USAGE, "--event-of \"%s\": its event doesn't fit", file);
	else if (core_needs_input(s, event))
		status = out_say(o->command, STATUS_USAGE,
			"--event-of \"%s\": cores have no input areas: give the same payload too, "
			"with --event",
			file);
	if (status == 0) {
		memcpy(s->event, event.p, event.n);
		s->event_size = event.n;
		s->payload = mf_str_of(NULL, 0);
	}
	free(bytes);
	return status;
}
