/* cli/gdb/registers.c - see registers.h. The features, their registers and the order of these
 * are gdb's: "Debugging with GDB", appendix G.5.9. The last one is ours. */
#include "cli/gdb/registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum place { MAIN, FXSAVE, TAG, FAULT };

struct reg {
	const char *name, *type;
	uint16_t bits;
	uint8_t place; /* enum place */
	uint16_t at;   /* offset there, and how many bytes are taken from it */
	uint8_t taken;
};

#define GENERAL(name)                                                                              \
	{                                                                                          \
#name, "int64", 64, MAIN, offsetof(struct mfw_registers, name), 8                  \
	}
#define SEGMENT(name, at, taken)                                                                   \
	{                                                                                          \
		name, "int32", 32, MAIN, at, taken                                                 \
	}
#define X87(i)                                                                                     \
	{                                                                                          \
		"st" #i, "i387_ext", 80, FXSAVE, 32 + 16 * (i), 10                                 \
	}
#define CONTROL(name, at, taken)                                                                   \
	{                                                                                          \
		name, "int", 32, FXSAVE, at, taken                                                 \
	}
#define XMM(i)                                                                                     \
	{                                                                                          \
		"xmm" #i, "vec128", 128, FXSAVE, 160 + 16 * (i), 16                                \
	}

static const struct reg core[] = {
	GENERAL(rax),
	GENERAL(rbx),
	GENERAL(rcx),
	GENERAL(rdx),
	GENERAL(rsi),
	GENERAL(rdi),
	{"rbp", "data_ptr", 64, MAIN, offsetof(struct mfw_registers, rbp), 8},
	{"rsp", "data_ptr", 64, MAIN, offsetof(struct mfw_registers, rsp), 8},
	GENERAL(r8),
	GENERAL(r9),
	GENERAL(r10),
	GENERAL(r11),
	GENERAL(r12),
	GENERAL(r13),
	GENERAL(r14),
	GENERAL(r15),
	{"rip", "code_ptr", 64, MAIN, offsetof(struct mfw_registers, rip), 8},
	{"eflags", "i386_eflags", 32, MAIN, offsetof(struct mfw_registers, rflags), 4},
	SEGMENT("cs", offsetof(struct mfw_registers, cs), 4),
	SEGMENT("ss", offsetof(struct mfw_registers, ss), 4),
	SEGMENT("ds", 0, 0),
	SEGMENT("es", 0, 0),
	SEGMENT("fs", 0, 0),
	SEGMENT("gs", 0, 0),
	X87(0),
	X87(1),
	X87(2),
	X87(3),
	X87(4),
	X87(5),
	X87(6),
	X87(7),
	CONTROL("fctrl", 0, 2),
	CONTROL("fstat", 2, 2),
	{"ftag", "int", 32, TAG, 4, 1},
	CONTROL("fiseg", 0, 0),
	CONTROL("fioff", 8, 4),
	CONTROL("foseg", 0, 0),
	CONTROL("fooff", 16, 4),
	CONTROL("fop", 6, 2),
};
static const struct reg sse[] = {
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	{"mxcsr", "i386_mxcsr", 32, FXSAVE, 24, 4},
};
static const struct reg segments[] = {
	{"fs_base", "int64", 64, MAIN, offsetof(struct mfw_registers, fs_base), 8},
	{"gs_base", "int64", 64, MAIN, offsetof(struct mfw_registers, gs_base), 8},
};
static const struct reg life[] = {
	{"fault_address", "data_ptr", 64, FAULT, offsetof(struct gdb_state, fault_address), 8},
	{"fault_vector", "int64", 64, FAULT, offsetof(struct gdb_state, fault_vector), 8},
};

static const char flags[] =
	"<flags id=\"i386_eflags\" size=\"4\">"
	"<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"\" start=\"1\" end=\"1\"/>"
	"<field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/>"
	"<field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
	"<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/>"
	"<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" end=\"11\"/>"
	"</flags>";
static const char vectors[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
	"<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	"<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	"<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
	"</union><flags id=\"i386_mxcsr\" size=\"4\">"
	"<field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/>"
	"<field name=\"ZE\" start=\"2\" end=\"2\"/><field name=\"OE\" start=\"3\" end=\"3\"/>"
	"<field name=\"UE\" start=\"4\" end=\"4\"/><field name=\"PE\" start=\"5\" end=\"5\"/>"
	"<field name=\"DAZ\" start=\"6\" end=\"6\"/><field name=\"IM\" start=\"7\" end=\"7\"/>"
	"<field name=\"DM\" start=\"8\" end=\"8\"/><field name=\"ZM\" start=\"9\" end=\"9\"/>"
	"<field name=\"OM\" start=\"10\" end=\"10\"/><field name=\"UM\" start=\"11\" end=\"11\"/>"
	"<field name=\"PM\" start=\"12\" end=\"12\"/><field name=\"FZ\" start=\"15\" end=\"15\"/>"
	"</flags>";

#define COUNT(a) (unsigned)(sizeof(a) / sizeof((a)[0]))
static const struct feature {
	const char *name, *types;
	const struct reg *reg;
	unsigned count;
} features[] = {
	{"org.gnu.gdb.i386.core", flags, core, COUNT(core)},
	{"org.gnu.gdb.i386.sse", vectors, sse, COUNT(sse)},
	{"org.gnu.gdb.i386.segments", "", segments, COUNT(segments)},
	{"mayfly.life", "", life, COUNT(life)},
};
_Static_assert(COUNT(core) + COUNT(sse) + COUNT(segments) + COUNT(life) <= GDB_REGISTERS_MAX,
	"GDB_REGISTERS_MAX");

static const struct reg *find(unsigned i)
{
	for (unsigned f = 0; f < COUNT(features); f++) {
		if (i < features[f].count)
			return &features[f].reg[i];
		i -= features[f].count;
	}
	return NULL;
}

unsigned gdb_registers(void)
{
	unsigned n = 0;

	for (unsigned f = 0; f < COUNT(features); f++)
		n += features[f].count;
	return n;
}

unsigned gdb_register_bytes(unsigned i)
{
	const struct reg *r = find(i);

	return r == NULL ? 0 : r->bits / 8u;
}

static uint8_t *place_of(const struct gdb_state *state, const struct reg *r)
{
	switch (r->place) {
	case MAIN: return (uint8_t *)&state->debug->main + r->at;
	case FAULT: return (uint8_t *)(uintptr_t)state + r->at;
	default: return state->debug->fxsave + r->at;
	}
}

/* FXSAVE has one bit a register, gdb wants two as FSAVE has them: 3 is empty. The ones
 * between, zero and special, say nothing that the register itself doesn't. */
static uint32_t full_tag(uint8_t there)
{
	uint32_t tag = 0;

	for (unsigned i = 0; i < 8; i++)
		tag |= there >> i & 1 ? 0 : 3u << (2 * i);
	return tag;
}

static uint8_t brief_tag(uint32_t tag)
{
	uint8_t there = 0;

	for (unsigned i = 0; i < 8; i++)
		there |= (uint8_t)((tag >> (2 * i) & 3) != 3 ? 1u << i : 0);
	return there;
}

void gdb_register_get(const struct gdb_state *state, unsigned i, uint8_t *to)
{
	const struct reg *r = find(i);
	uint32_t tag;

	if (r == NULL)
		return;
	memset(to, 0, r->bits / 8u);
	if (r->place == TAG) {
		tag = full_tag(*place_of(state, r));
		memcpy(to, &tag, sizeof(tag));
	} else if (r->taken > 0) {
		memcpy(to, place_of(state, r), r->taken);
	}
}

bool gdb_register_set(struct gdb_state *state, unsigned i, const uint8_t *from)
{
	const struct reg *r = find(i);
	uint32_t tag;

	if (r == NULL || r->place == FAULT)
		return false;
	if (r->place == TAG) {
		memcpy(&tag, from, sizeof(tag));
		*place_of(state, r) = brief_tag(tag);
	} else if (r->taken > 0) {
		memcpy(place_of(state, r), from, r->taken);
	}
	return true;
}

char *gdb_target_xml(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	fputs("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
	      "<architecture>i386:x86-64</architecture>",
		f);
	for (unsigned i = 0; i < COUNT(features); i++) {
		fprintf(f, "<feature name=\"%s\">%s", features[i].name, features[i].types);
		for (unsigned k = 0; k < features[i].count; k++)
			fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>",
				features[i].reg[k].name, features[i].reg[k].bits,
				features[i].reg[k].type);
		fputs("</feature>", f);
	}
	fputs("</target>", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
