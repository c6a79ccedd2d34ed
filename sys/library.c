/* sys/library.c - see library.h */
#include "sys/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool find(void *library, const char *name, void *to)
{
	void *function = dlsym(library, name);

	memcpy(to, &function, sizeof(function)); /* C has no cast between the two kinds */
	return function != NULL;
}

int library_load(
	const struct library *library, void *to, void **handle, char *error, size_t error_size)
{
	*handle = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);
	if (!*handle) {
		snprintf(error, error_size, "can't load %s: %s: type apt-get install %s",
			library->name, dlerror(), library->package);
		return -ENOENT;
	}
	for (const struct library_function *f = library->functions; f->name; f++) {
		if (find(*handle, f->name, (char *)to + f->at))
			continue;
		snprintf(error, error_size, "can't use %s: it has no %s", library->file, f->name);
		library_drop(handle);
		return -ENOSYS;
	}
	return 0;
}

void library_drop(void **handle)
{
	dlclose(*handle);
	*handle = NULL;
}
