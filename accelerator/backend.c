/* accelerator/backend.c - see backend.h */
#include "accelerator/backend.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
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

void *backend_library(const char *const *names, size_t count, char why[static BACKEND_TEXT])
{
	for (size_t i = 0; i < count; i++) {
		void *library = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);

		if (library)
			return library;
	}
	snprintf(why, BACKEND_TEXT, "%s", dlerror());
	return NULL;
}

int backend_symbols(void *library, const struct backend_symbol *symbols, size_t count,
	char why[static BACKEND_TEXT])
{
	for (size_t i = 0; i < count; i++) {
		void *found = dlsym(library, symbols[i].name);

		if (!found) {
			snprintf(why, BACKEND_TEXT, "the library has no %s", symbols[i].name);
			return -ENOSYS;
		}
		memcpy(symbols[i].to, &found, sizeof(found));
	}
	return 0;
}
