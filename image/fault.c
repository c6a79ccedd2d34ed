/* image/fault.c - see fault.h */
#include "image/fault.h"

#include <stddef.h>

#include "abi/worker.h"

struct exception {
	const char *brief, *full;
};
/* Intel SDM volume 3, table 6-1 */
static const struct exception exceptions[] = {
	[0] = {"#DE", "division error"},
	[1] = {"#DB", "debug exception"},
	[2] = {"NMI", "non-maskable interrupt"},
	[3] = {"#BP", "breakpoint"},
	[4] = {"#OF", "overflow"},
	[5] = {"#BR", "bound range exceeded"},
	[6] = {"#UD", "invalid instruction"},
	[7] = {"#NM", "no such device"},
	[8] = {"#DF", "double fault"},
	[10] = {"#TS", "invalid TSS"},
	[11] = {"#NP", "segment not present"},
	[12] = {"#SS", "stack segment fault"},
	[13] = {"#GP", "general protection fault: a privileged instruction or a bad address"},
	[FAULT_PAGE] = {"#PF", "page fault"},
	[16] = {"#MF", "x87 floating-point error"},
	[17] = {"#AC", "alignment check"},
	[18] = {"#MC", "machine check"},
	[19] = {"#XM", "SIMD floating-point error"},
	[20] = {"#VE", "virtualization exception"},
	[21] = {"#CP", "control protection exception"},
};
#define EXCEPTIONS (sizeof exceptions / sizeof exceptions[0])

const char *fault_short(uint32_t vector)
{
	if (vector == MFW_VECTOR_EXIT)
		return "exit";
	return vector < EXCEPTIONS && exceptions[vector].brief ? exceptions[vector].brief : "#??";
}

const char *fault_long(uint32_t vector)
{
	if (vector == MFW_VECTOR_EXIT)
		return "it left in a way that is not the gate";
	return vector < EXCEPTIONS && exceptions[vector].full ? exceptions[vector].full
							      : "an exception of no name";
}

struct region {
	uint64_t from, to;
	const char *words;
};
static const struct region regions[] = {
	{0, MF_PAGE, "page zero: a null pointer?"},
	{MF_PAGE, MF_ADDR_GATE, "below the map: a null pointer with an offset?"},
	{MF_ADDR_GATE, MF_ADDR_SYSTEM, "gate and stub: a life may only call them"},
	{MF_ADDR_SYSTEM, MF_ADDR_INFO, "the monitor's own pages"},
	{MF_ADDR_INFO, MF_ADDR_TEXT, "info: a life may only read it"},
	{MF_ADDR_TEXT, MF_ADDR_TEXT_END, "code and constants: a life may not write them"},
	{MF_ADDR_DATA, MF_ADDR_DATA_END, "attached data: a life may only read it"},
	{MF_ADDR_INIT, MF_ADDR_INIT_END, "what mf_init left: a life may only read it"},
	{MF_ADDR_INPUT, MF_ADDR_INPUT_END, "the input blob, or past its end"},
	{MF_ADDR_OUTPUT, MF_ADDR_OUTPUT_END, "the output blob, or past its end"},
};

const char *fault_place(const struct image *image, uint64_t address)
{
	uint64_t guard = image_guard_at(image);

	if (address >= guard && address < guard + MF_PAGE)
		return "the guard page: the stack is full; recursion, or raise memory.stack";
	if (address >= MF_ADDR_WINDOW && address < image_window_end(image))
		return "the window: data, which can't be executed";
	if (address >= image_window_end(image) && address < MF_ADDR_WINDOW_END)
		return "past the end of the window";
	for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
		if (address >= regions[i].from && address < regions[i].to)
			return regions[i].words;
	return "nothing is there";
}
