/*
 * flags - replies, sets flags of the processor and leaves with them set; the payload
 * says which. With `tf` it gets a debug exception instead.
 */
#include <mayfly.h>

static const struct {
	const char *word;
	uint64_t bits;
} words[] = {
	{"none", 0},
	{"tf", 1u << 8},
	{"if", 1u << 9},
	{"df", 1u << 10},
	{"iopl", 3u << 12},
	{"nt", 1u << 14},
	{"rf", 1u << 16},
	{"vm", 1u << 17},
	{"ac", 1u << 18},
	{"vif", 1u << 19},
	{"id", 1u << 21},
	{"arithmetic", 0x8d5},
	{"most", 0x244ed7},
};

static void leave_with(uint64_t bits)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	struct mf_effects *effects = (struct mf_effects *)(MF_ADDR_WINDOW + info->event_bytes);

	effects->outcome = MF_OUTCOME_OK;
	__asm__ volatile("push %0\n\t"
			 "popfq\n\t"
			 "jmp *%1"
			 :
			 : "r"(bits | 0x202), "r"(MF_ADDR_GATE), "D"(MF_OP_END), "S"(0)
			 : "memory");
	__builtin_unreachable();
}

void mf_main(const struct mf_event *ev)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (mf_str_is(mf_payload(ev), words[i].word)) {
			mf_reply_text("set");
			leave_with(words[i].bits);
		}
	mf_reply_text("unknown");
}
