/* cli/hub/table.c - see table.h. */
#include "cli/hub/table.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "sys/log.h"

void table_open(struct table *table, const char *const *heads, unsigned columns)
{
	*table = (struct table){.columns = columns, .heads = heads};
}

static void __attribute__((noreturn)) no_memory(void)
{
	exit(out_say("table", STATUS_MEMORY, "no memory"));
}

/* Without what could draw on the terminal. */
static char *copy(const char *text)
{
	size_t n = strlen(text);
	char *to = malloc(4 * n + 1);

	if (!to)
		no_memory();
	log_clean(to, 4 * n + 1, text, n);
	return to;
}

void table_row(struct table *table, const char *const *cells)
{
	char **row;

	if (table->count == table->room) {
		unsigned room = table->room ? 2 * table->room : 16;
		char ***more = reallocarray(table->rows, room, sizeof(*more));

		if (!more)
			no_memory();
		table->rows = more;
		table->room = room;
	}
	row = calloc(table->columns, sizeof(*row));
	for (unsigned i = 0; row && i < table->columns; i++)
		row[i] = copy(cells[i] ? cells[i] : "-");
	if (!row)
		no_memory();
	table->rows[table->count++] = row;
}

/* How wide a cell is on a terminal: bytes, less those that continue a character. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_cell(FILE *to, const char *text, int wide, bool right, bool last)
{
	int pad = wide - width(text);

	if (right)
		fprintf(to, "%*s", pad, "");
	fputs(text, to);
	if (!right && !last)
		fprintf(to, "%*s", pad, "");
	fputs(last ? "\n" : "  ", to);
}

void table_close(struct table *table, FILE *to)
{
	int wide[TABLE_COLUMNS];

	for (unsigned c = 0; c < table->columns; c++) {
		wide[c] = width(table->heads[c] + (table->heads[c][0] == '>'));
		for (unsigned r = 0; r < table->count; r++)
			if (width(table->rows[r][c]) > wide[c])
				wide[c] = width(table->rows[r][c]);
	}
	for (unsigned c = 0; c < table->columns; c++)
		print_cell(to, table->heads[c] + (table->heads[c][0] == '>'), wide[c],
			table->heads[c][0] == '>', c + 1 == table->columns);
	for (unsigned r = 0; r < table->count; r++) {
		for (unsigned c = 0; c < table->columns; c++) {
			print_cell(to, table->rows[r][c], wide[c], table->heads[c][0] == '>',
				c + 1 == table->columns);
			free(table->rows[r][c]);
		}
		free(table->rows[r]);
	}
	free(table->rows);
	table->rows = NULL;
}

/* Two or three figures that count. */
static const char *figure(char to[static TABLE_CELL], double value, const char *unit)
{
	snprintf(to, TABLE_CELL, value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit);
	return to;
}

const char *table_us(char to[static TABLE_CELL], const json_t *us)
{
	double value = json_number_value(us);

	if (!json_is_number(us))
		return "-";
	if (value < 999.5)
		return figure(to, value, "us");
	if (value < 999.5e3)
		return figure(to, value / 1e3, "ms");
	return figure(to, value / 1e6, "s");
}

const char *table_seconds(char to[static TABLE_CELL], double seconds)
{
	unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;

	if (s >= 86400)
		snprintf(to, TABLE_CELL, "%lud %luh", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(to, TABLE_CELL, "%luh %lum", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		snprintf(to, TABLE_CELL, "%lum %lus", s / 60, s % 60);
	else
		snprintf(to, TABLE_CELL, "%lus", s);
	return to;
}

const char *table_bytes(char to[static TABLE_CELL], json_int_t bytes)
{
	double value = (double)bytes;

	if (bytes < 1000)
		snprintf(to, TABLE_CELL, "%lld B", (long long)bytes);
	else if (value < 999.5e3)
		return figure(to, value / 1e3, " kB");
	else if (value < 999.5e6)
		return figure(to, value / 1e6, " MB");
	else
		return figure(to, value / 1e9, " GB");
	return to;
}

const char *table_count(char to[static TABLE_CELL], json_int_t n)
{
	snprintf(to, TABLE_CELL, "%lld", (long long)n);
	return to;
}
