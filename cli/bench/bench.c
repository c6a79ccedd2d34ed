/*
 * cli/bench/bench.c - mayfly bench: births a second and their price, beside what they are
 * measured against: a bare entry into a VM, a bare VM, a process.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/bench.h"
#include "cli/commands.h"
#include "cli/out.h"

#define THREADS_MAX 256u
#define BIRTHS_MAX  100000000u

static const char usage[] =
	"usage: mayfly bench IMAGE --event FILE -n N [options]\n"
	"  -n N                    lives, over all threads (default 1000)\n"
	"  --threads T             (default 1)\n"
	"  --birth pooled|fresh|cold   cold: from image file to nothing left, each time\n"
	"  --backend auto|kvm|process\n"
	"  --data, --config, --source, --http, -H, --seed, --time, --exact   as for mayfly run\n"
	"  --pin                   keep each thread on a processor of its own\n"
	"  -o text|json\n"
	"Every reply must equal the first. Exit status 1 if one doesn't, or a life fails.\n";

enum { OPT_THREADS = LIFE_OPT_OWN, OPT_PIN };
static const struct option long_options[] = {LIFE_LONG_OPTIONS,
	{"birth", required_argument, NULL, LIFE_OPT_BIRTH},
	{"threads", required_argument, NULL, OPT_THREADS}, {"pin", no_argument, NULL, OPT_PIN},
	{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

static int take_count(
	const struct life_options *o, const char *option, const char *text, size_t most, size_t *to)
{
	char *end;

	errno = 0;
	*to = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || *to == 0 || *to > most)
		return out_say(o->command, STATUS_USAGE, "%s \"%s\": write a number from 1 to %zu",
			option, text, most);
	return 0;
}

static int take_birth(struct bench_plan *plan, const char *word)
{
	if (strcmp(word, "cold") == 0) {
		plan->birth = BENCH_COLD;
		return 0;
	}
	if (!life_birth(&plan->life, word))
		return out_say("bench", STATUS_USAGE,
			"--birth \"%s\": write one of pooled, fresh, cold", word);
	plan->birth = plan->life.birth == MFW_FRESH ? BENCH_FRESH : BENCH_POOLED;
	return 0;
}

static int take(struct bench_plan *plan, int c)
{
	size_t n = 0;
	int status;

	switch (c) {
	case 'n': return take_count(&plan->life, "-n", optarg, BIRTHS_MAX, &plan->births);
	case OPT_THREADS:
		status = take_count(&plan->life, "--threads", optarg, THREADS_MAX, &n);
		plan->threads = (unsigned)n;
		return status;
	case OPT_PIN: plan->pin = true; return 0;
	case LIFE_OPT_BIRTH: return take_birth(plan, optarg);
	default: return life_option(&plan->life, c, optarg);
	}
}

/* 0: go on; else an exit status plus one (so that 1 is --help's 0). */
static int parse(struct bench_plan *plan, int argc, char **argv)
{
	int c, status;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "n:o:H:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return STATUS_OK + 1;
		}
		if (c == '?')
			status = out_say("bench", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly bench --help",
				argv[optind - 1]);
		else
			status = take(plan, c);
		if (status != 0)
			return status + 1;
	}
	status = life_operand(&plan->life, argc, argv);
	return status == 0 ? 0 : status + 1;
}

static const char *birth_name(enum bench_birth birth)
{
	static const char *const names[] = {"pooled", "fresh", "cold"};

	return names[birth];
}

/* ------------------------------------------------------------------ output */

/* What both outputs show; durations in us, negative: not measured. */
struct figures {
	double births_per_s, block_rate, alone, p50, p99, least, birth, run, floor, floor_p99, raw,
		spawn;
};

static double micros(struct samples *s, double part)
{
	return s->count == 0 ? -1 : (double)samples_part(s, part) / 1000.0;
}

static struct figures figures_of(struct bench_result *r)
{
	return (struct figures){.births_per_s = r->seconds > 0 ? (double)r->births / r->seconds : 0,
		.block_rate = (double)samples_part(&r->rates, 0.5),
		.alone = r->alone.count == 0 ? -1 : (double)samples_part(&r->alone, 0.5),
		.p50 = micros(&r->whole, 0.5),
		.p99 = micros(&r->whole, 0.99),
		.least = micros(&r->whole, 0),
		.birth = micros(&r->birth, 0.5),
		.run = micros(&r->run, 0.5),
		.floor = micros(&r->floor, 0.5),
		.floor_p99 = micros(&r->floor, 0.99),
		.raw = micros(&r->raw, 0.5),
		.spawn = micros(&r->spawn, 0.5)};
}

static json_t *number(double v)
{
	return v < 0 ? json_null() : json_real(v);
}

static json_t *ratio(double a, double b)
{
	return a < 0 || b <= 0 ? json_null() : json_real(a / b);
}

static void set_lives(json_t *j, const struct bench_plan *plan, const struct bench_result *r)
{
	bool kvm = r->backend == MFW_BACKEND_KVM;

	json_object_set_new(j, "backend", json_string(life_backend_name(r->backend)));
	json_object_set_new(j, "birth", json_string(birth_name(plan->birth)));
	json_object_set_new(j, "births", json_integer((json_int_t)r->births));
	json_object_set_new(j, "mismatches", json_integer((json_int_t)r->mismatches));
	json_object_set_new(j, "threads", json_integer(plan->threads));
	json_object_set_new(j, "cores", json_integer(r->cores));
	json_object_set_new(j, "pinned", json_boolean(plan->pin));
	/* does whoever asks run where the life runs? A vCPU is its caller's own thread. */
	json_object_set_new(j, "cores_shared", kvm || plan->pin ? json_true() : json_null());
}

static void set_figures(json_t *j, const struct figures *f)
{
	json_object_set_new(j, "births_per_s", number(f->births_per_s));
	json_object_set_new(j, "births_per_s_p50", number(f->block_rate));
	json_object_set_new(j, "alone_per_s_p50", number(f->alone));
	json_object_set_new(j, "scaling", ratio(f->block_rate, f->alone));
	json_object_set_new(j, "p50_us", number(f->p50));
	json_object_set_new(j, "p99_us", number(f->p99));
	json_object_set_new(j, "min_us", number(f->least));
	json_object_set_new(j, "birth_p50_us", number(f->birth));
	json_object_set_new(j, "run_p50_us", number(f->run));
	json_object_set_new(j, "floor_p50_us", number(f->floor));
	json_object_set_new(j, "floor_p99_us", number(f->floor_p99));
	json_object_set_new(j, "ratio_p50", ratio(f->p50, f->floor));
	json_object_set_new(
		j, "over_floor_us", f->floor < 0 ? json_null() : json_real(f->p50 - f->floor));
	json_object_set_new(j, "raw_p50_us", number(f->raw));
	json_object_set_new(j, "raw_ratio", ratio(f->p50, f->raw));
	json_object_set_new(j, "spawn_p50_us", number(f->spawn));
	json_object_set_new(j, "spawn_ratio", ratio(f->spawn, f->p50));
}

static int print_json(const struct bench_plan *plan, const struct life_setup *s,
	struct bench_result *r, const struct figures *f)
{
	json_t *j = json_object();
	char digest[65];

	json_object_set_new(j, "service", json_string(s->image.note.name));
	json_object_set_new(j, "image", json_string(out_hex(s->image.digest, 32, digest)));
	json_object_set_new(j, "variant",
		s->image.note.variant[0] ? json_string(s->image.note.variant) : json_null());
	set_lives(j, plan, r);
	set_figures(j, f);
	json_object_set_new(j, "clock_ns", json_integer((json_int_t)r->clock_ns));
	json_object_set_new(j, "window_bytes", json_integer((json_int_t)r->window_bytes));
	json_object_set_new(j, "image_bytes", json_integer((json_int_t)s->image.size));
	json_object_set_new(j, "event_bytes", json_integer((json_int_t)s->payload.n));
	json_object_set_new(j, "reply_bytes", json_integer((json_int_t)r->reply_bytes));
	return out_json("bench", STATUS_OK, j);
}

static void print_row(const char *what, double p50, double p99, const char *note, double than)
{
	if (p50 < 0)
		return;
	printf("  %-34s %10.1f", what, p50);
	if (p99 >= 0)
		printf(" %10.1f", p99);
	else
		printf(" %10s", "");
	if (note != NULL && than > 0)
		printf("   %5.2f %s", than, note);
	putchar('\n');
}

static void print_text(const struct bench_plan *plan, const struct life_setup *s,
	const struct bench_result *r, const struct figures *f)
{
	printf("%s, %zu %s births on %s, %u thread%s of %u core%s%s, image %zu bytes, window %zu\n",
		s->image.note.name, r->births, birth_name(plan->birth),
		life_backend_name(r->backend), plan->threads, plan->threads == 1 ? "" : "s",
		r->cores, r->cores == 1 ? "" : "s", plan->pin ? ", pinned" : "", s->image.size,
		r->window_bytes);
	printf("  %-34s %10s %10s\n", "", "p50 us", "p99 us");
	print_row("birth to reply", f->p50, f->p99, NULL, 0);
	print_row(r->backend == MFW_BACKEND_KVM ? "floor: a bare entry into a VM"
						: "floor: a byte there and back",
		f->floor, f->floor_p99, "x this is a birth", f->p50 / f->floor);
	print_row(
		"a bare VM made, run, destroyed", f->raw, -1, "x this is a birth", f->p50 / f->raw);
	print_row(
		"posix_spawn of a process", f->spawn, -1, "births in this time", f->spawn / f->p50);
	if (f->alone > 0)
		printf("  one thread alone: %.0f births/s; together %.2f x that\n", f->alone,
			f->block_rate / f->alone);
	printf("  %.0f births/s; every reply %s\n", f->births_per_s,
		r->mismatches == 0 ? "the same" : "should be the same");
}

static int report(const struct bench_plan *plan, const struct life_setup *s, struct bench_result *r)
{
	struct figures f = figures_of(r);
	int status = STATUS_OK;

	if (r->spawn.count == 0)
		out_say("bench", 0,
			"mayfly-spawnee isn't beside the library OS: "
			"no comparison with a process");
	if (plan->life.json)
		status = print_json(plan, s, r, &f);
	else
		print_text(plan, s, r, &f);
	if (r->mismatches > 0)
		return out_say("bench", STATUS_FAILED,
			"%zu of %zu replies differ from the first: see mayfly run with --seed",
			r->mismatches, r->births);
	return out_end("bench", status);
}

int cmd_bench(int argc, char **argv)
{
	struct bench_plan plan = {.life = {.command = "bench", .source = MF_SOURCE_RUN},
		.births = 1000,
		.threads = 1};
	struct bench_result r = {0};
	struct life_setup s;
	int status = parse(&plan, argc, argv);

	if (status != 0)
		return status - 1;
	status = life_load(&s, &plan.life);
	if (status == 0)
		status = bench_measure(&r, &plan, &s);
	if (status == 0)
		status = report(&plan, &s, &r);
	free(r.whole.ns);
	free(r.birth.ns);
	free(r.run.ns);
	free(r.floor.ns);
	free(r.raw.ns);
	free(r.spawn.ns);
	free(r.rates.ns);
	free(r.alone.ns);
	life_unload(&s);
	return status;
}
