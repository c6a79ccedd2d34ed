/*
 * who - says who asked, as the hub says it, and what the client said.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	static const char *const names[] = {
		MF_CLIENT, "authorization", "x-said", "content-encoding"};
	const size_t size = 4096;
	char *text = mf_alloc(size);
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct mf_str value = mf_attribute(ev, names[i]);

		n += mf_format(text + n, size - n, "%s=%.*s%s\n", names[i], (int)value.n,
			(const char *)value.p, value.p ? "" : "(absent)");
	}
	n += mf_format(text + n, size - n, "bytes=%zu\n", mf_payload(ev).n);
	mf_reply(200, "text/plain", text, n);
}
