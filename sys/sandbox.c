#include "sys/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int sandbox_no_privileges(void)
{
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}

static int add(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
	const struct scmp_arg_cmp compare = {
		.arg = rule->argument,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = rule->mask,
		.datum_b = rule->equal,
	};

	return seccomp_rule_add_array(
		filter, SCMP_ACT_ALLOW, rule->number, rule->masked ? 1 : 0, &compare);
}

int sandbox_enter(const struct sandbox_rule *rules, size_t count)
{
	/* TRAP: SIGSYS, which ends the process unless a gated guest's handler reports it */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int rc;

	if (filter == NULL)
		return -ENOMEM;
	rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = add(filter, &rules[i]);
		if (rc == 0 && count - i < 255)
			rc = seccomp_syscall_priority(
				filter, rules[i].number, (uint8_t)(count - i));
	}
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}
