/*
 * stray - reads, writes or jumps where it must not: the payload says where. Replies
 * "survived" if nothing stopped it, "unknown" if it doesn't know the word.
 */
#include <mayfly.h>

enum act { READ, WRITE, JUMP };
enum from { ZERO, WINDOW_END, HEAP_END };

static const uint64_t constant = 1;
/* `ret`, so that a jump there comes back where the memory is executable */
static uint8_t data[] = {0xc3};

static const struct stray {
	const char *word;
	enum act act;
	enum from from;
	uint64_t address;
} strays[] = {
	{"read-null", READ, ZERO, 0},
	{"write-null", WRITE, ZERO, 0},
	{"jump-null", JUMP, ZERO, 0},
	{"write-page-1", WRITE, ZERO, MF_PAGE},
	{"write-gate", WRITE, ZERO, MF_ADDR_GATE},
	{"write-stub", WRITE, ZERO, MF_ADDR_STUB},
	{"read-system", READ, ZERO, MF_ADDR_SYSTEM},
	{"write-system", WRITE, ZERO, MF_ADDR_SYSTEM},
	{"jump-system", JUMP, ZERO, MF_ADDR_SYSTEM},
	{"write-info", WRITE, ZERO, MF_ADDR_INFO},
	{"jump-info", JUMP, ZERO, MF_ADDR_INFO},
	{"write-text", WRITE, ZERO, MF_ADDR_TEXT},
	{"write-constant", WRITE, ZERO, (uint64_t)&constant},
	{"jump-constant", JUMP, ZERO, (uint64_t)&constant},
	{"write-data", WRITE, ZERO, MF_ADDR_DATA},
	{"write-init", WRITE, ZERO, MF_ADDR_INIT},
	{"write-below", WRITE, ZERO, MF_ADDR_WINDOW - 8},
	{"jump-event", JUMP, ZERO, MF_ADDR_WINDOW},
	{"jump-data", JUMP, ZERO, (uint64_t)data},
	{"read-guard", READ, HEAP_END, 0},
	{"write-guard", WRITE, HEAP_END, 0},
	{"jump-stack", JUMP, WINDOW_END, (uint64_t)-8},
	{"write-above", WRITE, WINDOW_END, 0},
	{"read-input", READ, ZERO, MF_ADDR_INPUT},
	{"write-output", WRITE, ZERO, MF_ADDR_OUTPUT},
	{"read-unmapped", READ, ZERO, 0x7fff0000},
	{"read-far", READ, ZERO, 0x7fffffffe000},
	{"read-kernel", READ, ZERO, 0xffff888000000000},
	{"write-kernel", WRITE, ZERO, 0xffffffff81000000},
	{"jump-kernel", JUMP, ZERO, 0xffffffff81000000},
	{"read-vsyscall", READ, ZERO, 0xffffffffff600000},
	{"read-noncanonical", READ, ZERO, 0x8000000000000000},
	{"write-noncanonical", WRITE, ZERO, 0x8000000000000000},
	{"jump-noncanonical", JUMP, ZERO, 0x8000000000000000},
};

static void go_astray(const struct stray *stray)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	uint64_t at = stray->address;

	if (stray->from == WINDOW_END)
		at += MF_ADDR_WINDOW + info->window_bytes;
	if (stray->from == HEAP_END)
		at += info->heap_end;
	switch (stray->act) {
	case READ: (void)*(volatile uint64_t *)at; break;
	case WRITE: *(volatile uint64_t *)at = 0xc3c3c3c3c3c3c3c3; break;
	case JUMP: ((void (*)(void))at)(); break;
	}
}

void mf_main(const struct mf_event *ev)
{
	for (size_t i = 0; i < sizeof(strays) / sizeof(*strays); i++)
		if (mf_str_is(mf_payload(ev), strays[i].word)) {
			go_astray(&strays[i]);
			mf_reply_text("survived");
			return;
		}
	mf_reply_text("unknown");
}
