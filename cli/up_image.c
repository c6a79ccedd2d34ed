/* cli/up_image.c - see up_image.h */
#include "cli/up_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "image/grants.h"
#include "image/image.h"
#include "image/note.h"

/* `mayfly build DIR` in a process of its own; what it says of the image is talk here. */
static int build(const char *dir)
{
	pid_t pid = fork();
	int how = 0;

	if (pid < 0)
		return out_say("up", STATUS_FAILED, "can't start a build: %s", strerror(errno));
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/proc/self/exe", "mayfly", "build", "--", dir, (char *)NULL);
		_exit(STATUS_FAILED);
	}
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(how) ? WEXITSTATUS(how) : STATUS_FAILED;
}

static int read_manifest(const char *path, struct manifest *manifest)
{
	char error[MANIFEST_ERROR_MAX];
	uint8_t *text = NULL;
	size_t n = 0;
	int rc = out_read_file(path, MFI_MANIFEST_MAX, &text, &n);

	if (rc < 0)
		return out_say("up", rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED, "\"%s\": %s",
			path, strerror(-rc));
	rc = manifest_parse(manifest, mf_str_of(text, n), path, error);
	free(text);
	return rc < 0 ? out_say("up", STATUS_USAGE, "%s", error) : STATUS_OK;
}

int up_image_build(const char *dir, char image[PATH_MAX])
{
	struct manifest manifest = {0};
	char path[PATH_MAX];
	int status;

	snprintf(path, sizeof(path), "%s/mayfly.yaml", dir);
	status = read_manifest(path, &manifest);
	if (status != STATUS_OK)
		return status;
	if (snprintf(image, PATH_MAX, "%s/%s.mfy", dir, manifest.name) >= PATH_MAX)
		status = out_say("up", STATUS_USAGE, "\"%s\": the path is too long", dir);
	manifest_free(&manifest);
	return status == STATUS_OK ? build(dir) : status;
}

/* They lie in a disk cache, and in the database. */
static bool takes_jobs(const struct manifest *manifest)
{
	for (unsigned i = 0; i < manifest->triggers_count; i++)
		if (manifest->triggers[i].type == TRIGGER_JOB)
			return true;
	return false;
}

int up_image_manifest(const char *path, struct manifest *manifest, bool *stores)
{
	char error[MANIFEST_ERROR_MAX] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image image;
	int rc;

	if (fd < 0)
		return out_say("up", errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"\"%s\": %s: build it with mayfly build, or give its directory", path,
			strerror(errno));
	rc = image_open(&image, fd, error);
	close(fd);
	if (rc < 0)
		return out_say(
			"up", STATUS_USAGE, "\"%s\": %s", path, error[0] ? error : strerror(-rc));
	rc = note_manifest(manifest, &image, path, error);
	*stores = rc == 0 && (grants_store(&image.note, manifest) || takes_jobs(manifest));
	image_close(&image);
	return rc < 0 ? out_say("up", STATUS_USAGE, "%s", error) : STATUS_OK;
}
