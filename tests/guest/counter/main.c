/*
 * counter - counts in .bss, in .data, on the heap and in what mf_init left. Every
 * life must reply "1 1001 1 101".
 */
#include <mayfly.h>

static unsigned in_bss, in_data = 1000, *in_heap, *from_init;

void mf_init(void)
{
	from_init = mf_alloc(sizeof(*from_init));
	*from_init = 100;
}

void mf_main(const struct mf_event *ev)
{
	char text[64];
	size_t n;

	(void)ev;
	in_heap = mf_alloc(sizeof(*in_heap));
	n = mf_format(
		text, sizeof(text), "%u %u %u %u", ++in_bss, ++in_data, ++*in_heap, ++*from_init);
	mf_reply_bytes(text, n);
}
