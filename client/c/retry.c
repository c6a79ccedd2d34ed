/* client/c/retry.c - which failures may pass, and how long to wait for that. */
#include "client/c/inner.h"

#define FEW      3u /* attempts, where it is likely to fail again for the same reason */
#define PAUSE_NS UINT64_C(50000000)   /* doubled each time */
#define MOST_NS  UINT64_C(5000000000) /* up to this */

/* A hub says Retry-After where it makes sense: busy, starting, the first with this id still at work (409). Without
 * it 502 and 504 are lives that failed or were late, as they may do again; others in between say 503. */
static bool may_status(const struct outcome *o, unsigned attempts)
{
	switch (o->status) {
	case 429:
	case 503: return true;
	case 408:
	case 502:
	case 504: return o->retry_after || attempts < FEW;
	case 409: return o->retry_after;
	default: return false;
	}
}

bool retry_may(const struct outcome *o, unsigned flags, unsigned attempts)
{
	if ((flags & MAYFLY_ONE_TRY) || ((flags & MAYFLY_ONCE) && o->sent))
		return false;
	switch (o->error) {
	case MAYFLY_UNREACHABLE: return true;
	case MAYFLY_REFUSED: return may_status(o, attempts);
	default: return false;
	}
}

/* Between half of the time and all of it, so that many who lost the same hub don't come back at once. */
uint64_t retry_pause_ns(unsigned attempts, uint64_t retry_s, uint64_t random)
{
	unsigned doublings = attempts > 0 ? attempts - 1 : 0;
	uint64_t pause = doublings < 7 ? PAUSE_NS << doublings : MOST_NS;

	if (pause > MOST_NS)
		pause = MOST_NS;
	pause = pause / 2 + random % (pause / 2);
	if (retry_s > NEVER / 2 / UINT64_C(1000000000))
		return NEVER / 2;
	return retry_s ? retry_s * UINT64_C(1000000000) + pause / 4 : pause;
}
