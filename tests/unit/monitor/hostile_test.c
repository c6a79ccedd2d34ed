/*
 * What a guest may not do: every probe of tests/guest/{trap,stray,flags,gate-forge ...}
 * ends its own life with the right verdict, on both backends, and the next event in the
 * same shell is served.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/arch/arch.h"
#include "monitor/core.h"
#include "tests/unit/monitor/service.h"

#define ANY 999u /* whatever exception this host raises */

/* The verdict on one payload; vector only when it crashed. */
struct verdict {
	const char *payload;
	enum mfw_result result;
	uint32_t kvm, process; /* vectors */
};

static void judge(struct service *s, const struct verdict *v, enum mfw_backend backend)
{
	uint32_t vector = backend == MFW_BACKEND_KVM ? v->kvm : v->process;
	struct life life = service_ask_text(s, v->payload);

	if (life.result != v->result || (vector != ANY && life.vector != vector))
		fail_msg("%s: result %d vector %u at 0x%llx, wanted result %d vector %u",
			v->payload, life.result, life.vector, (unsigned long long)life.address,
			v->result, vector);
}

/* Does the processor raise what this payload asks for? */
static bool is_raised(const char *payload)
{
	return !emulated() ||
		(strcmp(payload, "icebp") != 0 && strcmp(payload, "sse-exception") != 0);
}

/* Each payload in turn, and after each one that must be served. */
static void judge_all(const char *guest, enum mfw_backend backend, const struct verdict *v,
	size_t n, const char *good)
{
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, guest, backend);
	for (size_t i = 0; i < n; i++) {
		if (is_raised(v[i].payload))
			judge(&s, &v[i], backend);
		life = service_ask_text(&s, good);
		assert_int_equal(life.result, MFW_OK);
	}
	service_close(&s);
}

#define GP(word)                                                                                   \
	{                                                                                          \
		word, MFW_ERR_CRASHED, 13, 13                                                      \
	}
#define UD(word)                                                                                   \
	{                                                                                          \
		word, MFW_ERR_CRASHED, 6, 6                                                        \
	}
#define PF(word)                                                                                   \
	{                                                                                          \
		word, MFW_ERR_CRASHED, 14, 14                                                      \
	}
#define ODD(word)                                                                                  \
	{                                                                                          \
		word, MFW_ERR_CRASHED, ANY, ANY                                                    \
	}

/* Not here: RDRAND, RDSEED, RDPID, CPUID, VMCALL, which some hosts let CPL 3 execute (DESIGN:
 * the builder refuses them, and security never rests on it). */
static const struct verdict traps[] = {
	GP("hlt"),
	GP("cli"),
	GP("sti"),
	ODD("int80"),
	ODD("int32"),
	ODD("int13"),
	{"int3", MFW_ERR_CRASHED, 3, 3},
	{"icebp", MFW_ERR_CRASHED, 1, ANY},
	ODD("syscall"),
	ODD("sysenter"),
	ODD("sysexit"),
	ODD("sysret"),
	GP("rdtsc"),
	GP("rdtscp"),
	GP("rdpmc"),
	GP("rdmsr"),
	GP("wrmsr"),
	GP("in"),
	GP("out"),
	GP("in-imm"),
	GP("out-imm"),
	GP("outs"),
	GP("read-cr0"),
	GP("write-cr0"),
	GP("write-cr3"),
	GP("write-cr4"),
	GP("write-dr7"),
	GP("clts"),
	GP("lgdt"),
	GP("lidt"),
	GP("lldt"),
	GP("ltr"),
	GP("lmsw"),
	GP("invlpg"),
	GP("invd"),
	GP("wbinvd"),
	GP("swapgs"),
	GP("xsetbv"),
	ODD("monitor"),
	ODD("mwait"),
	ODD("vmrun"),
	UD("ud2"),
	UD("into"),
	GP("load-ss"),
	{"div-zero", MFW_ERR_CRASHED, 0, 0},
	ODD("far-jump"),
	{"sse-exception", MFW_ERR_CRASHED, 19, 19},
	{"x87-exception", MFW_ERR_CRASHED, 16, 16},
};

static const struct verdict strays[] = {
	PF("read-null"),
	PF("write-null"),
	PF("jump-null"),
	PF("write-page-1"),
	PF("write-gate"),
	PF("write-stub"),
	PF("read-system"),
	PF("write-system"),
	PF("jump-system"),
	PF("write-info"),
	PF("jump-info"),
	PF("write-text"),
	PF("write-constant"),
	PF("jump-constant"),
	PF("write-data"),
	PF("write-init"),
	PF("write-below"),
	PF("jump-event"),
	PF("jump-data"),
	PF("read-guard"),
	PF("write-guard"),
	PF("jump-stack"),
	PF("write-above"),
	PF("read-input"),
	PF("write-output"),
	PF("read-unmapped"),
	PF("read-far"),
	PF("read-kernel"),
	PF("write-kernel"),
	PF("jump-kernel"),
	PF("read-vsyscall"),
	GP("read-noncanonical"),
	GP("write-noncanonical"),
	GP("jump-noncanonical"),
};

static const struct verdict flags[] = {
	{"tf", MFW_ERR_CRASHED, 1, 3},
	{"if", MFW_OK, 0, 0},
	{"df", MFW_OK, 0, 0},
	{"iopl", MFW_OK, 0, 0},
	{"nt", MFW_OK, 0, 0},
	{"rf", MFW_OK, 0, 0},
	{"vm", MFW_OK, 0, 0},
	{"ac", MFW_OK, 0, 0},
	{"id", MFW_OK, 0, 0},
	{"arithmetic", MFW_OK, 0, 0},
	{"most", MFW_OK, 0, 0},
};

static const struct verdict operations[] = {
	{"op 0", MFW_ERR_EFFECTS, 0, 0},
	{"op 1", MFW_OK, 0, 0},
	{"op 2", MFW_ERR_CALL, 0, 0},
	{"op 3", MFW_ERR_EFFECTS, 0, 0},
	{"op 250", MFW_ERR_EFFECTS, 0, ANY},
	{"op 4294967297", MFW_OK, 0, 0},
};

#define BOTH(name, guest, table, good)                                                             \
	static void name##_kvm(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		judge_all(guest, MFW_BACKEND_KVM, table, sizeof(table) / sizeof(table[0]), good);  \
	}                                                                                          \
	static void name##_process(void **state)                                                   \
	{                                                                                          \
		(void)state;                                                                       \
		judge_all(guest, MFW_BACKEND_PROCESS, table, sizeof(table) / sizeof(table[0]),     \
			good);                                                                     \
	}

BOTH(instructions, "trap", traps, "unknown")
BOTH(addresses, "stray", strays, "unknown")
BOTH(flags, "flags", flags, "none")

/* Operation 250 is what the gated stub's own fault report uses: forging it may look like a
 * crash, and nothing more. */
static void operations_of(enum mfw_backend backend)
{
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "gate-forge", backend);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		life = service_ask_text(&s, operations[i].payload);
		if (strcmp(operations[i].payload, "op 250") == 0)
			assert_int_not_equal(life.result, MFW_OK);
		else
			assert_int_equal(life.result, operations[i].result);
		life = service_ask_text(&s, "op 1");
		assert_int_equal(life.result, MFW_OK);
	}
	service_close(&s);
}

/* Jumps to every byte of the pages that the monitor gave it to execute. Whatever happens is
 * that life's own fate; after each, an honest life is served and finds its memory clean. */
static void jumps_of(enum mfw_backend backend, const char *page, unsigned bytes, unsigned step)
{
	struct service s;
	struct life life;
	char payload[32];

	need_backend(backend);
	service_open(&s, "gate-forge", backend);
	service_limit(&s, 60000000, 600000000); /* what spins; what waits for ever */
	for (unsigned i = 0; i < bytes; i += step) {
		snprintf(payload, sizeof(payload), "%s %u", page, i);
		service_ask_text(&s, payload);
		life = service_ask_text(&s, "op 1");
		if (life.result != MFW_OK)
			fail_msg(
				"after %s: result %d vector %u", payload, life.result, life.vector);
		shell_clean(s.shell);
		assert_memory_equal(
			s.shell->window, s.monitor->snapshot, s.monitor->layout.window_bytes);
	}
	service_close(&s);
}

#define FORGE(name, backend)                                                                       \
	static void operations_##name(void **state)                                                \
	{                                                                                          \
		(void)state;                                                                       \
		operations_of(backend);                                                            \
	}                                                                                          \
	static void jumps_##name(void **state)                                                     \
	{                                                                                          \
		(void)state;                                                                       \
		jumps_of(backend, "gate", 24, 1);                                                  \
		jumps_of(backend, "stub", 0x180, 1);                                               \
		jumps_of(backend, "gate", 0x1000, 0x41);                                           \
	}

FORGE(kvm, MFW_BACKEND_KVM)
FORGE(process, MFW_BACKEND_PROCESS)

/* A gated process that can write nothing, where the processor and Linux have protection keys:
 * its monitor's byte must reach the next life all the same. */
static void protection_keys(void **state)
{
	struct service s;
	struct life life;

	(void)state;
	service_open(&s, "trap", MFW_BACKEND_PROCESS);
	for (int i = 0; i < 3; i++) {
		service_ask_text(&s, "no-writes");
		for (int next = 0; next < 2; next++) {
			life = service_ask_text(&s, "unknown");
			if (life.result != MFW_OK)
				fail_msg("result %d vector %u at 0x%llx", life.result, life.vector,
					(unsigned long long)life.address);
		}
	}
	service_close(&s);
}

/* Whether a life began is not its own word: it crashed, and ran once. */
static void forged_beginning(void **state)
{
	struct service s;
	struct life life;

	(void)state;
	service_open(&s, "trap", MFW_BACKEND_PROCESS);
	life = service_ask_text(&s, "not-begun");
	assert_int_equal(life.result, MFW_ERR_CRASHED);
	assert_int_equal(life.vector, 3);
	service_close(&s);
}

/* A life that could not begin, because of what an earlier one left to happen, is run again in
 * a new machine; what its first attempt wrote is gone by then. */
static struct backend real;
static unsigned attempts;

static int spoil_once(struct shell *shell, struct life *life)
{
	if (attempts++ > 0)
		return real.run(shell, life);
	memset(shell->window, 0xee, shell->monitor->layout.window_bytes);
	return -EAGAIN;
}

static void second_attempt(enum mfw_backend backend)
{
	struct backend spoiled;
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "flags", backend);
	real = spoiled = *s.monitor->backend;
	spoiled.run = spoil_once;
	s.monitor->backend = &spoiled;
	attempts = 0;
	life = service_ask_text(&s, "none");
	assert_int_equal(attempts, 2);
	assert_int_equal(life.result, MFW_OK);
	assert_true(mf_str_is(service_reply(&life), "set"));
	service_close(&s);
}

static void second_attempt_kvm(void **state)
{
	(void)state;
	second_attempt(MFW_BACKEND_KVM);
}

static void second_attempt_process(void **state)
{
	(void)state;
	second_attempt(MFW_BACKEND_PROCESS);
}

/* A debug exception in front of a life's first instruction, which isn't its own: as it comes on
 * VMX from a life before that left in the shadow of a load of SS. Here the birth stub has it,
 * until the shell is made anew. */
static uint8_t birth_code[2], before_birth;

static uint8_t *birth_in(const struct service *s)
{
	return s->monitor->fixed + (ARCH_BIRTH - MF_ADDR_GATE);
}

static int open_mended(struct shell *shell, bool init, char error[MONITOR_ERROR_MAX])
{
	uint8_t *birth = shell->monitor->fixed + (ARCH_BIRTH - MF_ADDR_GATE);

	memcpy(birth, birth_code, sizeof(birth_code));
	birth[-1] = before_birth;
	return real.open(shell, init, error);
}

static void inherited_step(void **state)
{
	static const uint8_t jump_before[2] = {0xeb, 0xfd};
	struct backend mending;
	struct service s;
	struct life life;

	(void)state;
	need_backend(MFW_BACKEND_KVM);
	if (emulated()) {
		print_message("the emulator does not know ICEBP\n");
		skip();
	}
	service_open(&s, "flags", MFW_BACKEND_KVM);
	real = mending = *s.monitor->backend;
	mending.open = open_mended;
	s.monitor->backend = &mending;
	memcpy(birth_code, birth_in(&s), sizeof(birth_code));
	before_birth = birth_in(&s)[-1];
	memcpy(birth_in(&s), jump_before, sizeof(jump_before));
	birth_in(&s)[-1] = 0xf1; /* raises it, and comes back to the stub's first byte */
	life = service_ask_text(&s, "none");
	assert_int_equal(life.result, MFW_OK);
	assert_true(mf_str_is(service_reply(&life), "set"));
	service_close(&s);
}

/* The limit is over before the guest is entered, and the signal that says so is gone. */
static int enter_late(struct shell *shell, struct life *life)
{
	while (atomic_load(&shell->watch.state) & 1)
		;
	return real.run(shell, life);
}

static void late(enum mfw_backend backend)
{
	struct backend slow;
	struct service s;
	struct life life;

	need_backend(backend);
	service_open(&s, "loop", backend);
	real = slow = *s.monitor->backend;
	slow.run = enter_late;
	s.monitor->backend = &slow;
	service_limit(&s, 30000000, 30000000);
	alarm(60);
	life = service_ask_text(&s, "");
	alarm(0);
	assert_int_equal(life.result, MFW_ERR_CPU);
	service_close(&s);
}

static void late_kvm(void **state)
{
	(void)state;
	late(MFW_BACKEND_KVM);
}

static void late_process(void **state)
{
	(void)state;
	late(MFW_BACKEND_PROCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_kvm),
		cmocka_unit_test(instructions_process),
		cmocka_unit_test(addresses_kvm),
		cmocka_unit_test(addresses_process),
		cmocka_unit_test(flags_kvm),
		cmocka_unit_test(flags_process),
		cmocka_unit_test(operations_kvm),
		cmocka_unit_test(operations_process),
		cmocka_unit_test(jumps_kvm),
		cmocka_unit_test(jumps_process),
		cmocka_unit_test(protection_keys),
		cmocka_unit_test(forged_beginning),
		cmocka_unit_test(second_attempt_kvm),
		cmocka_unit_test(second_attempt_process),
		cmocka_unit_test(inherited_step),
		cmocka_unit_test(late_kvm),
		cmocka_unit_test(late_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
