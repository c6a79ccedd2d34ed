/*
 * The residue audit. A life poisons every register and byte that it can reach, in the
 * ways that tests/guest/probe knows, and leaves; the next life in the same shell dumps
 * what it finds. That must be what a life in a fresh shell finds, to the last bit.
 *
 * The controls leave steps of the reset out, by patching the stub page or pretending that
 * the window is clean: the audit must then find the secret, or it proves nothing.
 *
 * AUDIT_LIVES says how many lives each way of leaving gets (50).
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "monitor/arch/arch.h"
#include "monitor/core.h"
#include "tests/guest/probe/probe.h"
#include "tests/unit/monitor/service.h"

#define SECRET 0x5ec7e75ec7e75ec7ull

static unsigned lives(void)
{
	const char *n = getenv("AUDIT_LIVES");

	return n != NULL ? (unsigned)strtoul(n, NULL, 10) : 50;
}

static uint16_t processor; /* PROBE_... */
static uint16_t may_pkru;  /* PROBE_PKRU where Linux turned it on; no guest of kvm has it */

static uint16_t features(void)
{
	return processor;
}

/* Before there is a shell: a thread that has one may not ask. */
static uint16_t ask_processor(void)
{
	unsigned a, b, c, d;
	uint16_t f = 0;

	__cpuid(1, a, b, c, d);
	if (c & bit_OSXSAVE)
		f |= PROBE_XSAVE;
	if (c & bit_AVX)
		f |= PROBE_AVX;
	__cpuid_count(7, 0, a, b, c, d);
	if (b & bit_FSGSBASE)
		f |= PROBE_FSGSBASE;
	if (c & 1u << 4) /* OSPKE */
		may_pkru = PROBE_PKRU;
	if ((b & bit_AVX512F) && (b & bit_AVX512BW))
		f |= PROBE_AVX512;
	return f;
}

static struct probe_dump dump_of(struct service *s)
{
	const struct probe_request audit = {.action = 'a', .features = features()};
	struct life life = service_ask(s, mf_str_of(&audit, sizeof(audit)));
	struct probe_dump dump = {0};
	struct mf_str reply;

	assert_int_equal(life.result, MFW_OK);
	reply = service_reply(&life);
	assert_int_equal(reply.n, sizeof(dump));
	memcpy(&dump, reply.p, sizeof(dump));
	/* XSTATE_BV's bits for x87 and SSE depend on whether the host was interrupted (seen: about
	 * once in 1000 lives); the registers themselves are there all the same, and compared */
	dump.xstate[512] &= (uint8_t)~3u;
	return dump;
}

/* Words in which two dumps differ; the first few are printed if `loud`. */
static unsigned differences(const struct probe_dump *got, const struct probe_dump *want, bool loud)
{
	const size_t words = sizeof(*got) / 8;
	unsigned n = 0;
	uint64_t g, w;

	for (size_t i = 0; i < words; i++) {
		memcpy(&g, (const uint8_t *)got + 8 * i, 8);
		memcpy(&w, (const uint8_t *)want + 8 * i, 8);
		if (g != w && n++ < 4 && loud)
			print_message("# at %zu: %016llx, in a fresh shell %016llx\n", 8 * i,
				(unsigned long long)g, (unsigned long long)w);
	}
	return n;
}

static struct probe_dump fresh_dump_of(const char *guest, enum mfw_backend backend)
{
	struct probe_dump dump;
	struct service s;

	service_open(&s, guest, backend);
	dump = dump_of(&s);
	service_close(&s);
	return dump;
}

static struct probe_dump fresh_dump(enum mfw_backend backend)
{
	return fresh_dump_of("probe", backend);
}

static const struct way {
	const char *name;
	uint8_t leave;
	uint64_t flags;
	uint16_t selector, extra;
	uint64_t target;
} ways[] = {
	{"gate", PROBE_GATE, 0x202, 0, 0, 0},
	{"gate, flags ID AC NT DF SF ZF AF PF CF", PROBE_GATE, 0x244ed7, 0, 0, 0},
	{"gate, single step", PROBE_GATE, 0x302, 0, 0, 0},
	{"gate, x87 exception pending", PROBE_GATE, 0x202, 0, PROBE_X87_ES, 0},
	{"gate, effects spoiled", PROBE_GATE, 0x202, 0, PROBE_BAD_HEAD, 0},
	{"gate, data selectors of the monitor's GDT", PROBE_GATE, 0x202, 0x1b, 0, 0},
	{"gate, data selectors of Linux", PROBE_GATE, 0x202, 0x2b, 0, 0},
	{"out of its own", PROBE_OUT, 0x202, 0, 0, 0},
	{"out of its own, single step", PROBE_OUT, 0x302, 0, 0, 0},
	{"out in the shadow of a load of SS", PROBE_MOV_SS, 0x202, 0, 0, 0},
	{"the same, single step", PROBE_MOV_SS, 0x302, 0, 0, 0},
	{"iretq to the gate, single step", PROBE_IRET, 0x302, 0, 0, MF_ADDR_GATE},
	{"iretq into the gate before its out, single step", PROBE_IRET, 0x302, 0, 0,
		MF_ADDR_GATE + 7},
	{"gate, null selectors with a privilege level", PROBE_GATE, 0x202, 3, 0, 0},
	{"never, until it is killed", PROBE_SPIN, 0x202, 0, 0, 0},
	{"iretq to the birth stub, single step", PROBE_IRET, 0x302, 0, 0, MF_ADDR_STUB},
	{"jump to the birth stub", PROBE_JUMP, 0x244ed7, 0, 0, MF_ADDR_STUB},
	{"an invalid opcode", PROBE_FAULT, 0x202, 0, 0, 0},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct probe_request poison_request(const struct way *way, unsigned i)
{
	return (struct probe_request){.action = 'p',
		.leave = way->leave,
		.features = (uint16_t)(features() | way->extra),
		.ds = way->selector,
		.es = way->selector,
		.fs = way->selector,
		.gs = way->selector,
		.secret = SECRET + i,
		.flags = way->flags,
		.target = way->target,
		.rax = MF_OP_END,
		.rdx = ARCH_PORT_GATE};
}

static void poison(struct service *s, const struct way *way, unsigned i)
{
	const struct probe_request request = poison_request(way, i);

	service_ask(s, mf_str_of(&request, sizeof(request)));
}

/* Where killing takes as long as the limit says, fewer lives are enough. */
static unsigned lives_of(const struct way *way)
{
	return way->leave == PROBE_SPIN ? lives() / 25 + 1 : lives();
}

/* The shell's memory after a birth must be the snapshot, and its page tables what they were. */
static void compare_memory(const struct service *s, const uint8_t *tables)
{
	const struct layout *layout = &s->monitor->layout;

	shell_clean(s->shell);
	assert_memory_equal(s->shell->window, s->monitor->snapshot, layout->window_bytes);
	if (tables != NULL)
		assert_memory_equal(
			s->shell->window + layout->window_bytes, tables, layout->tables_bytes);
}

static void audit(const char *guest, enum mfw_backend backend)
{
	struct probe_dump want, got;
	struct service s;
	uint8_t *tables = NULL;
	unsigned found = 0;
	uint64_t usual;

	need_backend(backend);
	want = fresh_dump_of(guest, backend);
	service_open(&s, guest, backend);
	usual = s.shell->watch.cpu_ns;
	if (backend == MFW_BACKEND_KVM && !s.monitor->layout.large) {
		tables = malloc(s.monitor->layout.tables_bytes);
		arch_fill_tables(tables, &s.monitor->layout, 0);
	}
	for (size_t w = 0; w < WAYS; w++) {
		unsigned n = 0;

		for (unsigned i = 0; i < lives_of(&ways[w]); i++) {
			if (ways[w].leave == PROBE_SPIN)
				service_limit(&s, 20000000, s.shell->watch.wall_ns);
			poison(&s, &ways[w], i);
			if (ways[w].leave == PROBE_SPIN)
				service_limit(&s, usual, s.shell->watch.wall_ns);
			got = dump_of(&s);
			n += differences(&got, &want, n == 0);
			compare_memory(&s, tables);
		}
		if (n > 0)
			print_message("# %s: %u words of residue\n", ways[w].name, n);
		found += n;
	}
	print_message("# %zu ways of leaving, %u lives each: %u words of residue\n", WAYS, lives(),
		found);
	free(tables);
	service_close(&s);
	assert_int_equal(found, 0);
}

static void audit_kvm(void **state)
{
	(void)state;
	audit("probe", MFW_BACKEND_KVM);
}

static void audit_process(void **state)
{
	(void)state;
	processor |= may_pkru;
	audit("probe", MFW_BACKEND_PROCESS);
	processor &= (uint16_t)~may_pkru;
}

/* Windows that are put back by the pages ever written. */
static void audit_large_kvm(void **state)
{
	(void)state;
	audit("probe-large", MFW_BACKEND_KVM);
}

static void audit_large_process(void **state)
{
	(void)state;
	audit("probe-large", MFW_BACKEND_PROCESS);
}

/* --------------------------------------------------------------- controls */

/* Turns every occurrence of an instruction in the stub into nops. */
static void leave_out(uint8_t *stub, const uint8_t *code, size_t n)
{
	unsigned found = 0;

	for (size_t i = 0; i + n < ARCH_FLOOR - MF_ADDR_STUB; i++) {
		if (memcmp(stub + i, code, n) == 0) {
			memset(stub + i, 0x90, n);
			found++;
		}
	}
	assert_true(found > 0);
}

/* Under KVM the stub lies in the monitor's memory. A gated process has it from the maker, and nobody can
 * write it: there it is left out of what the next maker will copy, until it is put back. */
extern uint8_t arch_gated_stub[];
static uint8_t whole_stub[ARCH_FLOOR - MF_ADDR_STUB];

static void open_source(void)
{
	const uintptr_t from = (uintptr_t)arch_gated_stub & ~(uintptr_t)(MF_PAGE - 1);
	const uintptr_t to = (uintptr_t)arch_gated_stub + sizeof(whole_stub);

	assert_int_equal(mprotect((void *)from, to - from, PROT_READ | PROT_WRITE), 0);
	memcpy(whole_stub, arch_gated_stub, sizeof(whole_stub));
}

static void mend_source(void)
{
	memcpy(arch_gated_stub, whole_stub, sizeof(whole_stub));
}

static uint8_t *stub_of(const struct service *s)
{
	return s->monitor->fixed + (MF_ADDR_STUB - MF_ADDR_GATE);
}

static const uint8_t xrstor[] = {0x48, 0x0f, 0xae, 0x2f};
static const uint8_t wrfsbase[] = {0xf3, 0x48, 0x0f, 0xae, 0xd0};
static const uint8_t null_fs[] = {0x8e, 0xe0}; /* zeroes the base too, on some processors */
static const uint8_t clear_r12[] = {0x45, 0x31, 0xe4};
static const uint8_t popfq[] = {0x9d};

/* What the audit finds after one poisoned life. */
static unsigned residue(struct service *s, const struct probe_dump *want)
{
	struct probe_dump got;

	poison(s, &ways[1], 0);
	got = dump_of(s);
	return differences(&got, want, false);
}

/* With one instruction of the stub left out, does the audit see it? */
static void control_kvm(const uint8_t *code, size_t n)
{
	struct probe_dump want;
	struct service s;

	need_backend(MFW_BACKEND_KVM);
	want = fresh_dump(MFW_BACKEND_KVM);
	service_open(&s, "probe", MFW_BACKEND_KVM);
	assert_int_equal(residue(&s, &want), 0);
	leave_out(stub_of(&s), code, n);
	assert_true(residue(&s, &want) > 0);
	service_close(&s);
}

static unsigned residue_in_process(const struct probe_dump *want)
{
	struct service s;
	unsigned found;

	service_open(&s, "probe", MFW_BACKEND_PROCESS);
	found = residue(&s, want);
	service_close(&s);
	return found;
}

static void control_process(const uint8_t *code, size_t n)
{
	const struct probe_dump want = fresh_dump(MFW_BACKEND_PROCESS);

	assert_int_equal(residue_in_process(&want), 0);
	open_source();
	leave_out(arch_gated_stub, code, n);
	assert_true(residue_in_process(&want) > 0);
	mend_source();
	assert_int_equal(residue_in_process(&want), 0);
}

static void control_vector_registers_kvm(void **state)
{
	(void)state;
	control_kvm(xrstor, sizeof(xrstor));
}

static void control_vector_registers_process(void **state)
{
	(void)state;
	control_process(xrstor, sizeof(xrstor));
}

static void control_fs_base_process(void **state)
{
	const struct probe_dump want = fresh_dump(MFW_BACKEND_PROCESS);

	(void)state;
	open_source();
	leave_out(arch_gated_stub, wrfsbase, sizeof(wrfsbase));
	leave_out(arch_gated_stub, null_fs, sizeof(null_fs));
	assert_true(residue_in_process(&want) > 0);
	mend_source();
}

static void control_general_register_process(void **state)
{
	(void)state;
	control_process(clear_r12, sizeof(clear_r12));
}

static void control_flags_process(void **state)
{
	(void)state;
	control_process(popfq, sizeof(popfq));
}

/* Under KVM general registers and bases are put back twice: leave one out and it is still
 * clean, leave both out and it isn't. */
static int run_without_registers(struct shell *shell, struct life *life)
{
	struct kvm_run *run = shell->kvm.run;
	struct kvm_regs regs;

	assert_int_equal(ioctl(shell->kvm.vcpu, KVM_GET_REGS, &regs), 0);
	regs.rip = ARCH_BIRTH;
	regs.rsp = shell->monitor->layout.stack_top;
	assert_int_equal(ioctl(shell->kvm.vcpu, KVM_SET_REGS, &regs), 0);
	run->kvm_dirty_regs = 0;
	assert_int_equal(ioctl(shell->kvm.vcpu, KVM_RUN, 0), 0);
	assert_int_equal(run->exit_reason, KVM_EXIT_IO);
	memcpy(&shell->operation, (const uint8_t *)run + run->io.data_offset, 4);
	life->result = MFW_OK;
	return 0;
}

static void control_general_register_kvm(void **state)
{
	struct backend without = backend_kvm;
	struct probe_dump want;
	struct service s;

	(void)state;
	need_backend(MFW_BACKEND_KVM);
	without.run = run_without_registers;
	want = fresh_dump(MFW_BACKEND_KVM);
	service_open(&s, "probe", MFW_BACKEND_KVM);
	leave_out(stub_of(&s), clear_r12, sizeof(clear_r12));
	assert_int_equal(residue(&s, &want), 0);
	s.monitor->backend = &without;
	assert_true(residue(&s, &want) > 0);
	service_close(&s);
}

static void control_window(enum mfw_backend backend)
{
	const struct probe_request audit_request = {.action = 'a', .features = features()};
	struct probe_dump want, got = {0};
	struct service s;
	struct life life;
	struct mf_str reply;

	need_backend(backend);
	want = fresh_dump(backend);
	service_open(&s, "probe", backend);
	poison(&s, &ways[0], 0);
	s.shell->dirty = false;
	/* its effects aren't empty at birth, so its reply isn't sound either; look at the raw
	 * bytes */
	life = service_ask(&s, mf_str_of(&audit_request, sizeof(audit_request)));
	if (life.result == MFW_OK && life.bytes >= sizeof(got)) {
		reply = mf_str_of(life.effects + life.bytes - sizeof(got), sizeof(got));
		memcpy(&got, reply.p, sizeof(got));
	}
	assert_true(differences(&got, &want, false) > 0);
	service_close(&s);
}

static void control_window_kvm(void **state)
{
	(void)state;
	control_window(MFW_BACKEND_KVM);
}

static void control_window_process(void **state)
{
	(void)state;
	control_window(MFW_BACKEND_PROCESS);
}

/* ------------------------------------------------------------------ areas */

/* What one life leaves in the areas, by all ways of leaving, the next must not find: neither in the output nor behind
 * its own input. */
static const struct mess {
	const char *word; /* for tests/guest/areas */
	enum mfw_result result;
} messes[] = {
	{"dirty 9437184", MFW_OK},
	{"dirty 1", MFW_OK},
	{"fill 3000000", MFW_OK},
	{"scatter", MFW_OK},
	{"forge 4294967296", MFW_OK},
	{"crash", MFW_ERR_CRASHED},
	{"write-input", MFW_ERR_CRASHED},
	{"spin", MFW_ERR_CPU},
};
#define MESSES (sizeof(messes) / sizeof(messes[0]))

/* A life with an input of so many bytes that begins with the word. */
static struct life ask_areas(struct service *s, const char *word, size_t bytes)
{
	static uint8_t input[18u << 20];
	struct mf_event event = {.abi = MF_ABI_VERSION,
		.bytes = sizeof(event),
		.source = MF_SOURCE_RUN,
		.input_bytes = bytes};
	struct life life;
	size_t n = strlen(word);

	memset(input, 0x5a, bytes);
	memcpy(input, word, n);
	input[n] = '\n';
	assert_int_equal(shell_input(s->shell, input, bytes), 0);
	shell_live(s->shell, &event, sizeof(event), &life);
	return life;
}

static bool finds_residue(struct service *s)
{
	struct life life = ask_areas(s, "look", 5);
	struct mf_str reply;

	assert_int_equal(life.result, MFW_OK);
	reply = service_reply(&life);
	return !mf_str_eq(reply, MF_STR("0 0"));
}

static void make_mess(struct service *s, const struct mess *mess, size_t input)
{
	const uint64_t usual = s->shell->watch.cpu_ns;

	if (mess->result == MFW_ERR_CPU)
		service_limit(s, 50000000, s->shell->watch.wall_ns);
	assert_int_equal(ask_areas(s, mess->word, input).result, mess->result);
	if (mess->result == MFW_ERR_CPU)
		service_limit(s, usual, s->shell->watch.wall_ns);
}

static void audit_mess(struct service *s, const struct mess *mess)
{
	for (unsigned twice = 0; twice < 2; twice++) {
		make_mess(s, mess, twice ? 18u << 20 : 100);
		if (finds_residue(s))
			fail_msg("after \"%s\" there is residue", mess->word);
	}
}

static void audit_areas(enum mfw_backend backend, enum mfw_birth_mode birth)
{
	struct service s;

	need_backend(backend);
	if (service_try(&s, "areas", backend, birth, mf_str_of(NULL, 0)) != 0)
		fail_msg("areas: %s", s.error);
	/* fresh ones meet all pages for the first time, which takes its time: one mess says it */
	for (size_t i = 0; i < (birth == MFW_FRESH ? 1 : MESSES); i++)
		audit_mess(&s, &messes[i]);
	service_close(&s);
}

static void audit_areas_kvm(void **state)
{
	(void)state;
	audit_areas(MFW_BACKEND_KVM, MFW_POOLED);
	audit_areas(MFW_BACKEND_KVM, MFW_FRESH);
}

static void audit_areas_process(void **state)
{
	(void)state;
	audit_areas(MFW_BACKEND_PROCESS, MFW_POOLED);
	audit_areas(MFW_BACKEND_PROCESS, MFW_FRESH);
}

static bool never_touched(const struct shell *shell, uint64_t *at, uint64_t *bytes)
{
	(void)shell;
	(void)at;
	(void)bytes;
	return false;
}

/* With a step left out, does the audit see it? */
static void control_areas(enum mfw_backend backend)
{
	struct backend without;
	struct service s;

	need_backend(backend);
	service_open(&s, "areas", backend);
	without = *s.monitor->backend;
	without.touched = never_touched;
	make_mess(&s, &messes[0], 100);
	s.shell->areas.used = false;
	assert_true(finds_residue(&s));
	make_mess(&s, &messes[3], 100);
	s.monitor->backend = &without;
	assert_true(finds_residue(&s));
	s.monitor->backend = backend == MFW_BACKEND_KVM ? &backend_kvm : &backend_process;
	assert_false(finds_residue(&s));
	make_mess(&s, &messes[1], 5000);
	s.shell->areas.filled = 100;
	assert_true(finds_residue(&s));
	service_close(&s);
}

static void control_areas_kvm(void **state)
{
	(void)state;
	control_areas(MFW_BACKEND_KVM);
}

static void control_areas_process(void **state)
{
	(void)state;
	control_areas(MFW_BACKEND_PROCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(audit_kvm),
		cmocka_unit_test(audit_process),
		cmocka_unit_test(audit_large_kvm),
		cmocka_unit_test(audit_large_process),
		cmocka_unit_test(audit_areas_kvm),
		cmocka_unit_test(audit_areas_process),
		cmocka_unit_test(control_areas_kvm),
		cmocka_unit_test(control_areas_process),
		cmocka_unit_test(control_vector_registers_kvm),
		cmocka_unit_test(control_vector_registers_process),
		cmocka_unit_test(control_fs_base_process),
		cmocka_unit_test(control_general_register_kvm),
		cmocka_unit_test(control_general_register_process),
		cmocka_unit_test(control_flags_process),
		cmocka_unit_test(control_window_kvm),
		cmocka_unit_test(control_window_process),
	};

	processor = ask_processor();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
