/*
 * init-large - a window that is put back by the pages ever written, and an mf_init that writes to some of
 * them: in .bss, far apart in the heap, in .data, of which it zeroes a page that the image fills, and in the init
 * area. A life replies with the number of words that aren't as mf_init left them, and spoils
 * them; and other pages, if the payload is "more".
 */
#include <mayfly.h>

#define PAGES 600u /* of the heap */
#define APART 37u

static uint8_t filled[4 * MF_PAGE]
	__attribute__((aligned(MF_PAGE))) = {[0 ... 4 * MF_PAGE - 1] = 0x5a};
static uint64_t *heap, *kept, some;

void mf_init(void)
{
	heap = mf_alloc(PAGES * MF_PAGE);
	kept = mf_init_alloc(2 * MF_PAGE);
	memset(filled + MF_PAGE, 0, MF_PAGE);
	filled[3 * MF_PAGE] = 1;
	for (unsigned page = 0; page < PAGES; page += APART)
		heap[page * MF_PAGE / 8] = page + 1;
	kept[MF_PAGE / 8] = 7;
	some = 9;
}

static unsigned wrong;

static void expect(bool right)
{
	wrong += !right;
}

static void look(void)
{
	for (unsigned i = 0; i < sizeof(filled); i++)
		expect(filled[i] == (i == 3 * MF_PAGE ? 1 : i / MF_PAGE == 1 ? 0 : 0x5a));
	for (unsigned page = 0; page < PAGES; page++)
		expect(heap[page * MF_PAGE / 8] == (page % APART == 0 ? page + 1 : 0));
	expect(kept[0] == 0 && kept[MF_PAGE / 8] == 7 && some == 9);
}

void mf_main(const struct mf_event *ev)
{
	bool more = mf_str_is(mf_payload(ev), "more");
	char text[16];

	look();
	for (unsigned page = 0; page < PAGES; page += more ? 1 : 2 * APART)
		heap[page * MF_PAGE / 8] = ~0u;
	memset(filled, 0x77, sizeof(filled));
	some = 1;
	mf_reply_bytes(text, mf_format(text, sizeof(text), "%u", wrong));
}
