/*
 * cli/hub/table.h - rows of words under each other, and figures as people read them.
 */
#ifndef CLI_HUB_TABLE_H
#define CLI_HUB_TABLE_H

#include <jansson.h>
#include <stdio.h>

#define TABLE_COLUMNS 16u
#define TABLE_CELL    24u /* with a figure in it */

struct table {
	unsigned columns;
	const char *const *heads; /* one that begins with '>' is a column of figures */
	char ***rows;             /* cells are copies */
	unsigned count, room;
};

void table_open(struct table *table, const char *const *heads, unsigned columns);
/* A row, its cells as texts; NULL is "-". */
void table_row(struct table *table, const char *const *cells);
/* Prints and frees it. */
void table_close(struct table *table, FILE *to);

/* Into `to`, which is returned: 7.2us, 31ms, 2.5s; "-" for null. */
const char *table_us(char to[static TABLE_CELL], const json_t *us);
const char *table_seconds(char to[static TABLE_CELL], double seconds); /* 3d 4h, 2m 5s */
const char *table_bytes(char to[static TABLE_CELL], json_int_t bytes); /* 3.1 MB */
const char *table_count(char to[static TABLE_CELL], json_int_t n);

#endif
