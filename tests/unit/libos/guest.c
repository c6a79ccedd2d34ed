#include "tests/unit/libos/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "libos/effect/effect.h"
#include "libos/place.h"

#define WINDOW_BYTES (GUEST_EVENT_BYTES + GUEST_EFFECTS_BYTES + GUEST_HEAP_BYTES)
#define DATA_BYTES   65536u

static jmp_buf ended;
void (*guest_on_call)(void);

static uint64_t gate(uint64_t operation, uint64_t argument)
{
	assert_int_equal(argument, 0);
	if (operation == MF_OP_CALL) {
		assert_non_null(guest_on_call);
		guest_on_call();
		return 0;
	}
	assert_int_equal(operation, MF_OP_END);
	longjmp(ended, 1);
}

static void *map(uint64_t at, size_t bytes, int protection)
{
	void *p = mmap((void *)at, bytes, protection,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(p, (void *)at);
	return p;
}

/* movabs gate, %rax; jmp *%rax */
static void write_gate(uint8_t *page)
{
	uint64_t to = (uint64_t)gate;

	memcpy(page, "\x48\xb8", 2);
	memcpy(page + 2, &to, 8);
	memcpy(page + 10, "\xff\xe0", 2);
}

static void map_guest(void)
{
	static int mapped;

	if (mapped)
		return;
	mapped = 1;
	write_gate(map(MF_ADDR_GATE, MF_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	map(MF_ADDR_INFO, MF_PAGE, PROT_READ | PROT_WRITE);
	map(MF_ADDR_WINDOW, WINDOW_BYTES, PROT_READ | PROT_WRITE);
	map(MF_ADDR_INIT, GUEST_INIT_BYTES, PROT_READ | PROT_WRITE);
	map(MF_ADDR_DATA, DATA_BYTES, PROT_READ | PROT_WRITE);
}

struct event_writer guest_fresh(enum mf_source source)
{
	struct mf_info *info = (struct mf_info *)MF_ADDR_INFO;
	struct event_writer w;

	map_guest();
	memset((void *)MF_ADDR_WINDOW, 0, WINDOW_BYTES);
	memset((void *)MF_ADDR_INIT, 0, GUEST_INIT_BYTES);
	*info = (struct mf_info){
		.magic = MF_INFO_MAGIC,
		.abi = MF_ABI_VERSION,
		.event_bytes = GUEST_EVENT_BYTES,
		.effects_bytes = GUEST_EFFECTS_BYTES,
		.window_bytes = WINDOW_BYTES,
		.heap_addr = MF_ADDR_WINDOW + GUEST_EVENT_BYTES + GUEST_EFFECTS_BYTES,
		.heap_end = MF_ADDR_WINDOW + WINDOW_BYTES,
		.init_bytes = GUEST_INIT_BYTES,
	};
	assert_true(event_begin(&w, (void *)MF_ADDR_WINDOW, GUEST_EVENT_BYTES, source));
	return w;
}

void guest_attach(const void *bundle, size_t size)
{
	assert_true(size <= DATA_BYTES);
	memcpy((void *)MF_ADDR_DATA, bundle, size);
	((struct mf_info *)MF_ADDR_INFO)->data_bytes = size;
}

enum mf_outcome guest_live(void (*body)(void))
{
	effect_headers = 0; /* .bss is put back before every life */
	if (setjmp(ended) == 0) {
		effect_begin();
		body();
		life_end(MF_OUTCOME_OK);
	}
	return (enum mf_outcome)place_effects()->outcome;
}

void guest_open(struct effects_reader *reader)
{
	uint32_t record;
	const char *wrong =
		effects_open(reader, place_effects(), GUEST_EFFECTS_BYTES, ~0u, &record);

	if (wrong != NULL)
		fail_msg("effect %u: %s", record, wrong);
}

struct effect guest_effect(struct effects_reader *reader, enum mf_effect_kind kind)
{
	struct effect effect;

	assert_int_equal(effects_next(reader, &effect), 1);
	assert_int_equal(effect.kind, kind);
	return effect;
}

void guest_no_more(struct effects_reader *reader)
{
	struct effect effect;

	assert_int_equal(effects_next(reader, &effect), 0);
}

void guest_only_failed_with(const char *text)
{
	struct effects_reader reader;
	struct effect effect;

	guest_open(&reader);
	assert_int_equal(reader.outcome, MF_OUTCOME_FAILED);
	effect = guest_effect(&reader, MF_EFFECT_LOG);
	assert_int_equal(effect.status, MF_LEVEL_ERROR);
	assert_str(effect.field[MF_FIELD_BODY], text);
	guest_no_more(&reader);
}
