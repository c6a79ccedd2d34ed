/*
 * bad-effects - replies, then spoils what it wrote; the payload says how. Replies
 * "unknown" if it doesn't know the word, "good" if the word is "good".
 */
#include <mayfly.h>

static struct mf_effects *head(void)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;

	return (struct mf_effects *)(MF_ADDR_WINDOW + info->event_bytes);
}

static struct mf_effect *first(void)
{
	return (struct mf_effect *)(head() + 1);
}

static _Noreturn void leave(uint32_t outcome)
{
	head()->outcome = outcome;
	((uint64_t(*)(uint64_t, uint64_t))MF_ADDR_GATE)(MF_OP_END, 0);
	__builtin_trap();
}

static void nothing(void)
{
}

/* --- the head */
static void bytes_beyond(void)
{
	head()->bytes = ((const struct mf_info *)MF_ADDR_INFO)->effects_bytes + 8;
}

static void bytes_huge(void)
{
	head()->bytes = UINT32_MAX;
}

static void bytes_zero(void)
{
	head()->bytes = 0;
}

static void bytes_odd(void)
{
	head()->bytes += 3;
}

static void bytes_more(void)
{
	head()->bytes += 64;
}

static void count_more(void)
{
	head()->count++;
}

static void count_huge(void)
{
	head()->count = UINT32_MAX;
}

static void count_less(void)
{
	head()->count--;
}

static void outcome_none(void)
{
	leave(MF_OUTCOME_NONE);
}

static void outcome_unknown(void)
{
	leave(77);
}

static void outcome_memory(void)
{
	leave(MF_OUTCOME_MEMORY);
}

/* --- the record */
static void size_zero(void)
{
	first()->size = 0;
}

static void size_small(void)
{
	first()->size -= 8;
}

static void size_huge(void)
{
	first()->size = UINT32_MAX - 7;
}

static void kind_zero(void)
{
	first()->kind = 0;
}

static void kind_unknown(void)
{
	first()->kind = 4711;
}

static void flag_unknown(void)
{
	first()->flags = 0x8000;
}

static void flag_stray(void)
{
	first()->flags = MF_EFFECT_RETAIN;
}

static void status_bad(void)
{
	first()->status = 99999;
}

static void length_huge(void)
{
	first()->len[MF_FIELD_BODY] = UINT32_MAX;
}

static void length_wraps(void)
{
	for (unsigned f = 0; f < MF_FIELDS; f++)
		first()->len[f] = 0x80000000;
}

static void field_stray(void)
{
	first()->len[MF_FIELD_NAME] = first()->len[MF_FIELD_BODY];
	first()->len[MF_FIELD_BODY] = 0;
}

static void reserved(void)
{
	first()->reserved = 1;
}

static void value_stray(void)
{
	first()->value = 1;
}

static void extra_stray(void)
{
	first()->extra = 1;
}

static void padding(void)
{
	((uint8_t *)first())[first()->size - 1] = 1;
}

static void blob_and_body(void)
{
	first()->flags = MF_EFFECT_BLOB;
	first()->value = 4096;
}

static void second_reply(void)
{
	mf_reply_text("again");
}

static void not_granted(void)
{
	mf_emit("home/door", "open");
}

static void header_split(void)
{
	head()->bytes = sizeof(struct mf_effects);
	head()->count = 0;
	mf_reply_header("X-Name", "value\r\nSet-Cookie: a=b\r\n\r\nbody");
	mf_reply_text("split");
}

static const struct {
	const char *word;
	void (*spoil)(void);
} spoils[] = {
	{"good", nothing},
	{"bytes-beyond", bytes_beyond},
	{"bytes-huge", bytes_huge},
	{"bytes-zero", bytes_zero},
	{"bytes-odd", bytes_odd},
	{"bytes-more", bytes_more},
	{"count-more", count_more},
	{"count-huge", count_huge},
	{"count-less", count_less},
	{"outcome-none", outcome_none},
	{"outcome-unknown", outcome_unknown},
	{"outcome-memory", outcome_memory},
	{"size-zero", size_zero},
	{"size-small", size_small},
	{"size-huge", size_huge},
	{"kind-zero", kind_zero},
	{"kind-unknown", kind_unknown},
	{"flag-unknown", flag_unknown},
	{"flag-stray", flag_stray},
	{"status-bad", status_bad},
	{"length-huge", length_huge},
	{"length-wraps", length_wraps},
	{"field-stray", field_stray},
	{"reserved", reserved},
	{"value-stray", value_stray},
	{"extra-stray", extra_stray},
	{"padding", padding},
	{"blob-and-body", blob_and_body},
	{"second-reply", second_reply},
	{"not-granted", not_granted},
	{"header-split", header_split},
};

void mf_main(const struct mf_event *ev)
{
	for (size_t i = 0; i < sizeof(spoils) / sizeof(*spoils); i++)
		if (mf_str_is(mf_payload(ev), spoils[i].word)) {
			mf_reply_text("good");
			spoils[i].spoil();
			return;
		}
	mf_reply_text("unknown");
}
