/*
 * cli/doctor/doctor.h - the parts of `mayfly doctor`: checks, each of which looks at one
 * thing of this machine and fills in one line.
 */
#ifndef CLI_DOCTOR_DOCTOR_H
#define CLI_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/doctor/probe.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_MISSING };

struct doctor_line {
	enum doctor_level level;
	char what[320];
	char todo[320]; /* what to do about it; empty where nothing is */
};

/* What several checks want to know. */
struct doctor {
	int kvm_fd;    /* -1: it doesn't open */
	int kvm_error; /* errno, then */
	bool kvm;      /* the kvm backend can run */
	bool process;  /* the process backend can run */
	struct probe probe;
};

struct doctor_check {
	const char *name;
	void (*look)(struct doctor *doctor, struct doctor_line *line);
};

struct doctor_group {
	const char *name;
	const struct doctor_check *checks;
	size_t count;
	bool in_vm; /* nothing to look at where /dev/kvm doesn't open */
};

extern const struct doctor_group doctor_kvm, doctor_walls, doctor_process, doctor_host,
	doctor_accelerator, doctor_build;

/* Sets level and text. */
void doctor_say(struct doctor_line *line, enum doctor_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_todo(struct doctor_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The first line of a small file; false: it can't be read. */
bool doctor_read(const char *path, char *to, size_t size);

#endif
