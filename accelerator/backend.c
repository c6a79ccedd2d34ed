/* accelerator/backend.c - see backend.h */
#include "accelerator/backend.h"

#include <string.h>

#include "base/num.h"

const struct backend *backend_find(const char *name)
{
	static const struct backend *const all[] = {&backend_opencl, &backend_cuda};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

bool backend_wants(const char *want, unsigned number, const char *name)
{
	uint64_t n;

	if (want == NULL)
		return true;
	if (num_parse(mf_str_of(want, strlen(want)), &n))
		return n == number;
	return strstr(name, want) != NULL;
}

uint64_t backend_bytes(const struct gemm_shape *shape)
{
	return shape->a.dense + shape->b.dense + shape->c.dense;
}
