/*
 * init-clear - mf_init zeroes a whole page that the image fills. Every life must find it so:
 * it replies with the number of bytes there that are not zero.
 */
#include <mayfly.h>

static uint8_t filled[2 * MF_PAGE]
	__attribute__((aligned(MF_PAGE))) = {[0 ... 2 * MF_PAGE - 1] = 0x5a};

void mf_init(void)
{
	memset(filled, 0, sizeof(filled));
}

void mf_main(const struct mf_event *ev)
{
	const volatile uint8_t *p = filled;
	char text[16];
	unsigned n = 0;

	(void)ev;
	for (size_t i = 0; i < sizeof(filled); i++)
		n += p[i] != 0;
	mf_reply_bytes(text, mf_format(text, sizeof(text), "%u", n));
}
