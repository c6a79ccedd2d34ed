/* sys/usage.c - proc(5). */
#include "sys/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"

/* The first two words of statm: pages of address space, pages in memory. */
static void read_statm(const char *path, uint64_t *virtual_bytes, uint64_t *resident_bytes)
{
	char text[128];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long long size = 0, resident = 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (sscanf(text, "%llu %llu", &size, &resident) != 2)
		size = resident = 0;
	*virtual_bytes = size * (uint64_t)sysconf(_SC_PAGESIZE);
	*resident_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Since Linux 6.2 the directory's size says it; before, one has to look. */
static uint64_t count_descriptors(void)
{
	struct stat st;
	uint64_t n = 0;
	DIR *dir;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return 0;
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n > 0 ? n - 1 : 0; /* without the one that looked */
}

void usage_self(struct usage *usage)
{
	struct rlimit limit;
	struct timespec t;

	memset(usage, 0, sizeof(*usage));
	read_statm("/proc/self/statm", &usage->virtual_bytes, &usage->resident_bytes);
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0)
		usage->cpu_ns = (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec;
	usage->descriptors = count_descriptors();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		usage->descriptors_most = limit.rlim_cur;
}

uint64_t usage_resident(pid_t pid)
{
	uint64_t size, resident;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	read_statm(path, &size, &resident);
	return resident;
}
