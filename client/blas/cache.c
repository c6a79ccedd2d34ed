#include "client/blas/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/blas/config.h"
#include "client/blas/local.h"
#include "client/blas/say.h"

/* What speeds depend on: the library and who it is asked to use how many threads. */
static void identify(char *to, size_t n)
{
	static const char *const threads[] = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"};
	struct stat st = {0};
	int at;

	if (stat(local_file(), &st) != 0)
		st.st_size = 0;
	at = snprintf(to, n, "%s %lld %lld %ld", local_file(), (long long)st.st_size,
		(long long)st.st_mtime, sysconf(_SC_NPROCESSORS_ONLN));
	for (unsigned i = 0; i < 2 && at > 0 && (size_t)at < n; i++)
		at += snprintf(to + at, n - (size_t)at, " %s",
			secure_getenv(threads[i]) != NULL ? secure_getenv(threads[i]) : "-");
}

/* Lines count below a heading that is ours: "[local FILE ...]" for local speeds, "[service URL]" for others. */
static void headings(char local[512], char remote[512])
{
	char identity[480];

	identify(identity, sizeof(identity));
	snprintf(local, 512, "[local %s]\n", identity);
	snprintf(remote, 512, "[service %.480s]\n", config.url != NULL ? config.url : "");
}

void cache_load(struct model *model)
{
	char local[512], remote[512], line[512];
	FILE *f = config.cache != NULL ? fopen(config.cache, "re") : NULL;
	bool mine = false;

	if (f == NULL)
		return;
	headings(local, remote);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '[')
			mine = strcmp(line, local) == 0 || strcmp(line, remote) == 0;
		else if (mine)
			model_read_line(model, line);
	}
	fclose(f);
}

static void copy_others(FILE *from, FILE *to, const char *local, const char *remote)
{
	char line[512];
	bool theirs = false;
	unsigned sections = 0;

	while (fgets(line, sizeof(line), from) != NULL) {
		if (line[0] == '[') {
			theirs = strcmp(line, local) != 0 && strcmp(line, remote) != 0 &&
				++sections < 16;
		}
		if (theirs)
			fputs(line, to);
	}
}

static void make_directory(char *path)
{
	char *slash = strrchr(path, '/');

	*slash = '\0';
	if (mkdir(path, 0700) != 0 && errno == ENOENT) {
		char *above = strrchr(path, '/');

		if (above != NULL && above != path) {
			*above = '\0';
			(void)mkdir(path, 0700);
			*above = '/';
			(void)mkdir(path, 0700);
		}
	}
	*slash = '/';
}

/* The model as two sections; lines of the other kind than the heading's are left out by the reader's own rule: both
 * sections are read into one model, so which line stands where is for people. */
static void write_own(const struct model *model, FILE *to, const char *local, const char *remote)
{
	char *text = NULL, *rest;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	if (memory == NULL)
		return;
	model_write(model, memory);
	if (fclose(memory) != 0)
		goto out;
	for (unsigned i = 0; i < 2; i++) {
		if (i == 1 && config.url == NULL)
			break;
		fputs(i == 0 ? local : remote, to);
		for (char *line = text; *line != '\0'; line = rest) {
			rest = strchr(line, '\n') + 1;
			if ((strncmp(line, "local ", 6) == 0) == (i == 0))
				fwrite(line, 1, (size_t)(rest - line), to);
		}
	}
out:
	free(text);
}

void cache_save(const struct model *model)
{
	char local[512], remote[512], path[512], fresh[540];
	locale_t theirs = say_plainly(NULL);
	FILE *old, *to;
	int n = snprintf(path, sizeof(path), "%s", config.cache);

	if (n < 0 || (size_t)n >= sizeof(path))
		goto out;
	make_directory(path);
	snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid());
	to = fopen(fresh, "we");
	if (to == NULL)
		goto out;
	headings(local, remote);
	write_own(model, to, local, remote);
	old = fopen(path, "re");
	if (old != NULL) {
		copy_others(old, to, local, remote);
		fclose(old);
	}
	if (fclose(to) != 0 || rename(fresh, path) != 0)
		(void)unlink(fresh);
out:
	(void)say_plainly(theirs);
}
