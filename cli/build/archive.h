/*
 * cli/build/archive.h - what libmayfly-os.a has: its index of symbols and the
 * names of its members (GNU ar's format). Damaged archives end the walk.
 */
#ifndef CLI_BUILD_ARCHIVE_H
#define CLI_BUILD_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct archive {
	uint8_t *bytes; /* owned */
	size_t size;
};

/* LIB/libmayfly-os.a; 0 or -errno. */
int archive_open(struct archive *archive, const char *lib);
void archive_close(struct archive *archive);

/* each(arg, name): a symbol, a member ("event__reply.o"); until it returns other than 0. */
int archive_symbols(
	const struct archive *archive, int (*each)(void *arg, const char *name), void *arg);
int archive_members(
	const struct archive *archive, int (*each)(void *arg, const char *name), void *arg);

/* "event__reply.o" is of module "event", "wire__dns.o" of "wire/dns", and so is every member of
 * base and arch a module of its own. False: the name is not of that kind. */
int archive_module(const char *member, char to[static 24]);

#endif
