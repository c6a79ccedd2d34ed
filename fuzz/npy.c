/*
 * fuzz/npy.c - arrays one after another, as a client of services/linalg sends them: the headers of wire/npy.h. What
 * is read and can be written is written, and read again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "wire/npy.h"

static void check(const struct npy *npy, size_t n)
{
	uint64_t elements = 1;

	MUST(npy->header <= n && npy->type < NPY_TYPES && npy->dims <= NPY_DIMS);
	for (unsigned i = 0; i < npy->dims; i++)
		if (npy->shape[i] == 0)
			elements = 0;
	for (unsigned i = 0; i < npy->dims && elements > 0; i++) {
		MUST(npy->shape[i] <= UINT64_MAX / elements);
		elements *= npy->shape[i];
	}
	MUST(npy->elements == elements);
	MUST(npy->bytes == (uint64_t)((unsigned __int128)elements * npy_size(npy->type)));
}

static void write_again(const struct npy *npy)
{
	uint8_t *to = malloc(NPY_WRITTEN);
	struct npy again;

	MUST(to != NULL);
	npy_write(npy->type, npy->fortran, npy->dims, npy->shape, to);
	MUST(npy_read(mf_str_of(to, NPY_WRITTEN), &again) == NULL);
	MUST(again.type == npy->type && again.fortran == npy->fortran && again.dims == npy->dims);
	MUST(memcmp(again.shape, npy->shape, npy->dims * sizeof(npy->shape[0])) == 0);
	MUST(again.header == NPY_WRITTEN && again.bytes == npy->bytes);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	uint8_t *bytes = fuzz_copy(input, n);
	struct mf_str rest = mf_str_of(bytes, n);
	struct npy npy;
	const uint8_t *elements;

	if (npy_read(rest, &npy) == NULL)
		check(&npy, n);
	while (rest.n > 0) {
		size_t before = rest.n;

		if (npy_next(&rest, &npy, &elements) != NULL) {
			MUST(rest.n == before);
			break;
		}
		check(&npy, before);
		MUST(elements + npy.bytes == rest.p && rest.p + rest.n == bytes + n);
		if (npy.type != NPY_OTHER && npy.dims <= 2)
			write_again(&npy);
	}
	free(bytes);
	return 0;
}
