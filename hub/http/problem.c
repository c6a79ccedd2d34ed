/* hub/http/problem.c - problem details. */
#include "hub/http/problem.h"

#include <stdio.h>
#include <string.h>

#include "hub/http/response.h"

static const struct problem problems[REFUSALS] = {
	/* retry_after: 1 where a try may make sense later; service_retry_ns says when */
	[REFUSED_BUSY] = {503, 1, "the service has more to do than it may queue"},
	[REFUSED_DOWN] = {503, 1, "the service can't be started at the moment"},
	[REFUSED_STOPPING] = {503, 1, "the hub is stopping"},
	[REFUSED_TOO_BIG] = {413, 0, "the request is larger than the service takes"},
	[REFUSED_LATE] = {504, 0, "the service didn't answer in time"},
	[REFUSED_FAILED] = {502, 0, "the service failed at this request"},
	[REFUSED_MEMORY] = {507, 0, "the service needed more memory than it may have"},
	[REFUSED_DENIED] = {403, 0, "the service asked for what it may not have"},
	[REFUSED_OPEN] = {503, 1, "the service fails again and again, and isn't tried for a while"},
	[REFUSED_STORE] = {503, 1, "the hub can't write its database at the moment"},
	[REFUSED_FULL] = {503, 1, "the hub has more to do than it has memory for"},
	[REFUSED_UNPAID] = {402, 0, "it isn't paid for"},
};

const struct problem *problem_of(enum refusal why)
{
	return &problems[why];
}

const char *problem_word(struct mf_str word, char to[static PROBLEM_WORD])
{
	const bool whole = word.n < PROBLEM_WORD;
	const size_t n = whole ? word.n : PROBLEM_WORD - 4;

	for (size_t i = 0; i < n; i++) {
		const uint8_t c = word.p[i];

		to[i] = (char)(c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
	}
	memcpy(to + n, "...", 4);
	if (whole)
		to[n] = '\0';
	return to;
}

size_t problem_write(const struct problem *problem, const char *members, const char *event,
	char to[static PROBLEM_MOST])
{
	int n = snprintf(to, PROBLEM_MOST,
		"{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\"%s,"
		"\"id\":\"%s\"}\n",
		response_reason(problem->status), problem->status, problem->detail,
		members ? members : "", event);

	return n < 0 ? 0 : (size_t)n < PROBLEM_MOST ? (size_t)n : PROBLEM_MOST - 1;
}
