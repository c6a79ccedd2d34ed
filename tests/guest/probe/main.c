/*
 * The part of the probe that is an ordinary service; probe.h says what it is for.
 */
#include <mayfly.h>

#include "probe.h"

#define AT(type, member, offset)                                                                   \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
AT(probe_request, leave, REQUEST_LEAVE);
AT(probe_request, features, REQUEST_FEATURES);
AT(probe_request, ds, REQUEST_DS);
AT(probe_request, gs, REQUEST_GS);
AT(probe_request, cs32, REQUEST_CS32);
AT(probe_request, secret, REQUEST_SECRET);
AT(probe_request, flags, REQUEST_FLAGS);
AT(probe_request, target, REQUEST_TARGET);
AT(probe_request, rax, REQUEST_RAX);
AT(probe_request, rdx, REQUEST_RDX);
AT(probe_dump, general[7], DUMP_RSP);
AT(probe_dump, flags, DUMP_FLAGS);
AT(probe_dump, segments, DUMP_SEGMENTS);
AT(probe_dump, fs_base, DUMP_FS_BASE);
AT(probe_dump, gs_base, DUMP_GS_BASE);
AT(probe_dump, xcr0, DUMP_XCR0);
AT(probe_dump, xinuse, DUMP_XINUSE);
AT(probe_dump, hash, DUMP_HASH);
AT(probe_dump, xstate, DUMP_XSTATE);
_Static_assert(sizeof(struct probe_dump) == MF_PAGE, "probe_dump");

/* The request, and behind it the poison's stack. */
union probe_order {
	struct probe_request request;
	uint8_t bytes[ORDER_BYTES];
};

extern struct probe_dump probe_dump;
extern union probe_order probe_order;
_Noreturn void probe_poison(void);

struct probe_dump probe_dump __attribute__((aligned(MF_PAGE)));
union probe_order probe_order __attribute__((aligned(64)));

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);

	if (payload.n != sizeof(probe_order.request))
		mf_fail("the payload must be a struct probe_request");
	if (payload.p[0] == 'a') {
		mf_reply_bytes(&probe_dump, sizeof(probe_dump));
		return;
	}
	memcpy(&probe_order, payload.p, payload.n);
	if (probe_order.request.action != 'p' || probe_order.request.leave > PROBE_SPIN)
		mf_fail("unknown action or way to leave");
	probe_poison();
}
