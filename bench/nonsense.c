/*
 * bench/nonsense.c - lives that fill their memory, their registers and what they ask for with
 * nonsense (tests/guest/nonsense), each followed by a life that looks for traces of it: what that
 * one finds must be, to the last bit, what a life in a fresh worker finds. In a mayfly-worker as the
 * hub starts it, which must outlive them all: its memory, descriptors, threads, children and virtual
 * machines must be as many at the end as near the beginning.
 *
 * usage: nonsense [--lives N] [--backend kvm|process] [--seed N] [--wild N] [--spin N] [--control]
 *
 * All but one in N lives (--wild) come to their end, with nonsense in all that they leave behind;
 * one in N of the others (--spin) never ends by itself. 0: none. --control has audits look at their own
 * event too, which differs: that must be found. Exit status: 0 nothing was found, 1 something
 * was, 2 usage, 77 there is no such backend here.
 */
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub/life.h"
#include "hub/link.h"
#include "hub/nursery.h"
#include "image/grants.h"
#include "image/note.h"
#include "tests/guest/nonsense/nonsense.h"
#include "tests/guest/probe/probe.h"
#include "wire/effects.h"
#include "wire/event.h"

#define AHEAD   16u /* events at the worker; even, so that the last one is an audit */
#define SAMPLES 10u
/* Its memory may grow by this much after the first tenth: what malloc does. */
#define SLACK_KIB 512

struct reply {
	struct probe_dump dump;
	uint64_t rest;
};

/* What a worker has of what could leak. */
struct having {
	long resident_kib, descriptors, machines, threads, children;
};

static struct run {
	uint64_t lives, seed;
	uint16_t wild, spin;
	enum mfw_backend backend;
	bool control;
	struct image image;
	struct manifest manifest;
	struct link *link;
	struct nonsense_request request; /* but for action and seed */
	uint8_t *effects;
	struct reply want;
	uint64_t audits, residue, results[MFW_RESULTS], malformed, refused, harmless, bad_audits;
	uint64_t posted, ended;
	bool audit[MFW_SLOTS];
} run;

_Noreturn static void fail(const char *what)
{
	fprintf(stderr, "nonsense: %s\n", what);
	exit(1);
}

/* ------------------------------------------------------------------- worker */

static uint16_t ask_processor(void)
{
	unsigned a, b, c, d;
	uint16_t f = 0;

	__cpuid(1, a, b, c, d);
	if (c & bit_OSXSAVE)
		f |= PROBE_XSAVE;
	__cpuid_count(7, 0, a, b, c, d);
	if (b & bit_FSGSBASE)
		f |= PROBE_FSGSBASE;
	return f;
}

static const char *beside(const char *name)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	if (n < 0)
		fail("where is this program?");
	path[n] = '\0';
	*strrchr(path, '/') = '\0'; /* bench */
	strcpy(strrchr(path, '/') + 1, name);
	return path;
}

static void load(void)
{
	char error[MANIFEST_ERROR_MAX];
	int fd = open(beside("guest/nonsense.mfy"), O_RDONLY | O_CLOEXEC);
	unsigned n = 2;

	if (fd < 0 || image_open(&run.image, fd, error) ||
		note_manifest(&run.manifest, &run.image, "mayfly.yaml", error))
		fail("tests/guest/nonsense isn't built");
	close(fd);
	run.effects = malloc(run.image.note.effects_bytes);
	run.request.features = ask_processor();
	run.request.wild = run.wild;
	run.request.spin = run.spin;
	run.request.range[0].at = MF_ADDR_GATE;
	run.request.range[1].at = MF_ADDR_INFO;
	run.request.range[0].bytes = run.request.range[1].bytes = MF_PAGE;
	for (unsigned i = 0; i < run.image.segments && n < NONSENSE_RANGES; i++) {
		if (run.image.segment[i].write)
			continue;
		run.request.range[n].at = run.image.segment[i].address;
		run.request.range[n++].bytes = run.image.segment[i].memory;
	}
	if (run.control)
		run.request.range[0].at = MF_ADDR_WINDOW;
}

static void start(void)
{
	static struct nursery nursery = {.socket = -1};
	struct link_options options = {
		.nursery = &nursery,
		.name = "nonsense",
		.head = {.event_area = run.image.note.event_bytes,
			.effects_area = run.image.note.effects_bytes,
			.backend = run.backend,
			.threads = 1,
			.cpu_ns = 20000000,
			.deadline_ns = 2000000000},
		.image_fd = -1,
		.data_fd = -1,
		.kvm_fd = -1,
		.cpuid_fd = -1,
		.socket_fd = -1,
		.kept_fd = -1,
		.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC),
		.cpu = -1,
	};
	int rc = nursery.socket < 0 ? nursery_open(&nursery, beside("mayfly-worker")) : 0;

	if (rc < 0)
		fail("mayfly-worker isn't built");
	options.image_fd = open(beside("guest/nonsense.mfy"), O_RDONLY | O_CLOEXEC);
	memcpy(options.head.image, run.image.digest, sizeof(options.head.image));
	if (run.backend == MFW_BACKEND_KVM)
		options.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (run.backend == MFW_BACKEND_KVM && options.kvm_fd < 0) {
		printf("there is no usable /dev/kvm\n");
		exit(77);
	}
	rc = link_open(&run.link, &options);
	if (rc < 0)
		fail(strerror(-rc));
	close(options.null_fd);
	close(options.image_fd);
	if (options.kvm_fd >= 0)
		close(options.kvm_fd);
	run.posted = run.ended = 0;
}

/* ------------------------------------------------------------------- events */

static uint64_t mix(uint64_t x) /* splitmix64 */
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void post(bool audit)
{
	int slot = link_slot_take(run.link);
	struct nonsense_request request = run.request;
	struct event_writer w;

	request.action = audit ? 'a' : 'n';
	request.seed = mix(run.seed ^ run.posted);
	if (slot < 0 ||
		!event_begin(
			&w, link_event(run.link, slot), link_event_area(run.link), MF_SOURCE_RUN) ||
		!event_span(&w, &w.event->payload, mf_str_of(&request, sizeof(request))))
		fail("no slot for an event");
	run.audit[slot] = audit;
	run.posted++;
	link_post(run.link, slot, MFW_BIRTH, event_end(&w));
}

/* Words in which two dumps differ. */
static unsigned differences(const struct reply *got)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(*got) / 8; i++) {
		uint64_t g, w;

		memcpy(&g, (const uint8_t *)got + 8 * i, 8);
		memcpy(&w, (const uint8_t *)&run.want + 8 * i, 8);
		if (g != w && n++ < 4)
			printf("after life %llu, at %zu: %016llx, in a fresh worker %016llx\n",
				(unsigned long long)run.ended, 8 * i, (unsigned long long)g,
				(unsigned long long)w);
	}
	return n;
}

static void take_audit(const struct mfw_message *m, struct effects_reader r)
{
	struct reply got;
	struct effect e;

	run.audits++;
	if (m->result != MFW_OK || !effects_next(&r, &e) || e.kind != MF_EFFECT_REPLY ||
		e.field[MF_FIELD_BODY].n != sizeof(got)) {
		printf("after life %llu the audit's result is %u\n", (unsigned long long)run.ended,
			m->result);
		run.bad_audits++;
		return;
	}
	memcpy(&got, e.field[MF_FIELD_BODY].p, sizeof(got));
	/* as tests/unit/monitor/audit_test.c says: these two bits are the host's, not the life's */
	got.dump.xstate[512] &= (uint8_t)~3u;
	if (run.want.dump.general[7] == 0)
		run.want = got;
	else
		run.residue += differences(&got);
}

/* What the hub would have done with it. */
static void take_nonsense(const struct mfw_message *m, const char *wrong, struct effects_reader r)
{
	char why[GRANTS_WHY_MAX];
	struct effect e;

	run.results[m->result]++;
	if (m->result != MFW_OK)
		return;
	if (wrong || r.outcome != MF_OUTCOME_OK) {
		run.malformed++;
		return;
	}
	while (effects_next(&r, &e))
		if (!grants_allow(&run.image.note, &run.manifest, e.kind, e.field[MF_FIELD_NAME],
			    effect_names[e.kind], why)) {
			run.refused++;
			return;
		}
	run.harmless++;
}

static void take(const struct mfw_message *m)
{
	struct effects_reader r = {.left = 0};
	const char *wrong;
	uint32_t record;

	if (m->kind == MFW_SUSPENDED) { /* it called: nobody answers */
		link_post(run.link, (int)m->slot, MFW_DROP, 0);
		link_kick(run.link);
		return;
	}
	if (m->kind != MFW_DEATH)
		fail("a message that is no death");
	link_effects_copy(run.link, m, run.effects);
	wrong = effects_open(&r, run.effects, m->bytes, ~0u, &record);
	if (run.audit[m->slot])
		/* cppcheck-suppress internalAstError ; its parser's fault: a literal after '?' */
		take_audit(m, wrong ? (struct effects_reader){.left = 0} : r);
	else
		take_nonsense(m, wrong, r);
	link_slot_return(run.link, (int)m->slot);
	run.ended++;
}

/* The worker did; perhaps it said why. */
_Noreturn static void fail_ended(void)
{
	struct mfw_status status;

	if (link_status(run.link, &status) == 0 && status.state == MFW_FAILED)
		fail(status.message);
	fail("the worker ended");
}

/* Until no more than `most` events are at the worker. */
static void settle(uint64_t most)
{
	link_kick(run.link);
	while (run.posted - run.ended > most) {
		struct pollfd p[] = {{.fd = link_wake_fd(run.link), .events = POLLIN},
			{.fd = link_process_fd(run.link), .events = POLLIN}};
		struct mfw_message m;
		uint64_t n;
		int rc = link_receive(run.link, &m);

		if (rc < 0)
			fail("it wrote nonsense into its ring");
		if (rc > 0) {
			take(&m);
			continue;
		}
		if (poll(p, 2, 30000) == 0)
			fail("it is silent for 30 s");
		if (p[1].revents && link_receive(run.link, &m) <= 0)
			fail_ended();
		else if (p[1].revents)
			take(&m);
		(void)!read(link_wake_fd(run.link), &n, sizeof(n));
	}
}

/* ------------------------------------------------------------------ figures */

static long entries(const char *what, const char *kind)
{
	char path[64], file[400], to[128];
	DIR *dir;
	long n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)link_pid(run.link), what);
	dir = opendir(path);
	if (!dir)
		return -1;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		ssize_t length;

		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		length = readlink(file, to, sizeof(to) - 1);
		to[length > 0 ? length : 0] = '\0';
		n += e->d_name[0] != '.' && (!kind || strcmp(to, kind) == 0);
	}
	closedir(dir);
	return n;
}

static long status_kib(const char *name)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)link_pid(run.link));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

static long children(void)
{
	char path[64];
	long n = 0, pid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)link_pid(run.link),
		(int)link_pid(run.link));
	f = fopen(path, "re");
	while (f && fscanf(f, "%ld", &pid) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

static struct having look(void)
{
	const struct having h = {
		.resident_kib = status_kib("VmRSS:"),
		.descriptors = entries("fd", NULL),
		.machines = entries("fd", "anon_inode:kvm-vm"),
		.threads = entries("task", NULL),
		.children = children(),
	};

	printf("  %10llu %10ld %8ld %8ld %8ld %8ld\n", (unsigned long long)run.ended,
		h.resident_kib, h.descriptors, h.machines, h.threads, h.children);
	fflush(stdout);
	return h;
}

static bool grew(const struct having *from, const struct having *to)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	const long slack =
		1 << 20; /* what is freed stays for a while; what is touched has its books */
#else
	const long slack = SLACK_KIB;
#endif

	return to->resident_kib > from->resident_kib + slack ||
		to->descriptors != from->descriptors || to->machines != from->machines ||
		to->threads != from->threads || to->children != from->children;
}

/* --------------------------------------------------------------------- main */

static void reference(void)
{
	start();
	post(true);
	settle(0);
	link_close(run.link);
	if (run.bad_audits > 0)
		fail("a life in a fresh worker doesn't come to its end");
}

static bool live_all(void)
{
	struct having first = {.threads = 0}, last = {.threads = 0};
	bool called = false;

	start();
	printf("  %10s %10s %8s %8s %8s %8s\n", "lives", "KiB", "fds", "VMs", "threads",
		"children");
	for (uint64_t n = 0; n < run.lives;) {
		uint64_t until = n + (run.lives + SAMPLES - 1) / SAMPLES;

		for (; n < until && n < run.lives; n++) {
			post(false);
			post(true);
			settle(AHEAD - 2);
		}
		settle(0);
		last = look();
		/* the first call has a spare shell made, which stays */
		if (first.threads == 0 || (!called && run.results[MFW_ERR_CALL] > 0))
			first = last;
		called = run.results[MFW_ERR_CALL] > 0;
	}
	if (first.descriptors < 0)
		printf("its descriptors can't be seen: only root may look at them\n");
	return grew(&first, &last);
}

static int report(bool grown, double seconds)
{
	static const char *const backends[] = {"auto", "kvm", "process"};

	printf("%llu lives of nonsense and %llu audits on %s in %.1f s, %.0f a second\n",
		(unsigned long long)run.lives, (unsigned long long)run.audits - 1,
		backends[run.backend], seconds, (double)run.ended / seconds);
	for (unsigned i = 0; i < MFW_RESULTS; i++)
		if (run.results[i] > 0)
			printf("  %-10s %llu\n", life_result_name((enum mfw_result)i),
				(unsigned long long)run.results[i]);
	printf("  of those that ended ok: malformed %llu, not granted %llu, nothing but replies "
	       "and "
	       "logs %llu\n",
		(unsigned long long)run.malformed, (unsigned long long)run.refused,
		(unsigned long long)run.harmless);
	printf("%llu audits that failed, %llu words of residue; the worker %s\n",
		(unsigned long long)run.bad_audits, (unsigned long long)run.residue,
		grown ? "GREW" : "is as it was");
	return grown || run.bad_audits > 0 || run.residue > 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: nonsense [--lives N] [--backend kvm|process] [--seed N] [--wild N] "
		"[--spin N] [--control]\n");
	return 2;
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {{"lives", required_argument, NULL, 'n'},
		{"backend", required_argument, NULL, 'b'}, {"seed", required_argument, NULL, 's'},
		{"spin", required_argument, NULL, 'p'}, {"wild", required_argument, NULL, 'w'},
		{"control", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n': run.lives = strtoull(optarg, NULL, 10); break;
		case 's': run.seed = strtoull(optarg, NULL, 0); break;
		case 'w': run.wild = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'p': run.spin = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'c': run.control = true; break;
		case 'b':
			run.backend = strcmp(optarg, "kvm") == 0 ? MFW_BACKEND_KVM
				: strcmp(optarg, "process") == 0 ? MFW_BACKEND_PROCESS
								 : MFW_BACKEND_AUTO;
			if (run.backend == MFW_BACKEND_AUTO)
				return false;
			break;
		default: return false;
		}
	}
	return optind == argc && run.lives > 0;
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	bool grown;

	run.lives = 10000;
	run.seed = 1;
	run.wild = 16;
	run.spin = 256;
	run.backend = MFW_BACKEND_PROCESS;
	if (!parse(argc, argv))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	load();
	reference();
	clock_gettime(CLOCK_MONOTONIC, &from);
	grown = live_all();
	clock_gettime(CLOCK_MONOTONIC, &to);
	link_close(run.link);
	return report(grown,
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}
