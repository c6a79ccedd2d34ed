/* cli/doctor/host.c - kernel, processors, limits; and what `mayfly build` needs. */
#include <dirent.h>
#include <errno.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"

/* ------------------------------------------------------------------- the host */

/* close_range, which gated processes are made with, came with 5.9. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 9

static void look_kernel(struct doctor *d, struct doctor_line *line)
{
	struct utsname u;
	int major = 0, minor = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (uname(&u) != 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2) {
		doctor_say(line, DOCTOR_WARN, "of unknown version");
		return;
	}
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)) {
		doctor_say(line, DOCTOR_OK, "Linux %s, %s", u.release, u.machine);
		return;
	}
	d->kvm = d->process = false;
	doctor_say(line, DOCTOR_MISSING, "Linux %s is too old", u.release);
	doctor_todo(line, "Linux %d.%d or newer; Debian 12 has 6.1", KERNEL_MAJOR, KERNEL_MINOR);
}

static void look_cores(struct doctor *d, struct doctor_line *line)
{
	char smt[16] = "0";
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;

	(void)d;
	doctor_read("/sys/devices/system/cpu/smt/active", smt, sizeof smt);
	if (smt[0] != '1') {
		doctor_say(line, DOCTOR_OK, "%d processors, no SMT that this kernel knows of", n);
		return;
	}
	doctor_say(line, DOCTOR_WARN,
		"%d processors with SMT: lives on sibling threads share caches", n);
	doctor_todo(line,
		"where services don't trust each other: "
		"echo off | sudo tee /sys/devices/system/cpu/smt/control");
}

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

/* As many words as fit. */
static void add_word(char *to, size_t size, const char *word)
{
	if (strlen(to) + strlen(word) + 2 > size)
		return;
	if (to[0] != '\0')
		strcat(to, " ");
	strcat(to, word);
}

static void look_mitigations(struct doctor *d, struct doctor_line *line)
{
	DIR *dir = opendir(VULNERABILITIES);
	const struct dirent *e;
	char open[200] = "", path[512], text[256];
	int looked = 0;

	(void)d;
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		snprintf(path, sizeof path, VULNERABILITIES "/%s", e->d_name);
		if (e->d_name[0] == '.' || !doctor_read(path, text, sizeof text))
			continue;
		looked++;
		if (strncmp(text, "Vulnerable", 10) == 0)
			add_word(open, sizeof open, e->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	if (open[0] == '\0') {
		doctor_say(line, looked > 0 ? DOCTOR_OK : DOCTOR_WARN,
			looked > 0 ? "of %d processor flaws none is open" : "unknown", looked);
		return;
	}
	doctor_say(line, DOCTOR_WARN, "open to %s", open);
	doctor_todo(line,
		"newer microcode, and a kernel without mitigations=off; in a virtual "
		"machine its host must have them");
}

static void look_landlock(struct doctor *d, struct doctor_line *line)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	(void)d;
	if (abi > 0)
		doctor_say(line, DOCTOR_OK, "ABI %ld", abi);
	else
		doctor_say(line, DOCTOR_WARN, "none: seccomp alone keeps workers from files");
	if (abi <= 0)
		doctor_todo(line, "optional: boot with lsm=landlock,...");
}

static void look_user_namespaces(struct doctor *d, struct doctor_line *line)
{
	pid_t pid = fork();
	int status = -1;

	(void)d;
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status == 0) {
		doctor_say(line, DOCTOR_OK, "can be made");
		return;
	}
	doctor_say(line, DOCTOR_WARN,
		"can't be made: workers see the machine's processes, network and files, and only "
		"their system calls keep them from these");
	doctor_todo(line,
		"sysctl user.max_user_namespaces above 0, and where there are such settings "
		"kernel.unprivileged_userns_clone=1, "
		"kernel.apparmor_restrict_unprivileged_userns=0");
}

static void look_cgroup(struct doctor *d, struct doctor_line *line)
{
	struct statfs fs;
	char controllers[256] = "";

	(void)d;
	if (statfs("/sys/fs/cgroup", &fs) != 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
		doctor_say(line, DOCTOR_WARN,
			"no cgroup v2: memory is bounded by mayfly's own limits");
		doctor_todo(line, "optional: boot with systemd.unified_cgroup_hierarchy=1");
		return;
	}
	doctor_read("/sys/fs/cgroup/cgroup.controllers", controllers, sizeof controllers);
	if (strstr(controllers, "memory") != NULL) {
		doctor_say(line, DOCTOR_OK, "v2, with the memory controller");
		return;
	}
	doctor_say(line, DOCTOR_WARN, "v2, without the memory controller");
	doctor_todo(line, "optional: boot with cgroup_enable=memory");
}

#define FILES_WANTED  4096u  /* a shell takes two or three: over a thousand shells */
#define LOCKED_WANTED 65536u /* a secret key and its guard pages */

static void look_files(struct doctor *d, struct doctor_line *line)
{
	struct rlimit l;

	(void)d;
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		l.rlim_cur = l.rlim_max = 0;
	if (l.rlim_cur >= FILES_WANTED) {
		doctor_say(line, DOCTOR_OK, "%llu descriptors", (unsigned long long)l.rlim_cur);
		return;
	}
	doctor_say(line, DOCTOR_WARN, "%llu descriptors, about %llu shells a worker",
		(unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_cur / 3);
	doctor_todo(line, "where many lives run at once: ulimit -n %u", FILES_WANTED);
}

static void look_locked(struct doctor *d, struct doctor_line *line)
{
	struct rlimit l;

	(void)d;
	if (getrlimit(RLIMIT_MEMLOCK, &l) != 0)
		l.rlim_cur = 0;
	if (l.rlim_cur >= LOCKED_WANTED) {
		if (l.rlim_cur == RLIM_INFINITY)
			doctor_say(line, DOCTOR_OK, "no limit");
		else
			doctor_say(line, DOCTOR_OK, "%llu bytes", (unsigned long long)l.rlim_cur);
		return;
	}
	doctor_say(line, DOCTOR_WARN, "%llu bytes: secret keys may be swapped out",
		(unsigned long long)l.rlim_cur);
	doctor_todo(line, "ulimit -l %u", LOCKED_WANTED / 1024);
}

static const struct doctor_check host[] = {
	{"kernel", look_kernel},
	{"processors", look_cores},
	{"mitigations", look_mitigations},
	{"landlock", look_landlock},
	{"user namespaces", look_user_namespaces},
	{"cgroup", look_cgroup},
	{"open files", look_files},
	{"locked memory", look_locked},
};
const struct doctor_group doctor_host = {"host", host, sizeof host / sizeof host[0], false};

/* ------------------------------------------------------------- mayfly build */

static bool in_path(const char *program, char *to, size_t size)
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");

		snprintf(to, size, "%.*s/%s", (int)n, path, program);
		if (n > 0 && access(to, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static void look_tool(struct doctor_line *line, const char *program, const char *package)
{
	char path[512];

	if (in_path(program, path, sizeof path)) {
		doctor_say(line, DOCTOR_OK, "%s", path);
		return;
	}
	doctor_say(line, DOCTOR_WARN, "none: images run here, but can't be built");
	doctor_todo(line, "sudo apt-get install %s", package);
}

static void look_gcc(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	look_tool(line, "gcc", "gcc");
}

static void look_ld(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	look_tool(line, "ld", "binutils");
}

static void look_objdump(struct doctor *d, struct doctor_line *line)
{
	(void)d;
	look_tool(line, "objdump", "binutils");
}

static const struct doctor_check build[] = {
	{"gcc", look_gcc}, {"ld", look_ld}, {"objdump", look_objdump}};
const struct doctor_group doctor_build = {
	"mayfly build", build, sizeof build / sizeof build[0], false};
