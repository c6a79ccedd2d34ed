/*
 * tests/valgrind/processor.c - linked with --wrap=getauxval into what runs virtual machines under
 * valgrind, which hides features of the processor that it can't emulate. Guests run on the real one:
 * whoever starts valgrind says what that can in HWCAP2, as a number.
 */
#include <elf.h>
#include <stdlib.h>

unsigned long __wrap_getauxval(unsigned long type);
unsigned long __real_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
	const char *said = type == AT_HWCAP2 ? getenv("HWCAP2") : NULL;

	return said != NULL ? strtoul(said, NULL, 0) : __real_getauxval(type);
}
