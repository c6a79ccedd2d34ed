/*
 * bench/memory.c - what a shell costs in memory after a life: resident memory of this
 * process and of its children, and what the kernel counts as its own (page tables,
 * nested and shadow page tables, stacks, slabs; what it takes page by page it doesn't
 * count). The kernel's figures are those of the whole machine.
 *
 * usage: memory kvm|process SHELLS IMAGE EVENT [DATA]      one JSON object on stdout
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/life.h"

/* A field of /proc/meminfo or smaps, in KiB; 0: it isn't there. */
static long field(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name), NULL, 10);
	if (f != NULL)
		fclose(f);
	return kib;
}

/* Of this process, and of its children: their share of what they share. */
static long resident(void)
{
	char path[64];
	FILE *f;
	long kib = field("/proc/self/smaps_rollup", "Pss:"), child;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	while (f != NULL && fscanf(f, "%ld", &child) == 1) {
		snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", child);
		kib += field(path, "Pss:");
	}
	if (f != NULL)
		fclose(f);
	return kib;
}

static long kernel(void)
{
	static const char *const names[] = {
		"PageTables:", "SecPageTables:", "KernelStack:", "SUnreclaim:", "Percpu:"};
	long kib = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		kib += field("/proc/meminfo", names[i]);
	return kib;
}

static int measure(const struct life_setup *s, struct monitor *m, unsigned count)
{
	struct shell **shells = calloc(count, sizeof *shells);
	char error[MONITOR_ERROR_MAX];
	long before = resident(), kernel_before = kernel(), after, kernel_after;
	struct life life;
	unsigned made = 0;
	int status = EXIT_SUCCESS;

	while (shells != NULL && made < count) {
		if (shell_open(&shells[made], m, error) != 0) {
			fprintf(stderr, "memory: %s\n", error);
			status = EXIT_FAILURE;
			break;
		}
		shell_live(shells[made++], s->event, s->event_size, &life);
		if (life.result != MFW_OK)
			status = EXIT_FAILURE;
	}
	after = resident();
	kernel_after = kernel();
	if (made > 0)
		printf("{\"shells\": %u, \"resident_kib\": %.1f, \"kernel_kib\": %.1f}\n", made,
			(double)(after - before) / made,
			(double)(kernel_after - kernel_before) / made);
	while (made > 0)
		shell_close(shells[--made]);
	free(shells);
	return status;
}

/* A shell holds up to four descriptors, one more while it is made. */
static unsigned as_many_as_allowed(unsigned wanted)
{
	const unsigned each = 5, others = 64;
	struct rlimit limit;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return wanted;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	most = limit.rlim_max > others + each ? (limit.rlim_max - others) / each : 1;
	return wanted < most ? wanted : (unsigned)most;
}

int main(int argc, char **argv)
{
	struct life_options o = {.command = "memory", .source = MF_SOURCE_RUN};
	char error[MONITOR_ERROR_MAX];
	struct monitor_options options;
	struct life_setup s;
	struct monitor *m;
	int status;

	if (argc < 5 || atoi(argv[2]) <= 0) {
		fputs("usage: memory kvm|process SHELLS IMAGE EVENT [DATA]\n", stderr);
		return 2;
	}
	o.backend = strcmp(argv[1], "kvm") == 0 ? MFW_BACKEND_KVM : MFW_BACKEND_PROCESS;
	o.image_path = argv[3];
	o.event_path = argv[4];
	if (argc > 5)
		o.data[o.data_count++] = argv[5];
	status = life_load(&s, &o);
	if (status != 0)
		return status;
	options = life_monitor(&s, &o);
	if (monitor_open(&m, &s.image, s.data, s.data_size, &options, error) != 0) {
		fprintf(stderr, "memory: %s\n", error);
		return EXIT_FAILURE;
	}
	status = measure(&s, m, as_many_as_allowed((unsigned)atoi(argv[2])));
	monitor_close(m);
	life_unload(&s);
	return status;
}
