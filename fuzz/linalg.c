/*
 * fuzz/linalg.c - a request to services/linalg from anybody: its operation, options, arrays, and how much memory the life has; and what
 * a hub asks that wants a plan. LAPACK is the machine's own.
 */
/* with: services/linalg/accelerate.c services/linalg/answer.c services/linalg/lapack.c services/linalg/matrix.c services/linalg/ops.c services/linalg/ops_factor.c services/linalg/ops_product.c services/linalg/ops_solve.c services/linalg/ops_spectral.c services/linalg/options.c services/linalg/plan.c services/linalg/plan_ask.c services/linalg/plan_split.c services/linalg/problem.c services/linalg/strassen.c */
/* link: -Xlinker --no-as-needed -llapack -lblas -lm -Xlinker --as-needed */
/* libfuzzer: -max_len=6000 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "services/linalg/ops.h"
#include "services/linalg/plan.h"
#include "services/linalg/strassen.h"

#define GUARD 64u

static const char *const queries[] = {"", "transa=t&transb=c&order=c", "mode=complete", "mode=raw",
	"full=1", "vectors=0", "assume=symmetric", "assume=positive&uplo=u", "assume=upper",
	"trans=t&uplo=u", "alpha=nan&beta=2", "algorithm=strassen"};

/* Results are whole arrays within the memory; a problem is JSON. */
static void check(const struct answer *answer, const uint8_t *output, size_t capacity)
{
	struct mf_str rest = mf_str_of(output, answer->bytes);
	const uint8_t *elements;
	struct npy npy;
	char text[1536];
	json_t *json;
	size_t n;

	for (size_t i = 0; i < GUARD; i++)
		MUST(output[capacity + i] == 0x55);
	if (answer->problem.status == 0) {
		MUST(answer->bytes > 0 && answer->bytes <= capacity);
		while (rest.n > 0)
			MUST(npy_next(&rest, &npy, &elements) == NULL);
		return;
	}
	MUST(answer->problem.status >= 400 && answer->problem.status < 500);
	n = problem_text(&answer->problem, MF_STR("id"), text, sizeof(text));
	json = json_loadb(text, n, 0, NULL);
	MUST(json != NULL);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	const char *op = ops[feed_8(&feed) % ops_count].name;
	const char *query = queries[feed_8(&feed) % (sizeof(queries) / sizeof(queries[0]))];
	size_t capacity = (size_t)feed_8(&feed) * 256;
	uint8_t *output = aligned_alloc(64, capacity + GUARD), *body = fuzz_copy(feed.p, feed.n);
	char path[64];
	struct request request = {.method = MF_STR("POST"), .output = output, .capacity = capacity};
	struct answer answer;

	MUST(output != NULL);
	strassen_least = 2;
	memset(output, 0, capacity);
	memset(output + capacity, 0x55, GUARD);
	snprintf(path, sizeof(path), "/linalg/%s", op);
	request.path = mf_str_of(path, strlen(path));
	request.query = mf_str_of(query, strlen(query));
	request.body = mf_str_of(body, feed.n);
	linalg_answer(&request, &answer);
	check(&answer, output, capacity);
	linalg_plan(&request, &answer);
	MUST(answer.problem.status != 0 || answer.bytes < capacity);
	free(output);
	free(body);
	return 0;
}
