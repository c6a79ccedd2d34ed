/* cli/gdb/session.c - see session.h. Packets: "Debugging with GDB", appendix E. */
#include "cli/gdb/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gdb/monitor.h"
#include "cli/gdb/registers.h"
#include "image/fault.h"

#define DATA_MOST ((GDB_PACKET_MAX - 16) / 2) /* bytes that fit a packet as digits */

/* gdb's own numbers of signals */
enum {
	GDB_SIGINT = 2,
	GDB_SIGILL = 4,
	GDB_SIGTRAP = 5,
	GDB_SIGFPE = 8,
	GDB_SIGBUS = 10,
	GDB_SIGSEGV = 11,
	GDB_SIGSYS = 12
};

struct session {
	struct gdb_link *link;
	struct debug *debug;
	const struct image *image;
	struct gdb_state state;
	struct debug_stop stop; /* where it stands */
	char *xml;              /* target.xml, once it was asked for */
	char reply[GDB_PACKET_MAX];
	size_t size; /* of it */
};

/* ----------------------------------------------------------------- answers */

static enum gdb_end say(struct session *s, const char *text)
{
	s->size = strlen(text);
	memcpy(s->reply, text, s->size);
	return GDB_GOES_ON;
}

/* gdb shows the number and knows no meaning of it. */
static enum gdb_end refuse(struct session *s, int err)
{
	s->size = (size_t)snprintf(s->reply, sizeof(s->reply), "E%02x", (unsigned)err & 0xff);
	return GDB_GOES_ON;
}

static int signal_of(const struct debug_stop *stop)
{
	if (stop->why == DEBUG_WOKEN)
		return GDB_SIGINT;
	if (stop->why != DEBUG_FAULT)
		return GDB_SIGTRAP;
	switch (stop->vector) {
	case 0:
	case 16:
	case 19: return GDB_SIGFPE;
	case 1:
	case 3: return GDB_SIGTRAP;
	case 6: return GDB_SIGILL;
	case 17: return GDB_SIGBUS;
	case MONITOR_VECTOR_EXIT: return GDB_SIGSYS;
	default: return GDB_SIGSEGV;
	}
}

static enum gdb_end tell_stop(struct session *s, const char *args)
{
	char why[48] = "";

	(void)args;
	if (s->stop.why == DEBUG_BREAKPOINT)
		snprintf(why, sizeof(why), "swbreak:;");
	if (s->stop.why == DEBUG_WATCHED)
		snprintf(why, sizeof(why), "watch:%llx;", (unsigned long long)s->stop.watched);
	s->size = (size_t)snprintf(
		s->reply, sizeof(s->reply), "T%02xthread:1;%s", signal_of(&s->stop), why);
	return GDB_GOES_ON;
}

/* A line on gdb's screen, before the answer to what makes the life run. */
static int print(struct session *s, const char *text)
{
	char line[1 + 2 * 256 + 1] = "O";
	char *end = gdb_hex(line + 1, text, strnlen(text, 256));

	return gdb_send(s->link, line, (size_t)(end - line));
}

/* ----------------------------------------------------------- registers, memory */

static enum gdb_end all_registers(struct session *s, const char *args)
{
	char *at = s->reply;

	(void)args;
	for (unsigned i = 0; i < gdb_registers(); i++) {
		uint8_t value[GDB_REGISTER_BYTES];

		gdb_register_get(&s->state, i, value);
		at = gdb_hex(at, value, gdb_register_bytes(i));
	}
	s->size = (size_t)(at - s->reply);
	return GDB_GOES_ON;
}

static enum gdb_end set_all_registers(struct session *s, const char *args)
{
	for (unsigned i = 0; i < gdb_registers(); i++) {
		uint8_t value[GDB_REGISTER_BYTES];
		unsigned n = gdb_register_bytes(i);

		if (!gdb_unhex(args, value, n))
			return refuse(s, EINVAL);
		gdb_register_set(&s->state, i, value); /* what can't be is left as it is */
		args += 2 * n;
	}
	debug_registers_changed(s->debug);
	return say(s, "OK");
}

static enum gdb_end one_register(struct session *s, const char *args)
{
	uint8_t value[GDB_REGISTER_BYTES];
	uint64_t i;

	if (!gdb_number(&args, &i) || i >= gdb_registers())
		return refuse(s, EINVAL);
	gdb_register_get(&s->state, (unsigned)i, value);
	s->size = (size_t)(gdb_hex(s->reply, value, gdb_register_bytes((unsigned)i)) - s->reply);
	return GDB_GOES_ON;
}

static enum gdb_end set_register(struct session *s, const char *args)
{
	uint8_t value[GDB_REGISTER_BYTES];
	uint64_t i;

	if (!gdb_number(&args, &i) || i >= gdb_registers() || *args != '=' ||
		!gdb_unhex(args + 1, value, gdb_register_bytes((unsigned)i)))
		return refuse(s, EINVAL);
	if (!gdb_register_set(&s->state, (unsigned)i, value))
		return refuse(s, EACCES);
	debug_registers_changed(s->debug);
	return say(s, "OK");
}

/* "ADDRESS,LENGTH" and what ends it. */
static bool span(const char **args, char end, uint64_t *address, uint64_t *n)
{
	if (!gdb_number(args, address) || *(*args)++ != ',' || !gdb_number(args, n) ||
		**args != end)
		return false;
	*args += end != '\0';
	return true;
}

static enum gdb_end read_memory(struct session *s, const char *args)
{
	uint8_t bytes[DATA_MOST];
	uint64_t address, n;
	size_t got;

	if (!span(&args, '\0', &address, &n))
		return refuse(s, EINVAL);
	got = debug_read(s->debug, address, bytes, n < DATA_MOST ? (size_t)n : DATA_MOST);
	if (got == 0 && n > 0)
		return refuse(s, EFAULT);
	s->size = (size_t)(gdb_hex(s->reply, bytes, got) - s->reply);
	return GDB_GOES_ON;
}

static enum gdb_end put_memory(struct session *s, uint64_t address, const uint8_t *bytes, size_t n)
{
	return debug_write(s->debug, address, bytes, n) == n ? say(s, "OK") : refuse(s, EFAULT);
}

static enum gdb_end write_digits(struct session *s, const char *args)
{
	uint8_t bytes[DATA_MOST];
	uint64_t address, n;

	if (!span(&args, ':', &address, &n) || n > sizeof(bytes) ||
		!gdb_unhex(args, bytes, (size_t)n))
		return refuse(s, EINVAL);
	return put_memory(s, address, bytes, (size_t)n);
}

static enum gdb_end write_bytes(struct session *s, const char *args)
{
	const struct gdb_packet *p = &s->link->packet;
	uint64_t address, n;

	if (!span(&args, ':', &address, &n) ||
		n != (uint64_t)((const char *)p->data + p->size - args))
		return refuse(s, EINVAL);
	return put_memory(s, address, (const uint8_t *)args, (size_t)n);
}

/* ------------------------------------------------- breakpoints, watchpoints */

/* "TYPE,ADDRESS,KIND": 0 and 1 are breakpoints, 2 what is written; others we don't have. */
static enum gdb_end point(struct session *s, const char *args, bool on)
{
	char type = *args++;
	uint64_t address, n;
	int rc;

	if ((type != '0' && type != '1' && type != '2') || *args != ',')
		return say(s, "");
	args++;
	if (!gdb_number(&args, &address) || *args++ != ',' || !gdb_number(&args, &n))
		return refuse(s, EINVAL);
	if (type == '2')
		rc = on ? debug_watch(s->debug, address, (size_t)n)
			: debug_unwatch(s->debug, address, (size_t)n);
	else
		rc = on ? debug_break(s->debug, address) : debug_unbreak(s->debug, address);
	return rc < 0 ? refuse(s, -rc) : say(s, "OK");
}

static enum gdb_end set_point(struct session *s, const char *args)
{
	return point(s, args, true);
}

static enum gdb_end remove_point(struct session *s, const char *args)
{
	return point(s, args, false);
}

/* ------------------------------------------------------------------ running */

static enum gdb_end tell_end(struct session *s)
{
	const struct life *life = debug_life(s->debug);

	s->size = (size_t)snprintf(
		s->reply, sizeof(s->reply), "W%02x", life->result == MFW_OK ? 0 : 1);
	return GDB_ENDED;
}

/* In gdb's words it is a signal; in ours: */
static int explain_fault(struct session *s)
{
	const struct debug_stop *stop = &s->stop;
	char line[256];

	s->state.fault_vector = stop->vector;
	s->state.fault_address = stop->touched;
	if (stop->vector == FAULT_PAGE)
		snprintf(line, sizeof(line), "%s %s: touched 0x%llx: %s\n",
			fault_short(stop->vector), fault_long(stop->vector),
			(unsigned long long)stop->touched, fault_place(s->image, stop->touched));
	else
		snprintf(line, sizeof(line), "%s %s\n", fault_short(stop->vector),
			fault_long(stop->vector));
	return print(s, line);
}

static enum gdb_end go_on(struct session *s, bool step)
{
	int rc;

	s->state.fault_vector = s->state.fault_address = 0;
	do {
		rc = gdb_interrupted(s->link); /* what came together with this packet, too */
		if (rc < 0)
			return GDB_LOST;
		if (rc > 0) {
			s->stop = (struct debug_stop){.why = DEBUG_WOKEN};
			break;
		}
		rc = debug_resume(s->debug, step, s->link->fd, &s->stop);
		if (rc < 0) {
			print(s, "the machine failed\n");
			s->size = (size_t)snprintf(s->reply, sizeof(s->reply), "X09");
			return GDB_BROKEN;
		}
	} while (s->stop.why == DEBUG_WOKEN);
	if (s->stop.why == DEBUG_ENDED)
		return tell_end(s);
	if (s->stop.why == DEBUG_FAULT && explain_fault(s) < 0)
		return GDB_LOST;
	return tell_stop(s, NULL);
}

/* With a signal, a life that stands at a fault takes it: it crashes. */
static enum gdb_end go_on_with(struct session *s, const char *args, bool step)
{
	uint64_t sig;

	if (!gdb_number(&args, &sig))
		return refuse(s, EINVAL);
	if (sig == 0 || s->stop.why != DEBUG_FAULT)
		return go_on(s, step);
	debug_crash(s->debug, &s->stop);
	s->size = (size_t)snprintf(s->reply, sizeof(s->reply), "X%02x", (unsigned)sig & 0xff);
	return GDB_ENDED;
}

/* "c", "sADDRESS": from there on. */
static enum gdb_end run(struct session *s, const char *args, bool step)
{
	uint64_t at;

	if (*args != '\0') {
		if (!gdb_number(&args, &at))
			return refuse(s, EINVAL);
		s->state.debug->main.rip = at;
		debug_registers_changed(s->debug);
	}
	return go_on(s, step);
}

static enum gdb_end do_continue(struct session *s, const char *args)
{
	return run(s, args, false);
}

static enum gdb_end do_step(struct session *s, const char *args)
{
	return run(s, args, true);
}

static enum gdb_end continue_with(struct session *s, const char *args)
{
	return go_on_with(s, args, false);
}

static enum gdb_end step_with(struct session *s, const char *args)
{
	return go_on_with(s, args, true);
}

/* "c:1;s:-1 ...": there is one thread, so the first action is meant. */
static enum gdb_end resume(struct session *s, const char *args)
{
	switch (*args) {
	case 'c': return go_on(s, false);
	case 's': return go_on(s, true);
	case 'C': return continue_with(s, args + 1);
	case 'S': return step_with(s, args + 1);
	default: return refuse(s, EINVAL);
	}
}

static enum gdb_end detach(struct session *s, const char *args)
{
	(void)args;
	say(s, "OK");
	gdb_send(s->link, s->reply, s->size);
	s->size = 0;
	debug_leave(s->debug);
	return GDB_ENDED;
}

static enum gdb_end kill_life(struct session *s, const char *args)
{
	(void)args;
	say(s, "OK");
	return GDB_KILLED;
}

/* ------------------------------------------------------------- what there is */

static enum gdb_end supported(struct session *s, const char *args)
{
	(void)args;
	s->size = (size_t)snprintf(s->reply, sizeof(s->reply),
		"PacketSize=%x;qXfer:features:read+;swbreak+;vContSupported+;QStartNoAckMode+",
		GDB_PACKET_MAX);
	return GDB_GOES_ON;
}

/* "target.xml:OFFSET,LENGTH" */
static enum gdb_end features(struct session *s, const char *args)
{
	uint64_t off, n, size;

	if (strncmp(args, "target.xml:", 11) != 0)
		return refuse(s, 0);
	args += 11;
	if (!span(&args, '\0', &off, &n))
		return refuse(s, EINVAL);
	if (s->xml == NULL)
		s->xml = gdb_target_xml();
	if (s->xml == NULL)
		return refuse(s, ENOMEM);
	size = strlen(s->xml);
	off = off < size ? off : size;
	if (n > sizeof(s->reply) / 2)
		n = sizeof(s->reply) / 2;
	if (n > size - off)
		n = size - off;
	s->reply[0] = off + n < size ? 'm' : 'l';
	memcpy(s->reply + 1, s->xml + off, (size_t)n);
	s->size = 1 + (size_t)n;
	return GDB_GOES_ON;
}

static enum gdb_end no_acks(struct session *s, const char *args)
{
	(void)args;
	s->link->no_acks = true;
	return say(s, "OK");
}

/* `monitor WORDS`, in digits both ways. */
static enum gdb_end command(struct session *s, const char *args)
{
	size_t n = strlen(args) / 2;
	char words[128], text[DATA_MOST];

	if (n >= sizeof(words) || !gdb_unhex(args, (uint8_t *)words, n))
		return refuse(s, EINVAL);
	words[n] = '\0';
	gdb_monitor(s->debug, s->image, words, text, sizeof(text));
	s->size = (size_t)(gdb_hex(s->reply, text, strlen(text)) - s->reply);
	return GDB_GOES_ON;
}

#define SAYS(name, text)                                                                           \
	static enum gdb_end name(struct session *s, const char *args)                              \
	{                                                                                          \
		(void)args;                                                                        \
		return say(s, text);                                                               \
	}
SAYS(yes, "OK")
SAYS(actions, "vCont;c;C;s;S")
SAYS(this_thread, "QC1")
SAYS(threads, "m1")
SAYS(no_more_threads, "l")
SAYS(created, "0") /* not attached to: gdb's `quit` ends the life */

/* By their beginnings; the first that fits. */
static const struct {
	const char *name;
	enum gdb_end (*answer)(struct session *s, const char *args);
} packets[] = {
	{"vCont?", actions},
	{"vCont;", resume},
	{"vKill;", kill_life},
	{"qSupported", supported},
	{"qXfer:features:read:", features},
	{"qRcmd,", command},
	{"qAttached", created},
	{"qfThreadInfo", threads},
	{"qsThreadInfo", no_more_threads},
	{"qC", this_thread},
	{"QStartNoAckMode", no_acks},
	{"?", tell_stop},
	{"g", all_registers},
	{"G", set_all_registers},
	{"p", one_register},
	{"P", set_register},
	{"m", read_memory},
	{"M", write_digits},
	{"X", write_bytes},
	{"Z", set_point},
	{"z", remove_point},
	{"c", do_continue},
	{"C", continue_with},
	{"s", do_step},
	{"S", step_with},
	{"D", detach},
	{"k", kill_life},
	{"H", yes},
	{"T", yes},
};

static enum gdb_end answer(struct session *s)
{
	const char *data = (const char *)s->link->packet.data;
	enum gdb_end end;

	s->size = 0;
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		size_t n = strlen(packets[i].name);

		if (strncmp(data, packets[i].name, n) != 0)
			continue;
		end = packets[i].answer(s, data + n);
		if (end == GDB_LOST || (end == GDB_ENDED && s->size == 0))
			return end;
		return gdb_send(s->link, s->reply, s->size) < 0 && end == GDB_GOES_ON ? GDB_LOST
										      : end;
	}
	return gdb_send(s->link, "", 0) < 0 ? GDB_LOST : GDB_GOES_ON;
}

enum gdb_end gdb_session(struct gdb_link *link, struct debug *debug, const struct image *image)
{
	struct session *s = calloc(1, sizeof(*s));
	enum gdb_end end = s == NULL ? GDB_BROKEN : GDB_GOES_ON;

	if (s != NULL) {
		s->link = link;
		s->debug = debug;
		s->image = image;
		s->state.debug = debug_registers(debug);
	}
	while (end == GDB_GOES_ON)
		end = gdb_receive(link) < 0 ? GDB_LOST : answer(s);
	if (s != NULL)
		free(s->xml);
	free(s);
	return end;
}
