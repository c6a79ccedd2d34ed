/*
 * large - a window of 4 MiB. The payload is a list of page numbers of the heap
 * ("0 17 900") or "all"; a life adds one to a word of each and replies with how many
 * it touched and how many of those held anything else than 0 before ("3 0").
 */
#include <mayfly.h>

static uint64_t pages, touched, dirty;

static void touch(uint64_t page)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	uint64_t at = info->heap_addr + page * MF_PAGE + page % 500 * 8;

	if (at + 8 > info->heap_end)
		mf_fail("there are only %llu pages", (unsigned long long)pages);
	touched++;
	dirty += (*(uint64_t *)at)++ != 0;
}

static void touch_list(struct mf_str list)
{
	uint64_t page = 0;
	bool digits = false;

	for (size_t i = 0; i < list.n; i++)
		if (list.p[i] >= '0' && list.p[i] <= '9') {
			page = page * 10 + (uint64_t)(list.p[i] - '0');
			digits = true;
		} else if (digits) {
			touch(page);
			page = 0;
			digits = false;
		}
	if (digits)
		touch(page);
}

void mf_main(const struct mf_event *ev)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	char text[64];
	size_t n;

	pages = (info->heap_end - info->heap_addr) / MF_PAGE;
	if (mf_str_is(mf_payload(ev), "all"))
		for (uint64_t page = 0; page < pages; page++)
			touch(page);
	else
		touch_list(mf_payload(ev));
	n = mf_format(text, sizeof(text), "%llu %llu", (unsigned long long)touched,
		(unsigned long long)dirty);
	mf_reply_bytes(text, n);
}
