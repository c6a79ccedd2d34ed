/*
 * bench/areas.c - what input and output areas cost a life: the copy in, the first touches of a shell and those of its
 * later lives, the wiping before a birth, the copy out.
 *
 * usage: areas kvm|process files|own INPUT-MiB OUTPUT-MiB LIVES      one JSON object on stdout, microseconds
 *
 * files: areas as a hub's worker has them, in memory files; own: as `mayfly run` has them, under KVM
 * anonymous memory, of which the kernel may make 2 MiB pages. build/guest/areas.mfy reads all of its input and fills
 * its output by turns.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli/life.h"
#include "monitor/core.h"
#include "monitor/maker.h"

static struct life_setup setup;
static uint8_t *input, *copy;
static size_t in_bytes, out_bytes;
static bool o_kvm;

static double us(uint64_t ns)
{
	return (double)ns / 1000.0;
}

/* Of this thread, which runs a VM, and of what it does for gated processes: other work doesn't count. */
static uint64_t cpu_now(void)
{
	struct timespec t = {0};

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *of, size_t n)
{
	qsort(of, n, sizeof(*of), by_size);
	return n > 0 ? of[n / 2] : 0;
}

struct times {
	double in, birth, run, out;
};

/* A life with this query, and a copy of its output. */
static struct times live(struct shell *shell, const char *query)
{
	struct mf_event *event = setup.event;
	struct times t;
	struct life life;
	uint64_t at[3];
	size_t n = strlen(query);

	*event = (struct mf_event){.abi = MF_ABI_VERSION,
		.bytes = (uint32_t)(sizeof(*event) + n),
		.source = MF_SOURCE_HTTP,
		.query = {sizeof(*event), (uint32_t)n},
		.input_bytes = in_bytes};
	memcpy(event + 1, query, n);
	at[0] = cpu_now();
	(void)shell_input(shell, input, in_bytes);
	at[1] = cpu_now();
	shell_live(shell, event, event->bytes, &life);
	if (life.result != MFW_OK) {
		fprintf(stderr, "areas: the life ended with %d\n", life.result);
		exit(1);
	}
	at[2] = cpu_now();
	t = (struct times){.in = us(at[1] - at[0]),
		.birth = us(life.birth_ns),
		.run = us(o_kvm ? at[2] - at[1] : life.run_ns)};
	at[1] = cpu_now();
	memcpy(copy, shell_output(shell), out_bytes);
	at[2] = cpu_now();
	t.out = us(at[2] - at[1]);
	return t;
}

static void measure(struct shell *shell, const char *name, const char *query, unsigned lives)
{
	double *all = calloc(lives * 4ul, sizeof(*all));
	struct times first = live(shell, query), t;

	if (all == NULL)
		exit(1);
	for (unsigned i = 0; i < lives; i++) {
		t = live(shell, query);
		all[i] = t.in;
		all[lives + i] = t.birth;
		all[2ul * lives + i] = t.run;
		all[3ul * lives + i] = t.out;
	}
	printf("\"%s\": {\"first\": {\"in\": %.1f, \"birth\": %.1f, \"run\": %.1f, \"out\": %.1f}, "
	       "\"later\": {\"in\": %.1f, \"birth\": %.1f, \"run\": %.1f, \"out\": %.1f}}",
		name, first.in, first.birth, first.run, first.out, median(all, lives),
		median(all + lives, lives), median(all + 2ul * lives, lives),
		median(all + 3ul * lives, lives));
	free(all);
}

static int file_of(uint64_t bytes)
{
	int fd = memfd_create("areas", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)MFW_AREA(bytes)) < 0)
		exit(1);
	return fd;
}

int main(int argc, char **argv)
{
	struct life_options o = {
		.command = "areas", .image_path = "build/guest/areas.mfy", .source = MF_SOURCE_RUN};
	char error[MONITOR_ERROR_MAX], fill[64];
	struct monitor_options options;
	struct monitor *monitor;
	struct shell *shell;
	int rc;

	if (argc != 6)
		return 2;
	o.backend = strcmp(argv[1], "kvm") == 0 ? MFW_BACKEND_KVM : MFW_BACKEND_PROCESS;
	o_kvm = o.backend == MFW_BACKEND_KVM;
	if (life_load(&setup, &o) != 0)
		return 1;
	in_bytes = strtoul(argv[3], NULL, 10) << 20;
	out_bytes = strtoul(argv[4], NULL, 10) << 20;
	input = malloc(in_bytes);
	copy = malloc(out_bytes);
	if (input == NULL || copy == NULL)
		return 1;
	memset(input, 1, in_bytes);
	memset(copy, 1, out_bytes);
	options = life_monitor(&setup, &o);
	if (strcmp(argv[2], "files") == 0) {
		options.areas = 1;
		options.input_fd = file_of(setup.image.note.input_bytes);
		options.output_fd = file_of(setup.image.note.output_bytes);
	}
	rc = maker_start();
	if (rc == 0)
		rc = monitor_open(&monitor, &setup.image, NULL, 0, &options, error);
	if (rc == 0)
		rc = options.areas > 0 ? shell_open_at(&shell, monitor, 0, error)
				       : shell_open(&shell, monitor, error);
	if (rc != 0) {
		fprintf(stderr, "areas: %s\n", error);
		return 1;
	}
	snprintf(fill, sizeof(fill), "fill=%zu", out_bytes);
	printf("{");
	measure(shell, "fill", fill, (unsigned)strtoul(argv[5], NULL, 10));
	printf(", ");
	measure(shell, "sum", "sum", (unsigned)strtoul(argv[5], NULL, 10));
	printf("}\n");
	shell_close(shell);
	monitor_close(monitor);
	maker_stop();
	return 0;
}
