/*
 * cli/build/build.h - what the steps of `mayfly build` pass on: from a directory with
 * mayfly.yaml and sources to NAME.mfy and NAME.debug.
 *
 * Every step returns an exit status (0, STATUS_...), having said on stderr what is
 * wrong. struct build owns all that it points to; build_free frees it, and
 * removes the directory of objects.
 */
#ifndef CLI_BUILD_BUILD_H
#define CLI_BUILD_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/elf.h"
#include "image/image.h"
#include "image/manifest.h"

#define BUILD_MODULES 256

struct build {
	const char *dir;     /* as the user typed it, without a slash at its end */
	char *out;           /* NAME.mfy, or NAME+VARIANT.mfy */
	const char *variant; /* --variant; NULL: for any processor */
	char *lib;           /* where libmayfly-os.a, service.ld, cflags and include/ lie */
	char *temp;          /* a directory of our own for objects */

	char *manifest_path;
	uint8_t *manifest_text;
	size_t manifest_size;
	struct manifest manifest;
	bool posix; /* the manifest names that module: musl is there */

	char **source; /* names in dir, sorted */
	size_t sources;

	uint8_t *linked; /* the linked ELF file, which becomes NAME.debug */
	size_t linked_size;
	struct elf elf;

	struct image image; /* what image_write is given */
	uint8_t *padded;    /* the data segment, if it had to be moved */
	struct mfi_module module[BUILD_MODULES];
};

/* sources.c: mayfly.yaml, the list of sources, what each object may hold. */
int build_read_manifest(struct build *b);
int build_list_sources(struct build *b);
int build_compile(struct build *b);
/* temp/main.c.o; malloc'ed */
char *build_object(const struct build *b, size_t source);

/* objects.c: refuses sections that would have no place, or the wrong one. */
int build_check_objects(const struct build *b);

/* link.c: objects and libmayfly-os.a to b->linked, with a map at temp/map. */
int build_link(struct build *b);
uint64_t build_data_address(const struct build *b);

/* undefined.c: explains what the linker said, one line a mistake. */
int build_explain_link(const struct build *b, const char *output);
/* Is it that name? A '*' in the pattern stands for any letters. */
bool build_matches(const char *pattern, const char *name);

/* ban.c: refuses instructions that would tell two equal lives apart. */
int build_check_instructions(const struct build *b);

/* modules.c: refuses a manifest that names modules which the library OS hasn't. */
int build_check_modules(struct build *b);

/* posix.c: the module posix, and archives for it, LIB/posix/libNAME.a, which are modules too. */
bool build_is_archive(const struct build *b, const char *module);
/* malloc'ed; NULL: no memory. LIB/posix/VARIANT/libNAME.a where there is one. */
char *build_archive(const struct build *b, const char *module);
/* variant.c: refuses --variant where the manifest doesn't name it, or none of the modules was built for it. */
int build_check_variant(struct build *b);
/* MFI_CPU bits of all its archives into *bits: what libNAME.features beside each says, one name a line. */
int build_processor(const struct build *b, uint64_t *bits);
/* Sets b->posix; refuses what posix can't be linked with. */
int build_check_posix(struct build *b);
/* Where the compiler's own headers lie, malloc'ed; NULL: it doesn't say. */
char *build_compiler_file(const char *question);
/* What there is instead of a function that musl has and posix leaves out; NULL: nothing is known. */
const char *build_posix_hint(const char *name);

/* map.c: b->module from the linker's map. */
int build_modules(struct build *b);

/* image.c: segments, note and grants into b->image. */
int build_describe(struct build *b);
/* The budget: b->image as bytes of `size`; the last build at b->out may tell what grew. */
int build_check_budget(const struct build *b, size_t size);

/* copyright.c: what libraries in it want to be told, if there are any, into the file `path`. */
int build_write_copyright(const struct build *b, const char *path);

/* tools.c: other programs and our own files. */
struct tool_output {
	char *text; /* stdout and stderr, zero-terminated; owned by the caller */
	size_t size;
};
/* Runs argv (NULL-terminated, looked up in PATH). With output NULL its stdout and stderr are our
 * stderr. Its exit status; or -errno, having said so, if it couldn't be started, or -EINTR if a
 * signal ended it. */
int tool_run(char *const *argv, struct tool_output *output);
/* Calls line(arg, text) for each line that it prints; stops reading when that isn't 0. */
int tool_lines(char *const *argv, int (*line)(void *arg, char *text), void *arg);
/* The directory of the library OS: $MAYFLY_LIB, lib beside this program, or ../lib/mayfly. */
char *tool_lib(void);
/* Words of an environment variable, or of `otherwise`, as arguments. Appends to argv (room for
 * `room`), returns how many; their bytes lie in *owned, malloc'ed. */
size_t tool_words(
	const char *variable, const char *otherwise, char **argv, size_t room, char **owned);

#endif
