/*
 * cli/doctor/doctor.c - mayfly doctor: what this machine has, what it lacks, and what to
 * do about each. Checks stand in doctor_kvm.c, doctor_walls.c and doctor_host.c.
 */
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/doctor/doctor.h"
#include "cli/out.h"
#include "sys/fd.h"

static const char usage[] = "usage: mayfly doctor [-o text|json]\n"
			    "What this machine has, what it lacks, and what to do about it.\n"
			    "Exit status 0 if mayfly can run here, with or without KVM; else 1.\n";

static const struct doctor_group *const groups[] = {&doctor_kvm, &doctor_walls, &doctor_process,
	&doctor_host, &doctor_accelerator, &doctor_build};
#define GROUPS (sizeof groups / sizeof groups[0])

static const char *const levels[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_MISSING] = "missing"};

void doctor_say(struct doctor_line *line, enum doctor_level level, const char *format, ...)
{
	va_list list;

	line->level = level;
	va_start(list, format);
	vsnprintf(line->what, sizeof line->what, format, list);
	va_end(list);
}

void doctor_todo(struct doctor_line *line, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(line->todo, sizeof line->todo, format, list);
	va_end(list);
}

bool doctor_read(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good;

	if (f == NULL)
		return false;
	good = fgets(to, (int)size, f) != NULL;
	fclose(f);
	if (good)
		to[strcspn(to, "\n")] = '\0';
	return good;
}

static void print_line(const struct doctor_check *check, const struct doctor_line *line)
{
	printf("  %-8s %-18s %s\n", levels[line->level], check->name, line->what);
	if (line->todo[0] != '\0')
		printf("  %-8s %-18s -> %s\n", "", "", line->todo);
}

static json_t *json_line(const struct doctor_group *group, const struct doctor_check *check,
	const struct doctor_line *line)
{
	json_t *j = json_object();

	json_object_set_new(j, "group", json_string(group->name));
	json_object_set_new(j, "name", json_string(check->name));
	json_object_set_new(j, "level", json_string(levels[line->level]));
	json_object_set_new(j, "what", json_string(line->what));
	json_object_set_new(j, "do", line->todo[0] != '\0' ? json_string(line->todo) : json_null());
	return j;
}

static void tell(const struct doctor_group *group, const struct doctor_check *check,
	const struct doctor_line *line, json_t *all)
{
	if (all == NULL)
		print_line(check, line);
	else
		json_array_append_new(all, json_line(group, check, line));
}

static void look_at(struct doctor *d, const struct doctor_group *group, json_t *all)
{
	static const struct doctor_check none = {.name = "walls"};

	if (all == NULL)
		printf("%s\n", group->name);
	if (group->in_vm && d->kvm_fd < 0) {
		struct doctor_line line = {0};

		doctor_say(&line, DOCTOR_WARN, "not tried, for want of /dev/kvm");
		tell(group, &none, &line, all);
		return;
	}
	for (size_t i = 0; i < group->count; i++) {
		struct doctor_line line = {0};

		group->checks[i].look(d, &line);
		tell(group, &group->checks[i], &line, all);
	}
}

static int examine(bool json)
{
	struct doctor d = {.kvm_fd = -1};
	json_t *all = json ? json_array() : NULL, *top;
	const char *backend;
	int status;

	for (size_t i = 0; i < GROUPS; i++)
		look_at(&d, groups[i], all);
	fd_close(&d.kvm_fd);
	backend = d.kvm ? "kvm" : d.process ? "process" : NULL;
	status = backend != NULL ? STATUS_OK : STATUS_FAILED;
	if (!json) {
		printf("\n%s%s\n", backend != NULL ? "mayfly runs here, backend " : "",
			backend != NULL ? backend
					: "mayfly can't run here: see the lines with 'missing'");
		return out_end("doctor", status);
	}
	top = json_object();
	json_object_set_new(top, "usable", json_boolean(backend != NULL));
	json_object_set_new(top, "backend", backend != NULL ? json_string(backend) : json_null());
	json_object_set_new(top, "checks", all);
	return out_json("doctor", status, top);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool json = false;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return out_end("doctor", STATUS_OK);
		}
		if (c == '?')
			return out_say("doctor", STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly doctor "
				"--help",
				argv[optind - 1]);
		if (!out_format("doctor", optarg, &json))
			return STATUS_USAGE;
	}
	if (optind < argc)
		return out_say("doctor", STATUS_USAGE, "\"%s\": takes no operand", argv[optind]);
	return examine(json);
}
