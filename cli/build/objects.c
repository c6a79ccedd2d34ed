/*
 * cli/build/objects.c - look at each object before it is linked: what a section
 * wants to be must be something that a guest has. The linker would refuse some
 * of it too, but can't say what to do instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build/build.h"
#include "cli/commands.h"
#include "cli/out.h"

#define OBJECT_MAX (256u << 20)

/* A section and those that begin with its name and a dot. */
static const struct {
	const char *name;
	uint64_t flags; /* of SHF_WRITE and SHF_EXECINSTR, what it must have */
	const char *is;
} places[] = {
	{".text", SHF_EXECINSTR, "code"},
	{".rodata", 0, "constants"},
	{".data", SHF_WRITE, "writable data"},
	{".bss", SHF_WRITE, "zeroed data"},
};

static const struct {
	const char *name, *hint;
} hints[] = {
	{".tdata",
		"holds thread-local variables (_Thread_local): a life has one thread, so use "
		"plain static ones"},
	{".tbss",
		"holds thread-local variables (_Thread_local): a life has one thread, so use "
		"plain static ones"},
	{".init_array", "holds a constructor: nobody would call it; do it in mf_init"},
	{".ctors", "holds a constructor: nobody would call it; do it in mf_init"},
	{".preinit_array", "holds a constructor: nobody would call it; do it in mf_init"},
	{".fini_array", "holds a destructor: a life is gone when it ends, so nobody would call it"},
	{".dtors", "holds a destructor: a life is gone when it ends, so nobody would call it"},
	{".lrodata", "is for the large code model: a guest uses the small one (-mcmodel=small)"},
	{".ldata", "is for the large code model: a guest uses the small one (-mcmodel=small)"},
	{".lbss", "is for the large code model: a guest uses the small one (-mcmodel=small)"},
};

static bool is_of(const char *section, const char *name)
{
	size_t n = strlen(name);

	return strncmp(section, name, n) == 0 && (section[n] == '\0' || section[n] == '.');
}

/* Taken out by service.ld: notes, unwinding tables. */
static bool is_dropped(const char *section)
{
	return is_of(section, ".note") || is_of(section, ".eh_frame") || is_of(section, ".gnu") ||
		is_of(section, ".comment");
}

static int unknown(const char *source, const char *section)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (is_of(section, hints[i].name))
			return out_say("build", STATUS_USAGE, "%s: section \"%s\" %s", source,
				section, hints[i].hint);
	return out_say("build", STATUS_USAGE,
		"%s: section \"%s\" has no place in a guest: there are .text, .rodata, .data and "
		".bss, "
		"and those with such a name and a dot in front, as in .data.mine",
		source, section);
}

static int check_section(const char *source, const struct elf_section *section)
{
	const uint64_t both = SHF_WRITE | SHF_EXECINSTR;
	uint64_t flags = section->header.sh_flags;

	if (strncmp(section->name, ".gnu.lto_", 9) == 0)
		return out_say("build", STATUS_USAGE,
			"%s: the compiler left code for a later stage (-flto), which is not linked "
			"here",
			source);
	if (!(flags & SHF_ALLOC) || section->header.sh_size == 0 || is_dropped(section->name))
		return STATUS_OK;
	if ((flags & both) == both)
		return out_say("build", STATUS_USAGE,
			"%s: section \"%s\" is writable and executable: no memory of a guest is "
			"both",
			source, section->name);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!is_of(section->name, places[i].name))
			continue;
		if (flags & SHF_TLS || (flags & both) != places[i].flags)
			return out_say("build", STATUS_USAGE,
				"%s: section \"%s\" has flags that don't fit its name: %s stands "
				"for %s",
				source, section->name, places[i].name, places[i].is);
		return STATUS_OK;
	}
	return unknown(source, section->name);
}

static int check_object(const struct build *b, size_t source, const uint8_t *bytes, size_t size)
{
	struct elf_section section;
	struct elf elf;
	int status = STATUS_OK;

	if (elf_open(&elf, bytes, size) || elf.header.e_machine != EM_X86_64 ||
		elf.header.e_type != ET_REL)
		return out_say("build", STATUS_FAILED,
			"%s: the compiler made no x86-64 object of it: what is CC?",
			b->source[source]);
	for (unsigned i = 0; status == STATUS_OK && elf_section(&elf, i, &section); i++)
		status = check_section(b->source[source], &section);
	return status;
}

int build_check_objects(const struct build *b)
{
	int status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < b->sources; i++) {
		char *path = build_object(b, i);
		uint8_t *bytes = NULL;
		size_t size = 0;
		int rc = path ? out_read_file(path, OBJECT_MAX, &bytes, &size) : -1;

		if (rc)
			status = out_say("build", STATUS_FAILED,
				"the compiler left no object of \"%s\"", b->source[i]);
		else
			status = check_object(b, i, bytes, size);
		free(bytes);
		free(path);
	}
	return status;
}
