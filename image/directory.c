/* image/directory.c - see directory.h */
#include "image/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
	int root;    /* the directory */
	size_t skip; /* bytes of a path before the name */
	directory_file *file;
	void *context;
	char *where;
};

bool directory_is(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int bad(const struct walk *w, const char *path, int rc)
{
	snprintf(w->where, 256, "%.255s", path);
	return rc;
}

static int walk(const struct walk *w, const char *path, unsigned depth);

static int visit(const struct walk *w, const char *path, unsigned depth)
{
	struct stat st, itself;

	if (lstat(path, &itself) < 0 || stat(path, &st) < 0)
		return bad(w, path, -errno);
	if (S_ISDIR(st.st_mode) && S_ISLNK(itself.st_mode))
		return bad(w, path, -ELOOP);
	if (S_ISDIR(st.st_mode))
		return depth < DIRECTORY_DEPTH_MAX ? walk(w, path, depth + 1)
						   : bad(w, path, -ENAMETOOLONG);
	return S_ISREG(st.st_mode) ? w->file(w->context, w->root, path + w->skip, path)
				   : bad(w, path, -EINVAL);
}

static int walk(const struct walk *w, const char *path, unsigned depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[PATH_MAX];
	int rc = 0;

	if (!dir)
		return bad(w, path, -errno);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
			(int)sizeof(below))
			rc = bad(w, path, -ENAMETOOLONG);
		else
			rc = visit(w, below, depth);
	}
	closedir(dir);
	return rc;
}

int directory_walk(const char *path, directory_file *file, void *context, char where[static 256])
{
	char start[PATH_MAX];
	int n = snprintf(start, sizeof(start), "%s", path), rc;
	struct walk w = {.file = file, .context = context, .where = where};

	if (n >= (int)sizeof(start))
		return bad(&w, path, -ENAMETOOLONG);
	while (n > 1 && start[n - 1] == '/')
		start[--n] = '\0';
	w.skip = (size_t)n + 1; /* of "/" itself one too many, which nobody attaches */
	w.root = open(start, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.root < 0)
		return bad(&w, start, -errno);
	rc = walk(&w, start, 0);
	close(w.root);
	return rc;
}
