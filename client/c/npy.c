/* client/c/npy.c - heads of .npy arrays, in the words of mayfly-client.h. */
#include "wire/npy.h"

#include <string.h>

#include "client/c/mayfly-client.h"

_Static_assert(MAYFLY_NPY_HEAD == NPY_WRITTEN && MAYFLY_NPY_DIMS == NPY_DIMS, "as it is written");

static const struct {
	char kind;
	unsigned item;
} kinds[NPY_OTHER] = {
	[NPY_F4] = {'f', 4},
	[NPY_F8] = {'f', 8},
	[NPY_C8] = {'c', 8},
	[NPY_C16] = {'c', 16},
	[NPY_I4] = {'i', 4},
	[NPY_I8] = {'i', 8},
};

enum mayfly_error mayfly_npy_head(const struct mayfly_npy *array, void *to)
{
	unsigned type = 0;

	while (type < NPY_OTHER &&
		(kinds[type].kind != array->kind || kinds[type].item != array->item))
		type++;
	if (type == NPY_OTHER || array->dimensions > 2)
		return MAYFLY_WRONG;
	for (unsigned i = 0; i < array->dimensions; i++)
		if (array->shape[i] > INT64_MAX)
			return MAYFLY_WRONG;
	npy_write((enum npy_type)type, array->fortran != 0, array->dimensions, array->shape, to);
	return MAYFLY_OK;
}

enum mayfly_error mayfly_npy_read(const void *bytes, uint64_t n, struct mayfly_npy *array)
{
	struct npy npy;

	memset(array, 0, sizeof(*array));
	if (npy_read(mf_str_of(bytes, n), &npy) || npy.type == NPY_OTHER)
		return MAYFLY_WRONG;
	*array = (struct mayfly_npy){.kind = kinds[npy.type].kind,
		.item = kinds[npy.type].item,
		.fortran = npy.fortran,
		.dimensions = npy.dims,
		.head = npy.header,
		.bytes = npy.bytes};
	memcpy(array->shape, npy.shape, sizeof(array->shape));
	return npy.bytes > n - npy.header ? MAYFLY_TOO_LARGE : MAYFLY_OK;
}
