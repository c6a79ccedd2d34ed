/* cli/doctor/kvm.c - the kvm backend: the device, which KVM it is, what it can do. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"

static void todo_denied(struct doctor_line *line)
{
	struct stat st;
	const struct group *g = stat("/dev/kvm", &st) == 0 ? getgrgid(st.st_gid) : NULL;

	if (g != NULL && g->gr_gid != 0 && (st.st_mode & S_IWGRP) != 0)
		doctor_todo(line,
			"join the group that owns it and log in again: "
			"sudo usermod -aG %s $USER",
			g->gr_name);
	else
		doctor_todo(line,
			"give it to a group that you are in: "
			"sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm");
}

static void look_device(struct doctor *d, struct doctor_line *line)
{
	int version;

	d->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (d->kvm_fd < 0) {
		d->kvm_error = errno;
		doctor_say(line, DOCTOR_WARN, "/dev/kvm: %s; lives run in gated processes",
			strerror(errno));
		if (d->kvm_error == EACCES || d->kvm_error == EPERM)
			todo_denied(line);
		else
			doctor_todo(line,
				"load kvm_intel or kvm_amd; in a virtual machine, turn "
				"on nested virtualisation in its host");
		return;
	}
	version = ioctl(d->kvm_fd, KVM_GET_API_VERSION, 0);
	d->kvm = version == KVM_API_VERSION;
	if (d->kvm)
		doctor_say(line, DOCTOR_OK, "/dev/kvm opens, API version %d", version);
	else
		doctor_say(line, DOCTOR_MISSING, "/dev/kvm has API version %d, not %d", version,
			KVM_API_VERSION);
}

/* Is `word` among the processor's flags? */
static bool cpu_flag(const char *word)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192], padded[64];
	bool found = false;

	if (f == NULL)
		return false;
	snprintf(padded, sizeof padded, " %s ", word);
	while (!found && fgets(line, sizeof line, f) != NULL) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		line[strcspn(line, "\n")] = ' ';
		found = strstr(line, padded) != NULL;
		break;
	}
	fclose(f);
	return found;
}

static bool module(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "/sys/module/%s", name);
	return access(path, F_OK) == 0;
}

static void look_kind(struct doctor *d, struct doctor_line *line)
{
	bool inside = cpu_flag("hypervisor");

	if (d->kvm_fd < 0)
		doctor_say(line, DOCTOR_WARN, "none; the processor has %s",
			cpu_flag("vmx")           ? "VMX"
				: cpu_flag("svm") ? "SVM"
						  : "neither VMX nor SVM");
	else if (module("kvm_pvm"))
		doctor_say(line, DOCTOR_OK,
			"KVM-PVM, in software: entries cost 25 us and more, guest ring 0 is "
			"emulated");
	else if (module("kvm_intel") || module("kvm_amd"))
		doctor_say(line, inside ? DOCTOR_WARN : DOCTOR_OK, "%s%s",
			module("kvm_intel") ? "KVM on VMX (Intel)" : "KVM on SVM (AMD)",
			inside ? ", nested in another virtual machine" : "");
	else
		doctor_say(line, DOCTOR_WARN, "a KVM that isn't VMX, SVM or PVM");
	if (d->kvm_fd >= 0 && inside && !module("kvm_pvm"))
		doctor_todo(line,
			"births cost several times more than on bare metal: "
			"mayfly bench says how much");
}

static const struct {
	int number;
	const char *name, *why;
} capabilities[] = {
	{KVM_CAP_USER_MEMORY, "USER_MEMORY", "memory for a shell"},
	{KVM_CAP_READONLY_MEM, "READONLY_MEM", "code that all shells share"},
	{KVM_CAP_SYNC_REGS, "SYNC_REGS", "registers in and out with the entry"},
	{KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", "deadlines"},
	{KVM_CAP_XCRS, "XCRS", "which registers a guest has"},
};
#define CAPABILITIES (sizeof capabilities / sizeof capabilities[0])

static void look_capabilities(struct doctor *d, struct doctor_line *line)
{
	char lacks[256] = "", has[256] = "";

	if (d->kvm_fd < 0) {
		doctor_say(line, DOCTOR_WARN, "unknown without /dev/kvm");
		return;
	}
	for (size_t i = 0; i < CAPABILITIES; i++) {
		bool there = ioctl(d->kvm_fd, KVM_CHECK_EXTENSION, capabilities[i].number) > 0;
		char *to = there ? has : lacks;
		size_t n = strlen(to);

		snprintf(to + n, 256 - n, "%s%s", n == 0 ? "" : " ", capabilities[i].name);
	}
	if (lacks[0] == '\0') {
		doctor_say(line, DOCTOR_OK, "%s", has);
		return;
	}
	d->kvm = false;
	doctor_say(line, DOCTOR_MISSING, "this KVM lacks %s", lacks);
	doctor_todo(line, "a newer kernel (4.17 has them all), or --backend process");
}

static void look_processor(struct doctor *d, struct doctor_line *line)
{
	bool xsave = cpu_flag("xsave"), base = cpu_flag("fsgsbase");

	if (xsave && base) {
		doctor_say(line, DOCTOR_OK, "XSAVE and FSGSBASE%s",
			cpu_flag("avx512f")        ? ", AVX-512"
				: cpu_flag("avx2") ? ", AVX2"
						   : "");
		return;
	}
	d->kvm = false;
	doctor_say(line, DOCTOR_MISSING, "this processor lacks %s%s%s", xsave ? "" : "XSAVE",
		xsave || base ? "" : " and ", base ? "" : "FSGSBASE");
	doctor_todo(line,
		"in a virtual machine: give it the host's processor model; else "
		"--backend process");
}

static const struct doctor_check checks[] = {
	{"device", look_device},
	{"kind", look_kind},
	{"capabilities", look_capabilities},
	{"processor", look_processor},
};
const struct doctor_group doctor_kvm = {
	"kvm backend", checks, sizeof checks / sizeof checks[0], false};
