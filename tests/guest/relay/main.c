/*
 * relay - emits to the address in the first line of its payload what stands behind it.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str text = mf_payload(ev);
	char *address = mf_alloc(text.n + 1);
	size_t n = 0;

	while (n < text.n && text.p[n] != '\n')
		n++;
	memcpy(address, text.p, n);
	address[n] = '\0';
	n += n < text.n;
	mf_emit_bytes(address, text.p + n, text.n - n, 1, false);
	mf_reply_text("sent\n");
}
