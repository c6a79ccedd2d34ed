/* sys/library.c - see library.h */
#include "sys/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int library_load(
	const struct library *library, void *to, void **handle, char *error, size_t error_size)
{
	void *function;

	*handle = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);
	if (!*handle) {
		snprintf(error, error_size, "can't load %s: %s: type apt-get install %s",
			library->name, dlerror(), library->package);
		return -ENOENT;
	}
	for (const struct library_function *f = library->functions; f->name; f++) {
		function = dlsym(*handle, f->name);
		if (!function) {
			snprintf(error, error_size, "can't use %s: it has no %s", library->file,
				f->name);
			library_drop(handle);
			return -ENOSYS;
		}
		/* C has no cast between pointers to functions and to data */
		memcpy((char *)to + f->at, &function, sizeof(function));
	}
	return 0;
}

void library_drop(void **handle)
{
	dlclose(*handle);
	*handle = NULL;
}
