/*
 * tests/unit/hub/jobs/plans.h - plans for tests, from JSON with ' for ".
 */
#ifndef TESTS_UNIT_HUB_JOBS_PLANS_H
#define TESTS_UNIT_HUB_JOBS_PLANS_H

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/plan.h"

static inline json_t *plans_json(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(copy, 0, NULL);
	free(copy);
	return json;
}

static inline int plans_read(struct job_plan *plan, const char *text,
	const struct job_limits *limits, char error[static JOB_PLAN_ERROR])
{
	json_t *json = plans_json(text);
	int e = json ? job_plan_read(plan, json, limits, error) : -ENODATA;

	json_decref(json);
	return e;
}

#endif
