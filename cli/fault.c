/* cli/fault.c - see fault.h */
#include <stddef.h>

#include "cli/fault.h"

void fault_print(
	FILE *to, const struct image *image, const struct symbols *symbols, const struct life *life)
{
	char name[128];

	fprintf(to, "  exception  %s  %s\n", fault_short(life->vector), fault_long(life->vector));
	fprintf(to, "  at         0x%llx  %s\n", (unsigned long long)life->address,
		symbols_name(symbols, life->address, name, sizeof name));
	if (life->vector == FAULT_PAGE)
		fprintf(to, "  touched    0x%llx  %s\n", (unsigned long long)life->touched,
			fault_place(image, life->touched));
	if (symbols == NULL)
		fprintf(to, "  (no function names: NAME.debug isn't beside the image)\n");
}
