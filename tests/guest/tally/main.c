/*
 * tally - counts the lines of its payload, for debuggers to look at. One that begins with '!' ends
 * in a write to a low address, three calls deep; with '@' in a loop that only a debugger ends.
 */
#include <mayfly.h>

struct tally {
	uint32_t lines, longest;
	const char *what;
};

static struct tally tally = {.what = "payload"};
static volatile int spinning = 1;

static __attribute__((noipa)) void count(struct tally *t, struct mf_str text)
{
	uint32_t length = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n') {
			t->lines++;
			t->longest = length > t->longest ? length : t->longest;
			length = 0;
		} else {
			length++;
		}
	}
}

static __attribute__((noipa)) void poke(volatile uint32_t *at, uint32_t value)
{
	*at = value;
}

static __attribute__((noipa)) void fall(const struct tally *t)
{
	poke((volatile uint32_t *)(uintptr_t)(t->lines * 16), t->longest);
	__asm__ volatile(""); /* it returns here */
}

static __attribute__((noipa)) void spin(void)
{
	while (spinning)
		;
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str text = mf_payload(ev);

	count(&tally, text);
	if (text.n > 0 && text.p[0] == '!')
		fall(&tally);
	if (text.n > 0 && text.p[0] == '@')
		spin();
	mf_reply_text("counted\n");
}
