/* hub/weigh.c - see weigh.h */
#include "hub/weigh.h"

#include <stdio.h>

struct weigh_side weigh_since(const struct weigh_side *now, const struct weigh_side *before)
{
	struct weigh_side d = *now;

	d.lives -= before->lives;
	d.failures -= before->failures;
	d.run.sum_ns -= before->run.sum_ns;
	for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
		d.run.bucket[i] -= before->run.bucket[i];
	return d;
}

/* In ten thousandths. */
static uint64_t rate(const struct weigh_side *s)
{
	return s->lives > 0 ? s->failures * 10000 / s->lives : 0;
}

static bool fails_more(const struct weigh_side *new, const struct weigh_side *old,
	const struct weigh_limits *limits, char why[static WEIGH_WHY])
{
	if (new->failures < WEIGH_FAILURES || rate(new) <= rate(old) + limits->errors)
		return false;
	snprintf(why, WEIGH_WHY,
		"%llu of %llu lives failed (%.1f %%), of the old version's %llu of %llu (%.1f %%)",
		(unsigned long long)new->failures, (unsigned long long)new->lives,
		(double)rate(new) / 100, (unsigned long long)old->failures,
		(unsigned long long)old->lives, (double)rate(old) / 100);
	return true;
}

static bool is_slower(const char *what, uint64_t is, uint64_t was, uint64_t percent, uint64_t least,
	char why[static WEIGH_WHY])
{
	if (is < was + least || is * 100 <= was * percent)
		return false;
	snprintf(why, WEIGH_WHY, "%s runs for %.1f ms, of the old version's for %.1f ms", what,
		(double)is / 1e6, (double)was / 1e6);
	return true;
}

bool weigh_is_worse(const struct weigh_side *new, const struct weigh_side *old,
	const struct weigh_limits *limits, char why[static WEIGH_WHY])
{
	const uint64_t n = histogram_count(&new->run), m = histogram_count(&old->run);
	const uint64_t fewer = n < m ? n : m;

	if (fails_more(new, old, limits, why))
		return true;
	if (limits->slower == 0 || fewer == 0 || fewer < limits->least)
		return false;
	if (is_slower("half of its lives", histogram_quantile(&new->run, 500),
		    histogram_quantile(&old->run, 500), limits->slower, WEIGH_MEDIAN_NS, why))
		return true;
	return fewer >= WEIGH_SLOWEST &&
		is_slower("the slowest of a hundred lives", histogram_quantile(&new->run, 990),
			histogram_quantile(&old->run, 990), 2 * (uint64_t)limits->slower,
			WEIGH_SLOWEST_NS, why);
}
